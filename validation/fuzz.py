"""Fuzz the readers: `python validation/fuzz.py [seconds] [seed]`.

Event files, results, catalogues, workspaces, configurations and file lists with bytes flipped, cut
out, repeated or replaced. A reader may refuse a file by an error of na64ana, or read it. Anything
else is a finding: another exception, more than 3 GB of memory, more than 20 s. Exit code 0 without
one.
"""

import json
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from na64ana.config import load_config
from na64ana.config.shipped import shipped_path
from na64ana.errors import NA64AnaError
from na64ana.io.catalogue import Catalogue
from na64ana.io.chunk import IDENTITY
from na64ana.io.location import expand
from na64ana.io.reading import open_event_file
from na64ana.processing.processors import load_processor, processor_path
from na64ana.processing.run import open_files, process
from na64ana.simulation.events import write_simulated_file
from na64ana.simulation.plan import Plan
from na64ana.stats.check import check_workspace, load_workspace, read_model
from na64ana.stats.model import Channel, CountingModel, Sample, symmetric
from na64ana.stats.workspace import make_workspace
from na64ana.tally.storage import read_tallies, write_tallies

MEMORY, SLOW, MUTANTS = 3_000_000_000, 20.0, 6


def seeds(folder: Path) -> dict[str, tuple[Path, Callable[[Path], object]]]:
    """Return a good file of each kind, and what reads it."""
    config = load_config()
    small = config.model_copy(
        update={
            "periods": {
                "I": config.periods["I"].model_copy(update={"eot": 4.3e10}),
            }
        }
    )
    events = folder / "events.root"
    metadata = write_simulated_file(events, Plan(small, "I", 3), events=3000)
    declared = small.periods["I"].model_copy(update={"eot": metadata.eot})
    small = small.model_copy(update={"periods": {"I": declared}})
    processor = load_processor(processor_path("calibration"), small, blinded=True)

    def analyse(path: Path) -> object:
        return process(open_files({"I": (path,)}, small, processor), small, processor)

    result = folder / "result.zip"
    write_tallies(result, process(
        open_files({"I": (events,)}, small, processor), small, processor
    ).tallies, {})  # fmt: skip
    workspace = folder / "workspace.json"
    sample = Sample("b", 0.5, {"bkg": symmetric(0.3)})
    model = CountingModel((Channel("one", 0, (Sample("signal", 1.0, {}),), (sample,)),))
    workspace.write_text(json.dumps(make_workspace(model)))

    def check(path: Path) -> object:
        content = load_workspace(path)
        check_workspace(content)
        return read_model(content)

    yaml = folder / "datasets.yaml"
    shutil.copy(shipped_path("datasets.yaml"), yaml)
    listed = folder / "list.txt"
    listed.write_text(f"{events}\n# comment\n*.root\n")
    base = folder / "catalogue.sqlite"
    with Catalogue(base) as catalogue:
        open_event_file(events, catalogue=catalogue)

    def look(path: Path) -> object:
        with Catalogue(path) as catalogue:
            open_event_file(events, branches=IDENTITY, catalogue=catalogue)
            return list(catalogue.known())

    return {
        "event file": (events, analyse),
        "result": (result, read_tallies),
        "workspace": (workspace, check),
        "configuration": (yaml, load_config),
        "list": (listed, lambda path: expand(str(path))),
        "catalogue": (base, look),
    }


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return a file with some of its bytes changed."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, MUTANTS)):
        if not changed:
            break
        place = rng.randrange(len(changed))
        length = min(rng.choice((1, 1, 2, 4, 8, 64, 1000)), len(changed) - place)
        kind = rng.randrange(6)
        if kind == 0:
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[place : place + length] = rng.randbytes(length)
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = changed[place : place + length]
        elif kind == 4:
            changed[place : place + length] = rng.choice((b"\xff", b"\x00", b"9")) * length
        else:
            del changed[place:]
    return bytes(changed)


def main() -> int:
    """Fuzz for some time; print what happened, return 1 if there was a finding."""
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    counts: Counter[str] = Counter()
    findings = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = seeds(folder)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        good = {kind: path.read_bytes() for kind, (path, _) in kinds.items()}
        end = time.monotonic() + limit
        while time.monotonic() < end:
            kind = rng.choice(list(kinds))
            path, read = kinds[kind]
            broken = folder / f"broken{path.suffix}"
            broken.write_bytes(mutate(good[kind], rng))
            begin = time.monotonic()
            try:
                read(broken)
                counts[f"{kind}: read"] += 1
            except NA64AnaError:
                counts[f"{kind}: refused"] += 1
            except BaseException as error:  # noqa: BLE001 - a finding
                where = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{Path(where.filename).name}:{where.lineno}"
                findings.append(f"{kind}: {type(error).__name__}: {error} ({place})")
                if len(findings) < 4:
                    traceback.print_exc()
            if time.monotonic() - begin > SLOW:
                findings.append(f"{kind}: {time.monotonic() - begin:.0f} s")
            broken.unlink(missing_ok=True)
    for what, n in sorted(counts.items()):
        print(f"{what}: {n}")
    for what, n in Counter(findings).most_common(20):
        print(f"finding, {n} times: {what}")
    print(f"{sum(counts.values())} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
