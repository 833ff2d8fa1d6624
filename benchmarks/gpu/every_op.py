# SPDX-License-Identifier: Apache-2.0
"""Run every operation on the GPU once or twice, small: what gpu_check.sh gives to a sanitizer.

Grids folded and not, covering and not, several dtypes and layouts, forward and backward.
"""

from __future__ import annotations

import torch
from torch import Tensor

from adaseg_fast import ops

SIZE, GRID = (70, 93), (9, 12)


def grids() -> list[Tensor]:
    """A plain grid, a folded one, and one that leaves pixels uncovered; batches of two."""
    plain = ops.uniform_sampling_tensor(GRID, batch_size=2, device="cuda")
    moved = ops.project_to_cover(plain + 0.02 * torch.randn_like(plain))
    folded = ops.project_to_cover(plain + 0.3 * torch.randn_like(plain))
    return [moved, folded, 0.2 + 0.6 * folded]


def run() -> None:
    labels = torch.randint(0, 3, (2, *SIZE), device="cuda", dtype=torch.uint8)
    ops.boundary_mask(labels, classes=[1])
    targets = ops.nearest_boundary(labels.long(), (8, 8)).requires_grad_()
    ops.sampling_energy(ops.solve_sampling(targets), targets).sum().backward()
    for phi in grids():
        ops.triangles(phi, SIZE)
        ops.rasterize(phi.double(), SIZE)
        for classes, dtype in ((5, torch.float32), (300, torch.float16)):
            scores = torch.randn(2, classes, *GRID, device="cuda", dtype=dtype, requires_grad=True)
            ops.interpolate_argmax(
                scores.detach().contiguous(memory_format=torch.channels_last), phi, SIZE
            )
            ops.interpolate(scores, phi.requires_grad_(), SIZE).square().sum().backward()
        image = torch.rand(2, 3, *SIZE, device="cuda", requires_grad=True)
        ops.sample(image, phi.detach(), mean=[0.5] * 3, std=[0.2] * 3).sum().backward()
        ops.sample((255 * image.detach()).byte(), phi.detach())
    torch.cuda.synchronize()


if __name__ == "__main__":
    torch.manual_seed(0)
    run()
    print("every operation ran")
