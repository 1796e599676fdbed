"""A log in a runner's trace: found whole, and never where a character of it differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.catalogue.folders import include_root
from daily_runs.dataset import load
from daily_runs.readiness.seeds.job_log import holds_log

LOG = "Job test\n$ pytest\nE   assert 1 == 2\n\n1 failed\nERROR: Job failed: exit code 1\n"
HEAD = "\x1b[0KRunning with gitlab-runner 18.2.0 (1a2b3c4d)\x1b[0;m\n\x1b[0K  on seed-runner ab12cd34\x1b[0;m\n"
STEP = 'section_start:1795000000:step_script\r\x1b[0K\x1b[0K\x1b[36;1mExecuting "step_script" stage\x1b[0;m\x1b[0;m\n'
END = "section_end:1795000003:step_script\r\x1b[0K"
CLEAN = (
    "section_start:1795000003:cleanup_file_variables\r\x1b[0K\x1b[0K\x1b[36;1mCleaning up project directory\x1b[0;m\n"
    "section_end:1795000004:cleanup_file_variables\r\x1b[0K"
)
FAILED = "\x1b[31;1mERROR: Job failed: exit code 1\x1b[0;m\n"


def wrapped(log: str, command: str = "\x1b[32;1m$ cat seed.log; exit 1\x1b[0;m\n") -> str:
    return HEAD + STEP + command + log + END + CLEAN + FAILED


def lines_with_end(log: str) -> str:
    """Each mark on a line of its own, as where the log was printed by a command that ends its line."""
    return wrapped(log).replace(END, END + "\n")


def stamped(log: str) -> str:
    """With `FF_TIMESTAMPS`: what follows an unended write of its stream is a record of its own, with a plus."""
    time = "2026-05-08T09:28:48.158399Z "
    head = "".join(f"{time}00O {line}\n" for line in HEAD.splitlines())
    mark, _, words = STEP.partition("\x1b[0K\x1b[36")
    body = "".join(f"{time}01O {line}\n" for line in ["$ cat seed.log", *log.split("\n")[:-1]])
    mark_end, _, clean = CLEAN.partition("\x1b[0K\x1b[0K")
    end = f"{time}00O {END}\n{time}00O+{mark_end}\x1b[0K\n{time}00O+\x1b[0K{clean.splitlines()[0]}\n"
    return f"{head}{time}00O {mark}\n{time}00O+\x1b[0K\x1b[36{words}{body}{end}{time}00O {FAILED}"


def uniformly_stamped(log: str) -> str:
    return "".join(f"2026-05-08T09:28:48.158399Z 00O {line}\n" for line in wrapped(log).split("\n")[:-1])


def beside_a_service(log: str) -> str:
    """A database of the job writes into the same trace, on a stream of its own."""
    service = "2026-05-08T09:28:48.158399Z 0fE database system is ready\n"
    return "".join(line + service for line in stamped(log).splitlines(keepends=True))


def in_pieces(log: str) -> str:
    """A long line comes in several writes."""
    time = "2026-05-08T09:28:48.158399Z "
    written = stamped(log)
    cut = f"01O {log.splitlines()[0]}\n"
    first = log.splitlines()[0]
    return written.replace(cut, f"01O {first[:2]}\n{time}01E warning\n{time}01O+{first[2:]}\n").replace(
        f"{time}01E warning\n", ""
    )


def with_a_command_after(log: str) -> str:
    return wrapped(log + "\x1b[32;1m$ exit 1\x1b[0;m\n")


def after_a_progress_bar(log: str) -> str:
    return wrapped(f"Downloading  1%\rDownloading 50%\rDownloading 100%\n\x1b[32;1m$ cat seed.log\x1b[0;m\n{log}")


def by_an_older_runner(log: str) -> str:
    """The colour ends on the next line, and no section is marked."""
    head = "Running with gitlab-runner 9.5.0\n\x1b[32;1m$ cat seed.log\n"
    return f"{head}\x1b[0;m{log}\x1b[31;1mERROR: Job failed: exit 1\n"


def with_carriage_returns(log: str) -> str:
    return wrapped(log).replace("\n", "\r\n")


def in_a_section_of_its_own(log: str) -> str:
    return wrapped(
        f"section_start:1795000001:seed[collapsed=true]\r\x1b[0Kseed\n{log}section_end:1795000001:seed\r\x1b[0K\n"
    )


WRAPPINGS: tuple[Callable[[str], str], ...] = (
    wrapped,
    lines_with_end,
    stamped,
    uniformly_stamped,
    beside_a_service,
    in_pieces,
    with_a_command_after,
    after_a_progress_bar,
    by_an_older_runner,
    with_carriage_returns,
    in_a_section_of_its_own,
)


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: wrap.__name__)
def test_a_log_is_found_in_what_the_runner_writes_around_it(wrap: Callable[[str], str]) -> None:
    assert holds_log(wrap(LOG), LOG)


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: wrap.__name__)
def test_every_log_of_the_shipped_data_set_is_found(wrap: Callable[[str], str]) -> None:
    items = load(include_root() / "datasets" / "root_cause_analysis.jsonl")
    logs = [item.resource.content for item in items]
    assert [log[:60] for log in logs if not holds_log(wrap(log), log)] == []


def test_the_bare_log_is_found() -> None:
    assert holds_log(LOG, LOG)


def test_a_log_without_a_last_line_end_is_found_before_the_mark_that_is_glued_to_it() -> None:
    log = LOG.rstrip("\n")
    assert holds_log(wrapped(log), log)
    assert holds_log(lines_with_end(log + "\n"), log)


class Case(NamedTuple):
    name: str
    printed: str


CHANGED = (
    Case("a character is another one", LOG.replace("1 == 2", "1 == 3")),
    Case("a character is missing", LOG.replace("pytest", "pytes")),
    Case("its first character is missing", LOG[1:]),
    Case("a character stands before it", f"x{LOG}"),
    Case("a blank stands before it", f" {LOG}"),
    Case("a line's end is missing", LOG.replace("2\n\n1", "2\n1")),
    Case("a blank is at a line's end", LOG.replace("== 2\n", "== 2 \n")),
    Case("the first line is cut off", LOG.partition("\n")[2]),
    Case("the last line is cut off", LOG.removesuffix("ERROR: Job failed: exit code 1\n")),
    Case("half of the last line is cut off", LOG[:-10] + "\n"),
    Case("a line stands in it", LOG.replace("1 failed", "warning\n1 failed")),
    Case("something is printed after it", f"{LOG}done\n"),
    Case("a line is added to it", f"{LOG}\n(edited after seeding)\n"),
    Case("nothing is printed", ""),
)


@pytest.mark.parametrize("case", CHANGED, ids=lambda case: case.name)
@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: wrap.__name__)
def test_a_log_that_differs_is_never_found(wrap: Callable[[str], str], case: Case) -> None:
    assert not holds_log(wrap(case.printed or "\n"), LOG)


@given(st.lists(st.text("ab$ \t[:", max_size=8), min_size=1, max_size=6), st.data())
def test_a_log_with_one_character_changed_is_not_found(lines: list[str], data: st.DataObject) -> None:
    log = "".join(f"|{line}\n" for line in lines)
    place = data.draw(st.integers(0, len(log) - 1))
    other = data.draw(st.sampled_from([char for char in "xyz" if char != log[place]]))
    assert holds_log(stamped(log), log)
    assert not holds_log(stamped(log[:place] + other + log[place + 1 :] + "\n"), log)
