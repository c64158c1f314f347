"""`python -m contract` (`make schemas`): write what is generated; say what changed."""

from contract.documents import ROOT, stale


def _main() -> None:
    for path, text in stale().items():
        (ROOT / path).parent.mkdir(exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    _main()
