# SPDX-License-Identifier: Apache-2.0
"""Every picture the package draws. Figures are returned as pixels or written as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colors = Sequence[tuple[int, int, int]]

_POINT = (255, 64, 32)


def color_labels(labels: Image, colors: Colors) -> Image:
    """Labels (H, W) as colours (H, W, 3); black where there is no class."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colors)] = colors
    painted: Image = palette[labels]
    return painted


def overlay(image: Image, labels: Image, colors: Colors, *, opacity: float = 0.55) -> Image:
    """The image with its label colours laid over it."""
    blended = cv2.addWeighted(image, 1 - opacity, color_labels(labels, colors), opacity, 0.0)
    return np.asarray(blended, np.uint8)


def sampling_points(image: Image, phi: NDArray[Any]) -> Image:
    """The image with a dot at each sampling location, phi (2, h, w), relative (row, column)."""
    drawn = image.copy()
    height, width = image.shape[:2]
    radius = max(1, round(min(height, width) / 400))
    rows = np.rint(np.clip(phi[0], 0, 1) * (height - 1)).astype(int)
    cols = np.rint(np.clip(phi[1], 0, 1) * (width - 1)).astype(int)
    for row, col in zip(rows.flat, cols.flat, strict=True):
        cv2.circle(drawn, (int(col), int(row)), radius, _POINT, -1, cv2.LINE_AA)
    return drawn


def panel(
    rows: Sequence[Sequence[Image]],
    titles: Sequence[str],
    *,
    notes: Sequence[Sequence[str]] | None = None,
    legend: tuple[Sequence[str], Colors] | None = None,
    cell: float = 3.6,
) -> bytes:
    """Pictures in a table, as PNG.

    Args:
        rows: the pictures, each row as long as ``titles``.
        titles: of the columns.
        notes: a line of text under each picture.
        legend: class names and their colours.
        cell: inches a picture.
    """
    aspect = rows[0][0].shape[0] / rows[0][0].shape[1]
    height = len(rows) * (cell * aspect + 0.16) + 0.9
    figure = Figure(figsize=(cell * len(titles), height), dpi=110)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)
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
                axis.set_xlabel(notes[i][j], fontsize=10)
    if legend:
        names, colors = legend
        handles = [
            axes[0][0].scatter([], [], s=90, marker="s", color=np.array(color) / 255, ec="grey")
            for color in colors
        ]
        figure.legend(
            handles, names, loc="outside lower center", ncols=min(len(names), 11), frameon=False
        )
    return png(figure)


def class_bars(
    classes: Sequence[str],
    targets: Sequence[int],
    results: Sequence[tuple[str, Sequence[float]]],
    title: str,
) -> bytes:
    """Intersection over union of each class, one bar a result, as PNG; targets in bold."""
    figure = Figure(figsize=(max(7.0, 0.9 * len(classes)), 4.2), layout="constrained")
    axis = figure.subplots()
    width = 0.8 / len(results)
    for k, (name, values) in enumerate(results):
        at = np.arange(len(classes)) + (k - (len(results) - 1) / 2) * width
        bars = axis.bar(at, 100 * np.nan_to_num(np.asarray(values)), width * 0.95, label=name)
        if len(results) <= 2:
            axis.bar_label(bars, fmt="%.0f", fontsize=7, padding=1)
    axis.set_xticks(np.arange(len(classes)), classes, rotation=30, ha="right")
    for number, label in enumerate(axis.get_xticklabels()):
        label.set_fontweight("bold" if number in targets else "normal")
    axis.set_ylabel("IoU, % (target classes in bold)")
    axis.set_ylim(0, 105)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(title)
    axis.legend(frameon=False)
    return png(figure)


def png(figure: Figure) -> bytes:
    """A figure's PNG file, without touching pyplot's global state."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()
