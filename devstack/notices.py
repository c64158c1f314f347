"""Print the notices of the local topic as they come: `python -m devstack.notices CONNECTION_STRING`."""

import asyncio
import json
import sys

from azure.servicebus.aio import ServiceBusClient

from devstack import stack


async def main(connection_string: str) -> None:
    """Print and complete every notice until interrupted."""
    async with (
        ServiceBusClient.from_connection_string(connection_string) as client,
        client.get_subscription_receiver(stack.TOPIC, "all") as receiver,
    ):
        async for message in receiver:
            print(json.dumps(json.loads(b"".join(message.body)), indent=2), flush=True)
            await receiver.complete_message(message)


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and its one argument
        raise SystemExit(__doc__)
    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
