"""Load a processor from its file."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import cloudpickle

from na64ana.config import Config
from na64ana.config.shipped import shipped_path
from na64ana.cuts.selection import Templates
from na64ana.errors import ConfigError, did_you_mean
from na64ana.provenance import sha256_file, source_digest
from na64ana.tally.tally import Tally


class TallyProcessor(Protocol):
    """What a processor offers: its columns, and the tally of a chunk of events."""

    def columns(self, period: str) -> tuple[str, ...]:
        """Return the branches that `process` reads for a period."""

    def process(self, events: Any, /) -> dict[str, Tally]:
        """Return the tally of a chunk, by period."""


def processor_path(name: str) -> Path:
    """Return the file of a shipped processor, for example ``"invisible"``."""
    return shipped_path("processors") / f"{name}.py"


def load_processor(
    path: Path, config: Config, *, blinded: bool, templates: Templates | None = None
) -> TallyProcessor:
    """Load the class ``Processor`` of a file and make an instance.

    The code of the file is executed: load only what the user named.

    Parameters
    ----------
    path : Path
    config : Config
    blinded : bool
        Whether the signal box stays closed.
    templates : mapping of str to ShowerTemplate, or None
        From a calibration, by period.

    Raises
    ------
    ConfigError
        If there is no such file, it cannot be executed, or it has no class ``Processor``.
    """
    if not path.is_file():
        shipped = sorted(one.stem for one in shipped_path("processors").glob("*.py"))
        msg = (
            f"{path}: no such processor{did_you_mean(path.stem, shipped)} "
            f"Shipped: {', '.join(shipped)}, or give a Python file with a class Processor"
        )
        raise ConfigError(msg)
    module = _load_module(path)
    if not hasattr(module, "Processor"):
        msg = f"{path}: has no class Processor; name the class so"
        raise ConfigError(msg)
    try:
        processor: TallyProcessor = module.Processor(config, blinded=blinded, templates=templates)
    except ConfigError:
        raise
    except Exception as error:
        msg = f"{path}: Processor(config, blinded=..., templates=...) cannot be made: {error!r}"
        raise ConfigError(msg) from error
    for name in ("columns", "process"):
        if not callable(getattr(processor, name, None)):
            msg = f"{path}: Processor has no method {name}; see processors/invisible.py"
            raise ConfigError(msg)
    return processor


def processor_digest(path: Path) -> str:
    """Return the sha256 of a processor: of its file, and of modules of the user that it imports.

    The processor must have been loaded. Modules of the user are those in its folder, and those
    that its classes and functions come from, if they are not installed.
    """
    if _is_shipped(path):  # what it imports is na64ana's
        return sha256_file(path)
    helpers = {Path(str(module.__file__)) for module in _helpers(path)}
    return source_digest([path, *helpers]) if helpers else sha256_file(path)


def _is_shipped(path: Path) -> bool:
    return path.parent == processor_path("x").parent


def _helpers(path: Path) -> list[ModuleType]:
    """Return the modules of the user that a loaded processor imports."""
    content = vars(sys.modules[_module_name(path)]).values()
    names = {
        getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in content
    }
    installed = (sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parent.parent))
    own, helpers = path.resolve(), []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or file.startswith(installed):
            continue
        real = Path(file).resolve()  # takes time: only for the few that are not installed
        if real != own and (real.parent == own.parent or name in names):
            helpers.append(module)
    return helpers


def _module_name(path: Path) -> str:
    return f"na64ana_processor_{path.stem}"


def _load_module(path: Path) -> ModuleType:
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"{path}: is no Python file; give one with a class Processor"
        raise ConfigError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        msg = f"{path}: cannot be executed: {error!r}"
        raise ConfigError(msg) from error
    # The module, and those of the user that it imports, are unknown to workers: they travel with
    # the tasks.
    for one in [module, *([] if _is_shipped(path) else _helpers(path))]:
        cloudpickle.register_pickle_by_value(one)
    return module
