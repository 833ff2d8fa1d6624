# SPDX-License-Identifier: Apache-2.0
"""Every figure of the package, drawn from arrays: pictures of frames, and charts.

Pictures are (H, W, 3) uint8; charts and panels are the bytes of a PNG file.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@contextmanager
def _without_inherited_backend() -> Iterator[None]:
    """Hide MPLBACKEND, which no figure here uses: matplotlib fails to load if it is wrong."""
    loaded = "matplotlib" in sys.modules
    inherited = os.environ.pop("MPLBACKEND", None)
    yield
    if inherited is not None:
        os.environ["MPLBACKEND"] = inherited
        if not loaded:
            with suppress(ValueError):
                sys.modules["matplotlib"].rcParams["backend"] = inherited


with _without_inherited_backend():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

Image = NDArray[np.uint8]
Colors = Sequence[tuple[int, int, int]]

_POINT = (255, 64, 32)
_COSTS = {
    "multiply-adds": ("multiply-adds per image, 10$^9$", 1e9),
    "latency": ("latency per image, ms", 1.0),
}


def color_labels(labels: Image, colors: Colors) -> Image:
    """Labels (H, W) as colours (H, W, 3); black where the label is not a class.

    Example:
        >>> color_labels(np.array([[0, 255]], np.uint8), [(10, 20, 30)]).tolist()
        [[[10, 20, 30], [0, 0, 0]]]
    """
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colors)] = colors
    painted: Image = palette[labels]
    return painted


def overlay(image: Image, labels: Image, colors: Colors, *, opacity: float = 0.55) -> Image:
    """The image, blended with the colours of its labels.

    Args:
        image: (H, W, 3).
        labels: (H, W) class numbers.
        colors: of each class.
        opacity: the share of the colours; 0 shows the image alone, 1 the colours alone.

    Example:
        >>> image, labels = np.full((1, 1, 3), 100, np.uint8), np.zeros((1, 1), np.uint8)
        >>> overlay(image, labels, [(200, 0, 100)], opacity=0.5).tolist()
        [[[150, 50, 100]]]
    """
    blended = cv2.addWeighted(image, 1 - opacity, color_labels(labels, colors), opacity, 0.0)
    return np.asarray(blended, np.uint8)


def sampling_points(image: Image, phi: NDArray[Any], *, radius: int | None = None) -> Image:
    """The image with a dot at each sampling location.

    Args:
        image: (H, W, 3); it is not changed.
        phi: (2, h, w), relative rows and columns.
        radius: of the dots in pixels; None chooses one by the distance of the points.

    Example:
        >>> image, phi = np.zeros((5, 5, 3), np.uint8), np.full((2, 1, 1), 0.5)
        >>> sampling_points(image, phi, radius=1)[2, 2].tolist()
        [255, 64, 32]
    """
    drawn = image.copy()
    height, width = image.shape[:2]
    between = min(height / phi.shape[1], width / phi.shape[2])  # so that dots do not hide the image
    radius = radius or max(1, round(min(height / 400, width / 400, between / 6)))
    rows = np.rint(np.clip(phi[0], 0, 1) * (height - 1)).astype(int)
    cols = np.rint(np.clip(phi[1], 0, 1) * (width - 1)).astype(int)
    for row, col in zip(rows.flat, cols.flat, strict=True):
        cv2.circle(drawn, (int(col), int(row)), radius, _POINT, -1, cv2.LINE_AA)
    return drawn


def boundaries_and_points(image: Image, mask: NDArray[np.bool_], phi: NDArray[Any]) -> Image:
    """The image darkened, its boundary pixels white, with a dot at each sampling location.

    Args:
        image: (H, W, 3).
        mask: (H, W), True at boundary pixels.
        phi: (2, h, w), relative rows and columns.
    """
    drawn = np.asarray(cv2.convertScaleAbs(image, alpha=0.4), np.uint8)
    drawn[mask] = 255
    return sampling_points(drawn, phi, radius=max(2, round(min(mask.shape) / 200)))


def resized_tensor(image: Image, coarse: NDArray[Any], fine: NDArray[Any]) -> bytes:
    """A sampling tensor and the tensor it is resized to, over their image (Fig. 5), as PNG.

    Args:
        image: (H, W, 3).
        coarse: (2, h', w'), relative rows and columns.
        fine: (2, h, w), likewise.
    """
    height, width = image.shape[:2]
    figure = Figure(figsize=(7.0, 7.0 * height / width + 0.5), dpi=110, layout="constrained")
    axis = figure.subplots()
    axis.imshow(cv2.addWeighted(image, 0.45, np.full_like(image, 255), 0.55, 0.0))
    crosses = axis.scatter(
        *_places(coarse, height, width), s=42, c="red", marker="x", linewidths=1.8, zorder=3
    )
    dots = axis.scatter(*_places(fine, height, width), s=9, c="tab:blue", zorder=2.5)
    sizes = [f"{phi.shape[1]} x {phi.shape[2]}" for phi in (coarse, fine)]
    for points in (crosses, dots):
        points.set_clip_on(False)
    axis.set_xticks([])
    axis.set_yticks([])
    names = [f"tensor, {sizes[0]}", f"resized to {sizes[1]}"]
    figure.legend([crosses, dots], names, loc="outside lower center", ncols=2, frameon=False)
    return png(figure)


def _places(phi: NDArray[Any], height: int, width: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Columns and rows, in pixels."""
    return phi[1].ravel() * (width - 1), phi[0].ravel() * (height - 1)


