# SPDX-License-Identifier: Apache-2.0
"""An experiment is checked before it begins, and does not depend on the order of its sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from adaseg_fast.data import open_dataset
from adaseg_fast.engine.experiment.config import ExperimentConfig, SegmenterSection, parse_config
from adaseg_fast.engine.experiment.equal_cost import equal_cost_size
from adaseg_fast.engine.experiment.folders import keep_batches_apart
from adaseg_fast.engine.experiment.plan import Model, batch_of, planned_models
from adaseg_fast.engine.experiment.run import run_experiment
from adaseg_fast.engine.experiment.settings import note_settings
from adaseg_fast.engine.models.config import SamplerConfig

NETWORKS = "support.network_factories"
TRAINING = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 2}
VALUES: dict[str, Any] = {
    "sizes": [16],
    "seeds": [0],
    "data": {"train": "synthetic:4x64", "evaluation": "synthetic:2x64"},
    "sampler": TRAINING | {"view_size": 32, "tensor_size": 4, "width": 16},
    "segmenter": TRAINING | {"width": 16},
    "evaluation": {"examples": [0, 1]},
}


def config(**changes: Any) -> ExperimentConfig:
    values = dict(VALUES)
    for section, change in changes.items():
        is_table = isinstance(change, dict)
        values[section] = values.get(section, {}) | change if is_table else change
    return parse_config(values, "test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"targets": ["no such"]}}, "has no class 'no such'"),
        ({"data": {"workers": -1}}, "data.workers must not be negative"),
        ({"evaluation": {"examples": [2]}}, "there is no frame 2"),
        ({"augmentation": {"min_scale": 0.0}}, "augmentation: scale must be"),
        ({"sampler": {"learning_rate": 0.0}}, "sampler: the learning rate must be positive"),
        ({"sampler": {"epochs": 0}}, "sampler: epochs must be at least 1"),
        ({"sampler": {"crops": -1}}, "sampler.crops must be between 0"),
        ({"sampler": {"width": 0}}, "sampler: "),
        ({"segmenter": {"final_learning_rate": 2.0}}, "segmenter: the final share"),
        ({"segmenter": {"batch_size": 0}}, "batch_size: batch size must be at least 1"),
        ({"segmenter": {"network": "no:such", "width": None}}, "cannot be imported"),
        ({"segmenter": {"network": f"{NETWORKS}:one_too_many", "width": None}}, "11 channels"),
        (
            {"segmenter": {"network": f"{NETWORKS}:constant", "width": None}},
            "segmenter.equal_cost: the cost of the network .* does not grow",
        ),
        ({"seeds": [-1]}, "seeds must be between 0"),
    ],
)
def test_nothing_is_written_before_everything_is_checked(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    wrong = config(**changes)
    said: list[str] = []
    with pytest.raises(ValueError, match=message) as noted:
        run_experiment(wrong, tmp_path / "out", quiet=True, say=said.append)
    assert "\n" not in str(noted.value)
    assert not (tmp_path / "out").exists() and not said


def test_a_cost_that_does_not_grow_ends_the_search() -> None:
    sampler = SamplerConfig((4, 4), (16, 16), width=8)
    with pytest.raises(ValueError, match=r"does not grow .* set equal_cost = false"):
        equal_cost_size(f"{NETWORKS}:constant", None, 5, (16, 16), sampler)


def test_a_network_that_looks_at_its_data_is_measured_on_zeros() -> None:
    sampler = SamplerConfig((4, 4), (16, 16), width=8)
    sizes = {
        equal_cost_size(f"{NETWORKS}:{name}", None, 5, (16, 16), sampler)
        for name in ("looking", "plain")
    }
    assert len(sizes) == 1 and sizes.pop() > (16, 16)


BATCHES = {"sizes": [[16, 16], [18, 18]], "segmenter": {"batch_size": {16: 4, 18: 2}}}


def plans(*orders: tuple[int, ...]) -> list[set[tuple[str, int]]]:
    info, found = open_dataset("synthetic:2x64", "val").info, []
    for order in orders:
        each = config(**BATCHES | {"sizes": [[side, side] for side in order]})
        models = list(planned_models(each, info))
        by_folder = {str(model.folder): batch_of(model, each.segmenter) for model in models}
        pairs = {(str(model.folder), batch_of(model, each.segmenter)) for model in models}
        assert len(by_folder) == len(pairs), "one folder, two batch sizes"
        found.append(pairs)
    return found


def test_the_order_of_sizes_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "adaseg_fast.engine.experiment.plan.equal_cost_size",
        lambda network, width, classes, size, sampler: (size[0] + 2, size[1] + 2),
    )
    one, other = plans((16, 18), (18, 16))
    assert one == other
    assert ("uniform_18x18/seed_0", 2) in one and ("uniform_18x18_batch_4/seed_0", 4) in one


@pytest.mark.parametrize("batch", [2, 4])
def test_folders_of_0_1_0_keep_what_they_hold(tmp_path: Path, batch: int) -> None:
    """The uniform model of 18x18 in the one folder that 0.1.0 had, for either batch size."""
    section = parse_config(VALUES | {"segmenter": TRAINING | {"batch_size": {16: 4, 18: 2}}}, "x")
    assert isinstance(section.segmenter, SegmenterSection)
    for kind in ("segmenters", "evaluations"):
        old = tmp_path / kind / "uniform_18x18" / "seed_0"
        old.mkdir(parents=True)
        (old / "result.json").write_text(kind)
    torch.save({"settings": {"batch_size": batch}},
               tmp_path / "segmenters" / "uniform_18x18" / "seed_0" / "checkpoint.pt")  # fmt: skip
    plain, equal = (
        Model("uniform", (18, 18), 0, (18, 18)),
        Model("uniform", (18, 18), 0, (16, 16), 4),
    )
    keep_batches_apart([equal, plain], tmp_path, section.segmenter)
    owner, other = (plain, equal) if batch == 2 else (equal, plain)
    for kind in ("segmenters", "evaluations"):
        assert (tmp_path / kind / owner.folder / "result.json").read_text() == kind
        assert not (tmp_path / kind / other.folder).exists()


def test_the_same_data_under_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = config(data={"train": "folder:data", "evaluation": ""})
    whole = replace(relative, data=replace(relative.data, train=f"folder:{tmp_path}/data"))
    note_settings(tmp_path / "experiment.json", relative)
    note_settings(tmp_path / "experiment.json", whole)
    other = replace(relative, data=replace(relative.data, train="folder:other"))
    with pytest.raises(ValueError, match=r"data\.train"):
        note_settings(tmp_path / "experiment.json", other)
