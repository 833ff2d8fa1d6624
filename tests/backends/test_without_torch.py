# SPDX-License-Identifier: Apache-2.0
"""The operations that README shows, in a process where torch cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adaseg_fast import backends
from support.grids import patchwork

README = """
import sys
sys.modules["torch"] = None
import numpy as np
from adaseg_fast import backends as ops

ops.set_backend(sys.argv[1])
given = np.load("given.npz")
labels, image = given["labels"], given["image"]
size = labels.shape[1:]
phi = ops.solve_sampling(ops.nearest_boundary(labels, (8, 8), classes=[1, 2]), lam=1.0)
phi = ops.resize_sampling_tensor(phi, (12, 16))
small = ops.sample(image, phi, mean=[1, 2, 3], std=[4, 5, 6])
np.savez(
    "found.npz",
    phi=phi,
    small=small,
    scores=ops.interpolate(small, phi, size),
    labels=ops.interpolate_argmax(small, phi, size),
    faces=ops.rasterize(phi, size)[0],
    triangles=ops.triangles(phi, size),
    mask=ops.boundary_mask(labels),
    energy=ops.sampling_energy(ops.project_to_cover(phi), phi),
    uniform=ops.uniform_sampling_tensor((8, 8)),
)
"""


@pytest.mark.parametrize("backend", backends.available_backends())
def test_what_readme_shows(backend: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = patchwork(rng, (30, 40))[None]
    np.savez(tmp_path / "given.npz", labels=labels, image=rng.integers(0, 256, (1, 3, 30, 40)))
    command = [sys.executable, "-c", README, backend]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "found.npz") as found:
        faces, full = found["faces"], found["scores"]
        assert faces.min() >= 0 and faces.max() < len(found["triangles"][0]) == 2 * 11 * 15
        assert (found["phi"][:, 0, 0] == 0).all() and (found["phi"][:, 1, :, -1] == 1).all()
        assert found["energy"] > 0 and found["mask"].any() and found["uniform"].max() == 1
        best = np.sort(full, 1)
        clear = best[:, -1] - best[:, -2] > 1e-5 * np.abs(full).max()
        assert clear.mean() > 0.9
        np.testing.assert_array_equal(found["labels"][clear], full.argmax(1)[clear])