def panel(
    rows: Sequence[Sequence[Image]],
    titles: Sequence[str],
    *,
    notes: Sequence[Sequence[str]] | None = None,
    legend: tuple[Sequence[str], Colors] | None = None,
    cell: float = 3.6,
) -> bytes:
    """Pictures in rows and columns, as PNG.

    Args:
        rows: the pictures, each row as long as ``titles``.
        titles: of the columns.
        notes: a line of text under each picture.
        legend: class names and their colours.
        cell: inches per picture.
    """
    aspect = rows[0][0].shape[0] / rows[0][0].shape[1]
    height = len(rows) * (cell * aspect + (0.16 if notes else 0.0)) + (0.9 if legend else 0.35)
    figure = Figure(figsize=(cell * len(titles), height), dpi=110)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.05, wspace=0.0, hspace=0.0)
    axes = figure.subplots(len(rows), len(titles), squeeze=False)
    for i, pictures in enumerate(rows):
        for j, picture in enumerate(pictures):
            axis = axes[i][j]
            axis.imshow(picture, interpolation="lanczos" if j == 0 else "nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            if i == 0:
                axis.set_title(titles[j], fontsize=13)
            if notes:
                axis.set_xlabel(_literal(notes[i][j]), fontsize=10)
    if legend:
        names, colors = legend
        handles = [
            axes[0][0].scatter([], [], s=90, marker="s", color=np.array(color) / 255, ec="grey")
            for color in colors
        ]
        figure.legend(
            handles,
            [_literal(name) for name in names],
            loc="outside lower center",
            ncols=min(len(names), 11),
            frameon=False,
        )
    return png(figure)


def class_bars(
    classes: Sequence[str],
    targets: Sequence[int],
    results: Sequence[tuple[str, Sequence[float]]],
    title: str,
) -> bytes:
    """Intersection over union of each class, one bar per result, as PNG.

    Args:
        classes: the names.
        targets: numbers of the target classes; their names are bold.
        results: name and IoU of each class, a share, or NaN for no bar.
        title: of the chart.
    """
    across = max(7.0, 0.9 * len(classes))
    columns = max(1, int(across / (0.4 + 0.08 * max(len(name) for name, _ in results))))
    lines = -(-len(results) // columns)
    figure = Figure(figsize=(across, 4.2 + 0.2 * lines), layout="constrained")
    axis = figure.subplots()
    width = 0.8 / len(results)
    for k, (name, values) in enumerate(results):
        at = np.arange(len(classes)) + (k - (len(results) - 1) / 2) * width
        bars = axis.bar(
            at, 100 * np.asarray(values, np.float64), width * 0.95, label=_literal(name)
        )
        if len(results) <= 2:
            axis.bar_label(bars, fmt="%.0f", fontsize=7, padding=1)
    axis.set_xticks(np.arange(len(classes)), map(_literal, classes), rotation=30, ha="right")
    for number, label in enumerate(axis.get_xticklabels()):
        label.set_fontweight("bold" if number in targets else "normal")
    axis.set_ylabel("IoU, % (target classes in bold)")
    axis.set_ylim(0, 105)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(_literal(title))
    figure.legend(loc="outside lower center", ncols=columns, frameon=False)
    return png(figure)


def trimap_curves(
    curves: Sequence[tuple[str, Sequence[float]]], title: str, *, widest: int = 40
) -> bytes:
    """Accuracy in bands around boundaries against the width of the band (Fig. 13), as PNG.

    With several curves a second panel shows the gain over the first curve, as in the paper.

    Args:
        curves: name and accuracy at widths 1, 2, ... pixels, a share or NaN.
        title: of the chart.
        widest: the largest width that is drawn.
    """
    panels = 1 + (len(curves) > 1)
    figure = Figure(figsize=(6.2 * panels, 4.2), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    base = np.asarray(curves[0][1], np.float64)[:widest]
    for number, (name, values) in enumerate(curves):
        shares = np.asarray(values, np.float64)[:widest]
        widths = np.arange(1, len(shares) + 1)
        axes[0].plot(widths, 100 * shares, label=_literal(name))
        if panels > 1:
            style = "-" if number else ":"
            axes[1].plot(widths, 100 * (shares - base), style, label=_literal(name))
    axes[0].set_ylabel("pixels labelled correctly, %")
    axes[0].legend(frameon=False)
    if panels > 1:
        axes[1].set_ylabel("gain, percentage points")
        axes[1].set_title(f"against {_literal(curves[0][0])}", fontsize=10)
    for axis in axes:
        axis.set_xlabel("width of the band around boundaries, pixels")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(_literal(title))
    return png(figure)


def recall_by_size(
    results: Sequence[tuple[str, Sequence[float]]],
    areas: Sequence[float],
    by_class: Sequence[tuple[str, int, Sequence[Sequence[float]]]],
    title: str,
) -> bytes:
    """Mean recall of objects by size, of all (Fig. 14) and of each class (Fig. 12), as PNG.

    With several results the first panel also shows the recall of the others relative to the first.

    Args:
        results: name and recall of the objects of each bin, smallest objects first.
        areas: mean area of the objects of each of these bins, in pixels.
        by_class: name, number of objects and, for each result, recall in each quarter.
        title: of the figure.
    """
    figure = Figure(figsize=(5.6 + max(5.0, 1.15 * len(by_class)), 4.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(5.6, max(5.0, 1.15 * len(by_class))))
    places = np.arange(len(areas))
    for name, values in results:
        left.plot(places, 100 * np.asarray(values, np.float64), marker="o", label=_literal(name))
    left.set_xticks(places, ["-" if np.isnan(area) else f"{area:,.0f}" for area in areas])
    left.set_xlabel("objects in bins of equally many; mean area, pixels")
    left.set_ylabel("mean recall, %")
    left.set_ylim(0, 100)
    left.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=len(results), frameon=False)
    if len(results) > 1:
        base = np.asarray(results[0][1], np.float64)
        base[base == 0] = np.nan
        relative = left.twinx()
        for k, (_, values) in enumerate(results[1:], 1):
            relative.plot(places, np.asarray(values, np.float64) / base, ":", color=f"C{k}")
        relative.axhline(1, color="C0", linestyle=":")
        relative.set_ylabel(f"dotted: relative to {_literal(results[0][0])}")
        relative.spines["top"].set_visible(False)

    colors = [f"C{k}" for k in range(len(results))]
    bins = len(by_class[0][2][0])
    for number, (_, _, recalls) in enumerate(by_class):
        for k, values in enumerate(recalls):
            at = number + (np.arange(bins) - (bins - 1) / 2) * 0.8 / bins
            at = at + (k - (len(recalls) - 1) / 2) * 0.7 / bins / len(recalls)
            heights = 100 * np.asarray(values, np.float64)
            right.bar(at, heights, 0.65 / bins / len(recalls), color=colors[k])
    names = [f"{_literal(name)}\n{count:,}" for name, count, _ in by_class]
    right.set_xticks(np.arange(len(by_class)), names, fontsize=9)
    right.set_xlabel("class, number of objects; quarters, smallest first")
    right.set_ylabel("mean recall, %")
    right.set_ylim(0, 100)
    left.spines["top"].set_visible(False)
    right.spines[["top", "right"]].set_visible(False)
    figure.suptitle(_literal(title))
    return png(figure)


def cost_against_quality(
    points: Sequence[tuple[str, str, float, float, float]],
    title: str,
    *,
    of: str = "multiply-adds",
) -> bytes:
    """Mean IoU of all and of the target classes against cost (Figs. 8 to 11), as PNG.

    Args:
        points: series, label (such as the working size), cost per image, and mean IoU of all
            classes and of the targets as shares. Points of one series are joined by a line.
        title: of the figure.
        of: what the cost is: "multiply-adds", or "latency" in milliseconds.
    """
    name, unit = _COSTS[of]
    figure = Figure(figsize=(11.0, 4.4), layout="constrained")
    axes = figure.subplots(1, 2)
    best = max(points, key=lambda point: np.nan_to_num(point[4]))[0]
    for series in dict.fromkeys(point[0] for point in points):
        own = sorted((p for p in points if p[0] == series), key=lambda point: point[2])
        costs = [cost / unit for _, _, cost, _, _ in own]
        # Labels of the best series are above its line, the others' below.
        place = {"xytext": (0, 5)} if series == best else {"xytext": (0, -5), "va": "top"}
        for axis, column in zip(axes, (3, 4), strict=True):
            heights = [100 * float(point[column]) for point in own]
            axis.plot(costs, heights, marker="o", label=_literal(series))
            for cost, height, point in zip(costs, heights, own, strict=True):
                axis.annotate(_literal(point[1]), (cost, height), fontsize=8, ha="center",
                              textcoords="offset points", **place)  # fmt: skip
    for axis, what in zip(axes, ("all classes", "target classes"), strict=True):
        if max(point[2] for point in points) > 3 * min(point[2] for point in points):
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
        axis.margins(0.08, 0.12)
        axis.set_xlabel(f"{name} (labels: working size)")
        axis.set_ylabel(f"mean IoU, {what}, %")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.suptitle(_literal(title))
    return png(figure)


def _literal(text: str) -> str:
    """A name as matplotlib shows it: no formula between dollars, and no "_" first, which hides."""
    return (" " * text.startswith("_") + text).replace("$", r"\$")


def png(figure: Figure) -> bytes:
    """The PNG file of a figure, made without pyplot, which has global state."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()
