# SPDX-License-Identifier: Apache-2.0
"""JSON in and out of files, and files that are written completely or not at all.

Writing goes to a temporary name in the same folder, which is then renamed.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_LARGEST_JSON = 2**26  # bytes


class StorageError(Exception):
    """A file cannot be read, or does not hold what it should; the message names it."""


def read_json(path: Path) -> Any:
    """The content of a JSON file of at most 64 MiB.

    Raises:
        StorageError: it cannot be read, is larger, or is not JSON.
    """
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise StorageError(f"{path}: is larger than {_LARGEST_JSON} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path}: is not JSON ({error})") from error


def write_json(path: str | os.PathLike[str], obj: object) -> None:
    """Write JSON, completely or not at all.

    NumPy arrays and numbers become lists and numbers; NaN becomes null, as JSON has no NaN.

    Raises:
        TypeError: ``obj`` holds something that JSON has no form for.
        ValueError: ``obj`` holds an infinity.
        OSError: the file cannot be written; names ``path``.
    """
    text = json.dumps(_plain(obj), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write ``data`` to ``path``, completely or not at all (see `atomic_file`)."""
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file to write to that becomes ``path`` when the block ends without an exception.

    With an exception (Ctrl-C included) ``path`` is as it was before, and no temporary file stays.

    Raises:
        OSError: cannot be written; of the fitting subclass, and naming ``path``.
    """
    target = Path(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        # Not tempfile: it makes files that only their owner may read.
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (str(temporary), None):
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise


def _plain(obj: object) -> Any:
    """``obj`` in what `json` knows: no NumPy, and None for NaN."""
    if isinstance(obj, dict):
        return {key: _plain(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_plain(value) for value in obj]
    if isinstance(obj, np.ndarray | np.generic):
        return _plain(obj.tolist())
    if isinstance(obj, float) and math.isnan(obj):
        return None
    return obj
