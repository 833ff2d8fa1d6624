# SPDX-License-Identifier: Apache-2.0
"""Operations in the workers of a torch ``DataLoader``, by a start method: data_loader.py METHOD.

Prints whether the workers get what this process, which ran kernels on threads before, gets.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from adaseg_fast import ops
from support.every_operation import results


class Sampled(Dataset[Tensor]):
    """Labels at full resolution from random scores, for six random label maps."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Tensor:
        generator = torch.Generator().manual_seed(index)
        labels = torch.randint(0, 3, (1, 300, 300), generator=generator, dtype=torch.uint8)
        phi = ops.solve_sampling(ops.nearest_boundary(labels, (8, 8)))
        labels = ops.sample(labels[:, None], phi)
        return ops.interpolate_argmax(torch.rand(1, 5, 8, 8, generator=generator), phi, (90, 80))


def main() -> None:
    torch.set_num_threads(2)
    data = Sampled()
    expected = torch.stack([data[index] for index in range(len(data))])
    results(threads=2)
    loader = DataLoader(data, num_workers=2, multiprocessing_context=sys.argv[1])
    print(torch.equal(torch.cat(list(loader)), expected))


if __name__ == "__main__":
    main()
