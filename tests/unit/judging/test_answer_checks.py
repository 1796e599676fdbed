"""Facts about answers that need no judge, each with near misses; and that no text, however odd, breaks one."""

from __future__ import annotations

import difflib
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.judging.injections import INJECTIONS

from daily_runs import dataset
from daily_runs.catalogue.features import FeatureCall
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.dataset import Item
from daily_runs.judging import answer_checks, code_checks
from daily_runs.judging.answer_checks import CHECKS, Fact, GivenAnswer, facts_of

FEATURES = catalogue_files.load().features
LOG = (
    "$ pytest\n"
    "\x1b[31mE       AssertionError: assert Decimal('10.60') == Decimal('10.61')\x1b[0m\n"
    "FAILED tests/test_invoice.py::test_total_is_net_plus_tax   -  AssertionError\n"
    "ERROR: Job failed: exit code 1\n"
)
CODE = 'import os\n\n\ndef listed(folder):\n    """All names."""\n    return os.popen("ls " + folder).read().split()\n'
FIXED = CODE.replace('os.popen("ls " + folder).read().split()', "sorted(os.listdir(folder))")


def item_of(call: FeatureCall) -> Item:
    """A small item of each kind of call."""
    resources: dict[str, dict[str, object]] = {
        "ci_job": {"type": "ci_job", "name": "t", "stage": "t", "command": "pytest", "exit_code": 1, "log": LOG},
        "work_item": {"type": "work_item", "kind": "issue", "title": "T", "description": "D"},
        "diff": {"type": "diff", "diff": "@@ -1 +1 @@\n-a\n+b\n"},
        "vulnerability": {
            "type": "vulnerability",
            "title": "T",
            "severity": "HIGH",
            "scanner": "bandit",
            "identifier": "B605",
            "file_name": "seeds/listed.py",
            "start_line": 6,
            "code": CODE,
            "report": {},
        },
        "code_cut": {
            "type": "code_cut",
            "file_name": "src/listed.py",
            "intent": "completion",
            "above": "def double(x):\n    return ",
            "below": "\n\nprint(double(2))\n",
        },
    }
    kinds = {
        FeatureCall.TROUBLESHOOT_JOB: "ci_job",
        FeatureCall.CHAT: "work_item",
        FeatureCall.EXPLAIN_VULNERABILITY: "vulnerability",
        FeatureCall.RESOLVE_VULNERABILITY: "vulnerability",
        FeatureCall.COMPLETE_CODE: "code_cut",
        FeatureCall.CHAT_COMMAND: "diff",
    }
    plain = {"id": "a-1", "class": "any", "seed_key": "a/1", "question": "Why?", "reference": {"answer": "So."}}
    return Item.model_validate({**plain, "resource": resources[kinds[call]]})


def diff(before: str, after: str, name: str = "seeds/listed.py", *, context: int = 3) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}", n=context
    )
    return "".join(lines)


RCA, CHAT = FeatureCall.TROUBLESHOOT_JOB, FeatureCall.CHAT
EXPLAIN, RESOLVE, COMPLETE = (
    FeatureCall.EXPLAIN_VULNERABILITY,
    FeatureCall.RESOLVE_VULNERABILITY,
    FeatureCall.COMPLETE_CODE,
)
GOOD_DIFF = diff(CODE, FIXED)
HUNKS = GOOD_DIFF.partition("\n")[2].partition("\n")[2]
SECTIONS = "### Root cause\n\nA wrong sum.\n\n### Example fix\n\nAdd the tax."


class Case(NamedTuple):
    """An answer to a call, a fact's name, and what it is."""

    check: str
    call: FeatureCall
    text: str
    fact: Fact


