# SPDX-License-Identifier: Apache-2.0
"""``evaluate`` measures models; ``plot`` draws the charts of evaluations again."""

from __future__ import annotations

import argparse
import sys
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
        "measure models at the original resolution, print a table and draw charts",
        seed=False,
        cuda=True,
    )
    data_arguments(evaluate, None)
    evaluate.add_argument(
        "--split", nargs="+", default=["val"], help="parts of the data set, measured as one"
    )
    evaluate.add_argument(
        "--model", type=Path, nargs="+", default=[], help="model files of 'train segmenter'"
    )
    trust_argument(evaluate)
    _sampling_arguments(evaluate)
    evaluate.add_argument(
        "--crop",
        choices=("square", "none"),
        default="square",
        help="measure the central largest square of each frame, or whole frames",
    )
    evaluate.add_argument(
        "--metrics",
        type=names,
        default="iou",
        metavar="NAME,...",
        help="names with commas between: iou (intersection over union), trimap (accuracy near "
        "boundaries), objects (recall of objects by size), boundary (F-score of boundaries)",
    )
    evaluate.add_argument(
        "--workers",
        type=int,
        default=0,
        help="number of extra threads that read frames and count results; use 0 when you measure "
        "latency",
    )
    evaluate.add_argument("--output", type=Path, required=True, help="folder to write to")

    plot = command(
        commands,
        "plot",
        _plot,
        "draw the charts of finished evaluations again",
        seed=False,
    )
    plot.add_argument(
        "evaluations",
        type=Path,
        nargs="+",
        help="evaluation.json files of 'evaluate', all of the same frames",
    )
    plot.add_argument("--output", type=Path, required=True, help="folder to write to")


def _sampling_arguments(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument(
        "--ceiling",
        type=size,
        nargs="+",
        default=[],
        metavar="SIZE",
        help="also report an upper bound: ground-truth labels sampled at SIZE and interpolated "
        "back",
    )
    evaluate.add_argument(
        "--sampler",
        type=Path,
        nargs="+",
        default=[],
        help="also report that upper bound for the points chosen by these auxiliary networks, "
        "files of 'train sampler' (needs --ceiling)",
    )
    evaluate.add_argument(
        "--shortfall",
        action="store_true",
        help="also split an adaptive model's error into the part due to its sampling points and "
        "the part due to its base network",
    )
    evaluate.add_argument(
        "--tensor-size", type=size, default="8", help="size of ideal sampling tensors"
    )
    evaluate.add_argument("--lam", type=float, default=1.0, help="lambda of ideal sampling tensors")


def _evaluate(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.evaluation.charts import draw_charts
    from adaseg_fast.engine.evaluation.evaluate import evaluation_record
    from adaseg_fast.engine.evaluation.options import MeasureOptions
    from adaseg_fast.engine.evaluation.table import evaluation_table
    from adaseg_fast.engine.models.files import load_sampler, load_segmenter
    from adaseg_fast.storage import prepare_folder, write_json

    if not options.model and not options.ceiling:
        raise ValueError("nothing to evaluate: give --model FILE, --ceiling SIZE, or both")
    frames = open_splits(options, options.split, instances="objects" in options.metrics)
    measuring = MeasureOptions(options.metrics, options.crop, options.workers, options.quiet)
    models = [load_segmenter(path, options.network) for path in options.model]
    if options.shortfall and all(config.sampler is None for _, config in models):
        raise ValueError("--shortfall is about adaptive models, and --model names none")
    if options.sampler and not options.ceiling:
        raise ValueError("--sampler is judged at the sizes of --ceiling, which names none")
    samplers = [load_sampler(path) for path in options.sampler]
    prepare_folder(options.output)
    results = _results_of_models(options, models, frames, measuring)
    results += _ceilings(options, samplers, frames, measuring)
    files = [f"{path.parent.name}/{path.name}" for path in options.model]
    record = evaluation_record(frames, options.split, options.crop, files, results)
    write_json(options.output / "evaluation.json", record)
    drawn = draw_charts(record, options.output)
    warning = results[0].measures.census.warning(frames.info, " + ".join(options.split))
    if warning:
        print(f"adaseg-fast: warning: {warning}", file=sys.stderr)
    print(evaluation_table(results))
    print(f"written: {', '.join(map(str, [options.output / 'evaluation.json', *drawn]))}")
    return 0


def _results_of_models(
    options: argparse.Namespace, models: list[Any], frames: Any, measuring: Any
) -> list[Any]:
    """What was found for each model and, on request, what it loses."""
    from adaseg_fast.engine.evaluation.evaluate import evaluate
    from adaseg_fast.engine.evaluation.shortfall import shortfall

    results = []
    for path, (model, config) in zip(options.model, models, strict=True):
        name = f"{config.label}, {path.parent.name}" if len(models) > 1 else None
        model = model.to(options.device)
        results.append(evaluate(model, config, frames, measuring, name=name))
        if options.shortfall and config.sampler is not None:
            results += shortfall(model, config, frames, measuring, name=name)
    return results


def _ceilings(
    options: argparse.Namespace, samplers: list[Any], frames: Any, measuring: Any
) -> list[Any]:
    """What sampling alone allows at each size, at uniform, ideal and the samplers' points."""
    from adaseg_fast.engine.evaluation.ceiling import ceiling, ceiling_of
    from adaseg_fast.engine.tables import size_text
    from adaseg_fast.nn import AdaptiveDownsampler

    results = []
    for working in options.ceiling:
        results.append(ceiling(frames, working, measuring))
        ideal = {"tensor_size": options.tensor_size, "lam": options.lam}
        results.append(ceiling(frames, working, measuring, **ideal))
        for path, (sampler, config) in zip(options.sampler, samplers, strict=True):
            downsampler = AdaptiveDownsampler(sampler, config.view_size, working).eval()
            downsampler.to(options.device)
            name = f"ceiling, {path.parent.name}, {size_text(working)}"
            results.append(ceiling_of(downsampler, frames, measuring, name=name))
    return results


def _plot(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.evaluation.charts import draw_charts
    from adaseg_fast.engine.evaluation.records import read_evaluations
    from adaseg_fast.storage import prepare_folder

    prepare_folder(options.output)
    drawn = draw_charts(read_evaluations(options.evaluations), options.output)
    print("\n".join(map(str, drawn)))
    return 0
