"""The stand-in for the model: answers made from a seed's reference, so that scores differ and can regress on demand.

An answer keeps a share of what the reference says (its quality) and fills the rest with the vague advice of a model
that did not see the point. The same environment, seed key, prompt and model give the same answer, always.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from typing import NamedTuple

from daily_runs.dataset import CodeCut, Item, Vulnerability
from daily_runs.sandbox.world.scenario import WeakSpot

QUALITY_BEST, QUALITY_WORST = 0.98, 0.55
_JITTER = 0.04
_WORSE_MODEL_COSTS = 0.5
_WHOLE_FROM = 0.8
"""From this quality on, code is delivered whole: half a fix is no fix."""

_HEADINGS = {"root_cause": "Root cause", "fix": "Example fix", "explanation": "Explanation", "impact": "Impact"}
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_VAGUE = (
    "This usually happens when the environment differs between the local machine and the runner.",
    "Check the configuration and make sure that all settings are as expected.",
    "It may help to clear the cache and to run the pipeline again.",
    "Review recent changes for anything that could have had an influence.",
    "The documentation of the tool describes several possible reasons.",
    "Consider adding more logging in order to see what is going on.",
    "A newer version of the affected component might behave differently.",
    "In most cases a network or permission problem is behind this.",
    "Please consult your administrator if the problem persists.",
    "Following best practices would make this part more robust.",
)


class AskedPrompt(NamedTuple):
    """Whom an answer is for; `key` tells repeated prompts about one seed apart."""

    environment: str
    item: Item
    key: str
    worse_model: float


def quality(prompt: AskedPrompt) -> float:
    """How much of the reference an answer keeps: much for most seeds, little for a few (mean about 0.84)."""
    best, span = QUALITY_BEST, QUALITY_BEST - QUALITY_WORST
    of_seed = best - span * _unit("quality", prompt.item.seed_key) ** 2
    jitter = _JITTER * (_unit("jitter", prompt.environment, prompt.item.seed_key, prompt.key) - 0.5)
    kept = min(best, max(QUALITY_WORST, of_seed + jitter))
    return kept * (1 - _WORSE_MODEL_COSTS * prompt.worse_model)


def weakness(spot: WeakSpot, item: Item) -> float:
    """By how much the model is worse where a seed is meant by the scenario's weak spot; elsewhere 0."""
    if not spot.share:
        return 0.0
    meant = item.seed_key in spot.seed_keys
    if spot.pattern and not meant:
        meant = re.search(spot.pattern, _in_gitlab(item), re.IGNORECASE | re.MULTILINE) is not None
    return spot.share if meant else 0.0


def _in_gitlab(item: Item) -> str:
    """What GitLab or the model behind it can read of an item: no class, no tag, no reference."""
    told = item.resource.model_dump(include={"name", "stage", "command", "title", "identifier", "file_name"})
    return "\n".join([*told.values(), item.resource.content, item.question])


def prose(prompt: AskedPrompt) -> str:
    """The answer of a chat feature: a headed section per section of the reference, no heading for a single one."""
    share, reference = quality(prompt), prompt.item.reference
    sections = {name: _diluted(text, share, (prompt.item.seed_key, name)) for name, text in reference.items()}
    if len(sections) == 1:
        return next(iter(sections.values()))
    return "\n\n".join(f"### {_heading(name)}\n\n{text}" for name, text in sections.items())


def small_talk() -> str:
    """The answer to a question that belongs to no seed."""
    return " ".join(_VAGUE[1:4])


def completion(prompt: AskedPrompt) -> str:
    """The text of a code suggestion: whole, or broken off with its last word garbled."""
    return _broken_off(next(iter(prompt.item.reference.values())), quality(prompt))


def stray_completion() -> str:
    """A suggestion for code that belongs to no seed."""
    return "    pass\n"


def tokens_factor(key: str) -> float:
    """How one prompt's tokens differ from the feature's average: 0.8 to 1.2, by prompt."""
    return 0.8 + 0.4 * _unit("tokens", key)


def merge_request_diff(prompt: AskedPrompt) -> str:
    """The `diff` of a resolution's merge request, as GitLab's REST API gives it: hunks without file headers."""
    resource = prompt.item.resource
    assert isinstance(resource, Vulnerability)
    before = resource.code.splitlines(keepends=True)
    fixed = prompt.item.reference.get("fixed_code", resource.code).splitlines(keepends=True)
    lines = list(difflib.unified_diff(before, _partly(before, fixed, quality(prompt)), n=3))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines[2:])


def _partly(before: list[str], fixed: list[str], share: float) -> list[str]:
    """The file with the first edits of the fix, at least one of them."""
    blocks = difflib.SequenceMatcher(None, before, fixed, autojunk=False).get_opcodes()
    edits = [block for block in blocks if block[0] != "equal"]
    wanted = len(edits) if share >= _WHOLE_FROM else max(1, round(len(edits) * share))
    kept = edits[:wanted]
    out: list[str] = []
    for block in blocks:
        _, from_a, to_a, from_b, to_b = block
        out += fixed[from_b:to_b] if block in kept else before[from_a:to_a]
    return out


def _diluted(text: str, share: float, salt: tuple[str, ...]) -> str:
    """Keep a share of the sentences, cut the one on the edge, and replace the others by something vague."""
    sentences = [part for part in _SENTENCE_END.split(text.strip()) if part]
    order = sorted(range(len(sentences)), key=lambda index: _unit(*salt, str(index)))
    whole, edge = divmod(share * len(sentences), 1)
    out = dict.fromkeys(range(len(sentences)), "")
    for rank, index in enumerate(order):
        if rank < whole:
            out[index] = sentences[index]
        elif rank == whole:
            out[index] = _cut(sentences[index], edge)
        else:
            out[index] = _VAGUE[int(_unit("vague", *salt, str(index)) * len(_VAGUE))]
    return " ".join(part for part in out.values() if part)


def _cut(sentence: str, share: float) -> str:
    words = sentence.split()
    kept = words[: round(share * len(words))]
    return " ".join([*kept, "and so on."]) if kept else _VAGUE[0]


def _broken_off(code: str, share: float) -> str:
    if share >= _WHOLE_FROM:
        return code
    kept = code[: math.floor(len(code) * share)]
    last = re.match(r"\W*\w+", kept[::-1])  # from behind: else each word of the code is tried as the last one
    if last is None:
        return kept
    return kept[: -last.end()] + last[0][::-1].rstrip()[::-1]


def _heading(name: str) -> str:
    return _HEADINGS.get(name, name.replace("_", " ").capitalize())


def _unit(*parts: str) -> float:
    """A number from 0 to below 1 that depends on nothing but its arguments."""
    return int.from_bytes(hashlib.blake2b("\x00".join(parts).encode(), digest_size=8).digest()) / 2**64


def cut_key(cut: CodeCut) -> tuple[str, str]:
    """What identifies a code cut in a request: the text around the cursor."""
    return cut.above, cut.below
