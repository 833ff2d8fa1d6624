# SPDX-License-Identifier: Apache-2.0
"""``boundaries``, ``train sampler`` and ``train segmenter``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaseg_fast.cli.arguments import OldName, Size, command, data_arguments, open_frames, size

if TYPE_CHECKING:
    from adaseg_fast.data import SegmentationDataset
    from adaseg_fast.data.transforms import Augmentation
    from adaseg_fast.engine.training.boundary_cache import CacheSettings
    from adaseg_fast.engine.training.options import Schedule, TrainingOptions
    from adaseg_fast.engine.training.placement import Placement

_EPOCHS, _LEARNING_RATE, _BATCH_SIZE = 60, 1e-3, 32


def add_commands(commands: Any) -> None:
    """Add the commands of this file."""
    _add_boundaries(commands)
    train = commands.add_parser(
        "train", help="train a network", description="Train a network."
    ).add_subparsers(required=True, metavar="WHAT", title="networks")
    _add_sampler(train)
    _add_segmenter(train)


def _add_boundaries(commands: Any) -> None:
    parser = command(
        commands,
        "boundaries",
        _boundaries,
        "find the boundary points of the training frames in advance, for 'train sampler'",
    )
    data_arguments(parser, "train")
    _boundary_arguments(parser)
    parser.add_argument("--crops", type=int, default=8, help="random squares per frame")
    parser.add_argument(
        "--min-scale",
        type=float,
        default=1.0,
        help="must equal the value you will pass to 'train sampler'",
    )
    parser.add_argument("--workers", type=int, default=0, help="number of threads; 0 means 1")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder to write to, or to continue in"
    )


def _add_sampler(train: Any) -> None:
    parser = command(
        train,
        "sampler",
        _train_sampler,
        "train the auxiliary network, which chooses where an image is sampled; writes "
        "OUTPUT/sampler.safetensors",
        cuda=True,
    )
    data_arguments(parser, "train")
    parser.add_argument(
        "--validation-split",
        default="val",
        help="part of the data set on which the result is measured once at the end",
    )
    parser.add_argument("--no-validation", action="store_true", help="do not measure the result")
    parser.add_argument(
        "--view-size",
        type=size,
        default="32",
        help="size of the view, the small uniform image that the network sees",
    )
    parser.add_argument(
        "--aux-size",
        type=size,
        action=OldName,
        dest="view_size",
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )
    _boundary_arguments(parser)
    parser.add_argument(
        "--boundary-cache",
        type=Path,
        metavar="FOLDER",
        help="folder that 'boundaries' filled (default: find boundary points anew)",
    )
    parser.add_argument(
        "--loss",
        choices=("proposal", "energy"),
        default="proposal",
        help="proposal: match the ideal sampling points computed from the labels; energy: "
        "minimise eq. (2) of the paper directly",
    )
    parser.add_argument("--width", type=int, default=256, help="features of the network")
    parser.add_argument(
        "--lam", type=float, default=1.0, help="lambda of eq. (2): larger keeps points more even"
    )
    _training_arguments(parser)


def _add_segmenter(train: Any) -> None:
    parser = command(
        train,
        "segmenter",
        _train_segmenter,
        "train a base network, which segments the downsampled image; writes "
        "OUTPUT/model.safetensors",
        cuda=True,
    )
    data_arguments(parser, "train")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--sampler",
        type=Path,
        help="downsample adaptively: the sampler.safetensors that 'train sampler' wrote",
    )
    how.add_argument("--uniform", action="store_true", help="downsample uniformly")
    parser.add_argument(
        "--size", type=size, default="64", help="working size, to which images are downsampled"
    )
    parser.add_argument(
        "--network",
        default="unet",
        help="base network: unet, pspnet-resnet50, deeplabv3plus-xception65, or your own as "
        "MODULE:FACTORY",
    )
    parser.add_argument("--width", type=int, help="features of unet (default: 256)")
    parser.add_argument(
        "--balance", action="store_true", help="give rare classes more weight in the loss"
    )
    _training_arguments(parser)


def _boundary_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tensor-size",
        type=size,
        default="8",
        help="size of the sampling tensor, the grid of points that the auxiliary network predicts",
    )
    parser.add_argument(
        "--boundaries",
        choices=("targets", "all"),
        default="targets",
        help="use the boundaries of the target classes, or of all classes",
    )


def _training_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(several_processes=True)
    add = parser.add_argument
    add("--output", type=Path, required=True, help="folder to write to")
    add(
        "--preset",
        metavar="NAME",
        help="take learning rate, epochs and batch size from this experiment, see "
        "docs/experiments.md",
    )
    add(
        "--epochs", type=int, help=f"passes over the frames (default: the preset's, else {_EPOCHS})"
    )
    add(
        "--batch-size",
        type=int,
        help=f"frames per step (default: the preset's, else {_BATCH_SIZE})",
    )
    add(
        "--lr",
        type=float,
        dest="learning_rate",
        metavar="RATE",
        help=f"learning rate at the start (default: the preset's, else {_LEARNING_RATE:g})",
    )
    add(
        "--final-lr",
        type=float,
        dest="final_share",
        metavar="SHARE",
        default=0.05,
        help="learning rate at the end, as a share of that at the start",
    )
    _augmentation_arguments(parser)
    _run_arguments(parser)


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--workers",
        type=int,
        default=0,
        help="number of reader processes; 0 reads in the main process",
    )
    add("--amp", action="store_true", help="run networks in half precision where that is safe")
    add(
        "--tensorboard",
        action="store_true",
        help="also write loss and learning rate to OUTPUT/tensorboard",
    )
    add(
        "--resume",
        action="store_true",
        help="continue the interrupted run in --output, with an identical result; --epochs may be "
        "more than before; without a checkpoint there, start from the beginning",
    )
    add(
        "--overwrite",
        action="store_true",
        help="begin anew where --output holds a trained network or an interrupted run",
    )
    add(
        "--checkpoint-steps",
        type=int,
        default=0,
        help="steps between checkpoints within an epoch (0: only at the end of each epoch)",
    )


def _augmentation_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--min-scale",
        type=float,
        default=1.0,
        help="smallest random crop side, as a fraction of the largest possible square "
        "(1 = no scaling)",
    )
    add("--contrast", type=float, default=0.2, help="largest relative change of contrast")
    add(
        "--brightness",
        type=float,
        default=0.1,
        help="largest shift of all values, as a share of their range",
    )
    add("--color", type=float, default=0.0, help="largest relative change of each channel")
    noise = "upper bound of salt-and-pepper noise, as a share of pixels"
    add("--noise", type=float, default=0.01, help=noise)


def _boundaries(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.training.boundary_cache import fill_cache

    frames = open_frames(options, options.split)
    settings = _cache_settings(options, frames, options.crops, options.seed)
    parts = fill_cache(
        frames, options.output, settings, workers=options.workers, quiet=options.quiet
    )
    print(f"{parts} parts were missing; boundary points: {options.output}")
    return 0


def _train_sampler(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.models.config import SamplerConfig
    from adaseg_fast.engine.training.boundary_cache import BoundaryCache, squares_of
    from adaseg_fast.engine.training.placement import joined
    from adaseg_fast.engine.training.sampler import train_sampler

    resume = _resumes(options, "sampler.safetensors")
    frames = open_frames(options, options.split)
    cache = None
    if options.boundary_cache is not None:
        settings = _cache_settings(options, frames, *squares_of(options.boundary_cache))
        cache = BoundaryCache(options.boundary_cache, settings)
    config = SamplerConfig(options.tensor_size, options.view_size, options.width, options.lam)
    validation = None if options.no_validation else open_frames(options, options.validation_split)
    with joined(options.device, amp=options.amp) as placement:
        result = train_sampler(
            frames,
            config,
            _training_options(options, "sampler", options.view_size, placement, resume),
            loss=options.loss,
            all_boundaries=options.boundaries == "all",
            cache=cache,
            validation=validation,
        )
    if placement.first:
        for name, value in result.items():
            print(f"{name:>10}  {value:.6f}")
        print(f"sampler: {options.output / 'sampler.safetensors'}")
    return 0


def _train_segmenter(options: argparse.Namespace) -> int:
    from adaseg_fast.engine.models.config import SegmenterConfig
    from adaseg_fast.engine.models.files import load_sampler
    from adaseg_fast.engine.models.networks import network_width
    from adaseg_fast.engine.training.placement import joined
    from adaseg_fast.engine.training.segmenter import train_segmenter

    resume = _resumes(options, "model.safetensors")
    frames = open_frames(options, options.split)
    sampler, sampler_config = (None, None) if options.uniform else load_sampler(options.sampler)
    config = SegmenterConfig.of(
        frames.info,
        options.size,
        network=options.network,
        width=network_width(options.network, options.width),
        sampler=sampler_config,
    )
    with joined(options.device, amp=options.amp) as placement:
        result = train_segmenter(
            frames,
            config,
            _training_options(options, "segmenter", options.size, placement, resume),
            sampler=sampler,
            balance=options.balance,
        )
    if placement.first:
        print(f"loss {result['loss']:.4f}\nmodel: {options.output / 'model.safetensors'}")
    return 0


def _resumes(options: argparse.Namespace, file: str) -> bool:
    """Whether the run continues from a checkpoint; looks before anything is read or written."""
    from adaseg_fast.engine.training.options import continues

    found = continues(options.output, file, resume=options.resume, overwrite=options.overwrite)
    if options.resume and not found and os.environ.get("RANK", "0") == "0":
        print(
            f"adaseg-fast: {options.output}: there is no checkpoint to resume from, so training "
            "starts from the beginning",
            file=sys.stderr,
        )
    return found


def _cache_settings(
    options: argparse.Namespace, frames: SegmentationDataset, crops: int, seed: int
) -> CacheSettings:
    from adaseg_fast.data.transforms import Augmentation
    from adaseg_fast.engine.training.boundary_cache import CacheSettings, describe_source

    return CacheSettings.of(
        frames,
        describe_source(options.data, options.split, options.data_seed),
        size=options.tensor_size,
        all_boundaries=options.boundaries == "all",
        augmentation=Augmentation(scale=(options.min_scale, 1.0)),
        crops=crops,
        seed=seed,
    )


def _training_options(
    options: argparse.Namespace, section: str, size: Size, placement: Placement, resume: bool
) -> TrainingOptions:
    """The options of both trainings; ``section`` of a preset is for networks of input ``size``."""
    from adaseg_fast.engine.training.options import TrainingOptions

    schedule, batch_size = _schedule(options, section, size)
    return TrainingOptions(
        output=options.output,
        schedule=schedule,
        augmentation=_augmentation(options),
        batch_size=batch_size,
        seed=options.seed,
        workers=options.workers,
        placement=placement,
        resume=resume,
        tensorboard=options.tensorboard,
        quiet=options.quiet,
    )


def _schedule(options: argparse.Namespace, section: str, size: Size) -> tuple[Schedule, int]:
    """The schedule and the batch size: as given, else the preset's, else the defaults."""
    from adaseg_fast.engine.experiment.config import at_size, read_config
    from adaseg_fast.engine.training.options import Schedule

    epochs, learning_rate, batch_size = _EPOCHS, _LEARNING_RATE, _BATCH_SIZE
    if options.preset is not None:
        preset = getattr(read_config(options.preset), section)
        epochs, learning_rate = preset.epochs, preset.learning_rate
        batch_size = at_size(preset.batch_size, size)
    schedule = Schedule(
        epochs if options.epochs is None else options.epochs,
        learning_rate if options.learning_rate is None else options.learning_rate,
        options.final_share,
        options.checkpoint_steps,
    )
    return schedule, batch_size if options.batch_size is None else options.batch_size


def _augmentation(options: argparse.Namespace) -> Augmentation:
    from adaseg_fast.data.transforms import Augmentation

    return Augmentation(
        scale=(options.min_scale, 1.0),
        contrast=options.contrast,
        brightness=options.brightness,
        color=options.color,
        noise=options.noise,
    )
