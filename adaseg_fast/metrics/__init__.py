# SPDX-License-Identifier: Apache-2.0
"""How good a segmentation is. Each metric grows image by image and merges with its like."""

from __future__ import annotations

from adaseg_fast.metrics.boundary import BoundaryF
from adaseg_fast.metrics.confusion import ConfusionMatrix
from adaseg_fast.metrics.objects import ObjectRecall
from adaseg_fast.metrics.trimap import TrimapAccuracy

__all__ = ["BoundaryF", "ConfusionMatrix", "ObjectRecall", "TrimapAccuracy"]
