# SPDX-License-Identifier: Apache-2.0
"""Miniature data sets on disk, in the layouts and encodings of their publishers."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adaseg_fast.data.images import write_png

SIZE = (24, 40)  # rows, columns


def picture(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def patches(
    numbers: Sequence[int], seed: int, dtype: Any = np.uint8, size: tuple[int, int] = SIZE
) -> NDArray[Any]:
    """Labels in patches of 8 x 8 pixels, each number at least once."""
    rows, cols = -(-size[0] // 8), -(-size[1] // 8)
    chosen = np.resize(np.asarray(numbers, dtype), rows * cols)
    chosen = np.random.default_rng(seed).permutation(chosen).reshape(rows, cols)
    return chosen.repeat(8, 0).repeat(8, 1)[: size[0], : size[1]]


def write_deep(path: Path, values: NDArray[np.uint16]) -> None:
    """A PNG of 16 bits a channel, RGB where there are three."""
    done, data = cv2.imencode(".png", values if values.ndim == 2 else values[..., ::-1])
    assert done
    path.write_bytes(data.tobytes())


def write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    done, data = cv2.imencode(".jpg", image[..., ::-1])
    assert done
    path.write_bytes(data.tobytes())


def cityscapes(root: Path, *, train_ids: bool = False) -> Path:
    """Two cities and three frames in train, one frame in val."""
    frames = {"train": ["aachen_000000_000019", "aachen_000001_000019", "bremen_000003_000019"]}
    frames["val"] = ["munster_000000_000019"]
    for split, names in frames.items():
        for seed, name in enumerate(names):
            city = name.partition("_")[0]
            images, truth = (root / kind / split / city for kind in ("leftImg8bit", "gtFine"))
            for folder in (images, truth):
                folder.mkdir(parents=True, exist_ok=True)
            write_png(images / f"{name}_leftImg8bit.png", picture(seed))
            ids = patches([0, 3, 7, 11, 24, 26, 33, 18], seed)
            write_png(truth / f"{name}_gtFine_labelIds.png", ids)
            countable = np.where(np.isin(ids, [24, 26, 33]), ids.astype(np.uint16) * 1000 + 2, ids)
            write_deep(truth / f"{name}_gtFine_instanceIds.png", countable.astype(np.uint16))
            (truth / f"{name}_gtFine_polygons.json").write_text("{}")
            if train_ids:
                (truth / f"{name}_gtFine_labelIds.png").unlink()
                write_png(truth / f"{name}_gtFine_labelTrainIds.png", patches([0, 18, 255], seed))
    return root


def apolloscape(root: Path) -> Path:
    """Two roads of two records and two cameras; the list of road 2 lies in a folder."""
    seed = 0
    for road, where in (("road01_ins", root), ("road02_seg", root / "public_image_lists")):
        where.mkdir(parents=True, exist_ok=True)
        lines: dict[str, list[str]] = {"train": [], "val": []}
        for record in ("Record001", "Record002"):
            for camera in ("Camera 5", "Camera 6"):
                for kind in ("ColorImage", "Label"):
                    (root / road / kind / record / camera).mkdir(parents=True)
                seed += 1
                name = f"17090{seed}_061523257_{camera.replace(' ', '_')}"
                image = f"{road}/ColorImage/{record}/{camera}/{name}.jpg"
                labels = f"{road}/Label/{record}/{camera}/{name}_bin.png"
                write_jpeg(root / image, picture(seed))
                stored = patches([0, 17, 33, 161, 36, 49, 98, 113, 255], seed)
                write_png(root / labels, stored)
                if road.endswith("_ins"):
                    # Sky has no instances, and people of number 0 stand on some other label.
                    numbers = np.select([stored == 33, stored == 17], [33001, 17000], 36000)
                    path = (root / labels).with_name(f"{name}_instanceIds.png")
                    write_deep(path, numbers.astype(np.uint16))
                split = "val" if record == "Record002" and camera == "Camera 6" else "train"
                lines[split].append(f"{image}\t{labels}")
        for split, listed in lines.items():
            (where / f"{road}_{split}.lst").write_text("\n".join(listed) + "\n")
    return root


def synthia(root: Path, count: int = 20) -> Path:
    for folder in (root / "RGB", root / "GT" / "LABELS", root / "GT" / "COLOR"):
        folder.mkdir(parents=True)
    for number in range(count):
        write_png(root / "RGB" / f"{number:07}.png", picture(number))
        stored = np.zeros((*SIZE, 3), np.uint16)
        stored[..., 0] = patches([0, 1, 3, 8, 10, 22], number)
        stored[..., 1] = np.where(stored[..., 0] == 8, 300, 0)  # beyond 8 bits
        write_deep(root / "GT" / "LABELS" / f"{number:07}.png", stored)
    return root


def pack_bitmap(mask: NDArray[np.bool_]) -> str:
    """Zlib and base64 of the PNG that the publisher makes: a palette with a transparent entry."""
    import io

    from PIL import Image

    palette = Image.fromarray(mask.astype(np.uint8), "L").convert("P")
    palette.putpalette([0, 0, 0, 255, 255, 255])
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", transparency=0, optimize=0)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def bitmap_object(mask: NDArray[np.bool_], origin: Sequence[int], title: str) -> dict[str, Any]:
    return {
        "description": "",
        "bitmap": {"origin": list(origin), "data": pack_bitmap(mask)},
        "tags": [],
        "classTitle": title,
        "points": {"exterior": [], "interior": []},
    }


def polygon_object(
    exterior: Sequence[Sequence[float]], interior: Sequence[Any] = (), title: str = "person_poly"
) -> dict[str, Any]:
    return {
        "description": "",
        "bitmap": None,
        "tags": [],
        "classTitle": title,
        "points": {"exterior": list(exterior), "interior": list(interior)},
    }


def write_annotation(
    path: Path, objects: Sequence[dict[str, Any]], size: tuple[int, int] = SIZE
) -> None:
    text = {"description": "", "tags": [], "size": {"width": size[1], "height": size[0]}}
    path.write_text(json.dumps({**text, "objects": list(objects)}))


def supervisely(root: Path, count: int = 20) -> Path:
    """Two folders; each image has a bitmap, a polygon with a hole over it, and a neutral region."""
    ring = np.ones((5, 6), bool)
    ring[1:-1, 1:-1] = False
    objects = [
        bitmap_object(ring, (30, 2), "person_bmp"),
        polygon_object([[2, 3], [14, 3], [14, 20], [2, 20]], [[[5, 6], [9, 6], [9, 12], [5, 12]]]),
        bitmap_object(np.ones((2, 3), bool), (3, 4), "neutral"),
    ]
    for number in range(count):
        folder = root / f"ds{1 + number % 2}"
        for kind in ("img", "ann"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        write_png(folder / "img" / f"photo-{number}.png", picture(number))
        suffix = ".json" if number % 3 else ".png.json"
        write_annotation(folder / "ann" / f"photo-{number}{suffix}", objects)
    (root / "meta.json").write_text('{"classes": [], "tags": []}')
    return root
