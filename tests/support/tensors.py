# SPDX-License-Identifier: Apache-2.0
"""What the tests of the torch side share. Kept apart so that ``helpers`` needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from adaseg_fast import backends

every_backend = pytest.mark.parametrize("backend", backends.available_backends())

LAYOUTS = ("contiguous", "transposed", "channels_last", "sliced", "expanded", "empty")


def with_layout(tensor: Tensor, layout: str) -> Tensor:
    """``helpers.with_layout`` for tensors, which know no negative strides."""
    if layout == "transposed":
        return tensor.mT.contiguous().mT
    if layout == "channels_last":
        return tensor.movedim(1, -1).contiguous().movedim(-1, 1)
    if layout == "sliced":
        wide = tensor.new_zeros([2 * n + 1 for n in tensor.shape])
        view = wide[tuple(slice(1, None, 2) for _ in tensor.shape)]
        return view.copy_(tensor)
    if layout == "expanded":
        return tensor[:1].expand(tensor.shape)
    return {"contiguous": tensor, "empty": tensor[:0]}[layout]


@contextmanager
def in_threads(count: int) -> Iterator[None]:
    """Run torch, and the kernels with it, on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
