"""Strict, frozen models of datasets.yaml, and the loader that names file and line."""

from na64ana.config.load import load_config
from na64ana.config.models import Config

__all__ = ["Config", "load_config"]
