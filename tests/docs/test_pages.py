"""Documents are run: each block is executed, parsed by what will read it, or named here with the reason why not."""

import ast
import asyncio
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from devstack import stack
from fanout import __main__ as fanout
from tests.docs.pages import Block, anchors, blocks, pages, prose
from tests.e2e import scene as scenes

CI = (stack.APP / ".ci" / "run").read_text(encoding="utf-8")

ELSEWHERE = {
    "python": "compiled below; tests/client/test_readme.py runs the examples of the client",
    "go": "tests/node compiles the fragments of other languages",
    "java": "the same",
    "csharp": "no .NET is on a machine that runs this; docs/other-languages.md says so",
    "hcl": "tests/infra parses Terraform; the block is a fragment of a variables file",
    "mermaid": "drawn by GitHub",
    "text": "output: tests/host/test_readme.py compares the README's with what make run prints",
}
"""Languages that are not looked at here, and who does."""

PROGRAMS = {
    "az": "needs Azure",
    "azd": "needs Azure",
    "terraform": "needs its providers, and Azure",
    "func": "Core Tools are downloaded from outside the registries",
    "npx": "the storage emulator that func needs",
    "helm": "needs a cluster; tests/deploy renders the chart with Helm's engine",
    "kubectl": "needs a cluster; tests/deploy builds the folders",
    "pip": "make does the same with requirements-dev.txt",
    "python3": "makes a virtual environment, as make does",
    ".": "activates it",
    "cp": "copies a file that is looked for below",
    "cd": "a folder that is looked for below",
    "node": "tests/node runs the receiver",
    "npm": "tests/node installs the same",
}
"""Programs that are not run here, and why. Their lines are read by bash, and their files are looked for."""

OURS = ("make", "curl", "fanout", "python")
SHELL = ("for", "do", "done")
_PATH = re.compile(
    r"(?<![\w/.-])(?:\.\./)*(?:shared|fanout|devstack|tests|docs|deploy|infra|contract|examples|clients|schemas|benchmarks|scripts"
    r"|\.ci)/[\w./-]*\w(?![\w*])"
)
_MADE = {"deploy/kustomize/prod"}
"""What a page tells to make."""


def commands(block: Block) -> list[list[str]]:
    """Return the commands of a block, as words; assignments and what is piped or joined are taken apart."""
    found = []
    for line in block.lines:
        for part in re.split(r"&&|(?<!['\"])\||(?<=\s)&$", line):
            text = re.sub(r"^\(|\)$", "", part.strip()) if part.strip().startswith("(") else part.strip()
            words = re.sub(r"^(?:\w+=(?:\$\(.*\)|'[^']*'|\S+)\s*)+", "", text)
            if words.strip():
                found.append(shlex.split(words, posix=True) if words.count("'") % 2 == 0 else words.split())
    return found


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_every_block_says_its_language_and_somebody_looks_at_it(block: Block) -> None:
    assert block.language in {"console", "json", "yaml", *ELSEWHERE}


@pytest.mark.parametrize("block", blocks("console"), ids=str)
async def test_every_command_line_is_one_and_its_program_is_run_or_said_not_to_be(block: Block) -> None:
    bash = await asyncio.create_subprocess_exec("bash", "-n", stdin=asyncio.subprocess.PIPE)
    await bash.communicate(block.text.encode())

    assert bash.returncode == 0
    programs = {Path(words[0]).name if words[0] != "." else "." for words in commands(block)}
    assert programs <= PROGRAMS.keys() | set(OURS) | set(SHELL)


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_every_json_block_is_json(block: Block) -> None:
    fragment = not block.text.lstrip().startswith(("{", "["))

    json.loads(f"{{{block.text}}}" if fragment else block.text)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_yaml_block_is_yaml(block: Block) -> None:
    assert any(document is not None for document in yaml.safe_load_all(block.text))


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_block_is_python(block: Block) -> None:
    compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def ours() -> list[tuple[str, list[str]]]:
    """Return the invocations of our own command, by page."""
    found = []
    for block in blocks("console"):
        for words in commands(block):
            if "-m" in words and "fanout" in words and Path(words[0]).name == "python":
                found.append((str(block), words[words.index("fanout") + 1 :]))
            elif words[0] == "fanout":
                found.append((str(block), words[1:]))
    return found


@pytest.mark.parametrize(
    ("where", "words"), ours(), ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_every_invocation_of_our_command_is_taken_by_its_parser(where: str, words: list[str]) -> None:
    del where

    assert fanout.parser().parse_args(words).command is not None


@pytest.mark.parametrize("name", ["run", "test", "real", "faults", "check"])
def test_ci_makes_what_the_documents_tell_to_make_first(name: str) -> None:
    assert re.search(rf"^(?:REQUIRE_\w+=1 )*make {name}$", CI, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("curl"), reason="the README's event is NOT POSTED: apt-get install curl")
async def test_the_event_that_the_readme_posts_is_taken_by_the_function() -> None:
    (line,) = [
        line for block in blocks("console") if block.page.name == "README.md" for line in block.lines if "curl" in line
    ]
    async with scenes.play() as scene:
        line = line.replace("http://localhost:7071", scene.host.url)
        curl = await asyncio.create_subprocess_exec(
            "bash", "-c", line, cwd=stack.APP, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        out, _ = await curl.communicate()

        assert out.startswith(b"HTTP/1.1 202")
        await scene.logged("is not on the list")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(stack.APP)))
def test_every_link_and_every_path_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        to = page.parent / target if target else page
        if not to.exists() or (anchor and to.suffix == ".md" and anchor not in anchors(to)):
            missing.append(link)
    for path in set(_PATH.findall(text)):
        roots = (stack.APP, page.parent)
        if path not in _MADE and not any((root / path.rstrip("./")).exists() for root in roots):
            missing.append(path)

    assert missing == []


def test_every_test_that_shows_a_defence_exists() -> None:
    text = (stack.APP / "docs" / "security.md").read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (stack.APP / "tests").rglob("test_*.py")]

    named = re.findall(r"`(test_\w+)`", text)

    assert named
    assert [name for name in named if not any(f"def {name}(" in source for source in sources)] == []
