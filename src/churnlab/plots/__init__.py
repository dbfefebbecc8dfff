"""Figures: numbers that were computed elsewhere, drawn on an `Axes`."""
