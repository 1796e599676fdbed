"""The page *Compare*: two names to choose, and what `daily-runs compare` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from daily_runs.errors import UserError
from daily_runs.results.run_compare import page
from daily_runs.results.run_compare.treatment import Treatment
from daily_runs.results.run_report.markup import escaped

NAMES = "A run key, the id of a published attempt, or last-good (or last-good@staging); A may be reference, too."
_NAME_MAX = 300


class Compared(NamedTuple):
    """What a reader asked for: both names, and the treatment, which may be empty."""

    first: str = ""
    second: str = ""
    treatment: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether both sides are named."""
        return bool(self.first and self.second)


def parts(
    asked: Compared, found: Mapping[str, Any] | None, *, with_answers: bool, refusal: UserError | None
) -> list[str]:
    """The form, then what it came to; nothing yet, where a side is not named."""
    shown = [_form(asked)]
    if refusal:
        told = f"{refusal.place}: {refusal.problem}. {refusal.remedy}"
        shown.append(f'<p class="notice" role="alert">{escaped(told, 2_000)}</p>')
    if found:
        shown += page.parts(found, with_answers=with_answers)
    return shown


def title(found: Mapping[str, Any] | None) -> str:
    """Both sides, once they are found."""
    return page.title(found) if found else "Compare two runs"


def _form(asked: Compared) -> str:
    options = "".join(
        f'<option value="{name}"{" selected" if name == asked.treatment else ""}>{name or "found by itself"}</option>'
        for name in ("", *Treatment)
    )
    return (
        '<form method="get">'
        f'<label>A, before <input name="first" size="44" required value="{escaped(asked.first, _NAME_MAX)}"></label>'
        f'<label>B, now <input name="second" size="44" required value="{escaped(asked.second, _NAME_MAX)}"></label>'
        f'<label>Treatment <select name="treatment">{options}</select></label><button>Compare</button></form>'
        f'<p class="note screen">{NAMES}</p>'
    )
