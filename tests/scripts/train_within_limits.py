# SPDX-License-Identifier: Apache-2.0
"""Read batches in four processes within limits: train_within_limits.py FILES MEGABYTES BATCH.

FILES limits open files; with MEGABYTES above 0, /dev/shm is a new file system of that size, which
needs a mount namespace of this process's own. Prints "whole" or "reduced" with the bytes received.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.segmenter import UniformPoints


def main() -> None:
    files, megabytes, batch = map(int, sys.argv[1:])
    if megabytes:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", "/dev/shm"], check=True
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    frames = SyntheticScenes(2 * batch, size=(96, 96))
    plain = Augmentation(flip=0, contrast=0, brightness=0, noise=0)
    how: dict[str, Any] = {"batch_size": batch, "seed": 0, "workers": 4}
    for name, reduce in (("whole", None), ("reduced", UniformPoints((16, 16), (16, 16)))):
        kept = list(Batches(frames, plain, reduce=reduce, **how).epoch(0))
        items = [item for each in kept for item in each]
        assert len(items) == 2 * batch
        print(name, sum(tensor.nbytes for item in items for tensor in item))


if __name__ == "__main__":
    main()
