# SPDX-License-Identifier: Apache-2.0
"""A child of a process that ran kernels on threads, forked or spawned: it neither hangs nor errs.

OpenMP's threads do not survive a fork, and a region in the child waits for them for ever. Each test
runs in a process of its own, which is given up on after a while.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 60

COMMON = """
import numpy as np
from adaseg_fast import backends

def work(threads):
    rng = np.random.default_rng(0)
    phi = rng.random((3, 2, 6, 5))
    scores = rng.normal(size=(3, 4, 6, 5))
    image = rng.integers(0, 256, (3, 40, 30, 30), np.uint8)
    labels = rng.integers(0, 3, (3, 300, 300), np.uint8)
    to_scores, to_phi = np.empty_like(scores), np.empty_like(phi)
    grad = rng.normal(size=(3, 4, 90, 80))
    backends.kernels().interpolate_backward(grad, scores, phi, to_scores, to_phi, 0, threads)
    return [
        to_scores,
        to_phi,
        backends.sample(image, phi, threads=threads),
        backends.triangles(phi, (90, 80), threads=threads),
        *backends.rasterize(phi, (90, 80), threads=threads),
        backends.interpolate(scores, phi, (90, 80), threads=threads),
        backends.interpolate_argmax(scores, phi, (90, 80), threads=threads),
        backends.boundary_mask(labels, threads=threads),
        backends.nearest_boundary(labels, (4, 4), threads=threads),
    ]

def same(results, expected):
    return all(a.tobytes() == b.tobytes() for a, b in zip(results, expected, strict=True))
"""

CHILDREN = """
import multiprocessing
import sys

def child(queue, expected):
    queue.put(same(work(2), expected) and same(work(1), expected))

if __name__ == "__main__":
    expected = work(2)
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    children = [context.Process(target=child, args=(queue, expected)) for _ in range(2)]
    for process in children:
        process.start()
    found = [queue.get() for _ in children]
    for process in children:
        process.join()
    print(found, same(work(2), expected))
"""

LOADER = """
import sys

import torch
from torch.utils.data import DataLoader, Dataset

from adaseg_fast import ops

class Sampled(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        labels = torch.randint(0, 3, (1, 300, 300), generator=generator, dtype=torch.uint8)
        phi = ops.solve_sampling(ops.nearest_boundary(labels, (8, 8)))
        labels = ops.sample(labels[:, None], phi)
        return ops.interpolate_argmax(torch.rand(1, 5, 8, 8, generator=generator), phi, (90, 80))

if __name__ == "__main__":
    torch.set_num_threads(2)
    expected = torch.stack([Sampled()[k] for k in range(6)])
    work(2)
    loader = DataLoader(Sampled(), num_workers=2, multiprocessing_context=sys.argv[1])
    print(torch.equal(torch.cat(list(loader)), expected))
"""

each_start = pytest.mark.parametrize("start", multiprocessing.get_all_start_methods())


def run(code: str, folder: Path, start: str) -> str:
    script = folder / "script.py"
    script.write_text(COMMON + code)
    with subprocess.Popen(
        [sys.executable, str(script), start],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            kill_all(process)
            pytest.fail(f"no end after {SECONDS} s")
    assert process.returncode == 0, errors
    return output.strip()


def kill_all(process: subprocess.Popen[str]) -> None:
    """Children that hang outlive their parent: they are killed too where that is possible."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


@each_start
def test_children(tmp_path: Path, start: str) -> None:
    assert run(CHILDREN, tmp_path, start) == "[True, True] True"


@each_start
def test_workers_of_a_data_loader(tmp_path: Path, start: str) -> None:
    assert run(LOADER, tmp_path, start) == "True"
