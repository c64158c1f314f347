"""The real API server itself. Where it is missing, this is the one test that is skipped, and it says what to do."""

import pytest

from tests.contract.cluster.conftest import open_session
from tests.contract.cluster.hand import Hand
from tests.envtest import build
from tests.envtest.server import Server

pytestmark = pytest.mark.real


async def test_the_real_api_server_runs_in_the_pinned_version(real_server: Server) -> None:
    async with open_session(real_server.authority.client_context()) as session:
        answer = await Hand(session, real_server.url, real_server.admin.token).call("GET", "/version")

    assert answer.body["gitVersion"] == f"v{build.versions()[build.API_SERVER]}"
