# SPDX-License-Identifier: Apache-2.0
"""JSON in and out of files, and files that are written completely or not at all.

New content goes to a temporary file in the same folder, which is then renamed.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_LARGEST_JSON = 2**26  # bytes
_LARGEST_NUMBER = 2**63


class StorageError(Exception):
    """A file cannot be read, or its content is not what it must be; the message names the file."""


def read_json(path: Path) -> Any:
    """Read a JSON file of at most 64 MiB. Its numbers must be finite, and whole ones below 2^63.

    Args:
        path: the file.

    Returns:
        The parsed content.

    Raises:
        StorageError: the file cannot be read, is larger, is not JSON, or holds another number.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_json(f"{folder}/a.json", {"size": (2, 3)})
        ...     read_json(Path(folder, "a.json"))
        {'size': [2, 3]}
    """
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise StorageError(f"{path}: is larger than {_LARGEST_JSON} bytes")
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise StorageError(f"{path}: cannot be read ({reason})") from error
    try:
        return json.loads(data, parse_int=_whole, parse_float=_finite, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path}: is not JSON ({error})") from error


def prepare_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder to write to, and check that files can be written there.

    A command that works for hours calls it first, so that it does not fail at the end.

    Args:
        folder: is made, with its parents, unless it exists.

    Raises:
        StorageError: ``folder``, or a parent of it, is a file, or nothing can be written there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     prepare_folder(f"{folder}/a/b")
        ...     Path(folder, "a/b").is_dir(), list(Path(folder, "a/b").iterdir())
        (True, [])
    """
    try:
        os.makedirs(folder, exist_ok=True)
        trial = Path(folder, f".{secrets.token_hex(8)}.tmp")
        try:
            trial.write_bytes(b"trial")
        finally:
            trial.unlink(missing_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise StorageError(f"{folder}: cannot be made, since a file has this name") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise StorageError(f"{folder}: nothing can be written there ({reason})") from error


def prepare_file(path: str | os.PathLike[str]) -> None:
    """Check that ``path`` can be written, and make its folder; see `prepare_folder`.

    Raises:
        StorageError: ``path`` is a folder, or nothing can be written to its folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     prepare_file(f"{folder}/new/a.png")
        ...     Path(folder, "new").is_dir()
        True
    """
    prepare_folder(Path(path).parent)
    if os.path.isdir(path):
        raise StorageError(f"{path}: is a folder, so no file of this name can be written")


def write_json(path: str | os.PathLike[str], obj: object) -> None:
    """Write JSON, completely or not at all.

    NumPy arrays become lists, NumPy numbers become numbers. NaN becomes null, since JSON has no
    NaN.

    Args:
        path: the file; an existing one is replaced.
        obj: dictionaries, lists, texts, numbers, and NumPy arrays of numbers.

    Raises:
        TypeError: ``obj`` contains something that JSON cannot express.
        ValueError: ``obj`` contains an infinity.
        OSError: the file cannot be written; the error names ``path``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_json(f"{folder}/a.json", np.array([0.5, np.nan]))
        ...     json.loads(Path(folder, "a.json").read_text())
        [0.5, None]
    """
    text = json.dumps(_plain(obj), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``path``, completely or not at all; see `atomic_file`.

    Args:
        path: the file; an existing one is replaced.
        data: its new content.

    Raises:
        OSError: the file cannot be written; the error names ``path``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(f"{folder}/a.bin", b"whole")
        ...     Path(folder, "a.bin").read_bytes()
        b'whole'
    """
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that becomes ``path`` when the block ends without an exception.

    After an exception (Ctrl-C included) ``path`` is as it was before, and no temporary file is
    left.

    Args:
        path: the file; an existing one is replaced.

    Yields:
        The file to write to.

    Raises:
        OSError: the file cannot be written; the error has the fitting subclass and names ``path``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_file(f"{folder}/a.bin") as file:
        ...         written = file.write(b"in "), file.write(b"parts")
        ...     Path(folder, "a.bin").read_bytes()
        b'in parts'
    """
    target = Path(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        # Not tempfile: its files can be read by their owner only.
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):  # what went wrong before it is what the caller must know
            temporary.unlink()
        if isinstance(error, OSError) and error.filename in (str(temporary), None):
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise


def _whole(digits: str) -> int:
    number = int(digits)
    if not -_LARGEST_NUMBER <= number < _LARGEST_NUMBER:
        raise ValueError(f"the number {digits[:20]}... is too large")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _plain(obj: object) -> Any:
    """Convert ``obj`` to the types that `json` writes: no NumPy, and None in place of NaN."""
    if isinstance(obj, dict):
        return {key: _plain(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_plain(value) for value in obj]
    if isinstance(obj, np.ndarray | np.generic):
        return _plain(obj.tolist())
    if isinstance(obj, float) and math.isnan(obj):
        return None
    return obj
