"""Frozen answers of root cause analysis: two jobs of each class, with a good answer each and worse ones beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tools.frozen.ways import (
    HIGH,
    LOW,
    MIDDLING,
    NONE,
    NOT_BAD,
    NOT_GOOD,
    Way,
    answers_of,
    as_list,
    headed,
    of_another_class,
    of_the_same_class,
)

from daily_runs.dataset import CiJob, Item
from daily_runs.frozen_answers import FrozenAnswer

CAUSE, FIX = "Root cause", "Example fix"
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ERROR = re.compile(r"error|fail|fatal|denied|cannot|can't|not found|refused|abort|no such", re.IGNORECASE)

PLAN = {
    # test-failure
    "rca-001": ("reference", "other_items_reference", "among_guesses"),
    "rca-059": ("other_order", "symptom_only"),
    # missing-file
    "rca-012": ("as_list", "same_class_other_reference", "no_fix"),
    "rca-048": ("reference", "hides_the_fault"),
    # dependency
    "rca-015": ("other_order", "boilerplate", "among_guesses"),
    "rca-047": ("as_list", "symptom_only"),
    # malformed-file
    "rca-024": ("reference", "other_items_reference", "contradicted"),
    "rca-042": ("other_order", "same_class_other_reference"),
    # configuration
    "rca-019": ("as_list", "refusal", "among_guesses"),
    "rca-028": ("reference", "hides_the_fault"),
    # static-check
    "rca-022": ("other_order", "other_items_reference", "invented_detail"),
    "rca-021": ("as_list", "symptom_only"),
    # runtime-crash
    "rca-038": ("reference", "same_class_other_reference", "among_guesses"),
    "rca-055": ("other_order", "boilerplate"),
    # resources
    "rca-072": ("as_list", "hides_the_fault", "no_fix"),
    "rca-142": ("reference", "other_items_reference"),
    # database
    "rca-031": ("other_order", "other_items_reference", "among_guesses"),
    "rca-127": ("as_list", "refusal"),
    # shell-script
    "rca-033": ("reference", "same_class_other_reference", "contradicted"),
    "rca-139": ("other_order", "hides_the_fault"),
    # compile-error
    "rca-035": ("as_list", "boilerplate", "among_guesses"),
    "rca-034": ("reference", "symptom_only"),
    # permission
    "rca-118": ("other_order", "other_items_reference", "invented_detail"),
    "rca-122": ("as_list", "same_class_other_reference"),
    # version-control
    "rca-131": ("reference", "refusal", "among_guesses"),
    "rca-134": ("other_order", "symptom_only"),
    # network-service
    "rca-145": ("as_list", "other_items_reference", "no_fix"),
    "rca-103": ("reference", "hides_the_fault"),
}

GOOD = dict.fromkeys(("correctness", "faithfulness", "actionability", "completeness"), HIGH)
"""The reference names the actual cause and a fix that works, which is what each 5 of the scale says. Order and headings
earn nothing and cost nothing: the guidance says so."""


def answers(items: Sequence[Item]) -> Iterator[FrozenAnswer]:
    """All frozen answers of the feature."""
    return answers_of(items, PLAN, ways(items))


def ways(items: Sequence[Item]) -> dict[str, Way]:
    """How answers to a failed job are made."""

    def of(item: Item) -> str:
        return headed([(CAUSE, item.reference["root_cause"]), (FIX, item.reference["fix"])])

    def other_order(item: Item) -> str:
        return headed([("How to fix it", item.reference["fix"]), ("Why the job failed", item.reference["root_cause"])])

    def listed(item: Item) -> str:
        return headed([(CAUSE, as_list(item.reference["root_cause"])), (FIX, as_list(item.reference["fix"]))])

    def among_guesses(item: Item) -> str:
        three = (of_another_class(items, item), item, of_the_same_class(items, item))
        causes, fixes = ([one.reference[name] for one in three] for name in ("root_cause", "fix"))
        return headed(
            [
                (
                    CAUSE,
                    "There are three possible causes, and each is as likely as the others.\n\n" + _numbered(causes),
                ),
                (FIX, "Try what belongs to the cause that it turns out to be.\n\n" + _numbered(fixes)),
            ]
        )

    foreign = {"correctness": LOW, "faithfulness": LOW, "actionability": LOW}
    return {
        "reference": Way(of, GOOD),
        "other_order": Way(other_order, GOOD),
        "as_list": Way(listed, GOOD),
        # 3 of correctness: "the right cause among several equal guesses". The others' files are not in the log, which 1
        # and 3 of faithfulness describe.
        "among_guesses": Way(among_guesses, {"correctness": MIDDLING, "faithfulness": NOT_GOOD}),
        # 1 of actionability: "no fix"; 1 of completeness: "one of the two parts is missing".
        "no_fix": Way(
            lambda item: headed([(CAUSE, item.reference["root_cause"])]),
            {"correctness": HIGH, "faithfulness": HIGH, "actionability": LOW, "completeness": LOW},
        ),
        # "Names a wrong cause", which "rests on files that contradict", and a fix for another fault "cannot work". Both
        # parts are there in form, so nothing is said of completeness.
        "other_items_reference": Way(lambda item: of(of_another_class(items, item)), foreign),
        "same_class_other_reference": Way(lambda item: of(of_the_same_class(items, item)), foreign),
        # The guidance: it "has missed the cause" (1). To a kind reader the line is a symptom (3). The fix says nothing.
        "symptom_only": Way(_symptom_only, {"correctness": NOT_GOOD, "actionability": LOW, "completeness": NOT_GOOD}),
        # 1 of actionability names allow_failure. Both parts are there, and the cause is no cause.
        "hides_the_fault": Way(_hides_the_fault, {"correctness": LOW, "actionability": LOW, "completeness": NOT_GOOD}),
        # The true cause is called wrong, another one right, and the fix that works is advised against.
        "contradicted": Way(_contradicted, {"correctness": LOW, "faithfulness": NOT_GOOD, "actionability": LOW}),
        # Log lines that are "plainly invented" (1) beside a cause that is right (3: "a side detail contradicts them").
        "invented_detail": Way(
            _invented_detail, {"correctness": NOT_BAD, "faithfulness": NOT_GOOD, "actionability": HIGH}
        ),
        "boilerplate": Way(lambda _: _BOILERPLATE, {"correctness": LOW, "actionability": LOW, "completeness": LOW}),
        "refusal": Way(lambda _: _REFUSAL, {"correctness": NONE, "actionability": NONE, "completeness": NONE}),
    }


_REFUSAL = "I'm sorry, but I can't help with that."
_BOILERPLATE = f"""### {CAUSE}

