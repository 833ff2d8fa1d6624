# SPDX-License-Identifier: Apache-2.0
"""Everything that can be wrong with an experiment, found before anything is written or trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from adaseg_fast.data import SegmentationDataset
from adaseg_fast.engine.evaluation.frame_pictures import check_frames
from adaseg_fast.engine.experiment.config import ConfigError, ExperimentConfig, at_size
from adaseg_fast.engine.experiment.plan import (
    augmentation,
    batch_of,
    planned_models,
    sampler_config,
    schedule_of,
)
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.networks import (
    build_network,
    build_sampler,
    check_size,
    network_width,
)
from adaseg_fast.engine.models.probe import size_of_scores
from adaseg_fast.engine.training.batches import Batches

_MOST_CROPS = 2**16


def check_experiment(
    config: ExperimentConfig,
    frames: SegmentationDataset,
    measured: SegmentationDataset,
    device: torch.device,
) -> None:
    """Refuse an experiment that would fail on its way.

    Args:
        config: what to do.
        frames: to train on.
        measured: to measure.
        device: where to train and to measure.

    Raises:
        ConfigError: a value is out of its range, or the frames that are measured have other classes
            than those to train on.
        ValueError: the network cannot be built, cannot take a working size or gives scores of a
            wrong shape; no working size costs what an adaptive model does; or a frame of
            ``examples`` does not exist.
    """
    if measured.info.classes != frames.info.classes:
        raise ConfigError("data: the frames that are measured have other classes than those to "
                          "train on")  # fmt: skip
    if not len(measured):
        raise ConfigError("data: there are no frames to measure")
    for size in (*config.sizes, *config.baseline_sizes):
        check_size(config.segmenter.network, size)
    if config.evaluation.examples:
        check_frames(measured, config.evaluation.examples)
    _check_values(config)
    _check_networks(config, frames, device)
    with _named("segmenter.equal_cost"):
        plan = list(planned_models(config, frames.info))
    sizes = {batch_of(model, config.segmenter) for model in plan}
    for view in {sampler_config(config.sampler, size).view_size for size in config.sizes}:
        sizes.add(at_size(config.sampler.batch_size, view))
    for batch in sizes:
        with _named("batch_size"):
            steps = Batches(frames, augmentation(config.augmentation), batch_size=batch, seed=0)
        if not len(steps):
            raise ConfigError(f"data: {len(frames)} frames make no batch: at least two are needed")


def _check_values(config: ExperimentConfig) -> None:
    with _named("augmentation"):
        augmentation(config.augmentation)
    for name in ("sampler", "segmenter"):
        with _named(name):
            schedule_of(getattr(config, name))
    if not 0 <= config.sampler.crops <= _MOST_CROPS:
        raise ConfigError(
            f"sampler.crops must be between 0 and {_MOST_CROPS}, got {config.sampler.crops}"
        )
    if config.data.workers < 0:
        raise ConfigError(f"data.workers must not be negative, got {config.data.workers}")
    wrong = [seed for seed in config.seeds if not 0 <= seed < 2**63]
    if wrong:
        raise ConfigError(f"seeds must be between 0 and 2**63 - 1, got {wrong[0]}")


def _check_networks(
    config: ExperimentConfig, frames: SegmentationDataset, device: torch.device
) -> None:
    """Build each auxiliary network, and run the base network once per size."""
    for size in config.sizes:
        with _named("sampler"), torch.device("meta"):
            build_sampler(sampler_config(config.sampler, size))
    section = config.segmenter
    width = network_width(section.network, section.width)
    settings = [
        SegmenterConfig.of(frames.info, size, network=section.network, width=width)
        for size in dict.fromkeys((*config.sizes, *config.baseline_sizes))
    ]

    def check(where: torch.device) -> None:
        with where:
            network = build_network(section.network, frames.info.num_classes, width)
        for each in settings:
            size_of_scores(network.to(where), each, where)

    try:
        check(torch.device("meta"))  # takes no time
    except Exception:  # the network is wrong, or looks at its data, which "meta" has not
        check(device)


@contextmanager
def _named(key: str) -> Iterator[None]:
    """Put the key of the configuration before what an error says."""
    try:
        yield
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from error
