"""React to a rotated secret, and be sure that you hold the new value.

    Bus, Listener, Interest         receive the notices that the application cares about
    Notice, NoticeType, parse       what they say
    SecretFile, VaultSecret         a value that is kept fresh: from a mounted file, from the vault
    Renewed                         what is made of it, a connection pool say, and made anew when it changes
    Acknowledger                    which version this instance uses, for whoever revokes the old one
    Background                      all of it for a program that blocks

Everything is async; handlers may be blocking.
"""

from keyvault_fanout.acknowledging import Acknowledger, Held
from keyvault_fanout.background import Background
from keyvault_fanout.bus import Bus
from keyvault_fanout.delivery import Handler
from keyvault_fanout.holding import Freshness
from keyvault_fanout.interest import Interest, rules
from keyvault_fanout.kept import Changed, KeptSecret, NoValueYetError
from keyvault_fanout.listener import Connection, Listener
from keyvault_fanout.notice import Foreign, Notice, NoticeType, Reason, parse
from keyvault_fanout.pace import Pace
from keyvault_fanout.renewed import Renewed
from keyvault_fanout.secret_file import SecretFile
from keyvault_fanout.value import SecretValue
from keyvault_fanout.vault_secret import VaultSecret

__all__ = [
    "Acknowledger",
    "Background",
    "Bus",
    "Changed",
    "Connection",
    "Foreign",
    "Freshness",
    "Handler",
    "Held",
    "Interest",
    "KeptSecret",
    "Listener",
    "NoValueYetError",
    "Notice",
    "NoticeType",
    "Pace",
    "Reason",
    "Renewed",
    "SecretFile",
    "SecretValue",
    "VaultSecret",
    "parse",
    "rules",
]
