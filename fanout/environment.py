"""Where the settings come from: the environment, and a file in the shape of local.settings.json."""

import json
from collections.abc import Mapping
from pathlib import Path

from fanout.errors import UsageError


def mapping(environ: Mapping[str, str], settings: Path | None) -> Mapping[str, str]:
    """Return the settings as the app would see them. What a file says goes before the environment: it was named.

    Raises `UsageError` for a file that cannot be read.
    """
    return environ if settings is None else {**environ, **_values(settings)}


def _values(path: Path) -> dict[str, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--settings: {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--settings: {path} is not JSON") from None
    values = document.get("Values") if isinstance(document, dict) else None
    if not isinstance(values, dict):
        raise UsageError(f"--settings: {path} has no Values; expected a file like local.settings.sample.json")
    if document.get("IsEncrypted") is True:
        raise UsageError(f"--settings: {path} is encrypted; run func settings decrypt first")
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise UsageError(f"--settings: {wrong[0]!r} in Values of {path} is no text")
    return {str(name): str(value) for name, value in values.items()}
