"""Origins laid back in time: what a candidate may see, what it is asked, and the guards between."""
