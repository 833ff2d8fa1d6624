# SPDX-License-Identifier: Apache-2.0
"""Supervisely Person in the publisher's layout, hostile annotations included."""

from __future__ import annotations

import base64
import io
import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from adaseg_fast.data import DataError, open_dataset
from adaseg_fast.data.images import write_png
from adaseg_fast.data.readers import supervisely as module
from adaseg_fast.data.readers.supervisely import SuperviselyPerson
from support.data.trees import (
    SIZE,
    bitmap_object,
    pack_bitmap,
    picture,
    polygon_object,
    supervisely,
    write_annotation,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return supervisely(tmp_path / "persons")


@pytest.fixture
def one(tmp_path: Path) -> Callable[[list[Any]], Any]:
    """The frame of a single image with the objects given."""

    def frame(objects: list[Any]) -> Any:
        for kind in ("img", "ann"):
            (tmp_path / "ds1" / kind).mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / "ds1" / "img" / "a.png", picture(0))
        write_annotation(tmp_path / "ds1" / "ann" / "a.json", objects)
        return SuperviselyPerson(tmp_path, "val", instances=True)[0]

    return frame


def test_bitmaps_polygons_and_neutral_regions(root: Path) -> None:
    frame = open_dataset(f"supervisely:{root}", "train", instances=True)[0]
    expected = np.zeros(SIZE, np.uint8)
    expected[2:7, 30:36] = 1
    expected[3:6, 31:35] = 0
    expected[3:21, 2:15] = 1
    expected[6:13, 5:10] = 0
    persons = expected.astype(np.int32)
    persons[3:21, 2:15] *= 2
    expected[4:6, 3:6], persons[4:6, 3:6] = 255, 0
    np.testing.assert_array_equal(frame.labels, expected)
    np.testing.assert_array_equal(frame.instances, persons)


def test_two_classes(root: Path) -> None:
    data = SuperviselyPerson(root, "val")
    assert data.info.classes == ("background", "person") and data.info.targets == (1,)
    assert data[0].instances is None
    assert open_dataset(f"supervisely:{root}", "val", targets=["background"]).info.targets == (0,)


