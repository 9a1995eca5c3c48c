"""Figures, drawn from result objects only."""
