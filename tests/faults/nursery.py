"""`python -m tests.faults.nursery`: a process with everything imported that becomes a host by forking.

A host of its own process costs a second, nearly all of it imports; a walk over every fault point needs a hundred of
them. A child has imported all modules but `function_app`, which it loads itself: it is a process as cold as a fresh
one, with its own sockets, caches and clients, and it dies alone.

One JSON line [log, ready] on stdin makes a host that logs to the one file and says that it is ready in the other; the
answer is its process id. The end of stdin ends every child that is left.
"""

import importlib
import importlib.util
import json
import os
import runpy
import signal
import sys

_IMPORTED = ("shared.wiring", "devstack.host.server", "azure.functions", "azure_functions_runtime")


def _become_host(log: str, ready: str) -> None:
    """Be what `python -m devstack.host --app .` is."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for path, descriptor in ((os.devnull, 0), (ready, 1), (log, 2)):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(path, flags), descriptor)
    sys.argv = ["devstack.host", "--app", "."]
    runpy.run_module("devstack.host", run_name="__main__", alter_sys=True)


def _main() -> None:
    for name in _IMPORTED:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a child: the kernel forgets it when it dies
    while line := sys.stdin.readline():
        log, ready = json.loads(line)
        child = os.fork()
        if child == 0:
            _become_host(log, ready)
            return
        print(child, flush=True)  # noqa: T201 - the protocol
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _main()
