# SPDX-License-Identifier: Apache-2.0
"""Print the memory that one way to labels takes, as JSON: peak_memory.py KIND C h w H W.

``extra`` is the peak over what was held before the call, ``output`` the size of the labels, both in
bytes. KIND is fused (``interpolate_argmax``) or unfused (all scores, and then their argmax). Linux
only.
"""

from __future__ import annotations

import json
import sys

import torch
from torch import Tensor
from torch.nn import functional as F

from adaseg_fast import ops

Size = tuple[int, int]


def held(field: str) -> int:
    """Bytes of this process by a field of its status."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def fused(scores: Tensor, phi: Tensor, size: Size) -> Tensor:
    return ops.interpolate_argmax(scores, phi, size)


def unfused(scores: Tensor, phi: Tensor, size: Size) -> Tensor:
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=True).argmax(1)


def main() -> None:
    run = {"fused": fused, "unfused": unfused}[sys.argv[1]]
    classes, h, w, height, width = map(int, sys.argv[2:])
    torch.manual_seed(0)
    # A tiny call first: libraries are loaded and threads started only once.
    run(torch.rand(1, 3, 4, 4), ops.uniform_sampling_tensor((4, 4)), (16, 16))
    phi = ops.uniform_sampling_tensor((h, w))
    scores = torch.empty(1, classes, h, w).normal_()  # in place: no copy may count as a peak
    before = held("VmRSS")
    labels = run(scores, phi, (height, width))
    print(json.dumps({"extra": held("VmHWM") - before, "output": labels.nbytes}))


if __name__ == "__main__":
    main()
