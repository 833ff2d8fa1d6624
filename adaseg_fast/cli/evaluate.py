# SPDX-License-Identifier: Apache-2.0
"""``evaluate`` and ``plot``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from adaseg_fast.cli.arguments import (
    command,
    data_arguments,
    names,
    open_splits,
    size,
    trust_argument,
)


def add_commands(commands: Any) -> None:
    evaluate = command(
        commands,
        "evaluate",
        _evaluate,
        "measure models at the original resolution",
        seed=False,
        cuda=True,
    )
    data_arguments(evaluate, None)
    evaluate.add_argument(
        "--split", nargs="+", default=["val"], help="parts of the data set, taken together"
    )
    evaluate.add_argument("--model", type=Path, nargs="+", default=[], help="model.safetensors")
    trust_argument(evaluate)
    evaluate.add_argument(
        "--ceiling",
        type=size,
        nargs="+",
        default=[],
        metavar="SIZE",
        help="also measure the truth itself, sampled and interpolated back, at these sizes",
    )
    evaluate.add_argument(
        "--sampler",
        type=Path,
        nargs="+",
        default=[],
        help="sampler.safetensors: also measure the truth sampled where these sample, at the sizes "
        "of --ceiling",
    )
    evaluate.add_argument(
        "--shortfall",
        action="store_true",
        help="also measure what adaptive models lose: the truth sampled where they sample, and the "
        "models fed with ideal samples",
    )
    evaluate.add_argument("--tensor-size", type=size, default="8", help="of ideal tensors")
    evaluate.add_argument("--lam", type=float, default=1.0, help="lambda of ideal tensors")
    evaluate.add_argument(
        "--crop",
        choices=("square", "none"),
        default="square",
        help="the central largest square, or frames as they are",
    )
    evaluate.add_argument(
        "--metrics",
        type=names,
        default="iou",
        metavar="NAME,...",
        help="iou; trimap: accuracy near boundaries; objects: recall by size; boundary: F-score",
    )
    evaluate.add_argument(
        "--workers",
        type=int,
        default=0,
        help="threads that read and count beside the one that predicts (they disturb latencies)",
    )
    evaluate.add_argument("--output", type=Path, required=True, help="folder to write to")

    plot = command(
        commands, "plot", _plot, "draw the figures of one or several evaluations", seed=False
    )
    plot.add_argument("evaluations", type=Path, nargs="+", help="evaluation.json of 'evaluate'")
    plot.add_argument("--output", type=Path, required=True, help="folder to write to")


def _evaluate(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.evaluation.ceiling import ceiling, ceiling_of, shortfall
    from adaseg_fast.engine.evaluation.curves import draw_figures
    from adaseg_fast.engine.evaluation.evaluate import evaluate, evaluation_record
    from adaseg_fast.engine.evaluation.table import table
    from adaseg_fast.engine.models.files import load_sampler, load_segmenter
    from adaseg_fast.nn import AdaptiveDownsampler
    from adaseg_fast.storage import write_json

    if not options.model and not options.ceiling:
        raise ValueError("nothing to evaluate: give --model FILE, --ceiling SIZE, or both")
    frames = open_splits(options, options.split, instances="objects" in options.metrics)
    how = {
        "metrics": options.metrics,
        "crop": options.crop,
        "workers": options.workers,
        "quiet": options.quiet,
    }
    loaded = [load_segmenter(path, options.network) for path in options.model]
    if options.shortfall and all(config.sampler is None for _, config in loaded):
        raise ValueError("--shortfall is about adaptive models, and --model names none")
    if options.sampler and not options.ceiling:
        raise ValueError("--sampler is judged at the sizes of --ceiling, which names none")
    samplers = [load_sampler(path) for path in options.sampler]
    results = []
    for path, (model, config) in zip(options.model, loaded, strict=True):
        name = f"{config.label}, {path.parent.name}" if len(options.model) > 1 else None
        model = model.to(options.device)
        results.append(evaluate(model, config, frames, name=name, **how))
        if options.shortfall and config.sampler is not None:
            results += shortfall(model, config, frames, name=name, **how)
    for working in options.ceiling:
        for tensor_size in (None, options.tensor_size):
            results.append(
                ceiling(frames, working, tensor_size=tensor_size, lam=options.lam, **how)
            )
        for path, (sampler, settings) in zip(options.sampler, samplers, strict=True):
            downsampler = AdaptiveDownsampler(sampler, settings.view_size, working).eval()
            name = f"ceiling, {path.parent.name}, {working[0]}x{working[1]}"
            found = ceiling_of(downsampler.to(options.device), frames, name=name, **how)
            results.append(found)
    print(table(results))
    options.output.mkdir(parents=True, exist_ok=True)
    models = [f"{path.parent.name}/{path.name}" for path in options.model]
    record = evaluation_record(frames, options.split, options.crop, models, results)
    write_json(options.output / "evaluation.json", record)
    drawn = draw_figures(record, options.output)
    print(f"figures: {', '.join(map(str, [options.output / 'evaluation.json', *drawn]))}")
    return 0


def _plot(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.evaluation.curves import draw_figures, read_records

    drawn = draw_figures(read_records(options.evaluations), options.output)
    print("\n".join(map(str, drawn)))
    return 0
