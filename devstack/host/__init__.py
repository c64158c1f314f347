"""The Functions host on loopback: what wakes an app, around Microsoft's own Python worker library.

    functions    what an app declares (names, triggers, %settings%); how an invocation goes in and what comes out
    worker       azure-functions-runtime 1.3.0 (Python 3.13 and later), the library that runs in Azure
    direct       below 3.13: the decorated functions called directly, through azure-functions' converters
    webhooks     Event Grid: deliveries and handshakes by the rules of Microsoft's extension (local-stack 4.2)
    keys         who may call an HTTP trigger
    schedules    six-field NCRONTAB
    listeners    timers, and Service Bus queues and subscriptions: complete on success, abandon on failure
    server       `FunctionsHost`: everything together on one port
    process      `start_process`: the host in a process of its own, for tests; `python -m devstack.host` by hand

In a process there is one app, because the worker library's registry is global to the module. Function keys are not
checked, as with `func start`, unless the host is given one (`--function-key`), which then is every function's.
`/admin/functions/NAME` starts a timer's function, waits for it and answers 202 or 500, where the real host answers 202
at once, so that a script sees the failure.

Not hosted, the app is refused: other triggers, input and output bindings other than HTTP's answer, sessions and
batches of Service Bus, Service Bus by identity, routes with constraints, defaults or a rest. Not done: cookies in
answers, retry policies, durable functions, streaming HTTP, lock renewal, singleton timers across processes,
`isPastDue`, `runOnStartup`. Paths compare with case, and a wrong method is 405. Of host.json only
`extensions.http.routePrefix` is read.
"""

from devstack.host.functions import AppError
from devstack.host.process import HostFailedError, HostProcess, start_process
from devstack.host.server import FunctionsHost

__all__ = ["AppError", "FunctionsHost", "HostFailedError", "HostProcess", "start_process"]
