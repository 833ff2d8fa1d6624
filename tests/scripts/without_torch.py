# SPDX-License-Identifier: Apache-2.0
"""Import modules where torch cannot be imported, then sample: without_torch.py MODULE ..."""

from __future__ import annotations

import importlib
import sys
from importlib.abc import MetaPathFinder
from typing import Any

import numpy as np


class Blocker(MetaPathFinder):
    """Makes ``import torch`` fail as it does where torch is not installed."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname.partition(".")[0] == "torch":
            raise ModuleNotFoundError("torch is blocked", name=fullname)


def main() -> None:
    sys.meta_path.insert(0, Blocker())
    for name in sys.argv[1:]:
        importlib.import_module(name)
    from adaseg_fast import backends

    image = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    corners = np.array([[[[0, 0], [1, 1]], [[0, 1], [0, 1]]]], dtype=np.float32)
    print(backends.sample(image, corners).tolist())
    assert "torch" not in sys.modules


if __name__ == "__main__":
    main()
