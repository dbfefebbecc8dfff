"""`python -m churnlab.cli`."""

import sys

from churnlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
