"""Error texts that look like answers, and answers that only talk about errors."""

from __future__ import annotations

import time
import timeit
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.catalogue.features import ANSWERED_BY_CODE
from daily_runs.catalogue.folders import include_root
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.dataset import load_feature_dataset
from daily_runs.errors import Blame, Hop
from daily_runs.gitlab.hops.error_codes import error_code_in

LONG = (
    "The job failed because the step that asks the assistant for release notes got no answer from the service. "
    "The script treats any text that it is given as notes, writes it to the file and then fails on the check that "
    "follows, so the log ends with the assistant's own message. Retry the job, and let the script check the answer. "
)
TIMED_OUT = "I'm sorry, I couldn't respond in time. Please try again."
D = "I'm sorry, I can't generate a response. Please try again."
PAGE = "https://docs.gitlab.com/ee/user/gitlab_duo_chat/troubleshooting.html"
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
    Case("with GitLab's own link", f"{D} Error code: [A1001]({PAGE}#error-a1001)", Hop.MODEL_VENDOR),
    Case("with a link in HTML", 'Sorry, that did not work. Error code: <a href="https://docs.gitlab.com/x">A1001</a>',
         Hop.MODEL_VENDOR),
    Case("after a long stream, with a link in HTML", f'{LONG}Error code: <a href="x">M3003</a>', Hop.GITLAB),
    Case("in bold of HTML", "<p>I'm sorry.</p><p><strong>Error code:</strong> <code>G3001</code></p>", Hop.AI_GATEWAY),
    Case("in Japanese", "申し訳ございません。時間内に応答できませんでした。もう一度お試しください。エラーコード: A1000",
         Hop.MODEL_VENDOR),
    Case("in Japanese, with a full-width colon", "もう一度お試しください。エラーコード：A1000", Hop.MODEL_VENDOR),
    Case("in full-width characters", "申し訳ありません。エラーが発生しました（Ａ１００１）", Hop.MODEL_VENDOR),
    Case("in Japanese brackets", "申し訳ありません。エラーコード：【M4000】", Hop.GITLAB),
    Case("in German, with GitLab's own link",
         f"Ich kann leider keine Antwort generieren. Bitte versuche es erneut. Fehlercode: [A1001]({PAGE}#error-a1001)",
         Hop.MODEL_VENDOR),
    Case("in French", "Désolé, la réponse n'a pas pu être générée. Code d’erreur : A1000", Hop.MODEL_VENDOR),
    Case("in Chinese", "抱歉，我无法及时回复。错误代码：G3001", Hop.AI_GATEWAY),
    Case("in German after a long stream", f"{LONG}Bitte versuche es erneut. Fehlercode: A1000", Hop.MODEL_VENDOR),
    Case("under a label that nobody knows", "Anteeksi, tämä ei onnistunut. Tunnus: A1001", Hop.MODEL_VENDOR),
    Case("only in the address of a link", f'Anteeksi. <a href="{PAGE}#error-a1001">Lue lisää</a>', Hop.MODEL_VENDOR),
    Case("with characters that show nothing", "I'm sorry. Err\u200bor code:\ufeff A1\u2060001", Hop.MODEL_VENDOR),
)  # fmt: skip
CANNED = (
    Case("a timeout", TIMED_OUT, Hop.MODEL_VENDOR),
    Case("a timeout that GitLab sends as a success", "I'm sorry, I couldn't respond in time. Please try a more specific"
         " request or enter /clear to start a new chat.", Hop.MODEL_VENDOR),
    Case("no answer", D, Hop.UNKNOWN),
    Case("no answer, without the full stop", "I'm sorry, I can't generate a response. Please try again", Hop.UNKNOWN),
    Case("no answer, with a curved apostrophe", D.replace("'", "’"), Hop.UNKNOWN),
    Case("no answer, in bold", f"**{D}**\n", Hop.UNKNOWN),
    Case("another subscription", "I'm sorry, but answering this question requires a different Duo subscription. Please"
         " contact your administrator.", Hop.AI_GATEWAY),
    Case("no namespace", "I'm sorry, you have not selected a default GitLab Duo namespace. Please select a default"
         " GitLab Duo namespace in your user preferences.", Hop.AI_GATEWAY),
    Case("no namespace, in other words", "I'm sorry, you have not selected a default GitLab Duo namespace. Please go to"
         " GitLab and in user Preferences - Behavior, select a default namespace for GitLab Duo.",
         Hop.AI_GATEWAY),
    Case("no access", "I'm sorry, I can't generate a response. You do not have access to GitLab Duo Chat.", Hop.GITLAB),
    Case("nothing found", "I'm sorry, I couldn't find any documentation to answer your question.", Hop.GITLAB),
    Case("a failed resolution", "An unexpected error has occurred.", Hop.UNKNOWN),
    Case("another failed resolution", "Response from AI is unreadable. Please try again.", Hop.UNKNOWN),
    Case("a command without its resource", "This command is used for troubleshooting jobs and can only be invoked from"
         " a failed job log page.", Hop.GITLAB),
    Case("a timeout in German", "Entschuldige, dass ich nicht rechtzeitig antworten konnte. Bitte versuche es erneut.",
         Hop.MODEL_VENDOR),
    Case("a timeout in Japanese", "申し訳ありません。時間内に応答できませんでした。もう一度やり直してください。",
         Hop.MODEL_VENDOR),
)  # fmt: skip
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
    Case("a long answer that begins with an apology", f"I'm sorry that the job fails. {LONG}{LONG}", None),
    Case("a long answer that names a code", f"{LONG}The part is A1001, its successor M2000.", None),
    Case("a long answer that ends with a code", f"{LONG}{LONG}It is known as the vendor's code (A1001)", None),
    Case("a long answer with a link to a code", f"{LONG}See [A1001](https://docs.example.com/#error-a1001).", None),
    Case("a long answer about Error code", f"{LONG}The page on Error code: lists all of them, A1001 too.", None),
    Case("a long answer that explains a canned text", f"\"{TIMED_OUT}\" means that no answer came. {LONG}{LONG}", None),
    Case("a short answer that names a part", "The order is for part A1001 and part M2000.", None),
    Case("a short answer that is a label and a part", "Part: A1001", None),
    Case("code with such a name", 'PARTS = {"left": "A1001", "right": "A1002"}', None),
    Case("a short answer that is sorry", "I'm sorry, I can't generate a response in French, but it is: yes.", None),
    Case("a short answer about an unexpected error", "An unexpected error has occurred in line 4: no file.", None),
    Case("a part in brackets at the end", "I recommend the RTX (A4000)", None),
    Case("a part in brackets after a sentence", "Both fit. The cheaper one is this card (NVIDIA A4000).", None),
    Case("a part in brackets in Japanese", "このカードをお勧めします（A4000）", None),
    Case("a setting", "model.gpu: A4000", None),
    Case("a branch of a switch", "case Status.Foo: A4000", None),
    Case("a part after a sentence and a label", "Both fit. The cheaper one: A4000", None),
    Case("a part that is a link", "Take the [A4000](https://www.example.com/gpus/a4000).", None),
    Case("a label with another letter in another language", "Das ging leider nicht. Fehlercode: E1001", None),
)  # fmt: skip


