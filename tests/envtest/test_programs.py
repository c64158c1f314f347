"""The programs behind the real API server: where they are looked for, how they are built, how they end."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.envtest import build, server
from tests.envtest.running import ServerFailedError


def given(folder: Path, *names: str) -> dict[str, str]:
    """Return an environment whose KUBEBUILDER_ASSETS has these programs, and no Go."""
    for name in names:
        (folder / name).touch()
    return {"KUBEBUILDER_ASSETS": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "PATH": ""}


def test_the_pinned_versions_are_those_of_one_release() -> None:
    """Kubernetes 1.N is made of staging modules 0.N, each replaced by name."""
    text = (build.MODULE / "go.mod").read_text(encoding="utf-8")
    pinned = build.versions()

    staging = set(re.findall(r"^\s(k8s\.io/\S+) => \1 v(\S+)$", text, re.MULTILINE))

    assert pinned.keys() == {build.API_SERVER, build.ETCD}
    assert {version for _, version in staging} == {f"0{pinned[build.API_SERVER].removeprefix('1')}"}


def test_a_given_folder_wins(tmp_path: Path) -> None:
    assert build.programs(given(tmp_path, build.API_SERVER, build.ETCD)) == tmp_path


def test_the_cache_is_keyed_by_version_and_outside_the_checkout(tmp_path: Path) -> None:
    pinned = build.versions()

    place = build.folder({"XDG_CACHE_HOME": str(tmp_path)})

    assert place.is_relative_to(tmp_path)
    assert all(version in place.name for version in pinned.values())
    assert not build.folder({}).is_relative_to(build.MODULE.parent.parent)


def test_a_given_folder_without_the_programs_is_named_and_not_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.build(given(tmp_path, build.ETCD)) is False

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(tmp_path) in said
    assert [path.name for path in tmp_path.iterdir()] == [build.ETCD]


def test_without_go_one_line_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.build({"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}) is False

    said = capsys.readouterr().err
    assert said == f"{build.SKIPPED}\n"
    assert "make envtest" in said


def test_a_go_that_fails_is_quoted_in_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go, cache = tmp_path / "bin" / "go", tmp_path / "cache"
    go.parent.mkdir()
    go.write_text("#!/bin/sh\necho 'go: go.mod requires go >= 1.25.0' >&2\nexit 1\n", encoding="utf-8")
    go.chmod(0o755)

    assert build.build({"XDG_CACHE_HOME": str(cache), "PATH": str(go.parent)}) is False

    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[1].endswith("go: go.mod requires go >= 1.25.0")
    assert [path for path in cache.rglob("*") if path.is_file() or path.name.startswith("k8s-")] == []


async def test_a_guarded_program_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """Its end of the pipe closes, whatever ended it."""
    log = tmp_path / "log"
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    guard = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.envtest.guard", str(log), sys.executable, "-c", code),
        cwd=build.MODULE.parent.parent,
        stdin=asyncio.subprocess.PIPE,
    )
    assert guard.stdin is not None
    async with asyncio.timeout(30):
        while not (said := log.read_text(encoding="utf-8") if log.exists() else ""):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)

        guard.stdin.close()
        ended = await guard.wait()

    assert ended == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(said), 0)


@pytest.mark.parametrize(("required", "ending"), [("", "1 skipped"), ("1", "1 error")])
async def test_where_the_programs_are_missing_one_line_says_so(tmp_path: Path, required: str, ending: str) -> None:
    """A skip, or with REQUIRE_ENVTEST an error."""
    environment = {"PATH": os.environ["PATH"], "KUBEBUILDER_ASSETS": str(tmp_path), "REQUIRE_ENVTEST": required}  # noqa: TID251 - not the app's
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "--color=no", "tests/contract/cluster", "-k", "pinned"),
        cwd=build.MODULE.parent.parent,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )

    said = (await process.communicate())[0].decode().splitlines()

    assert ending in said[-1]
    assert [build.ABSENT in line for line in said].count(True) == 1


async def test_a_server_that_does_not_start_shows_its_last_lines(tmp_path: Path) -> None:
    """Instead of etcd a program that complains and ends."""
    etcd = tmp_path / build.ETCD
    etcd.write_text("#!/bin/sh\necho first\necho no such thing\nexit 3\n", encoding="utf-8")
    etcd.chmod(0o755)

    with pytest.raises(ServerFailedError) as caught:
        async with server.start(tmp_path, tmp_path):
            pass

    assert str(caught.value) == "etcd ended, code 3\nfirst\nno such thing\n"
