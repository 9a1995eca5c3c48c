"""na64ana: from event files to exclusion curves for NA64."""

from importlib.metadata import version

__version__ = version("na64ana")
