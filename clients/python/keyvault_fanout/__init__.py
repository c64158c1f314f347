"""React to a rotated secret, and be sure that you hold the new value.

    Bus, Listener, Interest         receive the notices that the application cares about
    Notice, NoticeType, parse       what they say

Everything is async; handlers may be blocking.
"""

from keyvault_fanout.bus import Bus
from keyvault_fanout.delivery import Handler
from keyvault_fanout.interest import Interest, rules
from keyvault_fanout.listener import Connection, Listener
from keyvault_fanout.notice import Foreign, Notice, NoticeType, Reason, parse
from keyvault_fanout.pace import Pace
from keyvault_fanout.value import SecretValue

__all__ = [
    "Bus",
    "Connection",
    "Foreign",
    "Handler",
    "Interest",
    "Listener",
    "Notice",
    "NoticeType",
    "Pace",
    "Reason",
    "SecretValue",
    "parse",
    "rules",
]
