"""Pictures and words of a fit."""
