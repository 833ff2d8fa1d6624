# SPDX-License-Identifier: Apache-2.0
"""Predict, fork, and predict in the child, in one of the ways that docs/networks.md gives.

The way is the argument. Run by `tests/nn/test_fork.py`.
"""

from __future__ import annotations

import os
import sys

import torch

from adaseg_fast.nn import AdaptiveSegmenter, UNet, UniformDownsampler


def main(way: str) -> int:
    torch.set_num_threads(2)
    model = AdaptiveSegmenter(UNet(5, width=32), UniformDownsampler((64, 64))).eval()
    image = torch.zeros(1, 3, 100, 100, dtype=torch.uint8)
    if way != "children only":
        model.predict(image)
    if way == "one thread in the parent":
        torch.set_num_threads(1)
    child = os.fork()
    if not child:
        if way == "one thread in the child":
            torch.set_num_threads(1)
        model.predict(image)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
