# SPDX-License-Identifier: Apache-2.0
"""Predict a folder, killed 12 times at random moments: kill_prediction.py PICTURES FOLDER MODEL.

Prints the number of kills and how many files were compared: each file there is after a kill must be
that of an undisturbed run, byte for byte. ``resume`` must then do what is left and nothing else.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import torch
from killing import killed

from adaseg_fast.engine import predict as module
from adaseg_fast.engine.models.files import load_segmenter

KILLS = 12


def contents(folder: Path) -> dict[str, bytes]:
    """The label maps and pictures of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


class Prediction:
    """What is predicted, with which model and where to."""

    def __init__(self, pictures: Path, output: Path, model: Path) -> None:
        self.pictures, self.output, self.whole = pictures, output, output.with_name("whole")
        self.loaded = load_segmenter(model)

    def run(self, output: Path, resume: bool = False) -> None:
        module.predict(*self.loaded, [self.pictures], output, resume=resume, quiet=True)

    def run_undisturbed(self) -> float:
        """Predict without a kill; the seconds per file."""
        for _ in range(2):  # the first call is slower than those to be killed
            begin = time.perf_counter()
            self.run(self.whole)
        return (time.perf_counter() - begin) / len(contents(self.whole))

    def run_with_kills(self, one_file: float) -> tuple[int, int]:
        """The number of kills, and of files that were compared after them."""
        honest, wanted = module.write_png, contents(self.whole)

        def work(pipe: int) -> None:
            def told(*arguments: Any) -> None:
                honest(*arguments)
                os.write(pipe, b".")

            module.write_png = told
            self.run(self.output)

        kills, checked = 0, 0
        for _ in range(KILLS):
            steps = random.randrange(len(wanted) // 2)
            told, was_killed = killed(work, steps, random.random() * one_file)
            found = contents(self.output)
            assert len(found) >= told
            assert all(data == wanted[name] for name, data in found.items())
            kills += was_killed
            checked += len(found)
        return kills, checked

    def resume(self) -> None:
        """Only the pictures that lack a result are read again, and the end is the same."""
        results = [len(list(self.output.glob(f"{p.stem}*.png"))) for p in self.pictures.iterdir()]
        left = sum(count < 2 for count in results)
        read, honest = [], module.read_image

        def noted(path: Path, *, upright: bool) -> Any:
            read.append(path)
            return honest(path, upright=upright)

        module.read_image = noted
        self.run(self.output, resume=True)
        assert contents(self.output) == contents(self.whole)
        assert len(read) == left > 0


def main() -> None:
    pictures, output, model = (Path(argument) for argument in sys.argv[1:])
    random.seed(0)
    torch.set_num_threads(1)
    prediction = Prediction(pictures, output, model)
    one_file = prediction.run_undisturbed()
    kills, checked = prediction.run_with_kills(one_file)
    prediction.resume()
    print(kills, checked)


if __name__ == "__main__":
    main()
