"""Array types, declared once. The shape stands in the docstring of what takes or returns one."""

import numpy as np
from numpy.typing import NDArray

#: Real numbers.
Array = NDArray[np.float64]
#: Counts, codes, day numbers.
Ints = NDArray[np.int64]
