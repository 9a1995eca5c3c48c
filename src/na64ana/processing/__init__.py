"""Run processors over event files, and account for every file and electron on target."""
