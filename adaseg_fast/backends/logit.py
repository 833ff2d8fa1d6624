# SPDX-License-Identifier: Apache-2.0
"""One score channel as two classes, for NumPy and torch alike.

A binary network with a sigmoid has one channel, a logit: class 1 where it is above 0. With a
channel of zeros before it, that is the argmax of two classes, ties, NaN and -inf included.
"""

from __future__ import annotations

from typing import Any


def two_classes(xp: Any, scores: Any) -> Any:
    """The scores that labels are made from.

    Args:
        xp: The library, ``numpy`` or ``torch``.
        scores: (N, C, h, w).

    Returns:
        ``scores``, or for a single channel (N, 2, h, w): zeros, then the channel.
    """
    if scores.shape[1] != 1:
        return scores
    return xp.concatenate((xp.zeros_like(scores), scores), 1)
