"""`fanout live` in a process of its own: what it takes, and what it does when nobody answers."""

import asyncio
import re
import signal
import sys
from collections.abc import Mapping

import aiohttp
import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage

from devstack import stack
from shared.edges.bus import ServiceBusTopic
from shared.model import SecretValue
from tests.edges.notices import build_notice
from tests.live.test_server import Stream
from tests.operator.cli import Said, end

SETTINGS = {
    "KEY_VAULTS": "kv-demo",
    "CLUSTERS": "[]",
    "JOB_QUEUE": "jobs",
    "SWEEP_SCHEDULE": "0 0 0 1 1 *",
    "ServiceBusConnection": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;"
    "UseDevelopmentEmulator=true;",
    "TOPIC_TIMEOUT_SECONDS": "3",
}


async def start(*arguments: str, environment: Mapping[str, str] = SETTINGS) -> asyncio.subprocess.Process:
    """Start the command."""
    return await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "fanout", "live", *arguments],
        cwd=stack.APP,
        env={**stack.inherited(), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def address(process: asyncio.subprocess.Process) -> str:
    """Return where the page is."""
    assert process.stdout is not None
    found = re.search(rb"http://\S+", await process.stdout.readline())
    assert found is not None
    return found[0].decode().rstrip(";")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "--port is wrong"),
        (["--pause", "0"], "--pause is wrong"),
        (["--rotate", "http://vault.example/"], "--rotate is for the local stack"),
    ],
)
async def test_wrong_arguments_end_it_before_anything_is_done(arguments: list[str], said: str) -> None:
    ended: Said = await end(await start(*arguments))

    assert ended.code == 2
    assert said in ended.err


async def test_a_port_that_is_taken_is_named() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        ended = await end(await start("--port", str(port)))

    assert ended.code == 1
    assert f"port {port}" in ended.out
    assert "--port takes another" in ended.out


async def test_it_says_on_the_page_that_nobody_answers_and_ends_in_order() -> None:
    process = await start("--port", "0")
    url = await address(process)

    async with aiohttp.ClientSession() as client, client.get(f"{url}/events") as answer:
        stream = Stream(answer)
        while not (trouble := (await stream.next())["trouble"]):
            pass
    process.send_signal(signal.SIGINT)
    ended = await end(process)

    assert "keyvault-changes/fanout-live" in trouble
    assert ended.code == 0
    assert "SharedAccessKey" not in ended.err + ended.out + trouble


async def test_it_takes_nothing_out_so_that_several_can_look() -> None:
    async with stack.start() as running, aiohttp.ClientSession() as client:
        topic = ServiceBusTopic(
            topic=stack.TOPIC, timeout=5, connection_string=SecretValue(running.bus.connection_string.encode())
        )
        await topic.publish([build_notice("told")])
        await topic.close()
        processes = [await start("--port", "0", environment=running.environment) for _ in range(2)]
        shown = []
        for process in processes:
            async with client.get(f"{await address(process)}/events") as answer:
                stream = Stream(answer)
                while not (rotations := (await stream.next())["rotations"]):
                    pass
                shown += rotations
        for process in processes:
            process.terminate()
            assert (await end(process)).code == 0

        assert [one["object"] for one in shown] == ["kv-demo/secret/db"] * 2
        assert len(running.bus.messages(f"{stack.TOPIC}/Subscriptions/{stack.LIVE}")) == 1


async def test_messages_that_are_no_notices_in_any_form_are_passed_over() -> None:
    """Somebody else's may be of another AMQP form, which has no bytes."""
    async with (
        stack.start() as running,
        aiohttp.ClientSession() as client,
        ServiceBusClient.from_connection_string(running.bus.connection_string) as bus,
        bus.get_topic_sender(stack.TOPIC) as sender,
    ):
        await sender.send_messages(AmqpAnnotatedMessage(value_body={"no": "notice"}))
        await sender.send_messages(AmqpAnnotatedMessage(sequence_body=[["no", "notice"]]))
        await sender.send_messages(ServiceBusMessage(b"no notice"))
        notice = build_notice("told")
        await sender.send_messages(ServiceBusMessage(notice.body))
        process = await start("--port", "0", environment=running.environment)
        async with client.get(f"{await address(process)}/events") as answer:
            stream = Stream(answer)
            while not (shown := await stream.next())["rotations"]:
                pass
        process.terminate()

    assert (await end(process)).code == 0
    assert [one["object"] for one in shown["rotations"]] == ["kv-demo/secret/db"]
    assert shown["trouble"] == ""
