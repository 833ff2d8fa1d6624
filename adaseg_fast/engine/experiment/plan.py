# SPDX-License-Identifier: Apache-2.0
"""Which models an experiment trains, with the settings that the configuration gives each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adaseg_fast.data import DatasetInfo, SegmentationDataset, open_dataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.experiment.config import (
    AugmentationSection,
    DataSection,
    ExperimentConfig,
    SamplerSection,
    SegmenterSection,
    Size,
    at_size,
)
from adaseg_fast.engine.experiment.equal_cost import equal_cost_size
from adaseg_fast.engine.models.config import SamplerConfig
from adaseg_fast.engine.models.networks import network_width
from adaseg_fast.engine.tables import size_text
from adaseg_fast.engine.training.options import Schedule


@dataclass(frozen=True)
class Model:
    """One base network of an experiment.

    Attributes:
        sampling: "uniform" or "adaptive".
        size: its working size.
        seed: of its training.
        compared_size: the working size of the adaptive model that it is compared with. It differs
            from ``size`` if the two models have equal cost instead of equal size.
        batch: frames per step, where they are not those of the plain uniform model of that size;
            else None. Two models that differ in it have folders of their own.
    """

    sampling: str
    size: Size
    seed: int
    compared_size: Size
    batch: int | None = None

    @property
    def folder(self) -> Path:
        """Its folder within ``segmenters`` and ``evaluations``."""
        batch = "" if self.batch is None else f"_batch_{self.batch}"
        return Path(f"{self.sampling}_{size_text(self.size)}{batch}", f"seed_{self.seed}")

    @property
    def file(self) -> Path:
        """Its model file within ``segmenters``."""
        return self.folder / "model.safetensors"


def planned_models(config: ExperimentConfig, info: DatasetInfo) -> Iterator[Model]:
    """The models of an experiment, in the order of sizes, then seeds.

    For each size these are a uniform model, an adaptive one and, if that is another size, a uniform
    one of equal cost; after them come the further baselines.
    """
    base = config.segmenter
    for size in config.sizes:
        chosen = [("uniform", size), ("adaptive", size)]
        if base.equal_cost:
            width = network_width(base.network, base.width)
            sampler = sampler_config(config.sampler, size)
            equal = equal_cost_size(base.network, width, info.num_classes, size, sampler)
            if equal != size:
                chosen.append(("uniform", equal))
        for seed in config.seeds:
            for sampling, own in chosen:
                batch = at_size(base.batch_size, size)
                differs = sampling == "uniform" and batch != at_size(base.batch_size, own)
                yield Model(sampling, own, seed, size, batch if differs else None)
    for size in config.baseline_sizes:
        if size not in config.sizes:
            for seed in config.seeds:
                yield Model("uniform", size, seed, size)


def batch_of(model: Model, section: SegmenterSection) -> int:
    """Frames per step in the training of a base network."""
    return at_size(section.batch_size, model.compared_size)


def schedule_of(section: SamplerSection | SegmenterSection) -> Schedule:
    """How long and how fast the networks of a section are trained."""
    return Schedule(section.epochs, section.learning_rate, section.final_learning_rate)


def sampler_config(section: SamplerSection, size: Size) -> SamplerConfig:
    """The auxiliary network for a working size."""
    view = at_size(section.view_size, size)
    tensor = section.tensor_size
    return SamplerConfig((tensor, tensor), (view, view), section.width, section.lam)


def augmentation(bounds: AugmentationSection) -> Augmentation:
    """The random changes of training frames."""
    return Augmentation(
        scale=(bounds.min_scale, 1.0),
        contrast=bounds.contrast,
        brightness=bounds.brightness,
        color=bounds.color,
        noise=bounds.noise,
    )


def training_frames(data: DataSection) -> SegmentationDataset:
    """The frames to train on."""
    return _open(data, data.train, data.split)


def evaluation_frames(data: DataSection, *, instances: bool = False) -> SegmentationDataset:
    """The frames that are measured; with ``instances`` they hold numbers of objects too."""
    return _open(data, data.evaluation or data.train, data.evaluation_split, instances=instances)


def _open(data: DataSection, spec: str, split: str, **how: Any) -> SegmentationDataset:
    return open_dataset(spec, split, targets=data.targets, cache=data.cache, seed=data.seed, **how)
