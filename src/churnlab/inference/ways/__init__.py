"""Ways to a posterior: mode, Laplace with importance sampling, two stages, NUTS."""
