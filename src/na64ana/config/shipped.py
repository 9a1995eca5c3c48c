"""Files at the top of the repository that travel in the wheel: datasets.yaml and processors/."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_path(name: str) -> Path:
    """Return the path of a shipped file or folder.

    An installed wheel carries them inside the package. A source checkout (editable install) has
    them at its top, and there they can be edited.
    """
    checkout = _PACKAGE.parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).exists():
        return checkout / name
    return _PACKAGE / "_shipped" / name
