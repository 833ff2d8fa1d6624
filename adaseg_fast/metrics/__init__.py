# SPDX-License-Identifier: Apache-2.0
"""How good a segmentation is."""

from __future__ import annotations

from adaseg_fast.metrics.confusion import ConfusionMatrix

__all__ = ["ConfusionMatrix"]
