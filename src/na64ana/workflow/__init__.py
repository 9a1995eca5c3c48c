"""The steps strung together, from event files or published numbers to limits and figures."""
