"""Writes of one event loop, many in one statement: while one is under way, the next ones gather."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from daily_runs.errors import StageError

T = TypeVar("T")


class _Item(NamedTuple, Generic[T]):
    content: T
    written: asyncio.Future[None]


class Writer(Generic[T]):
    """Callers wait until their item is stored, and share a statement with whoever writes meanwhile.

    Args:
        write: stores items, all or none; called in a thread, one call at a time.
        linger_seconds: how long to let items gather first (wall clock).
    """

    def __init__(self, write: Callable[[Sequence[T]], None], linger_seconds: float = 0.0) -> None:
        self._write, self._linger_seconds = write, linger_seconds
        self._items: list[_Item[T]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, item: T) -> None:
        """Have an item stored.

        Raises:
            StageError: it can't be.
        """
        added = _Item(item, asyncio.get_running_loop().create_future())
        self._items.append(added)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_on())
        await added.written

    async def _write_on(self) -> None:
        while self._items:
            await asyncio.sleep(self._linger_seconds)
            items, self._items = self._items, []
            try:
                errors = await asyncio.to_thread(self._store, [item.content for item in items])
            except BaseException as stopped:
                for item in items:
                    if not item.written.done():
                        item.written.set_exception(stopped if isinstance(stopped, Exception) else StageError("stopped"))
                raise
            for item, error in zip(items, errors, strict=True):
                if item.written.done():  # its caller was cancelled; it is stored all the same
                    continue
                if error is None:
                    item.written.set_result(None)
                else:
                    item.written.set_exception(error)

    def _store(self, items: list[T]) -> list[StageError | None]:
        try:
            self._write(items)
        except StageError as error:
            if len(items) == 1:
                return [error]
            return [found for item in items for found in self._store([item])]  # one must not keep the others back
        return [None] * len(items)
