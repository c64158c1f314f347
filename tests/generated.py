"""How many inputs a test tries that makes up its own: a fifth, or all of them with THOROUGH=1 (`make generated`).

The inputs are random: runs that each try a few find what one long run finds. The hand-picked ones (`@example`) are
always tried.
"""

import os
from collections.abc import Collection

from hypothesis import HealthCheck, settings

THOROUGH = os.environ.get("THOROUGH") == "1"  # noqa: TID251 - a switch of the tests, no setting of the app
_SHARE = 1 if THOROUGH else 5


def generated(examples: int = 100, *, suppress: Collection[HealthCheck] = ()) -> settings:
    """Return the settings of a test that tries this many inputs where it is thorough; none has a deadline."""
    return settings(max_examples=examples // _SHARE, deadline=None, suppress_health_check=suppress)
