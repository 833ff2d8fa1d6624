# SPDX-License-Identifier: Apache-2.0
"""Children of a process that ran kernels on threads, by a start method: processes.py METHOD.

Prints whether each of two children, and the parent after them, gets what the parent got before.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

from support.every_operation import Results, results, same


def child(queue: Any, expected: Results) -> None:
    queue.put(same(results(threads=2), expected) and same(results(threads=1), expected))


def main() -> None:
    expected = results(threads=2)
    context: Any = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    children = [context.Process(target=child, args=(queue, expected)) for _ in range(2)]
    for process in children:
        process.start()
    found = [queue.get() for _ in children]
    for process in children:
        process.join()
    print(found, same(results(threads=2), expected))


if __name__ == "__main__":
    main()
