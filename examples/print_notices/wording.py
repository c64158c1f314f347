"""A notice as one line for people. Pure."""

from keyvault_fanout import Notice, NoticeType

_SHORT = 8
"""Characters of a version that are shown, as in the portal's lists."""


def line(notice: Notice) -> str:
    """Return a line without a line break or control character, whatever the notice holds.

        11:20:05  secret db-password of kv-shop is in aks-one/shop/web-secret (version 5f2c9a1e)

    The time is the notice's own, in UTC.
    """
    at = f"{notice.time:%H:%M:%S}" if notice.time else "--:--:--"
    told = f"{notice.object_type} {notice.object} of {notice.vault} {_what(notice)} (version {notice.version[:_SHORT]})"
    return f"{at}  {''.join(letter if letter.isprintable() else '?' for letter in told)}"


def _what(notice: Notice) -> str:
    match notice.type:
        case NoticeType.OBJECT_NEW_VERSION:
            planned = notice.instant("plannedTime")
            return f"has a new version, held back until {planned:%d %b %H:%M} UTC" if planned else "has a new version"
        case NoticeType.OBJECT_NEAR_EXPIRY:
            expires = notice.instant("expires")
            return f"expires on {expires:%d %b %Y}" if expires else "expires soon"
        case NoticeType.OBJECT_EXPIRED:
            return "has expired"
        case NoticeType.TARGET_REFRESHED:
            return f"is in {notice.target}"
        case NoticeType.TARGET_CONVERGED:
            return f"is shown by every pod that mounts {notice.target}"
        case NoticeType.TARGET_FAILED:
            detail, remedy = str(notice.data.get("detail", "")), str(notice.data.get("remedy", ""))
            return " ".join(filter(None, [f"did not get to {notice.target}: {detail}.", remedy])).rstrip(".")