CASES = (
    Case("has_asked_sections", RCA, SECTIONS, True),
    Case("has_asked_sections", RCA, "**Root cause:**\nA.\n\n**Fix**\nB.", True),
    Case("has_asked_sections", RCA, "## Why it failed\nA.\n\n## Solution\nB.", True),
    Case("has_asked_sections", RCA, "Root cause\n\nA wrong sum.\n\nExample fix\n\nAdd the tax.", False),
    Case("has_asked_sections", RCA, "### Root cause\n\nA wrong sum. The example fix is to add the tax.", False),
    Case("has_asked_sections", RCA, "### Example fix\n\nA.\n\n### Root cause\n\nB.", False),
    Case("has_asked_sections", RCA, "```\n### Root cause\n```\n\n### Example fix\n\nB.", False),
    Case("has_asked_sections", RCA, "### Because\n\nA.\n\n### Prefixes\n\nB.", False),
    Case("cited_lines_in_log_share", RCA, "No citation.", None),
    Case("cited_lines_in_log_share", RCA, "> ERROR: Job failed: exit code 1", 1.0),
    Case("cited_lines_in_log_share", RCA, "> ERROR: Job failed: exit code 2", 0.0),
    Case("cited_lines_in_log_share", RCA, "It says `ERROR: Job failed: exit code 1`.", 1.0),
    Case("cited_lines_in_log_share", RCA, "It runs `pip install nothing-of-the-log`.", 0.0),
    Case("cited_lines_in_log_share", RCA, "The function `test_total_is_net_plus_tax_and_more` fails.", None),
    Case("cited_lines_in_log_share", RCA, "`a b c` and `exit code 1` are too short.", None),
    Case(
        "cited_lines_in_log_share",
        RCA,
        "```\nE  AssertionError: assert Decimal('10.60') == Decimal('10.61')\nFAILED test_other.py::test_made_up\n```",
        0.5,
    ),
    Case("cited_lines_in_log_share", RCA, "> FAILED tests/test_invoice.py::test_total … AssertionError", 1.0),
    Case("cited_lines_in_log_share", RCA, "> FAILED tests/test_invoice.py::test_total ... ValueError", 0.0),
    Case("cited_lines_in_log_share", RCA, f"{SECTIONS}\n\n```\npip install --upgrade everything\n```", None),
    Case("cited_lines_in_log_share", RCA, "```python\nprint('this is no line of a log')\n```", None),
    Case("fenced_yaml_parses", RCA, "```yaml\ntest:\n  script:\n    - pytest\n```", True),
    Case("fenced_yaml_parses", RCA, "```yml\ntest:\n  script: [pytest\n```", False),
    Case("fenced_yaml_parses", RCA, "```yaml\ntest:\n\tscript: x\n```", False),
    Case("fenced_yaml_parses", RCA, "```yaml\nonly words\n```", False),
    Case("fenced_yaml_parses", RCA, "```yaml\na: &x [1]\nb: [*x, *x]\nc: !reference [.rules, here]\n```", True),
    Case("fenced_yaml_parses", RCA, "```yaml\ntest: 1\n```\nand\n```yaml\ntest: [1\n```", False),
    Case("fenced_yaml_parses", RCA, "```bash\nyaml: [\n```", None),
    Case("fenced_yaml_parses", RCA, "```yaml\ntest: 1\n", None),
    Case("fenced_diff_is_valid", RCA, f"```diff\n{GOOD_DIFF}```", True),
    Case("fenced_diff_is_valid", RCA, "```diff\n- a\n+ b\n```", False),
    Case("fenced_diff_is_valid", RCA, SECTIONS, None),
    Case("fenced_python_parses", EXPLAIN, "```python\nprint(1)\n```", True),
    Case("fenced_python_parses", EXPLAIN, "```py\nprint(1\n```", False),
    Case("fenced_python_parses", EXPLAIN, "```go\nfunc main() {\n```", None),
    Case("diff_is_valid", RESOLVE, GOOD_DIFF, True),
    Case("diff_is_valid", RESOLVE, f"diff --git a/x b/x\nindex 1..2 100644\n{GOOD_DIFF}", True),
    Case("diff_is_valid", RESOLVE, HUNKS, True),
    Case("diff_is_valid", RESOLVE, GOOD_DIFF + "\n" + diff("a\n", "b\n", "other.py"), True),
    Case("diff_is_valid", RESOLVE, GOOD_DIFF + "\\ No newline at end of file\n", True),
    Case("diff_is_valid", RESOLVE, GOOD_DIFF.replace("-3,4 +3,4", "-3,5 +3,4"), False),
    Case("diff_is_valid", RESOLVE, GOOD_DIFF.replace("-3,4 +3,4", "-3,4 +3,3"), False),
    Case("diff_is_valid", RESOLVE, GOOD_DIFF.rpartition("\n+")[0], False),
    Case("diff_is_valid", RESOLVE, GOOD_DIFF.partition("@@")[0], False),
    Case("diff_is_valid", RESOLVE, f"Here is the fix:\n{GOOD_DIFF}", False),
    Case("diff_is_valid", RESOLVE, "", False),
    Case("diff_applies", RESOLVE, GOOD_DIFF, True),
    Case("diff_applies", RESOLVE, HUNKS, True),
    Case("diff_applies", RESOLVE, diff(CODE, FIXED, "project/seeds/listed.py"), True),
    Case("diff_applies", RESOLVE, diff(CODE, FIXED, "other-seeds/listed.py"), False),
    Case("diff_applies", RESOLVE, diff(CODE, FIXED, "listed.py"), False),
    Case("diff_applies", RESOLVE, diff(f"# one line more\n{CODE}", f"# one line more\n{FIXED}"), False),
    Case("diff_applies", RESOLVE, diff(CODE.replace("All", "Some"), FIXED.replace("All", "Some")), False),
    Case("diff_applies", RESOLVE, "no diff", False),
    Case("fixed_file_parses", RESOLVE, GOOD_DIFF, True),
    Case("fixed_file_parses", RESOLVE, diff(CODE, FIXED.replace("(folder))", "(folder)")), False),
    Case("fixed_file_parses", RESOLVE, diff(f"# one line more\n{CODE}", f"# one line more\n{FIXED}"), None),
    Case("fixed_file_parses", RESOLVE, diff(CODE, "import sys\n" + CODE, context=0), True),
    Case("completed_file_parses", COMPLETE, "2 * x", True),
    Case("completed_file_parses", COMPLETE, "", True),
    Case("completed_file_parses", COMPLETE, "2 *", False),
    Case("completed_file_parses", COMPLETE, "(2 * x", False),
    Case("completed_file_parses", COMPLETE, "2 * x\n  return 3", False),
    Case("completed_file_parses", COMPLETE, "'\\d'", True),
    Case("completed_file_parses", COMPLETE, "2\0", False),
    Case("completed_file_parses", COMPLETE, "(" * 50_000, False),
    Case("completed_file_parses", COMPLETE, "-" * 100_000 + "1", False),
    Case("refuses", CHAT, "I'm sorry, but I can't help with that.", True),
    Case("refuses", CHAT, "I\u2019m sorry, I cannot answer this question.", True),
    Case("refuses", CHAT, "Unfortunately, I am unable to assist with this request.", True),
    Case("refuses", CHAT, "As an AI language model, I cannot access your repository.", True),
    Case("refuses", CHAT, "I can't reproduce the error, but the log shows the cause.", False),
    Case("refuses", CHAT, "I'm sorry to hear that. The index is missing.", False),
    Case("refuses", CHAT, "The job cannot help itself: it can't find the module.", False),
    Case("refuses", CHAT, "The issue says: sorry, we can not ship option 2 in 14.4.", False),
    Case("refuses", CHAT, "x" * 400 + "I'm sorry, but I can't help with that.", False),
    Case("length_characters", CHAT, "Gr\u00fc\u00dfe", 5),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}: {case.text[:40]!r}")
