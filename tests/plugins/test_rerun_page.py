"""The page *Rerun*: it proposes what mends a run, says what that will do, and starts it as who is logged in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.conftest import DAY, Kit
from tests.plugins.page_server import AirflowHeard, PageReader, airflow_rest
from tests.services.results.test_run_report import HOSTILE, read_page

from daily_runs.connections import Connect, find
from daily_runs.errors import GateFailedError
from daily_runs.readiness.today import DagRunSeen
from daily_runs.records.run import RunKey
from daily_runs.runs import rerun
from daily_runs.runs.trigger_form import Form
from daily_runs.stages import pipeline
from daily_runs.statuses import Rerun
from daily_runs_airflow.pages import dag_runs

RUN_ID = "manual__2026-08-17"
PROMPTS = 24  # so many that chance lets neither all nor none of them fail
PATH = f"/daily-runs/rerun/daily_runs_duo_chat/{RUN_ID}"
SAME_ORIGIN = {"sec_fetch_site": "same-origin"}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowHeard]:
    """Airflow's REST API."""
    with airflow_rest(monkeypatch) as heard:
        yield heard


@pytest.fixture
def blocked(kit: Kit) -> RunKey:
    """A sample whose gate blocks, as Airflow would have opened it: most of its prompts failed."""
    kit.sandbox.change(error_code_share=0.7)
    order = rerun.RerunOrder(RunKey("duo_chat", "staging", DAY), Rerun.ALL, prompts=PROMPTS, airflow_run_id=RUN_ID)
    attempt = rerun.open_attempt(kit.store, kit.catalogue, order)
    work = pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, find))
    kit.run_again_while_out(work, "seed_check", "limit_probe", "inference", "judging")
    with pytest.raises(GateFailedError):
        kit.run(work, "validation")
    return attempt.key


def token_in(text: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found
    return found[1]


def seal_in(text: str) -> str:
    found = re.search(r'name="seal" value="([0-9a-f]{64})"', text)
    assert found
    return found[1]


def value_of(text: str, name: str) -> str:
    """What a text field of the form has."""
    found = re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', text)
    assert found
    return found[1]


def chosen(text: str) -> set[str]:
    """What is selected in the form's lists."""
    return set(re.findall(r'<option value="([^"]*)" selected>', text))


def test_the_form_proposes_what_mends_the_run_and_says_what_that_will_do(
    kit: Kit, reader: PageReader, blocked: RunKey
) -> None:
    before = len(kit.sandbox.entries()), kit.count("daily_runs.attempt")
    page = reader.get(PATH, "op")
    assert page.status_code == 200
    assert chosen(page.text) == {"staging", "missing_answers"}
    assert value_of(page.text, "run") == str(blocked).split("/", 2)[2]
    counts = kit.store.row("SELECT * FROM contract.attempts_v1")
    said = f"{counts['failed']} of {PROMPTS} prompts are asked, {counts['answered']} answers are reused"
    assert said in page.text
    assert "answer_error_code at" in page.text
    assert "Start this run" in page.text
    assert (len(kit.sandbox.entries()), kit.count("daily_runs.attempt")) == before


def test_another_choice_is_explained_by_its_address_alone(reader: PageReader, blocked: RunKey) -> None:
    run = str(blocked).split("/", 2)[2]
    page = reader.get(PATH, "op", environment="staging", rerun="gate_and_publish", run=run)
    assert "Nothing is sent and nothing is spent" in page.text
    assert chosen(page.text) == {"staging", "gate_and_publish"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"rerun": "missing_answers", "only": "class:database"}, "only: does not go with rerun: missing_answers."),
        ({"rerun": "everything"}, "none of its values"),
        ({"rerun": "all", "prompts": "many"}, "is no number"),
        ({"rerun": "all", "environment": "moon"}, "is not in the catalogue"),
        ({"rerun": "judge_again", "run": "2020-01-01"}, "there is no run of 2020-01-01"),
    ],
)
def test_a_form_that_would_be_refused_says_why_and_cannot_be_sent(
    reader: PageReader, airflow: AirflowHeard, blocked: RunKey, fields: dict[str, str], says: str
) -> None:
    page = reader.get(PATH, "op", **fields)
    assert says in page.text.replace("&#x27;", "'")
    assert "Start this run" not in page.text
    sent = reader.post(PATH, {**fields, "token": token_in(page.text), "seal": seal_in(page.text)}, "op", **SAME_ORIGIN)
    assert (sent.status_code, airflow.requests) == (400, [])
    assert says in sent.text.replace("&#x27;", "'")


