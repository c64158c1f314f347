"""The Terraform files: they parse, are formatted, and name nothing that is not there. Providers were out of reach."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra import hcl

TERRAFORM = shutil.which("terraform") or ""


@pytest.mark.parametrize("path", hcl.FILES, ids=lambda path: str(path.name))
def test_a_file_parses(path: Path) -> None:
    assert set(hcl.read(path)) <= {
        "data",
        "locals",
        "output",
        "provider",
        "resource",
        "terraform",
        "variable",
    }


def test_every_variable_has_a_type_and_a_description_and_is_used() -> None:
    code, declared = hcl.code(), hcl.variables()

    assert [name for name, one in declared.items() if not one.get("type") or not one.get("description")] == []
    assert set(re.findall(r"\bvar\.(\w+)", code)) == set(declared)
    assert [name for name, one in hcl.outputs().items() if not one.get("description")] == []


def test_every_local_value_that_is_used_is_there_and_the_other_way_round() -> None:
    assert set(re.findall(r"\blocal\.(\w+)", hcl.code())) == set(hcl.local_values())


def test_every_resource_that_is_named_is_there() -> None:
    known = {block.address for block in hcl.blocks()}

    named = set(re.findall(r"\b((?:data\.)?(?:azurerm|azapi)_\w+\.\w+)", hcl.code()))

    assert named <= known


def test_providers_are_pinned_and_no_state_is_kept_anywhere_in_particular() -> None:
    (terraform,) = hcl.read(hcl.FOLDER / "versions.tf")["terraform"]
    (required,) = terraform["required_providers"]

    assert {name: one["version"][:5] for name, one in required.items()} == {"azurerm": "~> 4.", "azapi": "~> 2."}
    assert "backend" not in terraform


@pytest.mark.skipif(not TERRAFORM, reason="terraform fmt -check is SKIPPED, no terraform on the path")
def test_the_files_are_formatted() -> None:
    done = subprocess.run(  # noqa: S603 - the terraform of this machine
        [TERRAFORM, "fmt", "-check", "-diff", str(hcl.FOLDER)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")
