"""Every kind of trigger but Service Bus, each saying on stderr what it was given."""

import json
import logging
import os
import threading

import azure.functions as func

log = logging.getLogger("app")
app = func.FunctionApp()


@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.EventGridEvent) -> None:
    """Say which class arrived; fail where the subject asks for it."""
    if event.subject == "fail":
        raise RuntimeError("boom")
    log.info("on_event %s %s %s", type(event).__name__, event.id, json.dumps(event.get_json()))


@app.event_grid_trigger(arg_name="event")
def on_text(event: str) -> None:
    """Take the raw JSON, away from the loop."""
    on_loop = threading.current_thread() is threading.main_thread()
    print("on_text", on_loop, json.loads(event)["id"])  # noqa: T201 what an app prints


@app.route(route="items/{id}", methods=["GET", "POST"])
async def items(req: func.HttpRequest) -> func.HttpResponse:
    """Echo what arrived."""
    if req.params.get("fail"):
        raise ValueError("no such item")
    seen = {
        "method": req.method,
        "id": req.route_params.get("id"),
        "query": dict(req.params),
        "body": req.get_body().decode(),
        "header": req.headers.get("x-given"),
        "setting": os.environ.get("GREETING"),
    }
    return func.HttpResponse(json.dumps(seen), status_code=201, mimetype="application/json", headers={"x-made": "yes"})


@app.route(route="items/special")
def special(req: func.HttpRequest) -> str:
    """Win over the parameter, and return plain text."""
    return f"special {req.method}"


@app.timer_trigger(schedule="%Sweep%", arg_name="timer")
async def sweep(timer: func.TimerRequest) -> None:
    """Say that it ran."""
    log.info("sweep past_due=%s", timer.past_due)
