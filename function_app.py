"""What wakes us: triggers only. The work is in `shared`; what each setting means is in docs/configuration.md."""

import azure.functions as func

from shared import wiring

app = func.FunctionApp()
fanout = wiring.from_environment()  # a missing or wrong setting stops the app here, with its name


@app.function_name("on_key_vault_event")
@app.event_grid_trigger(arg_name="event")
async def on_key_vault_event(event: str) -> None:
    """Handle one Key Vault event. The annotation asks for the raw JSON, whichever schema the subscription delivers."""
    await fanout.handle(event)
