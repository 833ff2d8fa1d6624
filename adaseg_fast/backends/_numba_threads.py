# SPDX-License-Identifier: Apache-2.0
"""Independent pieces of work on a few threads; the kernels run without the interpreter's lock.

Threads live as long as one call: none is left over that a forked child would miss.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Thread


def for_each(count: int, threads: int, work: Callable[[int], None]) -> None:
    """Call ``work`` with 0 ... ``count - 1``, on the calling thread and ``threads - 1`` others.

    Raises:
        Exception: the first that a piece raised; pieces not yet begun are left out then.
    """
    if min(count, threads) <= 1:
        for piece in range(count):
            work(piece)
        return
    waiting = deque(range(count))
    failures: list[BaseException] = []

    def serve() -> None:
        while not failures:
            try:
                piece = waiting.popleft()
            except IndexError:
                return
            try:
                work(piece)
            except BaseException as failure:
                failures.append(failure)

    helpers = [Thread(target=serve, daemon=True) for _ in range(min(count, threads) - 1)]
    for helper in helpers:
        helper.start()
    serve()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]


def band(total: int, bands: int, number: int) -> tuple[int, int]:
    """[begin, end) of one of ``bands`` nearly equal parts of ``total``."""
    return total * number // bands, total * (number + 1) // bands
