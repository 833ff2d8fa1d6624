# SPDX-License-Identifier: Apache-2.0
"""Networks and modules: choose where to sample, segment, and both in one module."""

from __future__ import annotations

from adaseg_fast.nn.double_unet import DoubleUNet
from adaseg_fast.nn.downsample import AdaptiveDownsampler, UniformDownsampler
from adaseg_fast.nn.inference import prepare_for_inference
from adaseg_fast.nn.segmenter import AdaptiveSegmenter
from adaseg_fast.nn.unet import UNet

__all__ = [
    "AdaptiveDownsampler",
    "AdaptiveSegmenter",
    "DoubleUNet",
    "UNet",
    "UniformDownsampler",
    "prepare_for_inference",
]
