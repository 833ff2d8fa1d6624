# SPDX-License-Identifier: Apache-2.0
"""Synthetic scenes: the same bits for the same number, exact truth, and a fair mix of classes."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from adaseg_fast.data.base import Frame
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.data.scenes.canvas import Canvas, Kind
from adaseg_fast.data.scenes.cars import Car
from adaseg_fast.data.scenes.people import Bicyclist, Pedestrian
from adaseg_fast.data.scenes.street import Camera, Light, Stage, Street, Thing

COUNTABLE = {
    Kind.VEGETATION,
    Kind.POLE,
    Kind.SIGN,
    Kind.CAR,
    Kind.PEDESTRIAN,
    Kind.BICYCLIST,
}
SIDE = 256


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return list(SyntheticScenes(20, size=(SIDE, SIDE)))


def digest(frame: Frame) -> str:
    assert frame.instances is not None
    parts = (frame.image, frame.labels, frame.instances)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def stage(size: tuple[int, int] = (200, 300)) -> Stage:
    """A straight, clear street seen from 2 m above its centre line, focal length 200."""
    camera = Camera(size, 200.0, 2.0, (150.0, 80.0), 0.0)
    plan = Street.random(np.random.default_rng(0))
    light = Light((0.5, 0.5), 0.5, (200.0, 200.0, 200.0), 1e9, (1.0, 1.0, 1.0))
    return Stage(Canvas(size), camera, plan, light)


def paint(things: Sequence[Thing]) -> tuple[np.ndarray, np.ndarray]:
    scene = stage()
    for thing in things:
        thing.paint(scene)
    return scene.canvas.truth()


# One tiny picture by hand.


def test_a_rectangle_covers_its_pixels_and_the_last_one_drawn_wins() -> None:
    canvas = Canvas((5, 6))
    car = canvas.segment(Kind.CAR, countable=True)
    road = canvas.segment(Kind.ROAD)
    sign = canvas.segment(Kind.SIGN, countable=True)
    canvas.fill(np.array([[0.0, 3], [5, 3], [5, 4], [0, 4]]), (9, 9, 9), road)
    canvas.fill(np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]]), (200, 0, 0), car)
    canvas.fill(np.array([[3.0, 2], [4, 2], [4, 2], [3, 2]]), (0, 200, 0), sign)
    labels, instances = canvas.truth()
    o, r, c, s = Kind.SKY, Kind.ROAD, Kind.CAR, Kind.SIGN
    wanted = [
        [o, o, o, o, o, o],
        [o, c, c, c, o, o],
        [o, c, c, s, s, o],
        [r, c, c, c, r, r],
        [r, r, r, r, r, r],
    ]
    np.testing.assert_array_equal(labels, wanted)
    number = {o: 0, r: 0, c: 1, s: 2}
    np.testing.assert_array_equal(instances, [[number[k] for k in row] for row in wanted])
    np.testing.assert_array_equal(canvas.image[2, 2], (200, 0, 0))
    canvas.fill(np.array([[0.0, 0], [5, 0], [5, 4], [0, 4]]), (0, 0, 200))  # only a colour
    np.testing.assert_array_equal(canvas.image[2, 2], (0, 0, 200))
    np.testing.assert_array_equal(canvas.truth()[0], labels)


def test_a_texture_and_a_shadow_touch_only_their_own_plane() -> None:
    canvas = Canvas((20, 20))
    ground, other = canvas.segment(Kind.ROAD), canvas.segment(Kind.CAR)
    square = np.array([[0.0, 0], [19, 0], [19, 19], [0, 19]])
    canvas.fill(square, (100, 100, 100), ground)
    canvas.fill(np.array([[5.0, 5], [9, 5], [9, 9], [5, 9]]), (100, 100, 100), other)
    canvas.image[...] = 100  # without the antialiased edges
    darkness = np.full((20, 20), 255, np.uint8)
    darkness[:, 10:] = 51  # a fifth
    canvas.texture((ground, ground), square, square, np.full((20, 20), 64, np.uint8), darkness)
    wanted = np.full((20, 20), 50)
    wanted[:, 10:] = 10
    wanted[5:10, 5:10] = 100
    image = canvas.shaded(np.full((20, 20), 255, np.uint8)).astype(int)
    assert np.abs(image - wanted[..., None]).max() <= 1


# Perspective.


def test_projection_equals_a_pinhole_turned_about_the_vanishing_point() -> None:
    camera = Camera((100, 200), 150.0, 1.7, (90.0, 40.0), 0.1)
    for x, y, z in [(0.0, 0.0, 5.0), (-3.0, 2.5, 12.0), (40.0, 0.0, 150.0)]:
        offset = 150.0 / z * (x + 1j * (1.7 - y)) * np.exp(0.1j)
        wanted = (90.0 + offset.real, 40.0 + offset.imag)
        np.testing.assert_allclose(camera.project(x, y, z), wanted, rtol=1e-12)


def test_a_person_twice_as_far_is_half_as_high_and_stands_nearer_the_horizon() -> None:
    heights, feet = [], []
    for z in (4.0, 8.0, 16.0):
        person = Pedestrian.random(np.random.default_rng(5), 0.0, z)
        rows = np.flatnonzero((paint([person])[0] == Kind.PEDESTRIAN).any(1))
        heights.append(len(rows))
        feet.append(rows.max() - 80)  # 80 is the horizon
        assert heights[-1] == pytest.approx(200.0 / z * person.height, abs=3)
    np.testing.assert_allclose(feet, 200.0 * 2.0 / np.array([4.0, 8.0, 16.0]), atol=1.5)
    assert heights[0] > heights[1] > heights[2]


@pytest.mark.parametrize("heading", np.linspace(0, 2 * np.pi, 9)[:-1])
def test_a_car_fills_the_convex_outline_of_its_box(heading: float) -> None:
    """Whatever way it faces: no hole, nothing outside the box around its model."""
    car = Car.random(np.random.default_rng(1), 1.0, 12.0, float(heading))
    seen = paint([car])[0] == Kind.CAR
    profile = np.array(car.model.profile) * car.size
    reach, half, top = (
        np.abs(profile[:, 0]).max(),
        car.model.width / 2 * car.size,
        profile[:, 1].max(),
    )
    sine, cosine = np.sin(car.heading), np.cos(car.heading)
    corners = np.array(
        [
            (car.x + a * sine + b * cosine, y, car.z + a * cosine - b * sine)
            for a in (-reach, reach)
            for b in (-half, half)
            for y in (0.0, top)
        ]
    )
    pixels = stage().camera.project(*corners.T)
    rows, columns = np.nonzero(seen)
    assert rows.min() >= pixels[:, 1].min() - 1.5
    assert rows.max() <= pixels[:, 1].max() + 1.5
    assert columns.min() >= pixels[:, 0].min() - 1.5
    assert columns.max() <= pixels[:, 0].max() + 1.5
    box = np.prod(np.ptp(pixels, 0))
    assert seen.sum() > 0.5 * box
    for row in seen[rows.min() : int(rows.min() + 0.7 * np.ptp(rows))]:  # above the wheels
        assert np.ptp(np.flatnonzero(row)) + 1 == row.sum()


def test_one_sees_through_the_wheels_of_a_bicycle() -> None:
    rider = Bicyclist.random(np.random.default_rng(2), 0.0, 4.0, np.pi / 2)
    seen = paint([rider])[0] == Kind.BICYCLIST
    along = 0.52 * rider.size * np.array([np.sin(rider.heading), np.cos(rider.heading)])
    for sign in (-1, 1):
        up = (0.34 + 0.17) * rider.size  # halfway between hub and rim, straight up
        x, z = rider.x + sign * along[0], rider.z + sign * along[1]
        column, row = np.rint(stage().camera.project(x, up, z)).astype(int)
        assert not seen[row, column]
        rim = np.rint(stage().camera.project(x, 0.67 * rider.size, z)).astype(int)
        assert seen[rim[1], rim[0]]


def test_the_nearer_thing_hides_the_farther_one() -> None:
    near = Car.random(np.random.default_rng(0), 0.0, 10.0, 0.0)
    far = Car.random(np.random.default_rng(0), 0.2, 20.0, 0.0)
    alone = paint([near])[1] > 0
    _, instances = paint([far, near])
    assert (instances[alone] == 2).all()
    assert (instances == 1).sum() < (paint([far])[1] > 0).sum()


# Frames.


@pytest.mark.parametrize("size", [(64, 64), (96, 320), (320, 96), (65, 127)])
def test_types_and_shapes(size: tuple[int, int]) -> None:
    scenes = SyntheticScenes(13, size=size, split="val")
    image, labels, name, instances = scenes[12]
    assert name == "synthetic_val_000012"
    assert (image.dtype, image.shape) == (np.uint8, (*size, 3))
    assert (labels.dtype, labels.shape) == (np.uint8, size)
    assert instances is not None
    assert (instances.dtype, instances.shape) == (np.int32, size)
    assert all(part.flags.c_contiguous for part in (image, labels, instances))
    assert image.std() > 10


def test_the_largest_side_is_drawn() -> None:
    labels = SyntheticScenes(1, size=(64, 4096))[0].labels
    assert len(np.unique(labels)) > 4


def test_the_same_number_gives_the_same_bits() -> None:
    scenes = SyntheticScenes(8, seed=3, size=(128, 96))
    forwards = [digest(scenes[k]) for k in range(8)]
    again = SyntheticScenes(500, seed=3, size=(128, 96))  # the count must not matter
    assert [digest(again[k]) for k in reversed(range(8))] == forwards[::-1]
    assert digest(pickle.loads(pickle.dumps(scenes))[5]) == forwards[5]
    assert len(set(forwards)) == 8


def test_another_process_draws_the_same_bits() -> None:
    program = (
        "import hashlib; from adaseg_fast.data.readers.synthetic import SyntheticScenes\n"
        "f = SyntheticScenes(9, seed=1, size=(96, 128), split='demo')[7]\n"
        "parts = (f.image, f.labels, f.instances)\n"
        "print(hashlib.sha256(b''.join(part.tobytes() for part in parts)).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    here = SyntheticScenes(9, seed=1, size=(96, 128), split="demo")[7]
    assert there.stdout.strip() == digest(here)


def test_splits_seeds_and_numbers_share_no_scene() -> None:
    labels = [
        SyntheticScenes(2, seed=seed, size=(64, 64), split=split)[index].labels
        for split in ("train", "val", "demo")
        for seed in (0, 1, 2)
        for index in (0, 1)
    ]
    for k, first in enumerate(labels):
        for second in labels[k + 1 :]:
            assert (first != second).mean() > 0.02


def test_another_size_shows_the_same_scene(frames: list[Frame]) -> None:
    half = SyntheticScenes(20, size=(SIDE // 2, SIDE // 2))
    for k in range(3):
        small, large = half[k].labels, frames[k].labels
        corners = [large[i::2, j::2] for i in (0, 1) for j in (0, 1)]
        assert np.mean([small == corner for corner in corners]) > 0.9


def test_frames_are_iterated_and_counted_from_the_end() -> None:
    scenes = SyntheticScenes(3, size=(64, 64))
    assert len(scenes) == 3
    assert [frame.name[-1] for frame in scenes] == ["0", "1", "2"]
    assert digest(scenes[-1]) == digest(scenes[2])
    assert digest(scenes[np.int64(1)]) == digest(scenes[1])


# What is in them.


def test_every_class_appears_and_no_other_number(frames: list[Frame]) -> None:
    info = SyntheticScenes.info
    seen = np.unique([frame.labels for frame in frames])
    np.testing.assert_array_equal(seen, np.arange(info.num_classes))
    assert info.num_classes >= 10
    assert len(info.colors) == len(set(info.colors)) == info.num_classes
    names = ["pole", "sign", "car", "pedestrian", "bicyclist"]
    assert info.targets == info.class_numbers(names)


def test_targets_are_few_pixels_but_not_too_few(frames: list[Frame]) -> None:
    labels = np.array([frame.labels for frame in frames])
    assert 0.02 < np.isin(labels, SyntheticScenes.info.targets).mean() < 0.20


def test_each_instance_has_one_class_and_only_things_are_counted(frames: list[Frame]) -> None:
    for frame in frames:
        assert frame.instances is not None
        for number in np.unique(frame.instances):
            kinds = set(frame.labels[frame.instances == number].tolist())
            if number:
                assert len(kinds) == 1
                assert kinds <= COUNTABLE
            else:  # every pixel of a target class belongs to some thing
                assert not kinds & set(SyntheticScenes.info.targets)


def test_many_objects_are_small(frames: list[Frame]) -> None:
    areas = np.concatenate(
        [np.bincount(f.instances.ravel())[1:] for f in frames if f.instances is not None]
    )
    areas = areas[areas > 0] / SIDE**2
    assert len(areas) > 15 * len(frames)
    assert np.median(areas) < 0.002
    assert areas.max() > 0.02


def test_targets_lie_in_clusters_that_move(frames: list[Frame]) -> None:
    """Half of a frame's target pixels fit into less than a fifth of it; where, varies."""
    places = []
    for frame in frames:
        target = np.isin(frame.labels, SyntheticScenes.info.targets)
        blocks = target.reshape(16, SIDE // 16, 16, SIDE // 16).sum((1, 3)).ravel()
        order = np.sort(blocks)[::-1].cumsum()
        assert np.searchsorted(order, 0.5 * order[-1]) < 0.2 * blocks.size
        rows, columns = np.nonzero(target)
        places.append((rows.mean() / SIDE, columns.mean() / SIDE))
    assert np.std(places, 0).min() > 0.05


def test_colour_alone_does_not_tell_the_classes(frames: list[Frame]) -> None:
    """The most frequent class of each colour (8 levels a channel), learnt on other frames."""
    votes = np.zeros((8**3, SyntheticScenes.info.num_classes), int)
    codes = [(frame.image.astype(int) // 32 @ np.array([64, 8, 1])).ravel() for frame in frames]
    for code, frame in zip(codes[:15], frames[:15], strict=True):
        np.add.at(votes, (code, frame.labels.ravel()), 1)
    guess = votes.argmax(1)
    right = np.mean(
        [guess[c] == f.labels.ravel() for c, f in zip(codes[15:], frames[15:], strict=True)]
    )
    assert 0.2 < right < 0.75


# Errors.


@pytest.mark.parametrize("index", [5, -6, 10**9])
def test_numbers_out_of_range(index: int) -> None:
    with pytest.raises(IndexError, match=f"no frame {index}: the data set has 5"):
        SyntheticScenes(5, size=(64, 64))[index]


def test_a_number_that_is_not_whole() -> None:
    with pytest.raises(TypeError, match="integer"):
        SyntheticScenes(5, size=(64, 64))[1.5]  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"count": 0}, ValueError, "count must be 1 to 10000000, got 0"),
        ({"count": 10**7 + 1}, ValueError, "count must be 1 to 10000000, got 10000001"),
        ({"seed": -1}, ValueError, "seed must be 0 or more, got -1"),
        ({"size": (63, 64)}, ValueError, "height must be 64 to 4096, got 63"),
        ({"size": (64, 4097)}, ValueError, "width must be 64 to 4096, got 4097"),
        ({"size": (64, 64, 3)}, ValueError, r"size must be \(height, width\), got \(64, 64, 3\)"),
        ({"size": 512}, ValueError, r"size must be \(height, width\), got 512"),
        ({"split": "test"}, ValueError, "split must be one of train, val, demo, got 'test'"),
        ({"count": 2.0}, TypeError, r"count must be a whole number, got 2\.0"),
        ({"size": (64.0, 64)}, TypeError, r"height must be a whole number, got 64\.0"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SyntheticScenes(**{"count": 5, **arguments})
