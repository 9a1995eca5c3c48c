"""A fast detector simulation that writes event files."""
