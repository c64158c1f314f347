"""What `make node` installs: what the example in Node.js takes, and AsyncAPI's own schema."""

import hashlib
from pathlib import Path

from tests.npm import Packages

_ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = _ROOT / "examples" / "node"

_HOW = "install Node.js 20 or later, run `make node`"


def _locked(name: str, locked: Path, absent: str) -> Packages:
    """Describe packages, with a hash of the lock file for their version."""
    digest = hashlib.sha256((locked / "package-lock.json").read_bytes()).hexdigest()[:12]
    return Packages(name=f"{name}-{digest}", locked=locked, absent=f"{absent}: {_HOW}", takes="some seconds")


RECEIVER = _locked("node-receiver", EXAMPLE, "no @azure/service-bus, so the test of examples/node is SKIPPED")
ASYNCAPI = _locked(
    "asyncapi",
    Path(__file__).resolve().parent / "asyncapi",
    "no @asyncapi/specs, so schemas/asyncapi.yaml is NOT held against AsyncAPI's own schema",
)

if __name__ == "__main__":
    there = [packages.install() for packages in (RECEIVER, ASYNCAPI)]
    raise SystemExit(0 if all(there) else 1)
