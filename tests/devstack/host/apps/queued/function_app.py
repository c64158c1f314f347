"""A queue and a subscription; a message that says "fail" fails."""

import json
import logging

import azure.functions as func

log = logging.getLogger("app")
app = func.FunctionApp()


@app.service_bus_queue_trigger(arg_name="message", queue_name="%Jobs%", connection="Bus")
async def on_job(message: func.ServiceBusMessage) -> None:
    """Say what arrived, for which time."""
    body = message.get_body().decode()
    log.info(
        "on_job %s %s %s %s",
        body,
        message.delivery_count,
        message.message_id,
        json.dumps(message.application_properties),
    )
    if body == "fail":
        raise RuntimeError("boom")


@app.service_bus_topic_trigger(arg_name="message", topic_name="notices", subscription_name="app", connection="Bus")
def on_notice(message: str) -> None:
    """Take the text alone."""
    log.info("on_notice %s", message)
