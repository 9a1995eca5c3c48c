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
    """The built wheel, installed elsewhere, does the main job."""
    groups = nox.project.dependency_groups(PYPROJECT, "build")
    session.install(*CONSTRAINTS, *groups)
    folder = Path(session.create_tmp())
    for old in folder.glob("*.whl"):
        old.unlink()
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(folder))
    (built,) = folder.glob("*.whl")
    session.install(*CONSTRAINTS, str(built))
    session.chdir(folder)
    session.env["NA64ANA_CACHE"] = str(folder / "cache")
    session.run("na64ana", "limits", "--output", "limits", "--overwrite")
    session.run("na64ana", "limits", "--published", "--output", "published", "--overwrite")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, with coverage; `nox -s tests -- -m 'not slow'` is the quick suite."""
    install(session, "test")
    arguments = session.posargs or ["--cov", "--cov-report=term:skip-covered"]
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
def constraints(session: nox.Session) -> None:
    """Write constraints.txt from the newest versions: `name==version` lines, no addresses."""
    groups = ["test", "docs", "lint", "types", "build", "dev"]
    packages = {p for group in groups for p in nox.project.dependency_groups(PYPROJECT, group)}
    session.install("uv", "--editable", ".", *sorted(packages))
    frozen = session.run("uv", "pip", "freeze", "--exclude-editable", silent=True)
    lines = [line for line in str(frozen).splitlines() if "==" in line]
    (ROOT / "constraints.txt").write_text("\n".join(lines) + "\n")