def test_a_fact_of_an_answer_is_what_stands_there_and_a_near_miss_is_not(case: Case) -> None:
    found = facts_of(case.call, item_of(case.call), GivenAnswer(case.text))[case.check]
    assert (found, type(found)) == (case.fact, type(case.fact))


def test_every_check_is_used_by_a_feature_and_has_a_case_that_holds_and_one_that_does_not() -> None:
    used = {check.__name__ for checks in CHECKS.values() for check in checks}
    numbers = {"length_characters", "latency_seconds"}
    found = {(case.check, bool(case.fact)) for case in CASES}
    assert found >= {(name, holds) for name in used - numbers for holds in (True, False)}
    assert set(CHECKS) == set(FeatureCall)


@pytest.mark.parametrize("seconds", [None, 0.0, 12.5])
def test_the_time_that_an_answer_took_is_kept_and_unknown_is_not_zero(seconds: float | None) -> None:
    assert facts_of(CHAT, item_of(CHAT), GivenAnswer("Yes.", seconds))["latency_seconds"] == seconds


@given(st.sampled_from(FeatureCall), st.one_of(st.text(), st.sampled_from([one.text for one in INJECTIONS])))
def test_no_text_breaks_a_check(call: FeatureCall, text: str) -> None:
    facts = facts_of(call, item_of(call), GivenAnswer(text))
    assert all(fact is None or isinstance(fact, bool | int | float) for fact in facts.values())


@given(st.text(alphabet="ab \n", max_size=60), st.text(alphabet="ab \n", max_size=60), st.integers(0, 3))
def test_a_diff_of_any_two_files_is_valid_and_makes_the_one_into_the_other(
    before: str, after: str, context: int
) -> None:
    before, after = (f"{text}\n" for text in (before, after))
    made = code_checks.diff_of(diff(before, after, context=context))
    if before == after:
        assert made is None
    else:
        assert made is not None
        assert code_checks.patched(before, made[0]) == after


@pytest.mark.parametrize("feature", FEATURES.values(), ids=lambda feature: feature.feature)
def test_the_shipped_references_pass_the_checks_of_their_feature(feature) -> None:  # type: ignore[no-untyped-def]
    """What a good answer holds must not be found faulty."""
    for item in dataset.load_feature_dataset(feature):
        answer = "\n\n".join(item.reference.values())
        if feature.call is RESOLVE:
            answer = diff(item.resource.content, item.reference["fixed_code"], item.resource.file_name)  # type: ignore[union-attr]
        facts = facts_of(feature.call, item, GivenAnswer(answer))
        held = {name: fact for name, fact in facts.items() if isinstance(fact, bool)}
        held.pop("has_asked_sections", None)  # a reference names its parts, and has no headings
        assert not held.pop("refuses", False)
        assert all(held.values()), (item.id, facts)


def test_the_names_of_the_facts_are_those_of_the_functions() -> None:
    assert all(getattr(answer_checks, name) for name in facts_of(RCA, item_of(RCA), GivenAnswer("x")))
