"""The writer: many items in one statement, nobody kept back by somebody else's item."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from daily_runs.errors import StageError
from daily_runs.store.writer import Writer


class Sheet:
    """Where items are written; "bad" ones can't be."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.stored: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def write(self, items: Sequence[str]) -> None:
        """All or none."""
        self.go.wait(10)
        self.batches.append(list(items))
        if "bad" in items:
            raise StageError("can't be stored")
        self.stored += items


def test_items_that_come_while_one_is_written_go_together() -> None:
    sheet = Sheet()
    sheet.go.clear()

    async def main() -> None:
        writer = Writer(sheet.write)
        first = asyncio.create_task(writer.add("a"))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(writer.add(name)) for name in "bcd"]
        await asyncio.sleep(0.05)
        sheet.go.set()
        await asyncio.gather(first, *others)

    asyncio.run(main())
    assert sheet.batches == [["a"], ["b", "c", "d"]]


def test_a_caller_goes_on_only_when_its_item_is_stored() -> None:
    sheet = Sheet()
    sheet.go.clear()

    async def main() -> None:
        adding = asyncio.create_task(Writer(sheet.write).add("a"))
        await asyncio.sleep(0.05)
        assert not adding.done()
        sheet.go.set()
        await adding

    asyncio.run(main())
    assert sheet.stored == ["a"]


def test_an_item_that_cannot_be_stored_fails_alone() -> None:
    sheet = Sheet()

    async def main() -> list[BaseException | None]:
        writer = Writer(sheet.write, linger_seconds=0.02)
        return await asyncio.gather(*(writer.add(name) for name in ("a", "bad", "b")), return_exceptions=True)

    outcomes = asyncio.run(main())
    assert sorted(sheet.stored) == ["a", "b"]
    assert [type(outcome) for outcome in outcomes] == [type(None), StageError, type(None)]


def test_a_caller_that_is_cancelled_leaves_the_others_alone() -> None:
    sheet = Sheet()

    async def main() -> None:
        writer = Writer(sheet.write, linger_seconds=0.05)
        leaving, staying = asyncio.create_task(writer.add("a")), asyncio.create_task(writer.add("b"))
        await asyncio.sleep(0)
        leaving.cancel()
        await staying
        with pytest.raises(asyncio.CancelledError):
            await leaving

    asyncio.run(main())
    assert "b" in sheet.stored


def test_a_writer_can_be_used_again_after_it_was_idle() -> None:
    sheet = Sheet()

    async def main() -> None:
        writer = Writer(sheet.write)
        await writer.add("a")
        await asyncio.sleep(0.02)
        await writer.add("b")

    asyncio.run(main())
    assert sheet.batches == [["a"], ["b"]]
