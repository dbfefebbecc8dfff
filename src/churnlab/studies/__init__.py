"""Studies of fits: simulation-based calibration, prior sensitivity, model comparison."""
