# SPDX-License-Identifier: Apache-2.0
"""JSON, and files that are written completely or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adaseg_fast.storage import (
    StorageError,
    atomic_file,
    prepare_file,
    prepare_folder,
    read_json,
    write_atomically,
    write_json,
)


def test_file_appears_whole_with_ordinary_rights(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    target = tmp_path / "target"
    with atomic_file(target) as file:
        file.write(b"first half, ")
        assert not target.exists()
        file.write(b"second half")
    assert target.read_bytes() == b"first half, second half"
    assert target.stat().st_mode == plain.stat().st_mode
    write_atomically(target, b"replaced")
    assert target.read_bytes() == b"replaced"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "target"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_interrupted_writing_leaves_the_old_file_alone(tmp_path: Path, error) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with pytest.raises(error, match="half-way"), atomic_file(target) as file:
        file.write(b"new, but")
        raise error("half-way")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_errors_in_writing_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing.a\.bin'$"):
        write_atomically(tmp_path / "missing" / "a.bin", b"x")
    with pytest.raises(NotADirectoryError, match=r"plain.a\.bin'$"):
        (tmp_path / "plain").touch()
        write_atomically(tmp_path / "plain" / "a.bin", b"x")
    (tmp_path / "plain").unlink()
    with pytest.raises(OSError, match=r"too long: .*nnn\.bin'$"):
        write_atomically(tmp_path / f"{'n' * 300}.bin", b"x")
    (tmp_path / "folder.bin").mkdir()
    with pytest.raises(OSError, match=r"folder\.bin'$"):
        write_atomically(tmp_path / "folder.bin", b"x")
    with (
        pytest.raises(OSError, match=r"No space .*full\.bin'$"),
        atomic_file(tmp_path / "full.bin"),
    ):
        raise OSError(28, "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.bin"]


def test_json_takes_numpy_and_turns_nan_into_null(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(
        path,
        {
            "iou": np.array([0.5, np.nan]),
            "count": np.int64(3),
            "nested": [{"x": float("nan")}, (1, "é")],
            "single": np.float32("nan"),
        },
    )
    assert json.loads(path.read_text("utf-8")) == {
        "iou": [0.5, None],
        "count": 3,
        "nested": [{"x": None}, [1, "é"]],
        "single": None,
    }


def test_what_json_cannot_say_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("inf")})
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "a.json", {"x": object()})
    assert not list(tmp_path.iterdir())


def test_json_is_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [1, 2.5, None, "é"]})
    assert read_json(tmp_path / "a.json") == {"x": [1, 2.5, None, "é"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 10**5, "is not JSON"),
        (None, "read"),
    ],
)
def test_errors_in_reading_name_the_file(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError, match=rf"a\.json: .*{message}"):
        read_json(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9223372036854775808"])
def test_numbers_that_json_does_not_have_are_refused(tmp_path: Path, number: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(f'{{"a": [{number}]}}')
    with pytest.raises(StorageError, match=r"a\.json: is not JSON"):
        read_json(path)


def test_a_folder_that_takes_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "file/below", "loop", "x" * 300, "nul\0"):
        with pytest.raises(StorageError):
            prepare_folder(tmp_path / name)
    with pytest.raises(StorageError, match="nothing can be written there"):
        prepare_folder("/proc")
    prepare_folder(tmp_path / "new" / "folder")
    assert not list((tmp_path / "new" / "folder").iterdir())
    with pytest.raises(StorageError, match="new: is a folder"):
        prepare_file(tmp_path / "new")
