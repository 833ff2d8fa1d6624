# SPDX-License-Identifier: Apache-2.0
"""``experiment`` trains, measures and compares models over sizes and seeds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adaseg_fast.cli.arguments import command, size
from adaseg_fast.engine.experiment.config import own_experiments, read_config


def add_commands(commands: Any) -> None:
    experiment = command(
        commands,
        "experiment",
        _experiment,
        "train and compare uniform and adaptive models over sizes and seeds, and write tables and "
        "figures; the same command again continues an interrupted experiment",
        seed=False,
        cuda=True,
    )
    experiment.add_argument(
        "config",
        metavar="NAME|CONFIG.toml",
        help=f"{', '.join(own_experiments())}, or a file (docs/experiments.md)",
    )
    experiment.add_argument(
        "--data", metavar="NAME:PATH", help="data set, instead of the configuration's"
    )
    experiment.add_argument(
        "--sizes", type=size, nargs="+", help="working sizes, instead of the configuration's"
    )
    experiment.add_argument(
        "--seeds", type=int, nargs="+", help="seeds, instead of the configuration's"
    )
    experiment.add_argument(
        "--workers",
        type=int,
        help="number of processes (or, in evaluations, threads) that read frames, instead of the "
        "configuration's",
    )
    experiment.add_argument(
        "--output", type=Path, required=True, help="folder to write everything to"
    )


def _experiment(options: argparse.Namespace) -> int:
    from msgspec.structs import replace

    from adaseg_fast.engine.experiment.frame_pictures import draw_frame_pictures
    from adaseg_fast.engine.experiment.report import report
    from adaseg_fast.engine.experiment.results import gather, write_results
    from adaseg_fast.engine.experiment.run import run_experiment
    from adaseg_fast.storage import write_atomically

    config = read_config(options.config)
    if options.data is not None:
        data = replace(config.data, train=options.data, evaluation="")
        config = replace(config, data=data)
    if options.workers is not None:
        config = replace(config, data=replace(config.data, workers=options.workers))
    config = replace(
        config,
        sizes=tuple(options.sizes or config.sizes),
        seeds=tuple(options.seeds or config.seeds),
    )

    def say(step: str) -> None:
        if not options.quiet:
            print(step, flush=True)

    plan = run_experiment(
        config, options.output, device=options.device, quiet=options.quiet, say=say
    )
    results = gather(options.output, plan)
    text = report(results, f"Experiment {Path(options.config).stem}")
    write_atomically(options.output / "results.md", text.encode())
    drawn = write_results(results, options.output)
    drawn += draw_frame_pictures(config, options.output, quiet=options.quiet)
    print(text)
    print(f"{options.output / 'results.md'}, and {len(drawn)} figures in {options.output}/figures")
    return 0
