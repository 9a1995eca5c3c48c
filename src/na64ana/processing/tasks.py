"""Tasks: some events of one file. They know nothing of who does them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from na64ana.io.chunk import IDENTITY
from na64ana.io.reading import EventFile
from na64ana.io.writing import BASKET_SIZE
from na64ana.processing.checkpoints import file_key
from na64ana.processing.processors import TallyProcessor

#: Events per task, with cells and without: a multiple of the basket, so that no basket is
#: decompressed twice. More would need more memory, fewer cost more to begin than to read.
CHUNK_SIZE, CHUNK_SIZE_SCALARS = 8 * BASKET_SIZE, 40 * BASKET_SIZE
#: Fewest events of a task that is divided when memory runs out.
LEAST_EVENTS = 1000
#: How often a task is divided in two, each time that memory runs out.
DIVISIONS = 3
#: Branches that make an event large.
_CELLS = {"e_ecal_cell", "t_ecal_cell", "e_hcal_cell", "t_hcal_cell"}
#: Branch that simulated files have, and that a tally by class needs.
_CLASS = "class_true"


@dataclass(frozen=True)
class Task:
    """Events of a file from `start` to `stop`.

    Attributes
    ----------
    period, path, tree : str
    uuid : bytes
        Identity that ROOT gave the file.
    key : str
        Name of the file as it is read (`file_key`).
    start, stop : int
    branches : frozenset of str
        What is read, by the names in the tree.
    divided : int
        How often it was divided to become this one.
    """

    period: str
    path: str
    tree: str
    uuid: bytes
    key: str
    start: int
    stop: int
    branches: frozenset[str]
    divided: int = 0

    @property
    def events(self) -> int:
        """Number of events."""
        return self.stop - self.start

    def halves(self) -> tuple["Task", ...]:
        """Return two tasks with half of the events each, or this one if that makes no sense."""
        if self.events < 2 * LEAST_EVENTS or self.divided == DIVISIONS:
            return (self,)
        middle = self.start + self.events // 2
        if self.events > 2 * BASKET_SIZE:
            middle = self.start + round(self.events / 2 / BASKET_SIZE) * BASKET_SIZE
        divided = self.divided + 1
        return (
            replace(self, stop=middle, divided=divided),
            replace(self, start=middle, divided=divided),
        )

    def __str__(self) -> str:
        return f"{self.path}, events {self.start} to {self.stop}"


def plan_tasks(
    files: Mapping[str, tuple[EventFile, ...]], processor: TallyProcessor, chunk_size: int | None
) -> list[Task]:
    """Return the tasks of all files; a file without events is one empty task.

    Parameters
    ----------
    files : mapping of str to tuple of EventFile
        By period.
    processor : TallyProcessor
        Declares the columns that are read.
    chunk_size : int or None
        Events per task; None takes what suits the branches.
    """
    return [
        task
        for period, opened in files.items()
        for file in opened
        for task in _of_file(period, file, processor.columns(period), chunk_size)
    ]


def _of_file(
    period: str, file: EventFile, columns: Iterable[str], chunk_size: int | None
) -> Iterator[Task]:
    entries, names = file.metadata.entries, frozenset((*IDENTITY, *columns))
    if file.metadata.simulated:
        names |= {_CLASS}
    if chunk_size is None:
        chunk_size = CHUNK_SIZE if names & _CELLS else CHUNK_SIZE_SCALARS
    if file.branch_map is not None:
        names = frozenset(file.branch_map.sources(names))
    # Chunks of a file are alike in size, and whole baskets where they are longer than one.
    parts = max(1, -(-entries // chunk_size))
    step = max(1, -(-entries // parts))
    if step > BASKET_SIZE:
        step = min(chunk_size, -(-step // BASKET_SIZE) * BASKET_SIZE)
    key = file_key(file)
    for start in range(0, max(entries, 1), step):
        stop = min(start + step, entries)
        yield Task(period, str(file.path), file.tree, file.uuid, key, start, stop, names)
