"""`python -m tests.golden FILE`: one line per failing case, then `N passed, M failed`; status 1 if any failed."""

import sys
from pathlib import Path

from tests.golden import runner


def main(arguments: list[str]) -> int:
    """Run the cases of a file and return the exit status."""
    if len(arguments) != 1:
        print("usage: python -m tests.golden FILE", file=sys.stderr)  # noqa: T201 - a command speaks on its terminal
        return 2
    passed = failed = 0
    with Path(arguments[0]).open(encoding="utf-8") as lines:
        for name, differences in runner.run(lines):
            if differences:
                failed += 1
                print(f"{name}: {'; '.join(differences)}")  # noqa: T201
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
