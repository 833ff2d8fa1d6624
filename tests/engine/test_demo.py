# SPDX-License-Identifier: Apache-2.0
"""The demo with the weights that are shipped."""

from __future__ import annotations

import json
from pathlib import Path

import cv2

from adaseg_fast.engine.demo import demo, load_demo_models


def test_same_base_network_and_size() -> None:
    (uniform, a), (adaptive, b) = load_demo_models()
    assert (a.size, a.width, a.classes) == (b.size, b.width, b.classes)
    assert a.sampler is None and b.sampler is not None
    shapes = [
        {name: value.shape for name, value in model.segmenter.state_dict().items()}
        for model in (uniform, adaptive)
    ]
    assert shapes[0] == shapes[1]


def test_demo_writes_picture_and_figures(tmp_path: Path) -> None:
    results = demo(tmp_path, scenes=4, quiet=True)
    uniform, adaptive = results
    assert adaptive.target_iou > uniform.target_iou + 0.02
    record = json.loads((tmp_path / "demo.json").read_text())
    assert [r["name"] for r in record["results"]] == ["uniform 64x64", "adaptive 64x64"]
    picture = cv2.imread(str(tmp_path / "demo.png"))
    assert picture.shape[1] > picture.shape[0] / 2 > 200
    assert picture.std() > 20


def test_seed_changes_the_scenes(tmp_path: Path) -> None:
    first, again, other = (
        demo(tmp_path, scenes=1, seed=seed, quiet=True)[0].confusion.counts.tolist()
        for seed in (0, 0, 1)
    )
    assert first == again != other
