# SPDX-License-Identifier: Apache-2.0
"""The command line: arguments in, calls of ``adaseg_fast.engine`` out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import adaseg_fast

Size = tuple[int, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    from adaseg_fast.data import DataError
    from adaseg_fast.engine.loop import CheckpointError
    from adaseg_fast.engine.models import ModelError

    expected = (DataError, CheckpointError, ModelError, OSError, ValueError, FloatingPointError)
    try:
        _apply(options)
        return int(options.run(options) or 0)
    except expected as error:
        print(f"adaseg-fast: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nadaseg-fast: interrupted; what was written is whole", file=sys.stderr)
        return 130


def _apply(options: argparse.Namespace) -> None:
    import cv2
    import torch

    if options.device != "cpu":
        raise ValueError(
            f"device {options.device!r}: the kernels of this build run on the CPU; "
            "only --device cpu is possible"
        )
    if options.threads is not None:
        if options.threads < 1:
            raise ValueError(f"--threads has to be at least 1, got {options.threads}")
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)


def _demo(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.demo import demo
    from adaseg_fast.engine.evaluate import table

    results = demo(options.output, scenes=options.scenes, seed=options.seed, quiet=options.quiet)
    print(f"{options.scenes} drawn scenes of 1024 x 1024 that training never saw\n")
    print(table(results))
    print(f"\npicture: {options.output / 'demo.png'}\nfigures: {options.output / 'demo.json'}")
    return 0


def _open(options: argparse.Namespace, split: str) -> Any:
    from adaseg_fast.data import open_dataset

    return open_dataset(options.data, split, targets=options.targets, cache=options.cache)


def _open_splits(options: argparse.Namespace, splits: Sequence[str]) -> Any:
    from adaseg_fast.data.base import Joined

    parts = [_open(options, split) for split in splits]
    return parts[0] if len(parts) == 1 else Joined(parts)


def _training(options: argparse.Namespace) -> dict[str, Any]:
    from adaseg_fast.data.transforms import Augmentation
    from adaseg_fast.engine.loop import Schedule

    return {
        "schedule": Schedule(
            options.epochs, options.lr, options.final_lr, options.checkpoint_steps
        ),
        "augmentation": Augmentation(
            scale=(options.min_scale, 1.0),
            contrast=options.contrast,
            brightness=options.brightness,
            color=options.color,
            noise=options.noise,
        ),
        "output": options.output,
        "batch_size": options.batch_size,
        "seed": options.seed,
        "workers": options.workers,
        "resume": options.resume,
        "quiet": options.quiet,
    }


def _train_sampler(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.models import SamplerConfig
    from adaseg_fast.engine.train_sampler import train_sampler

    config = SamplerConfig(options.tensor_size, options.aux_size, options.width, options.lam)
    validation = None if options.no_validation else _open(options, options.validation_split)
    result = train_sampler(
        _open(options, options.split), config, validation=validation, **_training(options)
    )
    for name, value in result.items():
        print(f"{name:>10}  {value:.6f}")
    print(f"sampler: {options.output / 'sampler.safetensors'}")
    return 0


def _train_segmenter(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.models import SegmenterConfig, load_sampler
    from adaseg_fast.engine.train_segmenter import train_segmenter

    frames = _open(options, options.split)
    sampler, sampler_config = (None, None) if options.uniform else load_sampler(options.sampler)
    config = SegmenterConfig(
        size=options.size,
        width=options.width,
        sampler=sampler_config,
        classes=frames.info.classes,
        colors=frames.info.colors,
        targets=frames.info.targets,
        ignore_index=frames.info.ignore_index,
        dataset=frames.info.name,
    )
    result = train_segmenter(
        frames, config, sampler=sampler, balance=options.balance, **_training(options)
    )
    print(f"loss {result['loss']:.4f}\nmodel: {options.output / 'model.safetensors'}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from adaseg_fast.data.image_io import write_atomically, write_json
    from adaseg_fast.engine.evaluate import ceiling, environment, evaluate, table
    from adaseg_fast.engine.models import load_segmenter
    from adaseg_fast.plots import class_bars

    if not options.model and not options.ceiling:
        raise ValueError("nothing to evaluate: give --model FILE, --ceiling SIZE, or both")
    frames = _open_splits(options, options.split)
    common = {"crop": options.crop, "quiet": options.quiet}
    results = []
    for path in options.model:
        model, config = load_segmenter(path)
        name = f"{config.label}, {path.parent.name}" if len(options.model) > 1 else None
        results.append(evaluate(model, config, frames, name=name, **common))
    for size in options.ceiling:
        for tensor_size in (None, options.tensor_size):
            results.append(
                ceiling(frames, size, tensor_size=tensor_size, lam=options.lam, **common)
            )
    print(table(results))
    options.output.mkdir(parents=True, exist_ok=True)
    write_json(
        options.output / "evaluation.json",
        {
            "data": frames.info.name,
            "split": options.split,
            "frames": len(frames),
            "crop": options.crop,
            "models": [f"{path.parent.name}/{path.name}" for path in options.model],
            "environment": environment(),
            "results": [result.record() for result in results],
        },
    )
    picture = class_bars(
        frames.info.classes,
        frames.info.targets,
        [(result.name, result.confusion.iou().tolist()) for result in results],
        f"{frames.info.name}, {' + '.join(options.split)}, {len(frames)} frames",
    )
    write_atomically(options.output / "evaluation.png", picture)
    print(f"figures: {options.output / 'evaluation.json'}, {options.output / 'evaluation.png'}")
    return 0


def _predict(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.models import load_segmenter
    from adaseg_fast.engine.predict import predict

    model, config = load_segmenter(options.model)
    failures = predict(
        model,
        config,
        options.inputs,
        options.output,
        overlays=not options.labels_only,
        plot_sampling=options.plot_sampling,
        keep_going=options.keep_going,
        quiet=options.quiet,
    )
    for failure in failures:
        print(f"adaseg-fast: {failure.reason}", file=sys.stderr)
    if failures:
        print(f"adaseg-fast: {len(failures)} pictures failed", file=sys.stderr)
    return 1 if failures else 0


def _benchmark(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.benchmark import benchmark
    from adaseg_fast.engine.benchmark_table import table

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


def _shrink(options: argparse.Namespace) -> int:
    import torch

    from adaseg_fast.engine.models import load_segmenter, save_model

    model, config = load_segmenter(options.model)
    save_model(options.output, model, config, dtype=torch.float16)
    print(f"{options.output}: {options.output.stat().st_size / 2**20:.2f} MiB")
    return 0


def _size(text: str) -> Size:
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and int(part) >= 2 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; say 64 or 64x96 (rows x columns)")
    return int(parts[0]), int(parts[-1])


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(
        prog="adaseg-fast",
        description="Semantic segmentation of high-resolution images by adaptive downsampling.",
    )
    parser.add_argument("--version", action="version", version=adaseg_fast.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(group: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = group.add_parser(
            name, help=text, description=text, formatter_class=formatter
        )
        added.set_defaults(run=run)
        added.add_argument("--quiet", action="store_true", help="no progress bars")
        added.add_argument("--seed", type=int, default=0, help="of everything random")
        added.add_argument("--device", default="cpu", help="where to compute: cpu")
        added.add_argument("--threads", type=int, help="threads to compute with (torch's default)")
        return added

    demo = command(commands, "demo", _demo, "segment drawn scenes uniformly and adaptively")
    demo.add_argument("--output", type=Path, default=Path("adaseg_demo"), help="folder to write to")
    demo.add_argument("--scenes", type=int, default=24, help="number of scenes")

    train = commands.add_parser("train", help="train a network").add_subparsers(
        required=True, metavar="WHAT"
    )
    sampler = command(
        train, "sampler", _train_sampler, "train the auxiliary network that chooses where to sample"
    )
    _data_arguments(sampler, "train")
    sampler.add_argument("--validation-split", default="val", help="measured once at the end")
    sampler.add_argument("--no-validation", action="store_true", help="leave that out")
    sampler.add_argument("--aux-size", type=_size, default="32", help="the view it sees")
    sampler.add_argument("--tensor-size", type=_size, default="8", help="of the sampling tensor")
    sampler.add_argument("--lam", type=float, default=1.0, help="lambda of eq. (2)")
    _training_arguments(sampler)

    segmenter = command(
        train, "segmenter", _train_segmenter, "train a base network on downsampled images"
    )
    _data_arguments(segmenter, "train")
    how = segmenter.add_mutually_exclusive_group(required=True)
    how.add_argument("--sampler", type=Path, help="sampler.safetensors of 'train sampler'")
    how.add_argument("--uniform", action="store_true", help="downsample uniformly")
    segmenter.add_argument("--size", type=_size, default="64", help="the working size")
    segmenter.add_argument("--balance", action="store_true", help="weigh rare classes more")
    _training_arguments(segmenter)

    evaluate = command(commands, "evaluate", _evaluate, "measure models at the original resolution")
    _data_arguments(evaluate, None)
    evaluate.add_argument(
        "--split", nargs="+", default=["val"], help="parts of the data set, taken together"
    )
    evaluate.add_argument("--model", type=Path, nargs="+", default=[], help="model.safetensors")
    evaluate.add_argument(
        "--ceiling",
        type=_size,
        nargs="+",
        default=[],
        metavar="SIZE",
        help="also measure the truth itself, sampled and interpolated back, at these sizes",
    )
    evaluate.add_argument("--tensor-size", type=_size, default="8", help="of ideal tensors")
    evaluate.add_argument("--lam", type=float, default=1.0, help="lambda of ideal tensors")
    evaluate.add_argument(
        "--crop",
        choices=("square", "none"),
        default="square",
        help="the central largest square, or frames as they are",
    )
    evaluate.add_argument("--output", type=Path, required=True, help="folder to write to")

    predict = command(commands, "predict", _predict, "label pictures with a trained model")
    predict.add_argument("inputs", type=Path, nargs="+", help="pictures, or folders of them")
    predict.add_argument("--model", type=Path, required=True, help="model.safetensors")
    predict.add_argument("--output", type=Path, required=True, help="folder to write to")
    predict.add_argument("--labels-only", action="store_true", help="no overlays")
    predict.add_argument("--plot-sampling", action="store_true", help="draw sampling locations")
    predict.add_argument(
        "--keep-going", action="store_true", help="skip bad pictures, list them, exit with 1"
    )
    benchmark = command(
        commands, "benchmark", _benchmark, "time every operation against what one would use instead"
    )
    benchmark.add_argument(
        "--output", type=Path, default=Path("adaseg_benchmark"), help="folder to write to"
    )
    benchmark.add_argument("--repeat", type=int, default=20, help="calls at most; slow ones fewer")
    own = "instead of each line's own, which the targets are for"
    benchmark.add_argument("--size", type=_size, help=f"of the image, {own}")
    benchmark.add_argument("--classes", type=int, help=f"number of classes, {own}")
    benchmark.add_argument("--grid", type=_size, help=f"the working size, {own}")

    shrink = command(commands, "shrink", _shrink, "store a model's weights in half precision")
    shrink.add_argument("model", type=Path, help="model.safetensors")
    shrink.add_argument("--output", type=Path, required=True, help="file to write")
    return parser


def _data_arguments(parser: argparse.ArgumentParser, split: str | None) -> None:
    parser.add_argument(
        "--data",
        required=True,
        metavar="NAME:PATH",
        help="camvid:PATH, folder:PATH, synthetic:COUNT",
    )
    if split:
        parser.add_argument("--split", default=split, help="part of the data set")
    parser.add_argument(
        "--targets",
        nargs="+",
        metavar="CLASS",
        help="classes whose boundaries matter (the data set's own)",
    )
    parser.add_argument("--cache", action="store_true", help="keep frames in memory")


def _training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--width", type=int, default=256, help="features of the network")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the frames")
    parser.add_argument("--batch-size", type=int, default=32, help="frames a step")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate at the start")
    parser.add_argument("--final-lr", type=float, default=0.05, help="share of it at the end")
    parser.add_argument(
        "--min-scale",
        type=float,
        default=1.0,
        help="smallest random square, as a share of the largest",
    )
    parser.add_argument("--contrast", type=float, default=0.2, help="largest relative change")
    parser.add_argument(
        "--brightness", type=float, default=0.1, help="largest shift, share of the range"
    )
    parser.add_argument(
        "--color", type=float, default=0.0, help="largest relative change of a channel"
    )
    parser.add_argument(
        "--noise", type=float, default=0.01, help="largest share of salt and pepper"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that read frames")
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in --output"
    )
    parser.add_argument(
        "--checkpoint-steps",
        type=int,
        default=0,
        help="steps between checkpoints within an epoch (0: none)",
    )


if __name__ == "__main__":
    sys.exit(main())
