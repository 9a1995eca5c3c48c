"""na64ana: from event files to exclusion curves for NA64."""

__version__: str


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: the look-up takes as long as click."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("na64ana")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
