"""Cuts: pure array functions, each an object with name, reason, source, version, parameters."""
