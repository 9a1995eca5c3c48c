#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox[uv]>=2025.2"]
# ///
"""Checks and tests: `nox` runs all that must hold, `nox -s NAME` one of them."""

from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.stop_on_first_error = True

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
CONSTRAINTS = ("--constraint", str(ROOT / "constraints.txt"))


def install(session: nox.Session, *groups: str) -> None:
    """Install the project as it stands, and dependency groups, at the pinned versions."""
    packages = [p for group in groups for p in nox.project.dependency_groups(PYPROJECT, group)]
    session.install(*CONSTRAINTS, "--editable", ".", *packages)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting, and who imports whom."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types over src and processors."""
    install(session, "types")
    session.run("mypy")


@nox.session
def wheel(session: nox.Session) -> None:
    """The wheel, built from the sdist and installed elsewhere, does the main job."""
    groups = nox.project.dependency_groups(PYPROJECT, "build")
    session.install(*CONSTRAINTS, *groups)
    folder = Path(session.create_tmp())
    for old in [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]:
        old.unlink()
    # without --wheel, build makes the sdist, unpacks it, and makes the wheel from what is in it
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(folder))
    (built,) = folder.glob("*.whl")
    (source,) = folder.glob("*.tar.gz")
    session.run("python", str(ROOT / "tests" / "check_builds.py"), str(source), str(built))
    session.install(*CONSTRAINTS, str(built))
    session.chdir(folder)
    session.env["NA64ANA_CACHE"] = str(folder / "cache")
    session.run("na64ana", "info")
    session.run("na64ana", "config", "template", "datasets.yaml", "--overwrite")
    session.run("na64ana", "config", "check", "datasets.yaml")
    session.run("na64ana", "limits", "--output", "limits", "--overwrite")
    session.run("na64ana", "limits", "--published", "--output", "published", "--overwrite")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, with coverage; `nox -s tests -- -m 'not slow'` is the quick suite."""
    install(session, "test")
    arguments = session.posargs or ["--cov", "--cov-report=term:skip-covered", "--durations=40"]
    # Tests start dozens of processes, and each imports five times as long without compiled files,
    # which uv does not make; here they are made on the way, apart from the sources.
    folder = str(session.cache_dir.resolve() / "bytecode")
    settings = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
    # two processes of tests, whose libraries must not wait for each other's threads
    settings |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    session.run("pytest", "-n", "2", "--dist", "loadfile", *arguments, env=settings)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation without a warning, and its examples; the site lands in docs/_build/html."""
    install(session, "docs")
    build = ROOT / "docs" / "_build"
    common = ("sphinx-build", "-n", "-W", "--keep-going", "-q", "-d", str(build / "doctrees"))
    session.run(*common, "-b", "html", "docs", str(build / "html"))
    session.run(*common, "-b", "doctest", "docs", str(build / "doctest"))


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """What the last `nox -s tests` covered: 85 % of all, 95 % where numbers are made."""
    session.install(*CONSTRAINTS, "coverage")
    session.run("coverage", "report", "--skip-covered", "--fail-under", "85")
    for part in ("background", "config", "cuts", "stats", "tally"):
        only = f"--include=*/na64ana/{part}/*"
        session.run("coverage", "report", "--skip-covered", only, "--fail-under", "95")


@nox.session(default=False, python="3.11", venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The quick suite with the oldest versions that pyproject.toml allows."""
    packages = nox.project.dependency_groups(PYPROJECT, "test")
    # sources of old packages take long to build, or do not build any more
    wheels = ("--only-binary", ":all:", "--no-binary", "na64ana")
    session.install("--resolution", "lowest-direct", *wheels, "--editable", ".", *packages)
    chosen = session.posargs or ["tests/unit", "tests/cli", "-m", "not slow"]
    session.run("pytest", "-n", "2", "--dist", "loadfile", *chosen)


@nox.session(default=False)
def review(session: nox.Session) -> None:
    """The repository review of Scientific Python; hooks that need no network."""
    session.install("sp-repo-review[cli]", "codespell", "rumdl", "zizmor")
    session.run("repo-review", ".")
    session.run("codespell")
    session.run("rumdl", "check", ".")
    session.run("zizmor", "--offline", ".github")


@nox.session(default=False)
def constraints(session: nox.Session) -> None:
    """Write constraints.txt from the newest versions: `name==version` lines, no addresses."""
    groups = ["test", "docs", "lint", "types", "build", "dev"]
    packages = {p for group in groups for p in nox.project.dependency_groups(PYPROJECT, group)}
    session.install("uv", "--editable", ".", *sorted(packages))
    frozen = session.run("uv", "pip", "freeze", "--exclude-editable", silent=True)
    lines = [line for line in str(frozen).splitlines() if "==" in line]
    (ROOT / "constraints.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    nox.main()
