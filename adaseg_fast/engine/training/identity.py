# SPDX-License-Identifier: Apache-2.0
"""Digests by which a resumed training knows its frames and its frozen weights again."""

from __future__ import annotations

import hashlib
import re

import torch
from torch import nn

from adaseg_fast.data import SegmentationDataset
from adaseg_fast.data.base import frame_ids

_OF_AN_OBJECT = re.compile(r"frame \d+ of object \d+")


def digest_of_frames(frames: SegmentationDataset) -> str:
    """A digest that differs if the frames, their order or their classes do.

    It covers the text of each frame (see `frame_ids`), where the data set has such texts, and the
    content of the first and the last frame.

    Args:
        frames: a split with at least one frame.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> from adaseg_fast.data import open_dataset
        >>> train, val = (open_dataset("synthetic:2x64", split) for split in ("train", "val"))
        >>> digest_of_frames(train) == digest_of_frames(val)
        False
    """
    digest = hashlib.sha256(repr((len(frames), frames.info.classes)).encode())
    for text in frame_ids(frames):
        if not _OF_AN_OBJECT.fullmatch(text):  # else the next process has other texts
            digest.update(f"{text}\n".encode("utf-8", "surrogateescape"))
    for index in sorted({0, len(frames) - 1}):
        image, labels, name, _ = frames[index]
        digest.update(repr((name, image.shape, labels.shape)).encode())
        digest.update(image.tobytes())
        digest.update(labels.tobytes())
    return digest.hexdigest()


def digest_of_weights(module: nn.Module) -> str:
    """A digest of all parameters and buffers of a module.

    Args:
        module: any module.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> layers = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> digest_of_weights(layers[0]) == digest_of_weights(layers[1])
        False
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(repr((name, tuple(value.shape), str(value.dtype))).encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