@pytest.mark.parametrize("case", [*REFUSED, *CANNED], ids=lambda case: case.name)
def test_an_error_text_is_never_an_answer(case: Case) -> None:
    error = error_code_in(case.text)
    assert error is not None
    assert (error.hop, error.kind) == (case.hop, "answer_error_code")


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_an_answer_that_only_resembles_an_error_text_is_let_pass(case: Case) -> None:
    assert error_code_in(case.text) is None


CODE_ANSWERS = (
    'throw new Error("A1001");',
    "raise Error('M3003')",
    "=SUM(A1:A1000)",
    "sum(B1:G2000)",
    "return range(A1000)",
    'logger.error("M2001")',
    "    return lookup(error, M1000)",
    "model.gpu: A4000",
    "case Status.Foo: A4000",
    'docs = "https://docs.gitlab.com/ee/user/gitlab_duo_chat/troubleshooting.html#error-a1001"',
    "--- a/sheet.py\n+++ b/sheet.py\n@@ -1 +1 @@\n-# sorry\n+total = cells(A1000)",
)


@pytest.mark.parametrize("text", CODE_ANSWERS)
def test_code_that_holds_such_a_code_is_an_answer(text: str) -> None:
    assert error_code_in(text, is_code=True) is None


@pytest.mark.parametrize(
    "text", [APOLOGY, f"return 1\n{APOLOGY}", f"+{APOLOGY}", D, TIMED_OUT, "Désolé. Code d’erreur : A1000"]
)
def test_what_gitlab_says_in_place_of_code_is_an_error_text(text: str) -> None:
    assert error_code_in(text, is_code=True) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Es tut mir leid, das ging nicht (A1001).",
        "Désolé, impossible de répondre (A1000)",
        "Lo siento, no puedo responder. Código: A1001",
        "Beklager, det gikk ikke. Se: [A1001](https://docs.example.com/a)",
        "죄송합니다. 응답을 생성할 수 없습니다 (A1001)",
        "К сожалению, ответить не удалось (M5000).",
        "The request failed [see the docs, A1002](https://docs.example.com). Unfortunately: A1002",
    ],
)
def test_a_code_near_a_short_apology_is_an_error_text_in_any_of_many_languages(text: str) -> None:
    assert error_code_in(text) is not None


@pytest.mark.parametrize("feature", sorted(catalogue_files.load(include_root() / "catalogue").features))
def test_what_the_shipped_data_sets_call_a_good_answer_is_one(feature: str) -> None:
    of = catalogue_files.load(include_root() / "catalogue").features[feature]
    texts = [(item.id, text) for item in load_feature_dataset(of) for text in item.reference.values()]
    assert [item for item, text in texts if error_code_in(text, is_code=of.call in ANSWERED_BY_CODE)] == []


LINES = (
    *("```yaml\n", "```\n~~~x\n", "~~~~a\n~~~\n", "error code: ", "error   ", "`", "` ", "> \n", "  \n", "\u200b"),
    *("<a ", "<a href=x ", ". x:", "(A", "[A1001](", "https://", ". x: A1001", "(A1001) ", "sorry ", "sorr"),
)


@pytest.mark.parametrize("line", LINES)
def test_sixteen_times_the_text_takes_nowhere_near_256_times_the_time(line: str) -> None:
    """16 times where the time is linear, 256 where it is quadratic. The quickest of some runs, in processor time."""

    def seconds(characters: int) -> float:
        text = line * (characters // len(line))
        return min(timeit.repeat(lambda: error_code_in(text), time.process_time, number=1, repeat=12))

    assert seconds(64_000) < 100 * seconds(4_000)


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
