# SPDX-License-Identifier: Apache-2.0
"""Independent pieces of work on a few threads; the kernels run without the interpreter's lock.

Threads live as long as one call: none is left over that a forked child would miss.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from threading import Thread
from typing import TypeVar

Piece = TypeVar("Piece")


def run(work: Callable[[Piece], object], pieces: Iterable[Piece], threads: int) -> None:
    """Call ``work`` with each piece, on the calling thread and at most ``threads - 1`` others.

    Raises:
        BaseException: the first that a piece raised; pieces not yet begun are left out then.
    """
    waiting = deque(pieces)
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

    helpers = [Thread(target=serve, daemon=True) for _ in range(min(len(waiting), threads) - 1)]
    for helper in helpers:
        helper.start()
    serve()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]