def test_split_is_the_papers_share(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    assert len(SuperviselyPerson(root, "train")) == 18 and len(SuperviselyPerson(root, "val")) == 2
    from adaseg_fast.data.paired import Pair

    pairs = [Pair(Path(f"{n}.png"), Path(f"{n}.json"), str(n)) for n in range(5711)]
    monkeypatch.setattr(module, "_find_pairs", lambda folder: pairs)
    assert len(SuperviselyPerson(root, "train")) == 5140
    assert len(SuperviselyPerson(root, "val")) == 571


def test_split_depends_on_the_seed_alone(root: Path) -> None:
    def names(split: str, seed: int) -> set[str]:
        data = SuperviselyPerson(root, split, seed=seed)
        return {data[index].name for index in range(len(data))}

    assert len(names("train", 3) | names("val", 3)) == 20
    assert not names("train", 3) & names("val", 3)
    assert any(names("val", seed) != names("val", 3) for seed in range(4, 9))
    with pytest.raises(DataError, match="no split 'test'; there are train, val"):
        SuperviselyPerson(root, "test")


@pytest.mark.parametrize("kind", ["palette", "grey", "alpha", "colour", "one bit"])
def test_every_kind_of_mask(one: Callable[..., Any], kind: str) -> None:
    mask = np.random.default_rng(0).random((7, 9)) < 0.5
    grey = mask.astype(np.uint8) * 255
    entry = bitmap_object(mask, (4, 3), "person_bmp")
    if kind == "one bit":
        buffer = io.BytesIO()
        Image.fromarray(mask).save(buffer, "PNG")
        data = buffer.getvalue()
    else:
        white = np.full((7, 9, 3), 255, np.uint8)
        arrays = {
            "grey": grey,
            "alpha": np.dstack([white, grey]),
            "colour": np.dstack([grey] * 3),
        }
        if kind in arrays:
            data = cv2.imencode(".png", arrays[kind])[1].tobytes()
    if kind != "palette":
        entry["bitmap"]["data"] = base64.b64encode(zlib.compress(data)).decode()
    labels = one([entry]).labels
    np.testing.assert_array_equal(labels[3:10, 4:13], mask)
    assert labels.sum() == mask.sum()


def test_later_objects_lie_on_top_and_polygons_may_stick_out(one: Callable[..., Any]) -> None:
    everything = [[-5, -5], [60.4, -5], [60.4, 30], [-5, 30]]
    frame = one([polygon_object(everything), polygon_object([[0, 0], [3, 0], [3, 3], [0, 3]])])
    assert (frame.labels == 1).all()
    assert (frame.instances[:4, :4] == 2).all() and (frame.instances[4:, 4:] == 1).all()


@pytest.mark.parametrize(("left", "top"), [(-3, -2), (36, 20), (-3, 20), (10, 10)])
def test_bitmaps_may_stick_out(one: Callable[..., Any], left: int, top: int) -> None:
    mask = np.random.default_rng(1).random((6, 7)) < 0.5
    wide = np.zeros((SIZE[0] + 20, SIZE[1] + 20), np.uint8)
    wide[10 + top : 16 + top, 10 + left : 17 + left] = mask
    labels = one([bitmap_object(mask, (left, top), "person_bmp")]).labels
    np.testing.assert_array_equal(labels, wide[10:-10, 10:-10])


def bomb() -> str:
    """A hundred megabytes of zeros in as many kilobytes."""
    return base64.b64encode(zlib.compress(bytes(10**8), 9)).decode()


def large_picture() -> str:
    """A whole PNG whose header announces more pixels than the image has."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    end = b"IEND"
    parts = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
             for c in (chunk, end)]  # fmt: skip
    return base64.b64encode(zlib.compress(b"\x89PNG\r\n\x1a\n" + b"".join(parts))).decode()


def test_bombs_take_no_memory(one: Callable[..., Any]) -> None:
    for data in (bomb(), large_picture()):
        entry = bitmap_object(np.ones((2, 2), bool), (0, 0), "person_bmp")
        entry["bitmap"]["data"] = data
        tracemalloc.start()
        with pytest.raises(DataError, match=r"a\.json: object 0 has a bitmap whose .* more than"):
            one([entry])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10 * 2**20


def bitmap(**changes: Any) -> dict[str, Any]:
    entry = bitmap_object(np.ones((2, 2), bool), (0, 0), "person_bmp")
    entry["bitmap"] |= changes
    return entry


def cut() -> str:
    return base64.b64encode(base64.b64decode(pack_bitmap(np.ones((2, 2), bool)))[:-9]).decode()


TRIANGLE = [[0, 0], [5, 0], [5, 5]]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("person", "object 0 is of the class None; known are person_bmp, person_poly, neutral"),
        ({}, "is of the class None"),
        ({**polygon_object(TRIANGLE), "classTitle": "dog"}, "is of the class 'dog'"),
        ({**polygon_object(TRIANGLE), "classTitle": ["neutral"]}, "is of the class"),
        ({"classTitle": "neutral"}, 'has neither a "bitmap" nor "points"'),
        (bitmap(data=3), 'has a bitmap without "data"'),
        (bitmap(data="***"), "cannot be unpacked"),
        (bitmap(data="AAAA"), "cannot be unpacked"),
        (bitmap(data=cut()), "data breaks off"),
        (bitmap(data=base64.b64encode(zlib.compress(b"text")).decode()), "picture is no PNG"),
        (bitmap(origin=[0]), '"origin" is not two whole numbers'),
        (bitmap(origin=[0.5, 0]), '"origin" is not two whole numbers'),
        (bitmap(origin=[-2, 0]), "at column -2 and row 0, outside of an image of 40 x 24"),
        (bitmap(origin=[0, 24]), "at column 0 and row 24, outside"),
        (bitmap(origin=[0, 10**18]), "outside"),
        (bitmap(origin=[0, 10**30]), r"is not JSON \(the number 10\S* is too large"),
        (polygon_object([[0, 0], [1, 1]]), "not a list of three points"),
        (polygon_object([*TRIANGLE, [1]]), "a point that is not two numbers"),
        (polygon_object([*TRIANGLE, [1, "2"]]), "a point that is not two numbers"),
        (polygon_object([*TRIANGLE, [1, True]]), "a point that is not two numbers"),
        (polygon_object([*TRIANGLE, [1e300, 0]]), "a point far outside the image"),
        (polygon_object([*TRIANGLE, [10**400, 0]]), r"is not JSON \(the number 10\S* is too large"),
        (polygon_object([*TRIANGLE, [float("nan"), 0]]), r"is not JSON \(NaN is no number"),
        (polygon_object(TRIANGLE, [[[0, 0]]]), "not a list of three points"),
        ({**polygon_object(TRIANGLE), "points": {"exterior": TRIANGLE, "interior": "x"}},
         '"interior" is not a list'),
    ],
)  # fmt: skip
def test_broken_objects(one: Callable[..., Any], entry: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"a\.json: object 0 .*{message}|a\.json: {message}"):
        one([entry])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", 'must be an object with a list "objects"'),
        ('{"objects": 3}', 'must be an object with a list "objects"'),
        ('{"objects": []}', "its size is None, but the image"),
        ('{"objects": [], "size": {"width": 24, "height": 40}}', "its size is"),
        ("{", "is not JSON"),
    ],
)
def test_broken_annotations(root: Path, text: str, message: str) -> None:
    data = SuperviselyPerson(root, "val")
    for path in root.rglob("ann/*.json"):
        path.write_text(text)
    with pytest.raises(DataError, match=rf"ann.photo-\d+[.png]*\.json: {message}"):
        data[0]


def test_annotation_too_large(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adaseg_fast import storage

    monkeypatch.setattr(storage, "_LARGEST_JSON", 100)
    with pytest.raises(DataError, match="is larger than 100 bytes"):
        SuperviselyPerson(root, "val")[0]


def test_missing_parts(root: Path, tmp_path: Path) -> None:
    next((root / "ds1" / "ann").iterdir()).unlink()
    with pytest.raises(DataError, match=r"ds1.ann: 1 of 10 images have no labels"):
        SuperviselyPerson(root, "val")
    (tmp_path / "bare").mkdir()
    with pytest.raises(DataError, match="bare: holds no images"):
        SuperviselyPerson(tmp_path / "bare", "val")


def test_annotations_name_no_files(root: Path) -> None:
    """Whatever paths an annotation holds, only the image of its own name is opened."""
    for path in root.rglob("ann/*.json"):
        text = json.loads(path.read_text())
        path.write_text(json.dumps({**text, "name": "../../../etc/passwd"}))
    assert SuperviselyPerson(root, "val")[0].image.shape == (*SIZE, 3)
