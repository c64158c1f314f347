"""Notices as the tests want them: everything defaults, one thing differs."""

from shared.notice import ChangeNotice, NoticeType


def build_notice(name: str, *, size: int = 10, namespace: str = "shop") -> ChangeNotice:
    """Build a notice with this id and a body of `size` bytes."""
    return ChangeNotice(
        id=name,
        type=NoticeType.TARGET_REFRESHED,
        subject=f"aks-1/{namespace}/db",
        session=f"aks-1/{namespace}/db",
        properties={"vault": "kv-demo", "namespace": namespace},
        body=b"x" * size,
    )
