# SPDX-License-Identifier: Apache-2.0
"""``demo`` and ``benchmark``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adaseg_fast.cli.arguments import command, size


def add_commands(commands: Any) -> None:
    demo = command(commands, "demo", _demo, "segment drawn scenes uniformly and adaptively")
    demo.add_argument("--output", type=Path, default=Path("adaseg_demo"), help="folder to write to")
    demo.add_argument("--scenes", type=int, default=24, help="number of scenes")

    benchmark = command(
        commands, "benchmark", _benchmark, "time every operation against what one would use instead"
    )
    benchmark.add_argument(
        "--output", type=Path, default=Path("adaseg_benchmark"), help="folder to write to"
    )
    benchmark.add_argument("--repeat", type=int, default=20, help="calls at most; slow ones fewer")
    own = "instead of each line's own, which the targets are for"
    benchmark.add_argument("--size", type=size, help=f"of the image, {own}")
    benchmark.add_argument("--classes", type=int, help=f"number of classes, {own}")
    benchmark.add_argument("--grid", type=size, help=f"the working size, {own}")


def _demo(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.demo import demo
    from adaseg_fast.engine.evaluation.table import table

    results = demo(options.output, scenes=options.scenes, seed=options.seed, quiet=options.quiet)
    print(f"{options.scenes} drawn scenes of 1024 x 1024 that training never saw\n")
    print(table(results))
    print(f"\npicture: {options.output / 'demo.png'}\nfigures: {options.output / 'demo.json'}")
    return 0


def _benchmark(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.benchmark.run import benchmark
    from adaseg_fast.engine.benchmark.table import table

    result = benchmark(
        options.output,
        size=options.size,
        classes=options.classes,
        grid=options.grid,
        repeat=options.repeat,
        seed=options.seed,
        quiet=options.quiet,
    )
    print(f"{table(result)}\nfigures: {options.output / 'benchmark.json'}")
    return 1 if result.disagreements else 0
