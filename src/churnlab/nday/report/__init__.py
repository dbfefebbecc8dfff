"""Pictures and words of the N-day study."""
