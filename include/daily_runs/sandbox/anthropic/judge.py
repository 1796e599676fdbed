"""A judge without a model: reads rubric, reference and answer out of the prompt and measures the answer by its words.

The measure is lexical and the same for every run: recall (share of the reference's content words found in the answer),
precision (share of the answer's content words that belong to the reference or the question) and their F-measure, less
a penalty for sentences that say the opposite of the reference. Which of them a criterion takes is decided by its name,
else by its line in the rubric. A diff is compared by lines with what the reference changes. The answer is data: a
sentence in it that addresses the judge is set aside before measuring, so that it moves no score in either direction.
A scenario may add errors to what was measured (`judge_worse`, `ScoreError`); they read no label either.
`schema_fill` puts the outcome into the shape asked for.
"""

from __future__ import annotations

import hashlib
import random
import re
from functools import lru_cache
from typing import Any, NamedTuple

from daily_runs.sandbox.anthropic.schema_fill import SandboxVerdict, asks_for_verdict, fill
from daily_runs.sandbox.world.judging import EXACT, ScoreError

_STOP_TEXT = """
a about above after again all also am an and any are as at be because been before being below between both but by can
could did do does doing down during each few for from further had has have having he her here hers him his how i if in
into is it its itself just me more most my of off on once only or other our out over own same she should so some such
than that the their them then there these they this those through to too under until up very was we were what when
where which while who whom why will with would you your
"""
_STOP_WORDS = frozenset(_STOP_TEXT.split())
_NEGATIONS = frozenset({"not", "never", "no", "cannot", "nor"})
_WORD = re.compile(r"[a-z0-9_]+")
_CONTRACTION = re.compile(r"n['’]t\b")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_HUNK = re.compile(r"^@@ -\d", re.MULTILINE)
_MARK = re.compile(r"The mark is (\w+)\.\n")
_SECTION_NAME = re.compile(r"^\w+: ")
_ORDERS = re.compile(
    r"\b(?:ignor\w*|disregard\w*|forget|overrid\w*|giv(?:e|ing)|assign|award|record|return|respond|output|score|rate|deserves?)\b"
    r"[^.!?\n]*?\b(?P<noun>rubric\w*|scor(?:e|es|ing)|verdict\w*|grad(?:e|es|er|ing)|judge\w*|rating\w*|criteri\w*"
    r"|instructions?|evaluator\w*)\b",
    re.IGNORECASE,
)
_MARKS = re.compile(
    r"\b(?P<noun>(?:giv(?:e|ing)|award|assign|score|rate|grade|deserves?)\b[^.!?\n]*?"
    r"\b(?:full marks|(?:highest|maximum|top) \w+|[0-9]+\s*(?:/|out of)\s*[0-9]+|[0-9]{1,2}(?=\W*$)|five(?=\W*$)))",
    re.IGNORECASE,
)
_CONTRADICTION_WEIGHT = 0.5
_SHARED_WORDS_MIN = 2
_NEGATION_REACH = 3
"""How many words a negation covers."""
_NOISE_SPAN = 0.6
"""Half-width of the noise that `judge_worse` = 1 adds to a score between 0 and 1."""

_FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("recall", ("complet", "recall", "cover", "thorough", "actionab", "missing", "every")),
    ("precision", ("relevan", "precis", "concis", "focus", "minimal", "topic", "beside the point")),
    ("f_measure", ("faithful", "correct", "accura", "ground", "behaviour", "truth", "support")),
)


class Sections(NamedTuple):
    """What a judge's prompt carries; rubric, question and context (what the question is about) may be empty."""

    rubric: str
    question: str
    context: str
    reference: str
    answer: str


class Agreement(NamedTuple):
    """How far an answer agrees with its reference; all from 0 to 1."""

    recall: float
    precision: float
    contradiction: float

    @property
    def f_measure(self) -> float:
        """Harmonic mean of recall and precision."""
        total = self.recall + self.precision
        return 2 * self.recall * self.precision / total if total else 0.0


