# SPDX-License-Identifier: Apache-2.0
"""Tables of classes that make no sense are refused; so are splits that share frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adaseg_fast.data import DataError, DatasetInfo, open_dataset
from adaseg_fast.data.base import Joined, frame_ids
from adaseg_fast.data.readers.folder import FolderDataset
from support.data.trees import apolloscape
from support.engine_cases import write_folder

GOOD: dict[str, Any] = {
    "name": "streets",
    "classes": ("Sky", "Car"),
    "colors": ((0, 0, 255), (255, 0, 0)),
    "targets": (1,),
}


@pytest.mark.parametrize(
    "name", ["Car", "traffic light", "Fußgänger", "歩行者", "\u0645\u06cc\u200c\u0634", "x" * 100]
)
def test_names_that_are_fine(name: str) -> None:
    assert DatasetInfo(**{**GOOD, "classes": ("Sky", name)}).classes[1] == name


BAD_NAMES = [
    "",
    "  ",
    "Car\n",
    "\x1b[31mCar",
    "a\0b",
    "a\tb",
    "\u202erac",
    "a\u2028b",
    "\ud800",
    "x" * 101,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name of class 1 must") as error:
        DatasetInfo(**{**GOOD, "classes": ("Sky", name)})
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": (), "colors": ()}, "at least one class"),
        ({"classes": ("Sky", 3)}, "the name of class 1 must be a text"),
        ({"classes": ("Sky", "sky")}, "two classes have the same name"),
        ({"colors": ((0, 0, 255),)}, "one colour per class, got 1 colours for 2 classes"),
        ({"colors": ((0, 0, 255), (999, 0, 0))}, r"colour of class 'Car' .* got \(999, 0, 0\)"),
        ({"colors": ((0, 0, 255), (-1, 0, 0))}, "colour of class 'Car'"),
        ({"colors": ((0, 0, 255), (1, 0))}, "colour of class 'Car'"),
        ({"colors": ((0, 0, 255), (1.0, 0, 0))}, "colour of class 'Car'"),
        ({"colors": ((0, 0, True), (1, 0, 0))}, "colour of class 'Sky'"),
        ({"targets": (1, 2)}, r"class numbers from 0 to 1, got \[2\]"),
        ({"targets": (-1,)}, r"class numbers from 0 to 1, got \[-1\]"),
    ],
)
def test_tables_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DatasetInfo(**{**GOOD, **changes})


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_in_a_file_are_refused_with_its_name(tmp_path: Path, name: str) -> None:
    root = write_folder(tmp_path / "data", {"train": 1})
    table = json.loads((root / "classes.json").read_text())
    table["classes"][4]["name"] = name
    (root / "classes.json").write_text(json.dumps(table))
    with pytest.raises(DataError, match=r"classes\.json: .*must"):
        FolderDataset(root, "train")


# Joined splits.


@pytest.mark.parametrize("cache", [False, True])
def test_a_split_given_twice_is_refused(cache: bool) -> None:
    def scenes(split: str, seed: int = 0) -> Any:
        return open_dataset(f"synthetic:{3 if seed else 2}x64", split, seed=seed, cache=cache)

    joined = Joined([scenes("train"), scenes("val"), scenes("train", seed=1)])
    assert len(joined) == len(set(frame_ids(joined))) == 7
    with pytest.raises(ValueError, match=r"count twice: 2 of them .* \(such as synthetic_train_0"):
        Joined([scenes("train"), scenes("val"), scenes("train")])
    with pytest.raises(ValueError, match="count twice: 2 of them"):
        Joined([joined, scenes("val")])


def test_the_same_folder_by_another_path_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folder(tmp_path / "data", {"train": 2, "val": 1})
    (tmp_path / "link").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    train, val = (FolderDataset(root, split, name="x") for split in ("train", "val"))
    assert len(Joined([train, val])) == 3
    for other in ("data", "link", tmp_path / "link" / ".." / "data"):
        with pytest.raises(ValueError, match="count twice: 2 of them"):
            Joined([train, val, FolderDataset(other, "train", name="x")])


def test_lists_that_share_a_frame_are_refused(tmp_path: Path) -> None:
    root = apolloscape(tmp_path / "apollo")
    line = (root / "road01_ins_val.lst").read_text()
    path = root / "road01_ins_train.lst"
    path.write_text(path.read_text() + line)
    parts = [open_dataset(f"apolloscape:{root}", split) for split in ("train", "val")]
    with pytest.raises(ValueError, match=r"count twice: 1 of them .*give each split once"):
        Joined(parts)


def test_splits_that_cannot_tell_their_frames_differ_as_objects() -> None:
    class Plain:
        info = DatasetInfo(**GOOD)

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            raise IndexError

    one = Plain()
    assert len(Joined([one, Plain()])) == 4
    with pytest.raises(ValueError, match="count twice: 2 of them"):
        Joined([one, one])
