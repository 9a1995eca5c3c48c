"""Event files and result files: one internal naming, written and read."""
