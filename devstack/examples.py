"""What the examples in Python take of the running stack: a subscription each, and a file of environment variables.

The examples know nothing of the stack. What is here is what an operator gives to an application.
"""

import shlex
from pathlib import Path

from devstack import seed, stack
from devstack.servicebus import Subscription

COMMANDS = {
    "print_notices": "",
    "near_expiry": " CHANNEL=print DEFAULT_OWNER=platform@example.com",
    "file_worker": "",
    "fastapi_pool": "",
}
"""Each example, and the variables that it takes beside those of the file."""

_BEFORE = {"fastapi_pool": ".venv/bin/python -m devstack.database "}
"""What gives an example a database whose password is rotated."""


def subscriptions() -> list[Subscription]:
    """Return a subscription for each example, which gets every notice."""
    return [Subscription(name=_subscription(name)) for name in COMMANDS]


def environment(running: stack.Stack) -> dict[str, str]:
    """Return the variables: where bus and vault are, and what makes unmodified clients trust them."""
    path = [str(stack.APP / "clients" / "python"), str(stack.APP / "examples")]
    return {
        "PYTHONPATH": ":".join(path),
        "SERVICE_BUS": running.bus.connection_string,
        "TOPIC": stack.TOPIC,
        "KEY_VAULTS": running.settings["KEY_VAULTS"],
        "OBJECT": seed.OBJECT,
        "MOUNTED_FILE": str(mount(running) / seed.KEY),
        "SSL_CERT_FILE": str(running.bundle),
        **running.identity.environment,
    }


def mount(running: stack.Stack) -> Path:
    """Return the folder into which the local kubelet projects the demonstration's Secret."""
    return running.folder / "mounted"


def write(running: stack.Stack, path: Path) -> None:
    """Write the variables into a file that a shell can read."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment(running).items()]
    path.write_text("".join(lines), encoding="utf-8")


def commands(path: Path) -> str:
    """Return the commands that start the examples, one a line, for a shell in the checkout."""
    return "\n".join(f"  (. {shlex.quote(str(path))}; {_command(name)})" for name in COMMANDS)


def _command(name: str) -> str:
    variables = f"SUBSCRIPTION={_subscription(name)}{COMMANDS[name]}"
    return f"{variables} {_BEFORE.get(name, '')}.venv/bin/python -m {name}"


def _subscription(name: str) -> str:
    return name.replace("_", "-")
