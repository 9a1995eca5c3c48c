"""What must be in an sdist and a wheel: `python tests/check_builds.py SDIST WHEEL`."""

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: What somebody who has the sdist alone needs: to build, to test, to validate, to read.
IN_SDIST = (
    *("pyproject.toml", "noxfile.py", "constraints.txt", "datasets.yaml", "README.md", "LICENSE"),
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "processors/invisible.py"),
    *("tests/conftest.py", "tests/check_builds.py", "validation/run.py"),
)


def main(sdist: str, wheel: str) -> None:
    """Stop with a line that names the first file that is missing, or is too much."""
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        installed = set(archive.namelist())
    package = [path for path in (ROOT / "src").rglob("*") if path.is_file()]
    inside = {
        path.relative_to(ROOT / "src").as_posix()
        for path in package
        if "__pycache__" not in path.parts
    }
    shipped = {
        f"na64ana/_shipped/{path.relative_to(ROOT).as_posix()}"
        for path in [ROOT / "datasets.yaml", *(ROOT / "processors").glob("*.py")]
    }
    problems = [
        *(f"{sdist}: lacks {name}" for name in IN_SDIST if name not in packed),
        *(f"{sdist}: lacks src/{name}" for name in sorted(inside) if f"src/{name}" not in packed),
        *(f"{wheel}: lacks {name}" for name in sorted((inside | shipped) - installed)),
        *(f"{wheel}: {name} does not belong there" for name in installed if _foreign(name)),
    ]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(inside)} files of the package, {len(shipped)} shipped ones are in both")  # noqa: T201


def _foreign(name: str) -> bool:
    return not name.startswith("na64ana") or "__pycache__" in name


if __name__ == "__main__":
    main(*sys.argv[1:])
