# SPDX-License-Identifier: Apache-2.0
"""``python -m adaseg_fast``: the command line."""

import sys

from adaseg_fast.cli import main

if __name__ == "__main__":
    sys.exit(main())
