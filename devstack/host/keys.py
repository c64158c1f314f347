"""Who may call an HTTP-triggered function by key, as the real host decides it. No I/O.

A key is in the header `x-functions-key`, and only where that is missing in the query's `code`. Level `anonymous` takes
any call, `function` the key, and `admin` the master key, which nobody has here.
"""

import hmac
from collections.abc import Mapping
from typing import Final

from devstack.host.functions import Function

HEADER: Final = "x-functions-key"


def may_call(function: Function, *, key: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Say whether a request has what the function's level asks for. Without a `key` every request has.

    `headers` compares names without case. A trigger that names no level has `function`.
    """
    level = str(function.properties.get("authLevel") or "function").lower()
    if not key or level == "anonymous":
        return True
    given = headers[HEADER] if HEADER in headers else query.get("code", "")
    return level == "function" and hmac.compare_digest(given.encode(errors="replace"), key.encode())
