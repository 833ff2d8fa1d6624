# SPDX-License-Identifier: Apache-2.0
"""Many random cases of ``interpolate_argmax`` against the argmax of ``interpolate``.

From the root of the repository:

    python tests/audits/check_argmax.py --cases 10000 --backend native

The cases have grids of every kind (folded ones too, and vertices a few lattice units off borders,
pixels and each other), 2 to 40 classes, images of 2 to 300 pixels per side and some far longer than
high, and scores of any confidence, with and without ties, some of them infinite, NaN or huge.
Labels may differ only at near ties: the score of the chosen label is below the best by less than
1e-5 of the largest finite score. The exit status is 1 if any other label differs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # holds support

from adaseg_fast import backends
from support.arrays import DIAGONALS, Array, Generator, special_scores
from support.compare import NEAR_TIE, largest_finite, lost_scores
from support.grids import GRID_KINDS, grids, patchwork

MOST_GRID, MOST_CLASSES, MOST_PIXELS = 24, 40, 300
LONG_SIZES = ((2, 20000), (4, 640), (8, 1280), (16, 2048), (30, 4000))


class RandomCase(NamedTuple):
    kind: str
    phi: Array
    scores: Array
    size: tuple[int, int]
    diagonal: str

    def __str__(self) -> str:
        return (
            f"{self.kind} grid {self.phi.shape[2:]} {self.phi.dtype}, scores {self.scores.dtype}, "
            f"{self.scores.shape[1]} classes, size {self.size}, diagonal {self.diagonal}"
        )


@dataclass
class Counts:
    """What a check found. Near ties and failures are the pixels that differ."""

    cases: int = 0
    pixels: int = 0
    near_ties: int = 0
    failures: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def differing(self) -> int:
        return self.near_ties + self.failures


def random_scores(rng: Generator, classes: int, shape: Sequence[int]) -> Array:
    """Scores from confident to pure noise; a third are rounded, so that classes tie at corners."""
    labels = patchwork(rng, shape, classes)
    confidence, noise = rng.choice([0, 1, 8]), rng.choice([0.1, 1])
    scores = confidence * (labels == np.arange(classes)[:, None, None])
    scores = scores + noise * rng.normal(size=scores.shape)
    if rng.random() < 1 / 3:
        scores = np.rint(2 * scores)
    return scores * 10 ** rng.uniform(-2, 2)


def random_case(seed: int) -> RandomCase:
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(GRID_KINDS))
    rows, cols = (int(n) for n in rng.integers(2, MOST_GRID + 1, 2))
    height, width = (int(n) for n in rng.integers(2, MOST_PIXELS + 1, 2))
    if rng.random() < 0.1:
        height, width = rng.permutation(rng.choice(LONG_SIZES)).tolist()
    dtypes = rng.choice([np.float64, np.float32, np.float16], 2)
    phi = grids(kind, (rows, cols), (height, width), seed=seed, dtype=dtypes[0])
    classes = int(rng.integers(2, MOST_CLASSES + 1))
    if rng.random() < 0.2:
        classes = min(classes, 8)  # the fewer, the more pixels where none is finite
        scores = special_scores(rng, (1, classes, rows, cols), dtypes[1])
    else:
        scores = random_scores(rng, classes, (rows, cols))[None].astype(dtypes[1])
    return RandomCase(kind, phi, scores, (height, width), str(rng.choice(DIAGONALS)))


def check(seeds: Sequence[int], backend: str, *, threads: int = 1, quiet: bool = False) -> Counts:
    """Compare the cases of ``seeds`` with the backend's own ``interpolate`` in float64."""
    counts = Counts()
    with backends.use_backend(backend):
        for seed in tqdm(seeds, desc=backend, disable=quiet, unit="case"):
            case = random_case(seed)
            how = {"diagonal": case.diagonal, "threads": threads}
            labels = backends.interpolate_argmax(case.scores, case.phi, case.size, **how)
            wide = case.scores.astype(np.float64)
            values = backends.interpolate(wide, case.phi, case.size, **how)
            lost = lost_scores(labels, values)
            failures = int((~(lost < NEAR_TIE * largest_finite(wide))).sum())
            counts.cases += 1
            counts.pixels += labels.size
            counts.near_ties += len(lost) - failures
            counts.failures += failures
            if failures:
                counts.failed.append(f"seed {seed}, {failures} pixels: {case}")
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--cases", type=int, default=10000, help="number of cases (default: %(default)s)"
    )
    parser.add_argument("--backend", choices=backends.available_backends(), default="native")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first case (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=1, help="per call (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(arguments)
    seeds = range(options.seed, options.seed + options.cases)
    counts = check(seeds, options.backend, threads=options.threads, quiet=options.quiet)
    for name in ("cases", "pixels", "differing", "near_ties", "failures"):
        print(f"{name.replace('_', ' '):10} {getattr(counts, name):>12,}")
    print(*counts.failed[:20], sep="\n", end="\n" if counts.failed else "")
    return 1 if counts.failures else 0


if __name__ == "__main__":
    sys.exit(main())
