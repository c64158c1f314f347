"""Which engine an app gets, and how its folder becomes importable."""

import importlib.util
import sys
from pathlib import Path

from devstack.host.direct import DirectEngine
from devstack.host.engine import Engine
from devstack.host.functions import AppError
from devstack.host.worker import WorkerEngine


async def load_engine(directory: Path, *, direct: bool = False) -> Engine:
    """Import and index the app in `directory`, which stays first on sys.path.

    Microsoft's worker library runs it where it is installed, which is from Python 3.13 on; else, or with `direct`, the
    functions are called directly.

    Raises:
        AppError: There is no app, it does not import, or its functions cannot be indexed.
    """
    _prepare_import(directory)
    if direct or importlib.util.find_spec("azure_functions_runtime") is None:
        return await DirectEngine.load()
    return await WorkerEngine.load(directory)


def _prepare_import(directory: Path) -> None:
    script = directory.resolve() / "function_app.py"
    if not script.is_file():
        raise AppError(f"there is no function_app.py in {directory}")
    imported = sys.modules.get("function_app")
    if imported and imported.__file__ and Path(imported.__file__).resolve() != script:
        raise AppError(f"this process has imported another app from {imported.__file__}: one app per process")
    if str(script.parent) not in sys.path:
        sys.path.insert(0, str(script.parent))
