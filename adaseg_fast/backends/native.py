# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels of ``csrc/``, under the names of ``protocol.Kernels``.

``dtypes`` maps the name of each element type to the number by which the kernels know it. The
environment variable ``ADASEG_CPU``, read when this module is imported, chooses the CPU target.
"""

import os

from adaseg_fast._native import (
    boundary_mask,
    dtypes,
    interpolate,
    interpolate_argmax,
    interpolate_backward,
    nearest_boundary,
    rasterize,
    sample,
    sample_backward,
    set_cpu_target,
    solve_sampling,
    triangles,
)

__all__ = [
    "boundary_mask",
    "dtypes",
    "interpolate",
    "interpolate_argmax",
    "interpolate_backward",
    "nearest_boundary",
    "rasterize",
    "sample",
    "sample_backward",
    "solve_sampling",
    "triangles",
]

if wanted := os.environ.get("ADASEG_CPU"):
    try:
        set_cpu_target(wanted)
    except ValueError as error:
        raise ValueError(f"the environment variable ADASEG_CPU: {error}") from None
