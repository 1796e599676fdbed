"""Finds an item's log in the trace of a CI job, which holds more than what the job printed.

A runner writes a header, marks its sections, puts a stamp before each line and says at the end how the job ended:

    2026-05-08T09:28:48.158399Z 00O section_start:1778232528:step_script\\r\\x1b[0K
    2026-05-08T09:28:48.158399Z 00O+\\x1b[0K\\x1b[36;1mExecuting "step_script" stage of the job script\\x1b[0;m\\x1b[0;m
    2026-05-08T09:28:48.934717Z 01O $ cat seed.log; exit 1
    2026-05-08T09:28:48.935101Z 01O the log's first line

Sources: https://docs.gitlab.com/ci/jobs/job_logs/ and, for the stamps, `FF_TIMESTAMPS` of GitLab Runner
(https://docs.gitlab.com/runner/configuration/feature-flags/). Only what the runner adds is taken away: the log itself
must be there to the character, and the job must have printed nothing after it.
"""

from __future__ import annotations

import re

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (?P<stream>[0-9a-f]{2}[OE])(?P<more>[ +])")
"""32 characters: the time, which stream (00 the runner's, 01 the job's, from 0f on its services'), and whether the line
goes on with that stream's last one: a write without a line's end is a record of its own."""
_FIRST_SERVICE = 0x0F
_SECTION = r"section_(?:start|end):\d+:[\w.-]+(?:\[[^\]\n]*\])?"
_STEP = re.compile(r"section_(?P<edge>start|end):\d+:(?:step_script|build_script)(?:\[[^\]\n]*\])?\r?(?:\x1b\[0K)?")
_UNSEEN = rf"(?:\x1b\[[0-9;]*[mK]|\r|{_SECTION})*"
_AFTER_IN_STEP = re.compile(rf"{_UNSEEN}(?:\$ .*)?")
_AFTER_IN_TRACE = re.compile(rf"{_UNSEEN}(?:\$ .*|ERROR: Job failed.*|Uploading artifacts.*|Cleaning up .*)?")
"""Lines that a runner puts after what a command printed: the next command; where no sections are marked, the end."""
_BEFORE = ("\n", "\n\x1b[0;m", "\n\x1b[0K")
"""An older runner ends the colour of its own line at the beginning of the next one."""


def holds_log(trace: str, log: str) -> bool:
    """Whether a job's trace is this log, or a runner's account of a job that printed it and nothing more after it."""
    if trace == log:
        return True
    text = _without_stamps(trace).replace("\r\n", "\n")
    edges = list(_STEP.finditer(text))
    begun = next((edge for edge in edges if edge["edge"] == "start"), None)
    ended = next((edge for edge in reversed(edges) if edge["edge"] == "end"), None)
    printed = text[begun.end() if begun else 0 : ended.start() if begun and ended else len(text)]
    return _ends_with(printed, log.replace("\r\n", "\n"), _AFTER_IN_STEP if begun else _AFTER_IN_TRACE)


def _ends_with(printed: str, log: str, after: re.Pattern[str]) -> bool:
    lines = "\n" + printed
    for before in _BEFORE:
        place = lines.rfind(before + log)
        if place >= 0:
            rest = lines[place + len(before) + len(log) :]
            whole = log.endswith("\n") or rest[:1] in ("", "\n", "\x1b")
            return whole and all(after.fullmatch(line) for line in rest.split("\n"))
    return False


def _without_stamps(trace: str) -> str:
    """The text as it was written, but for what services wrote. A trace without stamps is left as it is."""
    records = trace.split("\n")
    if not _STAMP.match(records[0]):
        return trace
    lines: list[list[str]] = []
    last: dict[str, list[str]] = {}
    for record in records:
        stamp = _STAMP.match(record)
        if stamp is None:
            lines.append([record])
            continue
        stream, text = stamp["stream"], record[stamp.end() :]
        if int(stream[:2], 16) >= _FIRST_SERVICE:
            continue
        if stamp["more"] == "+" and stream in last:
            last[stream].append(text)
        else:
            last[stream] = [text]
            lines.append(last[stream])
    return "\n".join("".join(parts) for parts in lines)