def form_of(page: Any) -> dict[str, str]:
    """The fields as the page has them, as a browser would send them."""
    lists = {"environment": "staging", "rerun": "missing_answers"}
    texts = {name: value_of(page.text, name) for name in Form._fields if name not in lists}
    return {**texts, **lists, "token": token_in(page.text), "seal": seal_in(page.text)}


def test_it_starts_the_run_as_the_user_with_every_field_of_the_form(
    reader: PageReader, airflow: AirflowHeard, blocked: RunKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = reader.get(PATH, "op", **{**form_of(reader.get(PATH, "op")), "note": "after the outage"})
    form = form_of(page)
    sent = reader.post(PATH, form, "op", **SAME_ORIGIN)
    (asked,) = airflow.requests
    assert (asked["path"], asked["token"]) == (
        "/api/v2/dags/daily_runs_duo_chat/dagRuns",
        f"Bearer {reader.tokens['op']}",
    )
    new_run_id = f"rerun__{form['token']}"
    assert asked["body"] == {
        "dag_run_id": new_run_id,
        "logical_date": None,
        "note": "after the outage",
        "conf": {
            "environment": "staging",
            "prompts": None,
            "only": None,
            "rerun": "missing_answers",
            "rubric_version": None,
            "run": str(blocked).split("/", 2)[2],
            "override_gate": None,
            "note": "after the outage",
        },
    }
    assert sent.status_code == 303
    queued = DagRunSeen("duo_chat", new_run_id, "queued", None, None)  # the stand-in keeps none
    monkeypatch.setattr(dag_runs, "one", lambda _dag_id, run_id: queued if run_id == new_run_id else None)
    shown = reader.get(sent.headers["location"], "op")
    assert f'href="/dags/daily_runs_duo_chat/runs/{new_run_id.replace(":", "%3A")}"' in shown.text


def test_a_form_that_was_changed_since_it_was_explained_is_explained_again_and_not_sent(
    reader: PageReader, airflow: AirflowHeard, blocked: RunKey
) -> None:
    form = {**form_of(reader.get(PATH, "op")), "rerun": "all", "run": "2026-08-17"}
    sent = reader.post(PATH, form, "op", **SAME_ORIGIN)
    assert (sent.status_code, airflow.requests) == (409, [])
    assert "Nothing was started" in sent.text
    assert "Start this run" in sent.text
    again = {**form, "token": token_in(sent.text), "seal": seal_in(sent.text)}
    assert reader.post(PATH, again, "op", **SAME_ORIGIN).status_code == 303


def test_a_run_that_moved_on_since_it_was_explained_is_explained_again_and_not_done_again(
    kit: Kit, reader: PageReader, airflow: AirflowHeard, blocked: RunKey
) -> None:
    form = form_of(reader.get(PATH, "op"))
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'answered', answer = 'text', error_hop = NULL,"
        " error_kind = NULL, error_blame = NULL WHERE status = 'failed'"
    )
    sent = reader.post(PATH, form, "op", **SAME_ORIGIN)
    assert (sent.status_code, airflow.requests) == (409, [])
    assert f"0 of {PROMPTS} prompts are asked" in sent.text


def test_a_form_that_is_sent_twice_starts_one_run(reader: PageReader, airflow: AirflowHeard, blocked: RunKey) -> None:
    form = form_of(reader.get(PATH, "op"))
    first = reader.post(PATH, form, "op", **SAME_ORIGIN)
    airflow.status = 409
    second = reader.post(PATH, form, "op", **SAME_ORIGIN)
    assert (second.status_code, second.headers["location"]) == (303, first.headers["location"])
    assert len({asked["body"]["dag_run_id"] for asked in airflow.requests}) == 1
    assert token_in(reader.get(PATH, "op").text) != form["token"]


OTHERS: tuple[dict[str, str], ...] = (
    {},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"sec_fetch_site": "none"},
    {"origin": "https://elsewhere.example.com"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1"},
)


@pytest.mark.parametrize("headers", OTHERS, ids=str)
def test_a_form_that_another_page_sent_starts_nothing(
    reader: PageReader, airflow: AirflowHeard, blocked: RunKey, headers: dict[str, str]
) -> None:
    sent = reader.post(PATH, form_of(reader.get(PATH, "op")), "op", **headers)
    assert (sent.status_code, airflow.requests) == (403, [])
    assert "was not sent by a page of this Airflow" in sent.text


