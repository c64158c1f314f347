"""What wakes us: triggers only. The work is in `shared`; what each setting means is in docs/configuration.md."""

import os

import azure.functions as func

from shared import wiring

app = func.FunctionApp()
fanout = wiring.from_environment()  # a missing or wrong setting stops the app here, with its name


@app.function_name("on_key_vault_event")
@app.event_grid_trigger(arg_name="event")
async def on_key_vault_event(event: str) -> None:
    """Handle one Key Vault event. The annotation asks for the raw JSON, whichever schema the subscription delivers."""
    await fanout.handle(event)


if fanout.event_queue:  # a trigger without its queue would be an error of the host's at every start

    @app.function_name("on_key_vault_event_message")
    @app.service_bus_queue_trigger(arg_name="message", queue_name="%EVENT_QUEUE%", connection="ServiceBusConnection")
    async def on_key_vault_event_message(message: func.ServiceBusMessage) -> None:
        """Handle one Key Vault event that Event Grid put on a queue. One that fails comes again."""
        await fanout.handle(message.get_body().decode(errors="replace"))


@app.function_name("on_job")
@app.service_bus_queue_trigger(arg_name="message", queue_name="%JOB_QUEUE%", connection="ServiceBusConnection")
async def on_job(message: func.ServiceBusMessage) -> None:
    """Do one job: refresh (again, or when a hold ends, or a cluster's share), check, or restart workloads.

    A job that fails comes again.
    """
    await fanout.work(message.get_body())


@app.function_name("sweep")
@app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%")
async def sweep(timer: func.TimerRequest) -> None:
    """Find what no event told: once per app, however many instances there are (the host's own lease)."""
    del timer
    await fanout.sweep()


if fanout.operator_http:  # imported and declared only where it is wanted: it is a door, and takes time to load
    from fanout import over_http

    operator = over_http.Operator(os.environ)

    @app.function_name("operator_plan")
    @app.route("plan", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
    async def operator_plan(req: func.HttpRequest) -> func.HttpResponse:
        """Say what would be done about an object, to each target, and why."""
        return func.HttpResponse(**await operator.look("plan", req.params))

    @app.function_name("operator_status")
    @app.route("status", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
    async def operator_status(req: func.HttpRequest) -> func.HttpResponse:
        """Say which targets hold the newest versions, which pods show them, and what waits."""
        return func.HttpResponse(**await operator.look("status", req.params))

    @app.function_name("operator_doctor")
    @app.route("doctor", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
    async def operator_doctor(req: func.HttpRequest) -> func.HttpResponse:
        """Look at each hop with the app's own identity."""
        return func.HttpResponse(**await operator.look("doctor", req.params))

    @app.function_name("operator_refresh")
    @app.route("refresh", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
    async def operator_refresh(req: func.HttpRequest) -> func.HttpResponse:
        """Bring an object to its targets now."""
        return func.HttpResponse(**await operator.refresh(req.headers.get("content-type", ""), req.get_body()))


if fanout.live_page:
    from fanout.live import over_http as live_over_http

    live = live_over_http.Live(os.environ)

    @app.function_name("live_page")
    @app.route("live", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def live_page(req: func.HttpRequest) -> func.HttpResponse:
        """Serve the page, which holds nothing. It asks for the other one's key, which would leak in its own address."""
        del req
        return func.HttpResponse(**live.page())

    @app.function_name("live_events")
    @app.route("live/events", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
    async def live_events(req: func.HttpRequest) -> func.HttpResponse:
        """Say what was rotated and which targets hold which version, once there is news."""
        return func.HttpResponse(**await live.events(req.headers.get("last-event-id", "")))
