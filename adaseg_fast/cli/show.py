# SPDX-License-Identifier: Apache-2.0
"""``demo`` shows the package on drawn scenes; ``benchmark`` times its operations."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adaseg_fast.cli.arguments import command, size


def add_commands(commands: Any) -> None:
    demo = command(
        commands, "demo", _demo, "segment drawn scenes with a uniform and an adaptive model"
    )
    demo.add_argument("--output", type=Path, default=Path("adaseg_demo"), help="folder to write to")
    demo.add_argument("--scenes", type=int, default=24, help="number of scenes")

    benchmark = command(
        commands,
        "benchmark",
        _benchmark,
        "time each operation against the usual library alternative",
    )
    benchmark.add_argument(
        "--output", type=Path, default=Path("adaseg_benchmark"), help="folder to write to"
    )
    benchmark.add_argument(
        "--repeat",
        type=int,
        default=20,
        help="largest number of calls per function; slow functions get fewer",
    )
    for option, kind, what in (
        ("--size", size, "image size"),
        ("--classes", int, "number of classes"),
        ("--grid", size, "working size"),
    ):
        benchmark.add_argument(
            option,
            type=kind,
            help=f"use this {what} for every row; the target column is then left empty, as targets "
            f"apply to the default sizes only",
        )


def _demo(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.demo import demo
    from adaseg_fast.engine.evaluation.table import evaluation_table

    results = demo(options.output, scenes=options.scenes, seed=options.seed, quiet=options.quiet)
    print(f"{options.scenes} drawn scenes of 1024 x 1024 that were not used in training\n")
    print(evaluation_table(results))
    print(f"\npicture: {options.output / 'demo.png'}\nvalues: {options.output / 'demo.json'}")
    return 0


def _benchmark(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.benchmark.run import benchmark
    from adaseg_fast.engine.benchmark.table import benchmark_table

    result = benchmark(
        options.output,
        size=options.size,
        classes=options.classes,
        grid=options.grid,
        repeat=options.repeat,
        seed=options.seed,
        quiet=options.quiet,
    )
    print(f"{benchmark_table(result)}\nvalues: {options.output / 'benchmark.json'}")
    return 1 if result.disagreements else 0
