"""Run all validation: `python validation/run.py [--quick] [--only NAME ...]`.

Each script of this folder in a process of its own; then a table of what was compared and what came
out. The whole output of each script goes to a folder, by default `validation-results`. Exit code 0
if every script that judges itself says that it holds, and the others ran.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Script:
    """What a script compares, and how it is called.

    `judges` says that its exit code is a verdict; else it only prints numbers to be read. `{out}`
    in an argument is the folder of results. `skip` is why it is not run here.
    """

    compares: str
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = field(default=())
    judges: bool = True
    skip: str = ""


SCRIPTS = {
    "published": Script(
        "cross sections of DMG4, limits of 2019 and 2023, positron beam", judges=False
    ),
    "relic": Script("relic density: brute force, drawn targets, closed values"),
    "limits": Script("coverage of the limits by data sets", quick=("60",)),
    "brute_force": Script("toys fitted by pyhf, one by one", quick=("200", "40")),
    "background": Script("closure of the sideband extrapolation", ("300",), ("20",)),
    "fuzz": Script("readers of damaged files", quick=("15",)),
    "shower_monte_carlo": Script(
        "track lengths by a Monte Carlo of our own",
        quick=("--primaries", "2000"),
        judges=False,
    ),
    "gallery": Script(
        "simulated events against published numbers", ("{out}",), ("{out}",), judges=False
    ),
    "hs3": Script(
        "our HS3 read by pyhs3 and RooFit",
        skip="wants environments with pyhs3 and ROOT: python validation/hs3.py --root PYTHON",
    ),
}
#: A script that is not listed runs without arguments, so that nobody forgets it.
UNKNOWN = Script("(not listed in run.py)")


def find_scripts() -> dict[str, Script]:
    """Return all scripts of this folder, listed ones first."""
    there = sorted(path.stem for path in HERE.glob("*.py") if path.stem != "run")
    names = dict.fromkeys([*(name for name in SCRIPTS if name in there), *there])
    return {name: SCRIPTS.get(name, UNKNOWN) for name in names}


def run(name: str, script: Script, folder: Path, *, quick: bool) -> tuple[str, float, str]:
    """Run a script; return verdict, seconds and the last line that it printed."""
    if script.skip:
        return "skipped", 0.0, script.skip
    given = script.quick or script.full if quick else script.full
    arguments = [one.format(out=folder) for one in given]
    output = folder / f"{name}.txt"
    begin = time.monotonic()
    with output.open("w", encoding="utf-8") as file:
        command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    seconds = time.monotonic() - begin
    lines = [line for line in output.read_text(encoding="utf-8").splitlines() if line.strip()]
    good = "holds" if script.judges else "printed"
    return good if done.returncode == 0 else "FAILS", seconds, lines[-1].strip() if lines else ""


def main() -> int:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer toys: minutes, larger errors")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these scripts")
    parser.add_argument("--output", type=Path, default=Path("validation-results"))
    options = parser.parse_args()
    scripts = find_scripts()
    if unknown := set(options.only or ()) - set(scripts):
        parser.error(
            f"no such script: {', '.join(sorted(unknown))}; there are {', '.join(scripts)}"
        )
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in options.only or scripts:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows.append((name, *run(name, scripts[name], options.output, quick=options.quick)))
    print("| script | compares | verdict | time | last line |\n|---|---|---|---|---|")
    for name, verdict, seconds, last in rows:
        print(f"| {name} | {scripts[name].compares} | {verdict} | {seconds:.0f} s | {last[:110]} |")
    print(f"\nall output: {options.output.resolve()}")
    return int(any(verdict == "FAILS" for _, verdict, *_ in rows))


if __name__ == "__main__":
    raise SystemExit(main())