def test_a_browser_that_tells_only_the_origin_may_send_the_form(
    reader: PageReader, airflow: AirflowHeard, blocked: RunKey
) -> None:
    sent = reader.post(PATH, form_of(reader.get(PATH, "op")), "op", origin=airflow.address)
    assert (sent.status_code, len(airflow.requests)) == (303, 1)


@pytest.mark.parametrize(("user", "status"), [("", 401), ("viewer", 403)])
def test_who_may_not_trigger_sees_no_form_and_starts_nothing(
    reader: PageReader, airflow: AirflowHeard, blocked: RunKey, user: str, status: int
) -> None:
    form = form_of(reader.get(PATH, "op"))
    assert reader.get(PATH, user).status_code == status
    assert "<form" not in reader.get(PATH, user).text
    assert reader.post(PATH, form, user, **SAME_ORIGIN).status_code == status
    assert reader.get(f"{PATH}/started/{form['token']}", user).status_code == status
    assert airflow.requests == []


def test_what_airflow_refuses_is_told_in_its_words(reader: PageReader, airflow: AirflowHeard, blocked: RunKey) -> None:
    airflow.status = 403
    sent = reader.post(PATH, form_of(reader.get(PATH, "op")), "op", **SAME_ORIGIN)
    assert sent.status_code == 503
    assert "answers 403: {&quot;detail&quot;: &quot;because&quot;}. Nothing was started." in _words(sent.text)


def test_an_airflow_that_does_not_answer_is_said_to_be_away(
    reader: PageReader, monkeypatch: pytest.MonkeyPatch, blocked: RunKey
) -> None:
    form = form_of(reader.get(PATH, "op"))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:9")
    sent = reader.post(PATH, form, "op", **SAME_ORIGIN)
    assert (sent.status_code, "does not answer" in sent.text) == (503, True)


@pytest.mark.parametrize("token", ["", "../../x", "2026-08-17T06:00:00_zzzzzzzz"])
def test_a_run_id_of_somebody_elses_making_is_refused(
    reader: PageReader, airflow: AirflowHeard, blocked: RunKey, token: str
) -> None:
    form = {**form_of(reader.get(PATH, "op")), "token": token}
    assert (reader.post(PATH, form, "op", **SAME_ORIGIN).status_code, airflow.requests) == (404, [])


def test_nothing_that_stands_in_the_address_becomes_markup(reader: PageReader, blocked: RunKey) -> None:
    plain = read_page(reader.get(PATH, "op", rerun="missing_answers", run="2020-01-01").text)
    text = reader.get(PATH, "op", rerun="missing_answers", **dict.fromkeys(("run", "note", "only"), HOSTILE)).text
    found = read_page(text)
    assert text.count("&lt;script") >= 3
    assert (found.tags, found.acts) == (plain.tags, plain.acts)


def test_a_run_that_airflow_does_not_know_is_not_said_to_be_started(reader: PageReader, blocked: RunKey) -> None:
    page = reader.get(f"{PATH}/started/2026-08-17T06:00:00_0a1b2c3d", "op")
    assert (page.status_code, "is started" in page.text) == (404, False)
    assert "Airflow knows no run rerun__2026-08-17T06:00:00_0a1b2c3d" in page.text


def test_a_number_that_nobody_means_is_refused_in_a_sentence(reader: PageReader, blocked: RunKey) -> None:
    page = reader.get(PATH, "op", rerun="all", environment="staging", prompts="9" * 5_000)
    assert (page.status_code, "is no number of prompts" in page.text) == (200, True)


def test_a_run_that_nobody_knows_has_no_form(kit: Kit, reader: PageReader) -> None:
    page = reader.get("/daily-runs/rerun/daily_runs_duo_chat/never", "op")
    assert (page.status_code, "neither Airflow nor the store knows" in page.text) == (404, True)


def _words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split()).replace(" .", ".")


def test_a_paused_dag_is_told_because_its_runs_would_wait(
    reader: PageReader, monkeypatch: pytest.MonkeyPatch, blocked: RunKey
) -> None:
    said = "This DAG is paused"
    assert said not in reader.get(PATH, "op").text
    monkeypatch.setattr(dag_runs, "is_paused", lambda _dag_id: True)
    assert said in reader.get(PATH, "op").text
    monkeypatch.setattr(dag_runs, "one", lambda _dag_id, run_id: DagRunSeen("duo_chat", run_id, "queued", None, None))
    assert said in reader.get(f"{PATH}/started/2026-08-17T06:00:00_0a1b2c3d", "op").text