def read_sections(system: str, user: str) -> Sections | None:
    """Cut the prompt at its delimiters, `<answer-MARK>` and so on; None when it has no mark, reference or answer.

    Only the first line names the mark. The reference is read in front of the answer, and the answer runs to the *last*
    delimiter that closes it: whatever an answer pretends to be (a second reference, an early end) stays part of it.
    """
    marked = _MARK.match(user)
    if marked is None:
        return None
    mark = marked[1]
    before, _, rest = user.partition(f"<answer-{mark}>")
    answer, closing, _ = rest.rpartition(f"</answer-{mark}>")
    reference = _block(before, f"reference-{mark}")
    if not closing or reference is None:
        return None
    question, context = (_block(before, f"{name}-{mark}") or "" for name in ("question", "context"))
    return Sections(_block(system, "rubric") or system, question, context, reference, answer)


@lru_cache(maxsize=64)
def measure(question: str, reference: str, answer: str) -> Agreement:
    """Compare an answer with its reference (docs in the module)."""
    expected = content_words(reference)
    own_sentences = _own_sentences(answer, expected)
    found = frozenset[str]().union(*map(_stems, own_sentences))
    if not expected or not found:
        return Agreement(0.0, 0.0, 0.0)
    on_topic = expected | content_words(question)
    return Agreement(
        recall=len(expected & found) / len(expected),
        precision=len(found & on_topic) / len(found),
        contradiction=_contradiction(reference, own_sentences),
    )


@lru_cache(maxsize=64)
def measure_diff(context: str, reference: str, diff: str) -> Agreement:
    """Compare a diff with the reference by lines: those the reference adds to the context, and those the diff adds."""
    old = {line.strip() for line in context.splitlines()}
    new = {_SECTION_NAME.sub("", line).strip() for line in reference.splitlines()} - old - {""}
    added = {line[1:].strip() for line in diff.splitlines() if line.startswith("+") and line[:3] != "+++"} - {""}
    if not new or not added:
        return Agreement(0.0, 0.0, 0.0)
    return Agreement(len(new & added) / len(new), len(new & added) / len(added), 0.0)


def measure_sections(sections: Sections) -> Agreement:
    """Compare the prompt's answer with its reference: a diff by its lines, anything else by its words."""
    _, question, context, reference, answer = sections
    if _HUNK.search(answer):
        return measure_diff(context, reference, answer)
    return measure(question, reference, answer)


def score(criterion: str, sections: Sections, worse: float, seed: int, error: ScoreError = EXACT) -> float:
    """One criterion's score, 0 to 1. `worse` (0 to 1) adds noise that belongs to the answer, `error` this verdict's."""
    measured = measure_sections(sections)
    value = _by_family(criterion, sections.rubric, measured) - _CONTRADICTION_WEIGHT * measured.contradiction
    if worse:
        value += worse * _NOISE_SPAN * (2 * _seeded(seed, criterion, sections).random() - 1)
    return min(1.0, max(0.0, value + error.of(criterion)))


def judge(
    schema: dict[str, Any], system: str, user: str, worse: float, seed: int, error: ScoreError = EXACT
) -> Any | None:
    """The verdict in the shape of `schema`; None when the schema asks for none or the prompt has nothing to judge."""
    sections = read_sections(system, user)
    if sections is None or not asks_for_verdict(schema):
        return None
    verdict = SandboxVerdict(lambda criterion: score(criterion, sections, worse, seed, error), _reasons(sections))
    return fill(schema, verdict)


@lru_cache(maxsize=512)
def content_words(text: str) -> frozenset[str]:
    """The stems of a text's words, without stop words, single letters and negations."""
    return _stems(text)


def _stems(text: str) -> frozenset[str]:
    words = _WORD.findall(_CONTRACTION.sub(" not", text.lower()))
    return frozenset(_stem(w) for w in words if len(w) > 1 and w not in _STOP_WORDS and w not in _NEGATIONS)


@lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    """Cut the commonest English endings, so that `imports`, `imported` and `importing` are one word."""
    for ending in ("ing", "ies", "ed", "es", "ly", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _block(text: str, tag: str) -> str | None:
    """What stands between the first `<tag>` and the first `</tag>` after it."""
    rest = text.partition(f"<{tag}>")[2]
    inside, closing, _ = rest.partition(f"</{tag}>")
    return inside if closing else None


def _sentences(text: str) -> tuple[str, ...]:
    return tuple(part for part in _SENTENCE_END.split(text) if part.strip())


def _own_sentences(answer: str, expected: frozenset[str]) -> list[str]:
    """The answer's sentences without those that address the judge, unless the reference speaks of such things."""
    return [sentence for sentence in _sentences(answer) if not _addresses_the_judge(sentence, expected)]


def _addresses_the_judge(sentence: str, expected: frozenset[str]) -> bool:
    found = _ORDERS.search(sentence) or _MARKS.search(sentence)
    return found is not None and not _stems(found["noun"]) & expected


def _contradiction(reference: str, answer_sentences: list[str]) -> float:
    """Share of the answer's sentences that affirm what the reference denies, or the other way round."""
    claims = [(_stems(sentence), _denied(sentence)) for sentence in _sentences(reference)]
    return sum(_is_against(sentence, claims) for sentence in answer_sentences) / len(answer_sentences)


def _is_against(sentence: str, claims: list[tuple[frozenset[str], frozenset[str]]]) -> bool:
    """Whether a word shared with the closest claim (all of them, at a tie) is denied by one side only."""
    words, denied = _stems(sentence), _denied(sentence)
    closest = max(len(words & claim) for claim, _ in claims)
    if closest < _SHARED_WORDS_MIN:
        return False
    rivals = [(claim, denial) for claim, denial in claims if len(words & claim) == closest]
    return all(words & claim & (denied ^ denial) for claim, denial in rivals)


def _denied(sentence: str) -> frozenset[str]:
    """Stems of the few words that follow a negation."""
    words = _WORD.findall(_CONTRACTION.sub(" not", sentence.lower()))
    starts = [number + 1 for number, word in enumerate(words) if word in _NEGATIONS]
    return frozenset[str]().union(*(_stems(" ".join(words[start : start + _NEGATION_REACH])) for start in starts))


def _by_family(criterion: str, rubric: str, measured: Agreement) -> float:
    family = _family(criterion, rubric)
    if family is not None:
        return float(getattr(measured, family))
    weight = hashlib.sha256(criterion.encode()).digest()[0] / 255
    return weight * measured.recall + (1 - weight) * measured.precision


@lru_cache(maxsize=1024)
def _family(criterion: str, rubric: str) -> str | None:
    """Decide by the criterion's name, else by its lines in the rubric; None when neither tells."""
    name = criterion.lower()
    described = " ".join(line.lower() for line in rubric.splitlines() if name and name in line.lower())
    for text in (name, described):
        for family, hints in _FAMILIES:
            if any(hint in text for hint in hints):
                return family
    return None


def _seeded(seed: int, criterion: str, sections: Sections) -> random.Random:
    return random.Random(f"{seed}\n{criterion}\n{sections.reference}\n{sections.answer}")


def _reasons(sections: Sections) -> str:
    """What was measured, in words."""
    measured = measure_sections(sections)
    missing = sorted(content_words(sections.reference) - content_words(sections.answer))
    parts = [
        f"The answer holds {measured.recall:.0%} of the reference's terms",
        f"{measured.precision:.0%} of its own terms belong to the question or the reference",
        f"{measured.contradiction:.0%} of its sentences say the opposite",
    ]
    if missing:
        parts.append(f"not found: {', '.join(missing[:5])}")
    return "; ".join(parts) + "."
