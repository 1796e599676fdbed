"""Error texts that look like answers, and answers that only talk about errors."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.errors import Blame, Hop
from daily_runs.gitlab.hops.error_codes import error_code_in

LONG = (
    "The job failed because the step that asks the assistant for release notes got no answer from the service. "
    "The script treats any text that it is given as notes, writes it to the file and then fails on the check that "
    "follows, so the log ends with the assistant's own message. Retry the job, and let the script check the answer. "
)
APOLOGY = "I'm sorry, I can't generate a response. Please try again. Error code: A1001"


class Case(NamedTuple):
    name: str
    text: str
    hop: Hop | None


REFUSED = (
    Case("GitLab's own", "I'm sorry, I can't generate a response. Please try again. Error code: M5000", Hop.GITLAB),
    Case("the gateway's", "I'm sorry, answering this requires another subscription. Error code: G3001", Hop.AI_GATEWAY),
    Case("the vendor's", APOLOGY, Hop.MODEL_VENDOR),
    Case("with a full stop", APOLOGY + ".", Hop.MODEL_VENDOR),
    Case("with a link", "I'm sorry. Error code: [A1001](https://docs.example.com/#error-a1001)", Hop.MODEL_VENDOR),
    Case("in bold", "I'm sorry. **Error code:** `A1000`", Hop.MODEL_VENDOR),
    Case("in capitals", "I'M SORRY. ERROR CODE: A1000", Hop.MODEL_VENDOR),
    Case("after a long stream", LONG + "\n\n" + APOLOGY, Hop.MODEL_VENDOR),
    Case("after a stream broken off in a code block", LONG + "\n```python\nimport os\n" + APOLOGY, Hop.MODEL_VENDOR),
    Case("wholly in a code block", f"```\n{APOLOGY}\n```", Hop.MODEL_VENDOR),
    Case("wholly quoted", f"> {APOLOGY}", Hop.MODEL_VENDOR),
    Case("appended to a quoted last line", f"{LONG}\n> the log says{APOLOGY}\n\n", Hop.MODEL_VENDOR),
    Case("short and without a colon", "Sorry, error A1002.", Hop.MODEL_VENDOR),
    Case("in the prose of an answer", LONG + "It says Error code: A1001 at the end.", Hop.MODEL_VENDOR),
    Case("prose after a closed block", f"```\nmake\n```\n{LONG}{APOLOGY}", Hop.MODEL_VENDOR),
)
ANSWERS = (
    Case("no code", LONG, None),
    Case("empty", "", None),
    Case("another letter", "The linter stops with error code: E1001.", None),
    Case("one digit", "The program ends with error code: A1.", None),
    Case("five digits", "See error code: A10012 of the vendor.", None),
    Case("part of a word", "error code: XA1001", None),
    Case("lower-case code", "error code: a1001", None),
    Case("an exit code", "Error code: 1001", None),
    Case("a log in an explained code block", f"## Root cause\n{LONG}\n```\n$ notes\n{APOLOGY}\n```\nRetry.", None),
    Case("a log in a tilde block", f"{LONG}\n~~~text\n{APOLOGY}\n~~~", None),
    Case("explained inline code", f"{LONG}The log's last line is `Error code: A1001`.", None),
    Case("inline code in the last line of a quote", f"{LONG}\n> It ends with `{APOLOGY}`.", None),
    Case("an explained block quote", f"{LONG}\n> {APOLOGY}\n\nThis comes from the service.", None),
    Case("a mention without a colon in a long answer", LONG + "Such texts carry an error code A1001.", None),
    Case("a paper size", "Print it on A4 paper; the error is elsewhere.", None),
)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_an_error_text_is_never_an_answer(case: Case) -> None:
    error = error_code_in(case.text)
    assert error is not None
    assert (error.hop, error.kind) == (case.hop, "answer_error_code")


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_an_answer_that_only_resembles_an_error_text_is_let_pass(case: Case) -> None:
    assert error_code_in(case.text) is None


@pytest.mark.parametrize(
    ("code", "blame", "retryable"),
    [
        ("M3003", Blame.OWN_SYSTEM, False),
        ("M4001", Blame.OWN_SYSTEM, False),
        ("G3001", Blame.OWN_SYSTEM, False),
        ("M5000", Blame.PROVIDER, True),
        ("A1000", Blame.PROVIDER, True),
        ("A9999", Blame.PROVIDER, True),
    ],
)
def test_missing_rights_are_ours_and_not_retried_all_else_may_pass(code: str, blame: Blame, retryable: bool) -> None:
    error = error_code_in(f"I'm sorry. Error code: {code}")
    assert error is not None
    assert (error.blame, error.retryable) == (blame, retryable)


def test_the_evidence_names_the_code_and_nothing_of_the_text() -> None:
    error = error_code_in("The secret plan. Error code: A1001")
    assert error is not None
    assert "A1001" in error.evidence
    assert "secret" not in str(error)


@given(prefix=st.text(max_size=300), letter=st.sampled_from("MGA"), digits=st.integers(0, 9999))
def test_gitlabs_sentence_is_refused_after_any_text_without_quotes(prefix: str, letter: str, digits: int) -> None:
    plain = prefix.replace("`", "").replace("~", "").replace(">", "")
    assert error_code_in(f"{plain}\nPlease try again. Error code: {letter}{digits:04}") is not None


@given(st.text(alphabet=st.characters(exclude_characters="0123456789")))
def test_a_text_without_digits_is_always_an_answer(text: str) -> None:
    assert error_code_in(text) is None
