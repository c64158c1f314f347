"""An app with a binding that the devstack's host does not have."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="out")
@app.queue_output(arg_name="message", queue_name="q", connection="Storage")
def out(req: func.HttpRequest, message: func.Out[str]) -> str:
    """Never run."""
    message.set("x")
    return str(req.method)
