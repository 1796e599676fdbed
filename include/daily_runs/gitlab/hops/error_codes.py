"""Error texts that look like answers (docs/domain.md §3): `I'm sorry, … Error code: A1001`, sent with HTTP 200.

Such a text must never be judged; a good answer that talks about such a code should be. The two mistakes do not weigh
the same: a refused good answer is one failed prompt in honest counts, a judged error text is a false score. So the rule
leans towards refusing:

1. `Error code: A1001` (letter M, G or A, exactly four digits) in the answer's own prose is refused, however long the
   answer is: GitLab appends the sentence to whatever was streamed before the failure.
2. Quoted (in a closed code block, inline code or a block quote) it is let pass, if at least
   `EXPLANATION_CHARACTERS_MIN` characters of prose stand around the quotes: then somebody explains a log. A block that
   was never closed quotes nothing, and neither does a block quote in the last line: what is appended to it is quoted by
   nobody.
3. A text with less prose than that is refused on looser wording too (`error A1001`, `Error code A1001`).
"""

from __future__ import annotations

import re

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.hops.attribution import Attribution, Certainty

EXPLANATION_CHARACTERS_MIN = 200

_CODE = r"[\s:*_`\[(]*(?P<letter>[MGA])(?P<digits>\d{4})(?!\w)"
_EXACT = re.compile(r"(?i:\berror code)\s*[*_]*:" + _CODE)
_LOOSE = re.compile(r"(?i:\berror(?:\s+code)?)" + _CODE)
_INLINE = re.compile(r"`[^`\n]+`(?!`)")
_QUOTED = (
    re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,}).*?^[ \t]*(?P=fence)[`~]*[ \t]*$", re.MULTILINE | re.DOTALL),
    re.compile(r"^[ \t]*>.*$", re.MULTILINE),
    _INLINE,
)
_HOPS = {"M": Hop.GITLAB, "G": Hop.AI_GATEWAY, "A": Hop.MODEL_VENDOR}


def error_code_in(text: str) -> CallError | None:
    """The failure that an answer's text carries, or None for an answer."""
    found = attribution_of_answer(text)
    return None if found is None else found.error


def attribution_of_answer(text: str) -> Attribution | None:
    """Who failed, by an answer's text, or None for an answer; likely only, if the wording is a looser one.

    Codes 3xxx and 4xxx say that this user, resource or question was not accepted (no seat, feature switched off,
    unusable context): asking again does not help, and it counts against us. All others may pass on a second try.
    """
    prose = text
    for quoted in _QUOTED:
        prose = quoted.sub(" ", prose)
    short = len(" ".join(prose.split())) < EXPLANATION_CHARACTERS_MIN
    last_line = _INLINE.sub(" ", text.rstrip().rpartition("\n")[2])
    exact = _EXACT.search(prose) or _EXACT.search(last_line)
    found = exact or (_LOOSE.search(text) if short else None)
    if found is None:
        return None
    ours = found["digits"][0] in "34"
    evidence = (f"the answer's text carries error code {found['letter']}{found['digits']}",)
    return Attribution(
        _HOPS[found["letter"]],
        "answer_error_code",
        Certainty.CERTAIN if exact else Certainty.LIKELY,
        evidence,
        evidence,
        Blame.OWN_SYSTEM if ours else Blame.PROVIDER,
        retryable=not ours,
    )
