"""What a limit means for models: dark matter, other bosons, more electrons on target."""
