"""An app that misses a setting while it is imported."""

import os

import azure.functions as func

if "VAULTS" not in os.environ:
    raise LookupError("the setting VAULTS is missing")

app = func.FunctionApp()


@app.route(route="ok")
def ok(req: func.HttpRequest) -> str:
    """Answer once configured."""
    return str(req.method)


@app.timer_trigger(schedule="%Sweep%", arg_name="timer")
def sweep(timer: func.TimerRequest) -> None:
    """Need a schedule."""
