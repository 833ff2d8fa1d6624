# SPDX-License-Identifier: Apache-2.0
"""How batches come from the processes that read frames.

Left alone, torch puts each tensor into a piece of shared memory of its own. Each piece takes an
open file, and containers often have 64 MB of shared memory in all. So a batch travels as one piece:
in shared memory where there is plenty of room, else as bytes through the pipe, which has no limit.
"""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import get_worker_info

from adaseg_fast.engine.models.frames import Item

_SHARED_MEMORY = "/dev/shm"
_ALIGNMENT = 16  # bytes


class Packed(NamedTuple):
    """A batch as one piece of memory.

    Attributes:
        memory: uint8; a tensor in shared memory, or an array whose bytes are sent.
        places: dtype, shape, strides and offset of each tensor in it, two per item.
        counts: what was counted beside, (256,) int64.
    """

    memory: Tensor | NDArray[np.uint8]
    places: list[tuple[torch.dtype, tuple[int, ...], tuple[int, ...], int]]
    counts: NDArray[np.int64]


class Failure(NamedTuple):
    """An error in a process that reads frames, to be raised in the training process."""

    error: Exception


def pack(items: Sequence[Item], counts: NDArray[np.int64]) -> Packed:
    """Put a batch into one piece of memory.

    Args:
        items: pairs of tensors on the CPU.
        counts: travels with them.

    Returns:
        The batch for `unpack`.

    Example:
        >>> item = torch.zeros(3, 4, 4), torch.ones(4, 4, dtype=torch.uint8)
        >>> [found] = unpack(pack([item], np.zeros(256, np.int64)))
        >>> torch.equal(found[0], item[0]) and torch.equal(found[1], item[1])
        True
    """
    tensors = [_dense(tensor) for item in items for tensor in item]
    places, size = [], 0
    for tensor in tensors:
        places.append((tensor.dtype, tuple(tensor.shape), tensor.stride(), size))
        size += -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT
    memory = torch.empty(size, dtype=torch.uint8)
    shared = _has_room(size)
    if shared:
        memory.share_memory_()  # type: ignore[no-untyped-call]
    for tensor, (_, _, _, start) in zip(tensors, places, strict=True):
        flat = tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8)
        memory[start : start + tensor.nbytes] = flat
    return Packed(memory if shared else memory.numpy(), places, counts)


def unpack(packed: Packed) -> list[Item]:
    """The items of a batch, which share its memory.

    Args:
        packed: a batch of `pack`.

    Returns:
        The items.

    Example:
        See `pack`.
    """
    memory = torch.as_tensor(packed.memory)
    tensors = []
    for dtype, shape, strides, start in packed.places:
        count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        flat = memory[start : start + count].view(dtype)
        tensors.append(flat.as_strided(shape, strides))
    return list(zip(tensors[::2], tensors[1::2], strict=True))


def failure(error: Exception) -> Failure:
    """An error that every process can read."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = OSError(f"{type(error).__name__}: {error}")
    return Failure(error)


def received(batches: Iterable[Any]) -> Iterator[Packed]:
    """What the processes that read frames send; their errors are raised here.

    Args:
        batches: gives `Packed` and `Failure`.

    Yields:
        The batches.

    Raises:
        OSError: A process died, or the system has no more memory or files for it.
        ValueError: A frame is not as it must be.
    """
    try:
        for found in batches:
            if isinstance(found, Failure):
                raise _Carried(found.error)
            yield found
    except _Carried as carried:
        raise carried.error from None
    except (RuntimeError, OSError, EOFError) as error:
        text = " ".join(str(error).split())
        if not _is_of_the_system(error, text):
            raise
        raise OSError(
            f"the processes that read frames cannot go on ({text}): memory, shared memory "
            f"({_SHARED_MEMORY}), open files (ulimit -n) or processes (ulimit -u) have run out; "
            "give a smaller --workers, or --workers 0"
        ) from error


class _Carried(Exception):
    """Keeps an error of a process that reads frames apart from errors of the transport."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _is_of_the_system(error: Exception, text: str) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
    named = ("DataLoader worker", "ancdata", "shared memory", "start new thread")
    return isinstance(error, EOFError) or any(part in text for part in named)


def _dense(tensor: Tensor) -> Tensor:
    """The tensor without gaps; its axes may lie in memory in any order."""
    strides = tensor.stride()
    order = sorted(range(tensor.ndim), key=lambda axis: -strides[axis])
    return tensor if tensor.permute(order).is_contiguous() else tensor.contiguous()


def _has_room(size: int) -> bool:
    """Whether shared memory can take this batch and those that may be on their way."""
    worker = get_worker_info()
    if worker is None or not hasattr(os, "statvfs"):
        return False
    try:
        found = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize > 4 * (worker.num_workers + 1) * size
