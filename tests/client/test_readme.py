"""The client's README: its example runs as it stands there, but for the names of topic and object."""

import asyncio
import re
import sys

from devstack import stack
from tests.builders import ABOUT
from tests.client.conftest import Scene
from tests.client.notices import TOPIC, new_version

CLIENT = stack.APP / "clients" / "python"


async def test_the_example_prints_what_was_rotated(scene: Scene) -> None:
    text = (CLIENT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    example = example.replace('"keyvault-changes"', f'"{TOPIC}"').replace("db-password", ABOUT.name)
    environment = stack.inherited() | {"PYTHONPATH": str(CLIENT), "BUS": scene.broker.connection_string}
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-c", example, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        await scene.tell(new_version("v2"))
        assert program.stdout is not None
        line = await asyncio.wait_for(program.stdout.readline(), 30)
    finally:
        program.kill()
        await program.wait()

    assert line.decode().rstrip() == f"{ABOUT.vault}/{ABOUT.type}/{ABOUT.name} has version v2"
