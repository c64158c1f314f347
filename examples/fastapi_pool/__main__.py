"""The program: serves on `PORT` of loopback (8000; 0 takes any that is free) until it is told to end."""

import logging
import os

import uvicorn

from fastapi_pool.service import build, read


def main() -> None:
    """Serve."""
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # the listener says it, and once
    try:
        settings = read(os.environ)
    except KeyError as missing:
        raise SystemExit(f"the environment variable {missing.args[0]} is missing") from None
    uvicorn.run(build(settings), host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), access_log=False)


if __name__ == "__main__":
    main()
