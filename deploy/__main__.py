"""`python -m deploy` (`make manifests`): write what is generated; say what changed."""

from deploy.documents import FOLDER, stale, superfluous


def _main() -> None:
    for path, text in stale().items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text, encoding="utf-8")
        print(f"wrote deploy/{path}")
    for stray in superfluous():
        stray.unlink()
        print(f"removed {stray.relative_to(FOLDER.parent)}")


if __name__ == "__main__":
    _main()
