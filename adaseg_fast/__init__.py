# SPDX-License-Identifier: Apache-2.0
"""Fast semantic segmentation of high-resolution images by content-adaptive downsampling.

After Marin et al., "Efficient Segmentation: Learning Downsampling Near Semantic Boundaries", 2019.
Import what you need: ``adaseg_fast.ops`` (torch), ``adaseg_fast.nn`` (networks) or
``adaseg_fast.backends`` (NumPy, without torch).
"""

from adaseg_fast.backends.select import (
    available_backends,
    build_info,
    get_backend,
    set_backend,
    set_debug,
    use_backend,
)

__version__ = "0.2.0.dev0"

__all__ = [
    "__version__",
    "available_backends",
    "build_info",
    "get_backend",
    "set_backend",
    "set_debug",
    "use_backend",
]
