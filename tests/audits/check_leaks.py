# SPDX-License-Identifier: Apache-2.0
"""Memory stays flat over many calls of every operation and over many predictions.

From the root of the repository, on Linux only:

    python tests/audits/check_leaks.py --calls 10000 --predictions 200

It calls every operation of ``adaseg_fast.ops``, its backward pass where there is one, every
function of ``adaseg_fast.backends`` on NumPy arrays, and some of them with an argument that is an
error. Then the demo's model predicts images of changing size. Resident memory is measured after a
tenth of the calls and after all of them. It may grow by ``--slack`` MiB at most; a leak of 1 KiB
per call exceeds that at 10000 calls. The exit status is 1 if it grows by more.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import adaseg_fast
from adaseg_fast import backends, ops
from adaseg_fast.engine.models.files import load_segmenter

STATM = Path("/proc/self/statm")
SIZE = (40, 56)
GRID = (6, 8)


def resident() -> int:
    """Bytes of memory that this process holds, after it returned to the system what it freed."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def calls() -> dict[str, Callable[[], object]]:
    """A function that makes one call, for each kind of call by name."""
    generator = torch.Generator().manual_seed(0)
    phi = ops.project_to_cover(torch.rand(2, 2, *GRID, generator=generator))
    scores = torch.rand(2, 5, *GRID, generator=generator)
    image = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 3, (2, *SIZE), dtype=torch.uint8, generator=generator)
    not_finite = phi.clone()
    not_finite[1, 0, 2, 2] = float("nan")

    def backward(function: Callable[..., Tensor], *inputs: Tensor) -> None:
        leaves = [tensor.detach().float().requires_grad_() for tensor in inputs]
        function(*leaves).sum().backward()

    def refused(function: Callable[[], object]) -> None:
        try:
            function()
        except ValueError:
            return
        raise AssertionError("this call must be a ValueError")

    on_torch: dict[str, Callable[[], object]] = {
        "uniform_sampling_tensor": lambda: ops.uniform_sampling_tensor(GRID),
        "resize_sampling_tensor": lambda: ops.resize_sampling_tensor(phi, (9, 9)),
        "project_to_cover": lambda: ops.project_to_cover(phi),
        "sample": lambda: ops.sample(image, phi, mean=[1, 2, 3], std=[4, 5, 6]),
        "interpolate": lambda: ops.interpolate(scores, phi, SIZE),
        "interpolate_argmax": lambda: ops.interpolate_argmax(scores, phi, SIZE),
        "triangles": lambda: ops.triangles(phi, SIZE),
        "rasterize": lambda: ops.rasterize(phi, SIZE),
        "boundary_mask": lambda: ops.boundary_mask(labels, classes=[1]),
        "nearest_boundary": lambda: ops.nearest_boundary(labels, GRID),
        "solve_sampling": lambda: ops.solve_sampling(phi, 0.7),
        "sampling_energy": lambda: ops.sampling_energy(phi, phi),
        "backward of sample": lambda: backward(lambda x: ops.sample(x, phi), image),
        "backward of interpolate": lambda: backward(
            lambda s, p: ops.interpolate(s, p, SIZE), scores, phi
        ),
        "backward of solve_sampling": lambda: backward(ops.solve_sampling, phi),
        "backward of sampling_energy": lambda: backward(ops.sampling_energy, phi, phi),
        "a refused phi": lambda: refused(lambda: ops.rasterize(not_finite, SIZE)),
        "a refused shape": lambda: refused(lambda: ops.interpolate(scores, phi[0], SIZE)),
    }
    p, s, i, at = (tensor.numpy() for tensor in (phi, scores, image, labels))
    on_numpy: dict[str, Callable[[], object]] = {
        "numpy: sample": lambda: backends.sample(i, p),
        "numpy: interpolate": lambda: backends.interpolate(s[:, :, ::-1], p, SIZE),
        "numpy: interpolate_argmax": lambda: backends.interpolate_argmax(s, p, SIZE),
        "numpy: triangles": lambda: backends.triangles(p, SIZE),
        "numpy: rasterize": lambda: backends.rasterize(p, SIZE),
        "numpy: boundary_mask": lambda: backends.boundary_mask(at),
        "numpy: nearest_boundary": lambda: backends.nearest_boundary(at, GRID),
        "numpy: solve_sampling": lambda: backends.solve_sampling(p),
        "numpy: sampling_energy": lambda: backends.sampling_energy(p, p),
        "numpy: a refused phi": lambda: refused(
            lambda: backends.interpolate(s, not_finite.numpy(), SIZE)
        ),
    }
    return on_torch | on_numpy


def growth(call: Callable[[], object], times: int) -> int:
    """Bytes by which memory grew over the last nine tenths of the calls."""
    first = max(times // 10, 1)
    for _ in range(first):
        call()
    before = resident()
    for _ in range(times - first):
        call()
    return resident() - before


def predictions() -> Callable[[], object]:
    """A function that predicts one image per call, of six sizes in turn."""
    weights = Path(adaseg_fast.__file__).parent / "weights" / "demo_adaptive.safetensors"
    model, _ = load_segmenter(weights)
    rng = np.random.default_rng(0)
    images = [
        torch.from_numpy(rng.integers(0, 256, (1, 3, 300 + 50 * k, 600 - 40 * k), np.uint8))
        for k in range(6)
    ]
    done = 0

    def predict() -> Tensor:
        nonlocal done
        done += 1
        with torch.inference_mode():
            return model.predict(images[done % len(images)])

    return predict


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--calls", type=int, default=10000, help="of each kind (default: %(default)s)"
    )
    parser.add_argument("--predictions", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--slack", type=float, default=8.0, help="MiB (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="per call (default: %(default)s)")
    options = parser.parse_args(arguments)
    if not STATM.exists():
        print("this system does not tell how much memory a process holds", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    work = {name: (call, options.calls) for name, call in calls().items()}
    work[f"predictions ({options.predictions})"] = (predictions(), options.predictions)
    leaking = 0
    for name, (call, times) in work.items():
        grown = growth(call, times) / 2**20
        leaking += grown > options.slack
        print(f"{name:32}{grown:9.2f} MiB{'  LEAKS' if grown > options.slack else ''}", flush=True)
    return int(leaking > 0)


if __name__ == "__main__":
    sys.exit(main())
