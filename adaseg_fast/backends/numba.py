# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations
from collections.abc import Sequence
import numpy as np
from adaseg_fast.backends._numba_arrays import Array, finite_grid
from adaseg_fast.backends._numba_lattice import Grid, list_triangles, make_grid
from adaseg_fast.backends._numba_rasterize import paint_faces, weigh
from adaseg_fast.backends._numba_threads import band, for_each
def rasterize(phi, faces, weights, diagonal, threads):
    phi = finite_grid(phi)
    for n in range(len(phi)):
        grid = make_grid(phi[n], *faces.shape[1:], diagonal)
        paint_faces(grid, 0, faces.shape[1], faces[n])
        weigh(grid, faces[n], 0, faces.shape[1], weights[n])

from adaseg_fast.backends._numba_arrays import contiguous, compute_type
from adaseg_fast.backends._numba_argmax import best_classes, fill_uniform, paint_mixed
def interpolate_argmax(scores, phi, out, diagonal, threads):
    phi = finite_grid(phi)
    N,C,h,w=scores.shape
    vm = contiguous(scores.reshape(N,C,h*w).swapaxes(1,2), compute_type(scores.dtype))
    for n in range(len(phi)):
        grid = make_grid(phi[n], *out.shape[1:], diagonal)
        best = best_classes(vm[n])
        plain = fill_uniform(grid, best, 0, out.shape[1], out[n])
        paint_mixed(grid, vm[n], best, 0, out.shape[1], plain, out[n])

from adaseg_fast.backends._numba_interpolate import interpolate_band
def interpolate(scores, phi, out, diagonal, threads):
    phi = finite_grid(phi)
    N,C,h,w=scores.shape
    H=out.shape[2]
    vm = contiguous(scores.reshape(N,C,h*w).swapaxes(1,2), compute_type(scores.dtype))
    for n in range(len(phi)):
        grid = make_grid(phi[n], *out.shape[2:], diagonal)
        rows = max(32, 4 * (H//(h-1)))
        for b in range(0,H,rows):
            interpolate_band(grid, vm[n], b, min(b+rows,H), 0, out[n])
