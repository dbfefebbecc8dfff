"""PyMC models around the fused kernels; imported only when NUTS is asked for."""
