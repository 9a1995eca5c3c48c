"""Event format, version 1: names, types, shapes, units and meaning of every branch."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT_VERSION = 1
#: Name of the TTree, and of the text object beside it that holds the `FileMetadata`.
TREE = "events"
METADATA = "na64ana_metadata"


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
    Branch("spill", "u4", 1, "", "spill in the run"),
    Branch("event", "u8", 1, "", "event in the run"),
    Branch("trigger", "u1", 1, "", "bit 0: physics trigger, bit 1: prescaled beam trigger"),
    Branch("p_track", "f4", 1, "GeV", "momentum of the incoming track"),
    Branch("theta_in", "f4", 1, "rad", "angle of the track to the deflected beam axis"),
    Branch("n_tracks", "u1", 1, "", "tracks upstream of the magnets"),
    Branch("n_st", "u1", 2, "", "hits in ST3 and ST4"),
    Branch("e_srd_module", "f4", 3, "GeV", "energy in the modules of the SRD"),
    Branch("t_srd_module", "f4", 3, "ns", "time of the SRD modules after the trigger"),
    Branch("e_prs", "f4", 1, "GeV", "energy in the preshower, the first 4 X0 of the ECAL"),
    Branch("e_ecal", "f4", 1, "GeV", "energy in the whole ECAL, preshower included"),
    Branch("chi2_shower", "f4", 1, "", "chi2 per degree of freedom against the mean e- shower"),
    Branch("e_veto_pmt", "f4", 6, "GeV", "energy seen by the VETO PMTs, two per panel"),
    Branch("e_hcal_module", "f4", 4, "GeV", "energy in the HCAL modules; 3 is at zero degrees"),
)
TRUTH_BRANCHES = (
    Branch("class_true", "u1", 1, "", "event class, see EventClass"),
    Branch("e_missing_true", "f4", 1, "GeV", "energy that left the detector unseen"),
    Branch("weight_true", "f4", 1, "", "events that this one stands for (prescale)"),
)


class FileMetadata(BaseModel):
    """What an event file says of itself.

    `eot` are the electrons on target that the file stands for, `entries` the events that its
    writer put in, `prescale` the prescale factor by class name. Simulated files carry the seed
    and the lineage of the configuration and code that made them. Types are strict: a file must
    not count as simulated by a word that happens to be true.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    period: str
    eot: float = Field(gt=0, allow_inf_nan=False)
    entries: int = Field(ge=0)
    format_version: int = FORMAT_VERSION
    simulated: bool = False
    seed: int | None = None
    lineage: str = ""
    prescale: dict[str, int] = Field(default_factory=dict)

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
