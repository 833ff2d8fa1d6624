# SPDX-License-Identifier: Apache-2.0
"""A look at what a base network gives, before any time is spent on its training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adaseg_fast.engine.models.config import SegmenterConfig, Size


def size_of_scores(network: nn.Module, config: SegmenterConfig, device: torch.device) -> Size:
    """Run a base network once, in evaluation mode, and check its scores.

    Args:
        network: on ``device``; it and the random numbers stay as they are.
        config: the settings of the model: its working size and its classes.
        device: where to run it.

    Returns:
        ``(h', w')`` of the scores.

    Raises:
        ValueError: The network fails, or gives no scores ``(N, K, h', w')`` for the K classes of
            ``config``. One channel serves for two classes.

    Example:
        >>> config = SegmenterConfig((16, 16), 8, None, ("a", "b"), ((0, 0, 0), (9, 9, 9)), (1,))
        >>> size_of_scores(nn.Conv2d(3, 2, 4, stride=4), config, torch.device("cpu"))
        (4, 4)
    """
    was_training, name, size = network.training, config.network, config.size
    network.eval()
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices):
            scores = network(torch.zeros(1, 3, *size, device=device))
    except Exception as error:
        raise ValueError(
            f"the network {name!r} cannot take an image of {size[0]}x{size[1]} ({in_a_line(error)})"
        ) from error
    finally:
        network.train(was_training)
    check_scores(scores, name, len(config.classes))
    rows, columns = scores.shape[-2:]
    return rows, columns


def check_scores(scores: object, name: str, num_classes: int) -> None:
    """Refuse what is no tensor of scores for some classes.

    Args:
        scores: what the network gave for one image.
        name: of the network, for messages.
        num_classes: number of classes.

    Raises:
        ValueError: It is no floating-point tensor ``(1, K, h', w')`` with sides of at least 2 and
            one channel per class. One channel serves for two classes.

    Example:
        >>> check_scores(torch.zeros(1, 1, 4, 4), "mine:network", 2)
    """
    if not isinstance(scores, Tensor) or not scores.is_floating_point():
        kind = scores.dtype if isinstance(scores, Tensor) else type(scores).__name__
        raise ValueError(f"the network {name!r} must return a tensor of scores, got {kind}")
    shape = tuple(scores.shape)
    if len(shape) != 4 or shape[0] != 1 or min(shape[2:]) < 2:
        raise ValueError(
            f"the network {name!r} must return scores (N, K, h, w) with h and w of at least 2, got "
            f"shape {shape} for one image"
        )
    if shape[1] != num_classes and (shape[1], num_classes) != (1, 2):
        also = ", or 1 (the logit of class 1)" if num_classes == 2 else ""
        raise ValueError(
            f"the network {name!r} must give {num_classes} channels of scores, one per "
            f"class{also}; it gives {shape[1]}"
        )


def in_a_line(error: Exception) -> str:
    """The kind of an exception and what it says, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
