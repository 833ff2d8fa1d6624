# SPDX-License-Identifier: Apache-2.0
"""Pictures have the right pixels, and charts are whole PNG files."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from adaseg_fast.plots import (
    class_bars,
    color_labels,
    cost_against_quality,
    overlay,
    panel,
    recall_by_size,
    sampling_points,
    trimap_curves,
)

COLORS = ((10, 20, 30), (200, 100, 50))


def _decode(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_labels_take_their_colours() -> None:
    labels = np.array([[0, 1], [255, 1]], np.uint8)
    expected = [[[10, 20, 30], [200, 100, 50]], [[0, 0, 0], [200, 100, 50]]]
    assert color_labels(labels, COLORS).tolist() == expected


def test_overlay_is_between_image_and_colours() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    labels = np.ones((2, 2), np.uint8)
    assert overlay(image, labels, COLORS, opacity=0.5)[0, 0].tolist() == [150, 100, 75]
    assert np.array_equal(overlay(image, labels, COLORS, opacity=0.0), image)


def test_points_are_drawn_where_they_are() -> None:
    image = np.zeros((101, 201, 3), np.uint8)
    phi = np.array([[[0.0, 0.5]], [[1.0, 0.25]]])
    drawn = sampling_points(image, phi)
    assert drawn[0, 200].any() and drawn[50, 50].any()
    assert not drawn[10:40].any() and not image.any()


def test_crowded_points_leave_the_image_to_be_seen() -> None:
    image = np.zeros((720, 960, 3), np.uint8)
    for side in (16, 64, 128):
        phi = np.stack(np.meshgrid(*[np.linspace(0, 1, side)] * 2, indexing="ij"))
        hidden = sampling_points(image, phi).any(-1).mean()
        assert 0 < hidden < 0.4, side


def test_panel_shows_every_picture() -> None:
    red, blue = (np.full((40, 60, 3), c, np.uint8) for c in ((255, 0, 0), (0, 0, 255)))
    data = panel([[red, blue]] * 2, ["a", "b"], notes=[["x", "y"]] * 2, legend=(("p", "q"), COLORS))
    picture = _decode(data)
    for color in ((0, 0, 255), (255, 0, 0)):  # OpenCV's order
        assert (picture == color).all(-1).sum() > 10_000


def test_bars_of_absent_classes_are_empty() -> None:
    data = class_bars(["a", "b"], [1], [("one", [0.5, float("nan")]), ("two", [0.1, 0.2])], "t")
    assert _decode(data).std() > 10


def test_bars_of_many_results_keep_their_height() -> None:
    few, many = (
        _decode(class_bars(["a", "b"], [1], [(f"{'long ' * 9}{k}", [0.5, 0.1])] * count, "t"))
        for k, count in ((0, 2), (1, 30))
    )
    assert many.shape[0] > few.shape[0] + 15 * 28  # a line of the legend each


def test_trimap_gains_need_a_second_curve() -> None:
    nan = float("nan")
    one = _decode(trimap_curves([("a", [nan, 0.5, 0.7])], "t"))
    two = _decode(trimap_curves([("a", [nan, 0.5, 0.7]), ("b", [0.1, 0.6, 0.9])], "t"))
    assert two.shape[1] > 1.5 * one.shape[1]


def test_recall_of_bins_without_objects() -> None:
    nan = float("nan")
    data = recall_by_size(
        [("one", [0.2, nan]), ("two", [0.4, nan])],
        [12.0, nan],
        [("car", 1, [[0.2, nan, nan, nan], [0.4, nan, nan, nan]])],
        "t",
    )
    assert _decode(data).std() > 10


def test_cost_figure_joins_each_series() -> None:
    points = [("uniform", "32", 3e8, 0.2, 0.1), ("uniform", "64", 1e9, 0.3, float("nan"))]
    assert (
        _decode(cost_against_quality([*points, ("adaptive", "32", 4e8, 0.3, 0.2)], "t")).std() > 8
    )


def test_names_are_shown_as_they_are() -> None:
    plain = class_bars(["road", "car"], [1], [("uniform", [0.5, 0.25])], "two classes")
    odd = class_bars(["a$b$c", r"$\frac{"], [1], [("_run $x$", [0.5, 0.25])], "$\\undefined$")
    assert not np.array_equal(_decode(plain), _decode(odd))
    red, names = np.full((8, 8, 3), 9, np.uint8), ("_background_", "car")
    with_both = panel([[red]], ["image"], legend=(names, COLORS))
    with_one = panel([[red]], ["image"], legend=(names[1:], COLORS[1:]))
    assert not np.array_equal(_decode(with_both), _decode(with_one))


def test_no_value_is_no_bar() -> None:
    bars = [class_bars(["a", "b"], [], [("model", [0.5, b])], "title") for b in (np.nan, 0.0)]
    assert not np.array_equal(*map(_decode, bars)), "a bar of 0 has its number"


@pytest.mark.parametrize("backend", ["nonsense", "module://gone"])
def test_an_inherited_backend_is_no_concern(backend: str) -> None:
    program = (
        "import os, adaseg_fast.plots as plots, numpy as np; from matplotlib.figure import Figure;"
        "plots.FigureCanvasAgg(Figure()).draw(); print(os.environ['MPLBACKEND'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"MPLBACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == backend
