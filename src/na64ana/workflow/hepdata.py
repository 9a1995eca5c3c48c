"""A limit as a submission to HEPData: tables in YAML, likelihood, one archive."""

import gzip
import importlib.util
import io
import tarfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from na64ana.constants import BEAM_ENERGY, M_U
from na64ana.errors import DataError, OutputError
from na64ana.io.atomic import atomic_files, atomic_path, check_writable
from na64ana.workflow.hepdata_columns import REACTION, HepTable
from na64ana.workflow.hepdata_interpretation import interpretation_tables
from na64ana.workflow.hepdata_tables import make_tables
from na64ana.workflow.limits_files import MANIFEST
from na64ana.workflow.limits_folder import LimitsFolder, read_limits

SUBMISSION = "submission.yaml"
#: Version of HEPData's schemas.
SCHEMA = "1.1.1"
#: What a damaged or foreign manifest or table makes of the lines below.
_DAMAGED = (KeyError, TypeError, ValueError, IndexError, AttributeError)
_PHRASES = ["Dark photon", "Light dark matter", "Missing energy", "Fixed target", "NA64"]
#: Files of the limit that go along: what they are, and their type at HEPData.
_RESOURCES = {
    "workspace.json": ("Likelihood as pyhf workspace", "HistFactory"),
    "patchset.json": ("Signal of every mass as pyhf patch set", "HistFactory"),
    "hs3.json": ("Likelihood in the HEP Statistics Serialization Standard", "json"),
    MANIFEST: ("Inputs, versions, seeds and hashes behind all numbers", "json"),
}


def archive_path(folder: Path) -> Path:
    """Return the archive that stands beside the folder of a submission."""
    return folder.with_name(f"{folder.name}.tar.gz")


def write_submission(
    limits: Path, folder: Path, *, interpretation: Path | None = None, overwrite: bool = False
) -> tuple[tuple[str, ...], bool]:
    """Write a submission into a folder, and an archive of it beside the folder.

    Parameters
    ----------
    limits : Path
        A folder of `na64ana limits`.
    folder : Path
    interpretation : Path or None
        A folder of `na64ana interpret`, whose tables are added.
    overwrite : bool
        Whether files of an earlier submission may be replaced.

    Returns
    -------
    names : tuple of str
        The files in the folder.
    validated : bool
        Whether the package hepdata-validator was there, and found nothing wrong.

    Raises
    ------
    DataError
        If the limits are missing, damaged, or half there.
    OutputError
        If something exists, or cannot be written.
    """
    found = read_limits(limits)
    try:
        files = make_submission(found, interpretation)
    except _DAMAGED as error:
        msg = (
            f"{limits}: its files are not those of this na64ana "
            f"({type(error).__name__}: {error}); run 'na64ana limits' again"
        )
        raise DataError(msg) from error
    archive = archive_path(folder.absolute())
    check_writable(archive, overwrite=overwrite)
    earlier = {path.name for path in folder.glob("*.yaml")} - set(files)
    if earlier and not (folder / SUBMISSION).exists():
        msg = f"{folder}: holds files of something else; choose an empty folder"
        raise OutputError(msg)
    with atomic_files(folder, files, overwrite=overwrite, obsolete=earlier) as staging:
        for name, content in files.items():
            (staging / name).write_bytes(content)
        validated = _validate(staging)
    with atomic_path(archive, overwrite=overwrite) as temporary:
        temporary.write_bytes(_pack(files))
    return tuple(files), validated


def make_submission(folder: LimitsFolder, interpretation: Path | None = None) -> dict[str, bytes]:
    """Return the files of a submission by name."""
    tables = make_tables(folder)
    if interpretation is not None:
        tables += interpretation_tables(folder, interpretation)
    resources = {name: folder.files[name] for name in _RESOURCES if name in folder.files}
    resources[MANIFEST] = (folder.path / MANIFEST).read_bytes()
    documents = [_head(folder, list(resources)), *(_describe(table) for table in tables)]
    files = {SUBMISSION: _yaml(*documents)}
    for table in tables:
        content = {
            "independent_variables": list(table.independent),
            "dependent_variables": list(table.dependent),
        }
        files[table.file] = _yaml(content)
    return files | resources


def _head(folder: LimitsFolder, resources: list[str]) -> dict[str, Any]:
    """Return the first document: what is said of all tables."""
    manifest = folder.manifest
    made = "simulated events" if _simulated(folder) else "events"
    if manifest["box"] == "published":
        made = "published backgrounds, efficiencies and counts"
    comment = (
        "NA64 search for invisible decays of dark photons, 100 GeV electrons on an active dump. "
        f"Made from {made}; signal box {manifest['box']}; periods {' '.join(folder.periods)}, "
        f"{sum(folder.eot.values()):.4g} electrons on target; na64ana "
        f"{manifest['versions']['na64ana']}, lineage {manifest['lineage']}."
    )
    return {
        "comment": comment,
        "additional_resources": [
            {"location": name, "description": _RESOURCES[name][0], "type": _RESOURCES[name][1]}
            for name in resources
        ],
    }


def _simulated(folder: LimitsFolder) -> bool:
    periods = folder.manifest["periods"].values()
    return any(file["simulated"] for one in periods for file in one.get("files", []))


def _describe(table: HepTable) -> dict[str, Any]:
    # of an electron of the beam and a nucleon at rest
    sqrt_s = round(float(np.sqrt(2 * BEAM_ENERGY * M_U + M_U**2)), 1)
    keywords = [
        {"name": "reactions", "values": [REACTION]},
        {"name": "cmenergies", "values": [sqrt_s]},
        {"name": "phrases", "values": _PHRASES},
    ]
    if table.observables:
        keywords.insert(1, {"name": "observables", "values": list(table.observables)})
    return {
        "name": table.name,
        "description": table.description,
        "keywords": keywords,
        "data_file": table.file,
    }


class _Dumper(yaml.SafeDumper):
    """Writes everything in full: HEPData is read by people too."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write no references."""
        del data
        return True


def _yaml(*documents: dict[str, Any]) -> bytes:
    text = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, allow_unicode=True
    )
    return str(text).encode()


def _pack(files: dict[str, bytes]) -> bytes:
    """Return a gzipped tar archive; the same files give the same bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _validate(folder: Path) -> bool:
    """Check a submission by HEPData's own schemas, if the package is there.

    Raises
    ------
    OutputError
        If something is wrong.
    """
    if importlib.util.find_spec("hepdata_validator") is None:
        return False
    with warnings.catch_warnings():
        # version 0.3.6 imports what jsonschema is about to drop, and leaves files to the collector
        warnings.simplefilter("ignore")
        from hepdata_validator.full_submission_validator import (  # noqa: PLC0415
            FullSubmissionValidator,
        )

        validator = FullSubmissionValidator(schema_version=SCHEMA, autoload_remote_schemas=False)
        valid = validator.validate(directory=str(folder))
    if not valid:
        found = [one.message for some in validator.get_messages().values() for one in some]
        msg = f"the submission is no valid HEPData: {found[0] if found else 'unknown'}; report this"
        raise OutputError(msg)
    return True
