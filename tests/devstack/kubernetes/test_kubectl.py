"""An independent client: kubectl, where the machine has one."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
import yaml

from devstack.certificates import Authority
from devstack.kubernetes import KubernetesApi
from tests.devstack.kubernetes.conftest import ADMIN, READER, secret

KUBECTL = shutil.which("kubectl") or ""

pytestmark = pytest.mark.skipif(
    not KUBECTL, reason="no kubectl on the path; on Debian: apt-get install kubernetes-client"
)


class Kubectl:
    """Runs kubectl with a configuration of its own."""

    def __init__(self, config: Path) -> None:
        self._config = config

    async def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return the exit code, what was printed and what was complained of."""
        environment = {"KUBECONFIG": str(self._config), "HOME": str(self._config.parent)}
        process = await asyncio.create_subprocess_exec(
            KUBECTL, *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, complaints = await asyncio.wait_for(process.communicate(), timeout=30)
        return process.returncode or 0, output.decode(), complaints.decode()


async def test_kubectl_gets_patches_and_is_refused(tmp_path: Path) -> None:
    """Over TLS, because kubectl sends no token without it."""
    authority = Authority.create()
    async with KubernetesApi(name="aks-demo", identities=[ADMIN, READER], tls=authority.server_context()) as api:
        api.apply(secret(password="one"))
        admin, reader = (tmp_path / name for name in ("admin", "reader"))
        admin.write_text(yaml.safe_dump(api.kubeconfig(ADMIN.token, ca_pem=authority.ca_pem)))
        reader.write_text(yaml.safe_dump(api.kubeconfig(READER.token, ca_pem=authority.ca_pem)))
        kubectl = Kubectl(admin)

        code, output, complaints = await kubectl("get", "secret", "db", "--namespace", "shop", "--output", "json")
        assert (code, complaints) == (0, "")
        assert json.loads(output)["data"] == {"password": "b25l"}

        patch = '{"data": {"password": "dHdv"}}'
        code, output, _ = await kubectl("patch", "secret", "db", "-n", "shop", "--type", "merge", "--patch", patch)
        assert (code, output) == (0, "secret/db patched\n")
        assert [state["data"]["password"] for state in api.history_of("secrets", "shop", "db")] == ["b25l", "dHdv"]

        code, output, _ = await kubectl("get", "secrets,spc", "--all-namespaces", "--output", "name")
        assert code == 1  # no such short name
        code, output, _ = await kubectl("get", "secrets,secretproviderclasses", "--all-namespaces", "--output", "name")
        assert (code, output) == (0, "secret/db\n")

        code, _, complaints = await Kubectl(reader)("delete", "secret", "db", "-n", "shop")
        assert code == 1
        assert 'User "reader" cannot delete resource "secrets" in API group "" in the namespace "shop"' in complaints
