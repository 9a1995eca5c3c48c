"""Event format, version 3: names, types, shapes, units and meaning of every branch."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT_VERSION = 3
#: Name of the TTree, and of the text object beside it that holds the `FileMetadata`.
TREE = "events"
METADATA = "na64ana_metadata"
#: Name of the TTree that lists the spills, those without an event too.
SPILLS = "spills"
#: Cells of the ECAL as (depth, x, y), depth 0 is the PRS; a smaller matrix fills the low indices.
ECAL_SHAPE = (2, 6, 6)
#: Cells of the HCAL as (module, x, y).
HCAL_SHAPE = (4, 3, 3)
_ECAL, _HCAL = 72, 36


class TriggerBit(IntFlag):
    """Bits of the branch ``trigger``."""

    PHYSICS = 1
    BEAM = 2


class EventClass(IntEnum):
    """What a simulated event is; the values of ``class_true``."""

    BEAM_ELECTRON = 0
    ELECTRO_NUCLEAR = 1
    DIMUON = 2
    UPSTREAM = 3
    SIGNAL = 4
    LEADING_NEUTRAL = 5
    BEAM_PION = 6
    BEAM_KAON = 7
    BEAM_MUON = 8
    DECAY = 9


@dataclass(frozen=True)
class Branch:
    """One branch: `length` values of `dtype` per event (1 is a scalar)."""

    name: str
    dtype: str
    length: int
    unit: str
    meaning: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape per event: ``()`` for a scalar."""
        return () if self.length == 1 else (self.length,)


BRANCHES = (
    Branch("run_number", "u4", 1, "", "run number of the DAQ"),
    Branch("spill", "u4", 1, "", "spill in the run, from 1"),
    Branch("event", "u8", 1, "", "event in the spill, from 0"),
    Branch("trigger", "u1", 1, "", "bit 0: physics trigger, bit 1: prescaled beam trigger"),
    Branch("t_spill", "u8", 1, "ns", "time since the start of the spill"),
    Branch("t_master", "f4", 1, "ns", "master time: phase of the trigger in the DAQ's clock"),
    Branch("eot_spill", "f4", 1, "", "electrons on target in this spill"),
    Branch("p_track", "f4", 1, "GeV", "momentum of the incoming track; 0 without one"),
    Branch("theta_in", "f4", 1, "rad", "angle of the track to the deflected beam axis"),
    Branch("chi2_track", "f4", 1, "", "chi2 per degree of freedom of the track fit"),
    Branch("n_tracks", "u1", 1, "", "tracks upstream of the magnets"),
    Branch("n_mm", "u1", 4, "", "hits in MM1 to MM4"),
    Branch("n_gem", "u1", 2, "", "hits in GEM1 and GEM2"),
    Branch("n_st", "u1", 4, "", "hits in ST1 to ST4; 3 and 4 stand after the magnets"),
    Branch("e_srd_module", "f4", 3, "GeV", "energy in the modules of the SRD"),
    Branch("t_srd_module", "f4", 3, "ns", "time of the SRD modules after the master time"),
    Branch("e_ecal_cell", "f4", _ECAL, "GeV", "energy in the ECAL cells (depth, x, y) = (2, 6, 6)"),
    Branch("t_ecal_cell", "f4", _ECAL, "ns", "time of the ECAL cells after the master time"),
    Branch("e_prs", "f4", 1, "GeV", "energy in the preshower, the first 4 X0 of the ECAL"),
    Branch("e_ecal", "f4", 1, "GeV", "energy in the whole ECAL, preshower included"),
    Branch("t_ecal", "f4", 1, "ns", "mean time of the ECAL cells, weighted by their energies"),
    Branch("impact_cell", "u1", 1, "", "ECAL cell with the largest energy, 6 x + y"),
    Branch("r_ecal", "f4", 1, "", "ECAL energy outside 3x3 cells around the largest, over total"),
    Branch("chi2_shower", "f4", 1, "", "chi2 per degree of freedom against the mean e- shower"),
    Branch("e_veto_pmt", "f4", 6, "GeV", "energy seen by the VETO PMTs, two per panel"),
    Branch("t_veto_pmt", "f4", 6, "ns", "time of the VETO PMTs after the master time"),
    Branch("e_hcal_cell", "f4", _HCAL, "GeV", "energy in the cells (module, x, y) = (4, 3, 3)"),
    Branch("t_hcal_cell", "f4", _HCAL, "ns", "time of the HCAL cells after the master time"),
    Branch("e_hcal_module", "f4", 4, "GeV", "energy in the HCAL modules; 3 is at zero degrees"),
    Branch("r_hcal", "f4", 1, "", "energy outside the central cells over total, modules 0 to 2"),
)
TRUTH_BRANCHES = (
    Branch("class_true", "u1", 1, "", "event class, see EventClass"),
    Branch("weight_true", "u4", 1, "", "events that this one stands for (prescale)"),
    Branch("e_ecal_true", "f4", 1, "GeV", "energy of the showers in the ECAL, without pile-up"),
    Branch("e_hcal_true", "f4", 1, "GeV", "mean energy that HCAL modules 0 to 2 show, no pile-up"),
    Branch(
        "e_missing_true",
        "f4",
        1,
        "GeV",
        "energy of A', neutrinos, lost neutrals; no leakage",
    ),
    Branch("x_true", "f4", 1, "mm", "impact point on the ECAL, from the centre of the beam cell"),
    Branch("y_true", "f4", 1, "mm", "impact point on the ECAL, from the centre of the beam cell"),
    Branch("z_true", "f4", 1, "mm", "vertex along the beam, from the front of the ECAL"),
    Branch("n_pileup_true", "u1", 1, "", "other beam particles in the read-out windows"),
)
#: Branches of the tree of spills, one entry per spill.
SPILL_BRANCHES = (
    Branch("run_number", "u4", 1, "", "run number of the DAQ"),
    Branch("spill", "u4", 1, "", "spill in the run, from 1"),
    Branch("eot", "f8", 1, "", "electrons on target in this spill"),
)


