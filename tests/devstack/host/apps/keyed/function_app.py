"""One function of each level."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="open", auth_level=func.AuthLevel.ANONYMOUS)
def opened(req: func.HttpRequest) -> str:
    """Answer anybody."""
    return str(req.method)


@app.route(route="kept", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def kept(req: func.HttpRequest) -> str:
    """Answer who has the key."""
    return str(req.method)


@app.route(route="master", auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> str:
    """Answer nobody here."""
    return str(req.method)
