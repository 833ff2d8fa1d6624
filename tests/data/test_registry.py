# SPDX-License-Identifier: Apache-2.0
"""Data sets by name: `open_dataset`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from adaseg_fast.data import DataError, Frame, open_dataset
from adaseg_fast.data.base import Joined
from adaseg_fast.data.images import write_png
from adaseg_fast.data.readers.camvid import CamVid
from adaseg_fast.data.readers.folder import FolderDataset

CLASSES = ["Pole", "SignSymbol", "Car", "Pedestrian", "Bicyclist"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for part, shape in (("images", (4, 4, 3)), ("labels", (4, 4))):
        (tmp_path / part / "val").mkdir(parents=True)
        write_png(tmp_path / part / "val" / "frame.png", np.zeros(shape, np.uint8))
    classes = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(CLASSES)]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes}))
    return tmp_path


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, dict[str, object]]]:
    """How the drawer of scenes is called; nothing is drawn."""
    calls: list[tuple[int, dict[str, object]]] = []
    module = SimpleNamespace(
        SyntheticScenes=lambda count, **options: calls.append((count, options))
    )
    monkeypatch.setitem(sys.modules, "adaseg_fast.data.readers.synthetic", module)
    return calls


def test_folders(root: Path) -> None:
    data = open_dataset(f"folder:{root}", "val", targets=["car"])
    assert type(data) is FolderDataset
    assert data.info.targets == (2,)
    assert isinstance(data[0], Frame)
    assert type(open_dataset(f"camvid:{root}", "val")) is CamVid


def test_path_may_hold_a_colon(root: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a:b"
    odd.mkdir()
    for name in ("images", "labels", "classes.json"):
        (root / name).rename(odd / name)
    assert len(open_dataset(f"folder:{odd}", "val")) == 1


@pytest.mark.parametrize(
    ("spec", "count", "more"),
    [
        ("synthetic", 256, {}),
        ("synthetic:", 256, {}),
        ("synthetic:12", 12, {}),
        ("synthetic:12x640", 12, {"size": (640, 640)}),
    ],
)
def test_synthetic(drawn, spec: str, count: int, more: dict[str, object]) -> None:
    open_dataset(spec, "val", seed=5)
    assert drawn == [(count, {"split": "val", "seed": 5, **more})]


def test_synthetic_scenes_are_drawn() -> None:
    data = open_dataset("synthetic:3x64", "val", seed=1)
    assert len(data) == 3
    assert data[2].image.shape == (64, 64, 3)


@pytest.mark.parametrize("where", ["0", "-3", "many", "3x", "x64", "3x0", "3x64x64", "1.5", "²"])
def test_synthetic_of_no_known_form(drawn, where: str) -> None:
    with pytest.raises(ValueError, match=f"'synthetic:{where}': must be .*synthetic:COUNTxSIZE"):
        open_dataset(f"synthetic:{where}", "val")
    assert not drawn


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("99999999999999999999x1", "count must be 1 to 10000000, got 9+$"),
        ("9" * 5000, "count must be 1 to 10000000, got 9+$"),
        ("10000001", "count must be 1 to 10000000, got 10000001"),
        ("1x1000000000", "height must be 64 to 4096, got 1000000000"),
        (f"1x{'9' * 5000}", "height must be 64 to 4096, got 9+$"),
        ("1x63", "height must be 64 to 4096, got 63"),
    ],
)
def test_synthetic_out_of_bounds(where: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        open_dataset(f"synthetic:{where}", "val")
    assert len(str(error.value)) < 100


def test_home_of_nobody_is_one_line() -> None:
    for name in ("folder", "camvid", "cityscapes", "apolloscape", "synthia", "supervisely"):
        with pytest.raises(DataError, match=r"^~nobody_of_this_name/x: cannot be opened .*\)$"):
            open_dataset(f"{name}:~nobody_of_this_name/x", "val")


@pytest.mark.parametrize("spec", ["cityscape:/data", "", ":/data", "/data/camvid", "CamVid:/data"])
def test_unknown_name_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(
        ValueError, match=f"{spec!r}: there is no such name.* synthetic, camvid, .*folder"
    ):
        open_dataset(spec, "val")


@pytest.mark.parametrize(
    "name", ["camvid", "cityscapes", "apolloscape", "synthia", "supervisely", "folder"]
)
@pytest.mark.parametrize("colon", ["", ":"])
def test_folder_without_path(name: str, colon: str) -> None:
    with pytest.raises(ValueError, match=f"must be given, as {name}:PATH"):
        open_dataset(name + colon, "val")


def test_errors_of_the_data_set_pass_through(root: Path) -> None:
    with pytest.raises(DataError, match="no split 'test'; there are val"):
        open_dataset(f"camvid:{root}", "test")
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        open_dataset(f"camvid:{root / 'nowhere'}", "val")


def test_seed_where_nothing_is_random(root: Path) -> None:
    with pytest.raises(ValueError, match="nothing in it is random, so it takes no seed"):
        open_dataset(f"folder:{root}", "val", seed=3)


def test_instances_survive_the_cache() -> None:
    plain = open_dataset("synthetic:1x64", "val", cache=True)[0]
    kept = open_dataset("synthetic:1x64", "val", cache=True, instances=True)
    assert plain.instances is None
    kept[0].instances[:] = -1
    np.testing.assert_array_equal(
        kept[0].instances, open_dataset("synthetic:1x64", "val")[0].instances
    )


def test_data_and_metrics_need_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import adaseg_fast.data.transforms, adaseg_fast.data.images, adaseg_fast.metrics\n"
        "import adaseg_fast.data.coverage, adaseg_fast.storage\n"
        "from adaseg_fast.data import open_dataset\n"
        "assert open_dataset('synthetic:1x64', 'val', cache=True)[0].image.shape == (64, 64, 3)\n"
    )
    same_package = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=same_package)


def test_splits_are_joined_only_with_the_same_classes() -> None:
    scenes = open_dataset("synthetic:2x64", "val")
    assert len(Joined([scenes, open_dataset("synthetic:3x64", "train")])) == 5
    for parts in ([], [scenes, open_dataset("synthetic:2x64", "val", targets=("car",))]):
        with pytest.raises(ValueError, match="parts must be splits of one data set"):
            Joined(parts)