BRANCH_BY_NAME = {branch.name: branch for branch in BRANCHES + TRUTH_BRANCHES}


class FileMetadata(BaseModel):
    """What an event file says of itself.

    Types are strict: a file must not count as simulated by a word that happens to be true.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    period: str = Field(description="run period, I to V")
    eot: float = Field(
        gt=0, allow_inf_nan=False, description="electrons on target that the file stands for"
    )
    entries: int = Field(ge=0, description="events that the writer put in")
    format_version: int = Field(default=FORMAT_VERSION, description="version of this format")
    simulated: bool = Field(default=False, description="whether the events are simulated")
    seed: int | None = Field(default=None, description="seed of the simulation")
    lineage: str = Field(
        default="", description="sha256 of all that decides what a simulated file holds"
    )
    prescale: dict[str, int] = Field(
        default_factory=dict, description="events that each stands for, by class"
    )
    skimmed_from: int | None = Field(
        default=None, description="events of the file that a skim was made of"
    )

    def to_json(self) -> str:
        """Return the metadata as JSON text."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> "FileMetadata":
        """Read metadata from JSON text.

        Raises
        ------
        ValueError
            If the text is no JSON object, lacks a key, or a value has the wrong kind.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            msg = f"{where + ': ' if where else ''}{first['msg'].lower()}"
            raise ValueError(msg) from error


def branch_types(*, truth: bool) -> dict[str, np.dtype[Any]]:
    """Return the numpy type of each branch, as uproot takes it for a new TTree."""
    branches = BRANCHES + TRUTH_BRANCHES if truth else BRANCHES
    return {branch.name: np.dtype((branch.dtype, branch.shape)) for branch in branches}


_INTRODUCTION = """# The event format

Version {version}. A TTree `{tree}` of flat branches with LZ4 compression in baskets of 50,000
events, and beside it a text `{metadata}` in JSON and a TTree `{spills}`. RNTuple and Parquet files
have the same columns, Parquet without the spills; na64ana analyses TTrees. This page is made from
the code: `python -m na64ana.io.format > docs/event-format.md`.

Cells are numbered with the last index fastest; a matrix of 5 x 6 leaves x = 5 empty. Cells and SRD
modules under threshold have energy 0 and time 0; a VETO PMT below 1 MeV has time 0. Floats are
rounded to 10 bits of mantissa (0.05 %).
"""


def describe_format() -> str:
    """Return the event format as Markdown; docs/event-format.md is this text."""
    kinds = {
        "u": "unsigned integer",
        "f": "float",
    }
    lines = _INTRODUCTION.format(
        version=FORMAT_VERSION, tree=TREE, metadata=METADATA, spills=SPILLS
    ).split("\n")
    for title, branches in (
        ("Measured", BRANCHES),
        ("Truth, in simulated files", TRUTH_BRANCHES),
        ("Spills, those without an event too", SPILL_BRANCHES),
    ):
        lines += [f"## {title}", "", "| branch | type | per event | unit | meaning |"]
        lines += ["|---|---|---|---|---|"]
        for branch in branches:
            bits = 8 * int(branch.dtype[1])
            per_event = "1" if not branch.shape else str(branch.length)
            lines.append(
                f"| `{branch.name}` | {bits} bit {kinds[branch.dtype[0]]} | {per_event} "
                f"| {branch.unit} | {branch.meaning} |"
            )
        lines.append("")
    lines += ["## Values", "", "| branch | value | |", "|---|---|---|"]
    lines += [f"| `trigger` | {bit.value} | {_name(bit)} |" for bit in TriggerBit]
    lines += [f"| `class_true` | {kind.value} | {_name(kind)} |" for kind in EventClass]
    lines += ["", "## Metadata", "", "| key | type | meaning |", "|---|---|---|"]
    for name, field in FileMetadata.model_fields.items():
        kind = str(getattr(field.annotation, "__name__", field.annotation))
        lines.append(f"| `{name}` | {kind.replace('|', 'or')} | {field.description} |")
    return "\n".join(lines) + "\n"


def _name(member: IntEnum | IntFlag) -> str:
    return str(member.name).lower().replace("_", " ")


if __name__ == "__main__":
    print(describe_format(), end="")  # noqa: T201 - this is the command that writes the page
