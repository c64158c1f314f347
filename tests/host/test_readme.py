"""The README is run: its commands exist, its output is what comes out, its links lead somewhere."""

import asyncio
import re
import sys

import pytest

from devstack import stack

README = (stack.APP / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    *[stack.APP / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")],
    *sorted((stack.APP / "examples").glob("*/README.md")),
    *sorted((stack.APP / "docs").rglob("*.md")),
]


def _shape(line: str) -> str:
    """Reduce a line of the time line to what does not depend on the run."""
    line = re.sub(r"version [0-9a-f]{8}", "version V", line)
    line = re.sub(r"resourceVersion \d+ -> \d+", "resourceVersion O -> N", line)
    line = re.sub(r" *\d+\.\d ms", " T ms", line)
    return re.sub(r"\d+\.\d s after", "T s after", line)


async def test_make_run_prints_what_the_readme_shows() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "devstack.run",
        cwd=stack.APP,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    printed = [_shape(line) for line in out.decode().splitlines()]
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)

    assert process.returncode == 0, err.decode()
    assert "\033" not in out.decode(), "colour where there is no terminal"
    assert [line for line in map(_shape, shown.splitlines()) if line not in printed] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (stack.APP / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))

    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    named = {name for text in texts for name in re.findall(r"(?:`|^)make ([a-z]+)\b", text, re.MULTILINE)}

    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(stack.APP)))
def test_every_link_leads_to_a_file(document: object) -> None:
    path = stack.APP / str(document)
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))

    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]

    assert missing == []


def test_the_payload_that_the_readme_posts_exists() -> None:
    (payload,) = re.findall(r"--data @(\S+)", README)

    assert (stack.APP / payload).is_file()
