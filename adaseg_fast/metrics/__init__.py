# SPDX-License-Identifier: Apache-2.0
"""How good a segmentation is.

Each metric takes one image at a time with ``update``; ``merge`` adds what another metric of the
same kind has counted.
"""

from __future__ import annotations

from adaseg_fast.metrics.boundary import BoundaryF, BoundaryRecord
from adaseg_fast.metrics.confusion import ConfusionMatrix
from adaseg_fast.metrics.objects import ObjectRecall, ObjectsRecord
from adaseg_fast.metrics.trimap import TrimapAccuracy, TrimapRecord

__all__ = [
    "BoundaryF",
    "BoundaryRecord",
    "ConfusionMatrix",
    "ObjectRecall",
    "ObjectsRecord",
    "TrimapAccuracy",
    "TrimapRecord",
]
