"""How far the neighbours' clocks are from this machine's, by the Date of an answer. Whole seconds are all it tells."""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from fanout.doctor.finding import Finding, Place
from shared.edges.kube_access import Connection
from shared.settling import TOLERANCE

_TIMEOUT = aiohttp.ClientTimeout(total=6, connect=3)


async def of_vault(url: str, *, proxies: bool) -> datetime | None:
    """Return a vault's time: it tells it even to who has no token."""
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=proxies) as session,
        session.get(f"{url}/secrets?api-version=7.4", allow_redirects=False) as response,
    ):
        return _date(response.headers)


async def of_cluster(connection: Connection) -> datetime | None:
    """Return an API server's time."""
    headers = {"Authorization": f"Bearer {await connection.bearer()}"} if connection.bearer else {}
    request = await connection.api.param_serialize(
        "GET", "/version", header_params=headers, auth_settings=[] if connection.bearer else ["BearerToken"]
    )
    response = await connection.api.call_api(*request, _request_timeout=_TIMEOUT)
    await response.read()
    return _date(response.getheaders() or {})


def _date(headers: Mapping[str, str]) -> datetime | None:
    text = next((value for key, value in headers.items() if key.lower() == "date"), "")
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


async def offset(asking: Awaitable[datetime | None]) -> float | None:
    """Return by how many seconds a clock is ahead of this machine's, as it was half way through the question."""
    began = datetime.now(UTC)
    time = await asking
    return None if time is None else (time - began - (datetime.now(UTC) - began) / 2).total_seconds()


def judge(places: Sequence[Place], offsets: Sequence[float | BaseException | None]) -> list[Finding]:
    """Say how far each is from this machine, and whether any two are too far apart for what compares their times."""
    findings, known = list[Finding](), list[float]()
    for place, one in zip(places, offsets, strict=True):
        if isinstance(one, float):
            known.append(one)
            way = "ahead of" if one > 0 else "behind"
            findings.append(place.ok("clock", "as here" if abs(one) <= 1 else f"{abs(one):.0f} s {way} this machine's"))
        else:
            why = "its answer has no Date" if one is None else f"no answer ({type(one).__name__})"
            findings.append(place.skipped("clock", why))
    apart = max(known, default=0.0) - min(known, default=0.0)
    if apart > TOLERANCE.total_seconds() + 1:
        detail = f"{apart:.0f} s apart; comparisons allow for {TOLERANCE.total_seconds():g} s"
        fix = "Let the clusters' control planes synchronise their clocks; Key Vault's is Azure's."
        findings.append(Place("clocks", "all").failed("clocks", detail, fix))
    return findings
