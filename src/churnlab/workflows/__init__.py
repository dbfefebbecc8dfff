"""Use cases: what the command line and notebooks call."""
