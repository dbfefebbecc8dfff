"""What changed between two days: shares, transitions, leaks, each with its interval."""
