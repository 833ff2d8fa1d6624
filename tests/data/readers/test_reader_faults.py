# SPDX-License-Identifier: Apache-2.0
"""Every reader against odd names, links, and files that cannot be read: an error names the file."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from adaseg_fast.data import DataError, open_dataset
from adaseg_fast.data.files import read_json
from adaseg_fast.data.images import MAX_BYTES, read_deep_png, read_image, read_labels
from adaseg_fast.engine.models.files import ModelError, load_sampler, load_segmenter
from support.data.trees import write_deep
from support.engine_cases import write_folder

Errors = (DataError, ModelError)


def put_image(path: Path) -> None:
    path.write_bytes(cv2.imencode(".png", np.full((5, 6, 3), 7, np.uint8))[1].tobytes())


def put_labels(path: Path) -> None:
    path.write_bytes(cv2.imencode(".png", np.full((5, 6), 7, np.uint8))[1].tobytes())


def put_json(path: Path) -> None:
    path.write_text(json.dumps({"a": 1}))


# Reader -> how to write a file that it reads, None where only its errors are looked at.
READERS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], None] | None]] = {
    "read_image": (read_image, put_image),
    "read_labels": (read_labels, put_labels),
    "read_deep_png": (
        lambda path: read_deep_png(path, 1),
        lambda path: write_deep(path, np.full((5, 6), 700, np.uint16)),
    ),
    "read_json": (read_json, put_json),
    "load_segmenter": (load_segmenter, None),
    "load_sampler": (load_sampler, None),
}
READ_SOMETHING = [name for name, (_, put) in READERS.items() if put]
NAMES = ("two words.png", "naïve Ω 道路.png", "a'b\"c;$(d).png", "-rf.png", "line\nbreak.png")


def same(found: Any, expected: Any) -> bool:
    return bool(np.array_equal(found, expected))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reader", READ_SOMETHING)
def test_names(tmp_path: Path, reader: str, name: str) -> None:
    read, put = READERS[reader]
    assert put is not None
    put(tmp_path / "plain")
    put(tmp_path / name)
    assert same(read(tmp_path / name), read(tmp_path / "plain"))


@pytest.mark.parametrize("reader", READ_SOMETHING)
def test_links_are_followed(tmp_path: Path, reader: str) -> None:
    read, put = READERS[reader]
    assert put is not None
    put(tmp_path / "plain")
    (tmp_path / "link").symlink_to("plain")
    (tmp_path / "link to a link").symlink_to("link")
    assert same(read(tmp_path / "link to a link"), read(tmp_path / "plain"))


@pytest.mark.parametrize("reader", READERS)
def test_links_that_lead_nowhere(tmp_path: Path, reader: str) -> None:
    read, _ = READERS[reader]
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("dangling", "loop", "missing"):
        with pytest.raises(Errors, match=name):
            read(tmp_path / name)


@pytest.mark.parametrize("reader", READERS)
def test_files_that_nobody_may_read(
    tmp_path: Path, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, put = READERS[reader]
    path = tmp_path / "secret"
    (put or put_json)(path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything
        if put is None:
            pytest.skip("this user reads every file, and a model is opened outside Python")
        honest = open

        def refuse(file: Any, *arguments: Any, **options: Any) -> Any:
            if str(file) == str(path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return honest(file, *arguments, **options)

        for name in ("builtins.open", "io.open", "pathlib.Path.open"):
            monkeypatch.setattr(name, refuse)
    with pytest.raises(Errors, match=r"secret.*Permission denied"):
        read(path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"{", b"\xff" * 4096, b"\x89PNG\r\n\x1a\n"])
def test_other_content(tmp_path: Path, reader: str, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(Errors, match="other"):
        READERS[reader][0](path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(Errors, match="folder"):
        READERS[reader][0](tmp_path / "folder")


@pytest.mark.parametrize("reader", ["read_image", "read_labels", "read_deep_png"])
def test_files_that_fill_the_memory(tmp_path: Path, reader: str) -> None:
    """One with a hole: hardly any disk, but gigabytes if it were read."""
    path = tmp_path / "huge.png"
    put_image(path)
    os.truncate(path, MAX_BYTES + 1)
    with pytest.raises(DataError, match=f"huge.png: {MAX_BYTES + 1} bytes, more than"):
        READERS[reader][0](path)


def test_a_data_set_of_links(tmp_path: Path) -> None:
    plain = write_folder(tmp_path / "plain", {"train": 2})
    linked = tmp_path / "linked, with spaces"
    for path in sorted(plain.rglob("*")):
        to = linked / path.relative_to(plain)
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            to.symlink_to(path)
    one, other = (open_dataset(f"folder:{root}", "train") for root in (plain, linked))
    assert len(one) == len(other) == 2
    assert all(same(one[k].labels, other[k].labels) for k in range(2))
    next((linked / "labels" / "train").iterdir()).unlink()
    with pytest.raises(DataError, match="linked, with spaces"):
        open_dataset(f"folder:{linked}", "train")
