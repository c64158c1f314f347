"""A blob store, a queue and a namespace that cannot be looked at: what the operator is told."""

import pytest

from devstack.faults import Fault
from fanout.deadletters import event_replay, job_replay
from fanout.deadletters.container import Container
from fanout.deadletters.settings import ContainerSetting
from fanout.deadletters.subqueue import DeadLetterQueue
from fanout.errors import OperatorError
from shared.bus_setting import BusSetting
from shared.model import SecretValue
from tests.operator.letters import KNOWN, QUEUE, QUIET, Bench, Store


async def test_a_container_that_is_not_there_is_told_by_name(store: Store) -> None:
    setting = ContainerSetting(connection_string=SecretValue(store.connection_string.encode()), name="nowhere")
    container = Container(setting)

    with pytest.raises(OperatorError, match="there is no container nowhere"):
        await event_replay.listed(container, KNOWN, QUIET)
    await container.aclose()


async def test_a_wrong_key_is_told_with_what_to_do(store: Store) -> None:
    wrong = store.connection_string.replace("AccountKey=", "AccountKey=AAAA")
    container = Container(ContainerSetting(connection_string=SecretValue(wrong.encode()), name=store.name))

    with pytest.raises(OperatorError, match="Storage Blob Data Contributor") as caught:
        await event_replay.listed(container, KNOWN, QUIET)
    await container.aclose()

    assert "AAAA" not in str(caught.value)


async def test_a_blob_store_that_is_not_there_is_told_as_such() -> None:
    string = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=AAAA;BlobEndpoint=http://127.0.0.1:9/a;"
    container = Container(ContainerSetting(connection_string=SecretValue(string.encode()), name="dead-letters"))

    with pytest.raises(OperatorError, match="can its host be reached from here"):
        await event_replay.listed(container, KNOWN, QUIET)
    await container.aclose()


async def test_a_queue_that_is_not_there_is_told_with_what_to_do(bench: Bench) -> None:
    string = SecretValue(bench.broker.connection_string.encode())

    with pytest.raises(OperatorError, match="check JOB_QUEUE"):
        await _look(BusSetting(topic="t", queue="nowhere", connection_string=string))


async def test_a_namespace_that_is_not_there_is_told_with_what_to_do() -> None:
    string = b"Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=a;SharedAccessKey=PLANTED;UseDevelopmentEmulator=true"

    with pytest.raises(OperatorError, match="can the namespace be reached") as caught:
        await _look(BusSetting(topic="t", queue=QUEUE, connection_string=SecretValue(string)))

    assert "PLANTED" not in str(caught.value)


async def test_whoever_may_not_receive_is_told_which_role_it_takes(bench: Bench) -> None:
    bench.broker.faults.plan(
        lambda operation: operation.kind in {"attach", "manage"},
        Fault(condition="amqp:unauthorized-access"),
        times=None,
    )

    with pytest.raises(OperatorError, match="Azure Service Bus Data Receiver"):
        await _look(
            BusSetting(topic="t", queue=QUEUE, connection_string=SecretValue(bench.broker.connection_string.encode()))
        )


async def _look(setting: BusSetting) -> None:
    queue = DeadLetterQueue(setting, timeout=5)
    try:
        await job_replay.listed(queue, KNOWN, QUIET)
    finally:
        await queue.aclose()