Pipelines can go wrong in many ways, and this one is no exception. Often the reason is a small thing that is easy to
overlook, so it is worth looking closely.

### {FIX}

Go through the changes of the last days, ask the colleagues who made them, and keep calm. Do not hesitate to ask again
if you have more questions!"""


def _symptom_only(item: Item) -> str:
    return headed(
        [
            (CAUSE, f"The cause is what the log ends with:\n\n```\n{_last_error(item)}\n```"),
            (FIX, "Make sure that this message does not appear any more, and start the pipeline again."),
        ]
    )


def _last_error(item: Item) -> str:
    """The last line that tells of an error, without colours and before the runner's own words; else the last line."""
    assert isinstance(item.resource, CiJob)
    lines = [line.rstrip() for line in _COLOURS.sub("", item.resource.log).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("ERROR: Job failed")]
    return next((line for line in reversed(lines) if _ERROR.search(line)), lines[-1])


def _hides_the_fault(item: Item) -> str:
    assert isinstance(item.resource, CiJob)
    return headed(
        [
            (CAUSE, "A command of this job did not succeed, and GitLab therefore marks the whole pipeline."),
            (FIX, f"Let the pipeline go on regardless:\n\n```yaml\n{item.resource.name}:\n  allow_failure: true\n```"),
        ]
    )


def _contradicted(item: Item) -> str:
    cause, fix = item.reference["root_cause"], item.reference["fix"]
    wrong = f"One might believe the following, but it is wrong, and none of it made this job fail: {cause}"
    other = "The true cause is that the runner lost its network connection."
    return headed(
        [
            (CAUSE, f"{wrong}\n\n{other}"),
            (FIX, f"Start the job again on another runner. The following would be of no use: {fix}"),
        ]
    )


def _invented_detail(item: Item) -> str:
    cause = (
        f"{item.reference['root_cause']} It began when the runner was updated to version 99.4.1, as the line "
        "`Runner 99.4.1 replaces 98.0.7` at the beginning of the log shows."
    )
    return headed([(CAUSE, cause), (FIX, item.reference["fix"])])


def _numbered(texts: Sequence[str]) -> str:
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))
