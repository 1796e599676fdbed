"""The pages inside Airflow's own application: who is let in, which headers every answer has, who sees answers."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from tests.plugins.page_server import PageReader
from tests.published_runs import Day, publish
from tests.unit.pages.hostile import must_be_harmless

from daily_runs.catalogue import folders
from daily_runs.pages.frame import CONTENT_POLICY
from daily_runs.pages.links import PageLinks
from daily_runs.pages.run_items import WITHHELD
from daily_runs.store.database import STORE_VARIABLE, Store
from daily_runs_airflow.pages import answering, dag_runs
from daily_runs_airflow.pages.dag_runs import RETURNED
from daily_runs_airflow.pages.mounted import views
from daily_runs_airflow.triggers import WAITING_FOR

DAG, RUN_ID, LINKS = "daily_runs_duo_chat", "manual__2026-08-02", PageLinks()
OTHER_DAG = "daily_runs_code_suggestions"
PAGES = (LINKS.today(), LINKS.run(DAG, RUN_ID))
EVERYTHING = (*PAGES, LINKS.static("pages.css"), LINKS.page("no", "such"), LINKS.run("other_dag", "x"))


class Client(NamedTuple):
    """Browsers at Airflow's application, one for each role."""

    pages: PageReader

    def get(self, address: str, role: str = "") -> tuple[int, str, dict[str, str]]:
        """Status, text and headers; no role: nobody is logged in."""
        found = self.pages.get(address, role)
        return found.status_code, found.text, dict(found.headers)


@pytest.fixture
def client(reader: PageReader, store: Store) -> Client:
    """They look at a store with one published run."""
    publish(store, Day(0))
    store.rows("UPDATE daily_runs.attempt SET airflow_run_id = %(run)s", {"run": RUN_ID})
    store.rows("UPDATE daily_runs.answer SET answer = 'a secret answer'")
    return Client(reader)


@pytest.mark.parametrize("address", PAGES)
def test_nobody_who_is_not_logged_in_sees_a_page_and_is_told_how_to_log_in(client: Client, address: str) -> None:
    status, text, _ = client.get(address)
    assert status == 401
    must_be_harmless(text)
    assert "You are not logged in" in text
    assert re.search(r'data-outside href="/api/v2/auth/login\?next=%2Fdaily-runs%2F', text)


def test_a_session_that_airflow_does_not_know_is_told_to_log_in(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.pages.tokens, "stranger", "of.another.airflow")
    status, text, _ = client.get(LINKS.today(), "stranger")
    assert status in (401, 403)
    assert "You are not logged in" in text


@pytest.mark.parametrize("role", ["viewer", "user", "op", "admin"])
@pytest.mark.parametrize("address", PAGES)
def test_whoever_may_read_runs_sees_each_page(client: Client, address: str, role: str) -> None:
    status, text, _ = client.get(address, role)
    assert status == 200
    must_be_harmless(text)


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("user", True), ("op", True), ("admin", True)])
def test_answers_are_shown_to_who_may_trigger_the_dag(client: Client, role: str, sees: bool) -> None:
    _, text, _ = client.get(LINKS.run(DAG, RUN_ID), role)
    assert ("a secret answer" in text) is sees
    assert (WITHHELD[:22] in text) is not sees


@pytest.fixture
def of_one_dag(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Users may do to the DAG of Code Suggestions whatever their role may, and nothing to any other."""
    known = SimpleAuthManager.is_authorized_dag

    def asked(manager: SimpleAuthManager, *, details: Any = None, **more: Any) -> bool:
        of_it = details is not None and details.id == OTHER_DAG
        return of_it and known(manager, details=details, **more)

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", asked)
    return client


def test_who_may_read_one_dag_is_told_nothing_of_another(of_one_dag: Client, store: Store) -> None:
    run = store.row("SELECT run_key, attempt_id::text AS attempt_id FROM daily_runs.published_run")
    key, attempt_id = run["run_key"], run["attempt_id"]
    of_other = "code_suggestions/staging/2026-08-02T00:00:00Z"
    pairs = [(key, "last-good"), ("reference", key), (attempt_id, of_other), (of_other, attempt_id), (key, key)]
    missing = key.replace("2026", "2025")
    compared = [
        f"{LINKS.compare()}?{urlencode({'first': a, 'second': b})}" for a, b in [*pairs, (missing, "last-good")]
    ]
    pages = (LINKS.run(DAG, RUN_ID), LINKS.feature("duo_chat"), LINKS.export(DAG, RUN_ID, "items_v1", key), *compared)
    for page in (*pages, LINKS.rerun(DAG, RUN_ID)):
        status, text, _ = of_one_dag.get(page, "admin")
        assert (status, attempt_id in text, "a secret answer" in text) == (403, False, False), page
    assert of_one_dag.get(LINKS.feature("code_suggestions"), "viewer")[0] == 200
    assert of_one_dag.get(LINKS.quota(), "viewer")[0] == 200
    status, text, _ = of_one_dag.get(LINKS.today(), "viewer")
    assert (status, "Code Suggestions" in text, "Duo Chat" in text) == (200, True, False)


def test_who_may_read_no_dag_of_ours_sees_no_figure(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", lambda *_, **__: False)
    assert client.get(LINKS.quota(), "admin")[0] == 403
    assert "There is no feature whose runs you may read." in client.get(LINKS.today(), "admin")[1]


def test_today_shouts_what_is_left_out_and_what_nobody_can_finish(
    client: Client, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    include = folders.include_root()
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(include / name, tmp_path / name)
    broken = tmp_path / "catalogue" / "features" / "code_suggestions.yaml"
    broken.write_text(f"{broken.read_text()}priorit: 1\n")
    (tmp_path / "catalogue" / "features" / "duo_chat.yaml").unlink()
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path))
    store.rows("UPDATE daily_runs.attempt SET status = 'running'")
    status, text, _ = client.get(LINKS.today(), "viewer")
    assert status == 200
    assert re.search(r"code_suggestions is left out: features/code_suggestions.yaml:\d+: priorit: unknown key", text)
    assert "Unfinished, of what the catalogue no longer has" in text


def test_what_a_failed_seed_check_said_last_is_not_taken_for_what_it_returned(client: Client) -> None:
    run = (DAG, "scheduled__2026-08-03")
    texts = {(RETURNED, "staging.seed_check"): [{"attempt_id": "an-id"}], (WAITING_FOR, "wait_for_staging"): {"a": "b"}}
    texts |= {("last_words", "staging.seed_check"): "seed_check failed", (RETURNED, "staging.inference"): "a text"}
    with create_session() as session:
        session.connection().exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # until the end, which never comes
        for number, ((key, task), value) in enumerate(texts.items()):
            row = {"dag_id": run[0], "run_id": run[1], "task_id": task, "map_index": -1, "key": key, "value": value}
            session.add(XComModel(**row, dag_run_id=number, timestamp=dt.datetime(2026, 8, 3, tzinfo=dt.UTC)))
        session.flush()
        found = dag_runs._xcoms(session, [run])[run]
        session.rollback()
    assert sorted(found) == [
        ("staging.seed_check", RETURNED, [{"attempt_id": "an-id"}]),
        ("wait_for_staging", WAITING_FOR, {"a": "b"}),
    ]


def test_an_attempt_that_the_run_has_not_is_not_replaced_by_another(client: Client) -> None:
    status, text, _ = client.get(f"{LINKS.run(DAG, RUN_ID)}?attempt=another", "viewer")
    assert (status, "this run has no attempt" in text) == (404, True)


def test_readers_beyond_a_few_at_once_wait_and_are_told_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "WAIT_SECONDS", 0.05)
    taken = [answering._places.acquire(blocking=False) for _ in range(answering.REQUESTS_AT_ONCE)]
    try:
        assert all(taken)
        status, text, _ = client.get(LINKS.today(), "viewer")
    finally:
        for _ in taken:
            answering._places.release()
    assert (status, "waited 0.05 s for other pages" in text) == (503, True)
    assert client.get(LINKS.today(), "viewer")[0] == 200


@pytest.mark.parametrize("role", ["", "viewer"])
@pytest.mark.parametrize("address", EVERYTHING)
def test_every_answer_lets_a_browser_load_nothing_from_elsewhere(client: Client, address: str, role: str) -> None:
    _, _, headers = client.get(address, role)
    assert headers["content-security-policy"] == CONTENT_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("max-age=86400" if "/static/" in address else "no-store")


def test_a_page_that_is_not_there_and_a_dag_of_others_are_told_in_a_sentence(client: Client) -> None:
    assert client.get(LINKS.page("no", "such"), "viewer")[:1] == (404,)
    status, text, _ = client.get(LINKS.run("other_dag", "x"), "viewer")
    assert (status, "runs no feature" in text) == (404, True)
    status, text, _ = client.get(LINKS.run(DAG, "unknown"), "viewer")
    assert (status, "neither Airflow nor the store knows" in text) == (404, True)


def test_a_store_that_is_away_is_told_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORE_VARIABLE, "postgresql://nobody:secret@127.0.0.1:1/nothing")
    status, text, _ = client.get(LINKS.today(), "viewer")
    assert status == 503
    assert not [word for word in ("secret", "nobody", "127.0.0.1:1") if word in text]
    must_be_harmless(text)


def test_a_fault_of_ours_is_told_without_its_text(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a secret answer")

    monkeypatch.setattr("daily_runs.readiness.board_reading.read", broken)
    status, text, headers = client.get(LINKS.today(), "viewer")
    assert (status, "secret" in text) == (500, False)
    assert headers["content-security-policy"] == CONTENT_POLICY


def test_a_run_is_exported_as_the_command_does_and_no_other_run_by_its_address(client: Client, store: Store) -> None:
    key = store.row("SELECT run_key FROM daily_runs.published_run")["run_key"]
    status, text, headers = client.get(LINKS.export(DAG, RUN_ID, "items_v1", key), "viewer")
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert text.startswith("run_key,")
    assert headers["content-disposition"].startswith('attachment; filename="items_v1-duo_chat-staging-')
    assert client.get(LINKS.export(DAG, RUN_ID, "attempts_v1", key), "viewer")[0] == 404
    assert client.get(LINKS.export(DAG, RUN_ID, "items_v1", "another"), "viewer")[0] == 404


def test_the_tab_of_a_dag_opens_the_page_of_its_feature(client: Client) -> None:
    status, _, headers = client.get(LINKS.page("dag", DAG), "viewer")
    assert (status, headers["location"]) == (307, LINKS.feature("duo_chat"))
    assert client.get(LINKS.page("dag", "other"), "viewer")[0] == 404


def test_airflow_gets_an_entry_in_the_navigation_and_a_tab_of_dag_run_and_task() -> None:
    found = views("http://127.0.0.1:8080")
    assert [view["destination"] for view in found] == ["nav", "dag", "dag_run", "task_instance"]
    assert len({view["url_route"] for view in found}) == len(found)
    assert found[2]["href"] == "/daily-runs/run/{DAG_ID}/{RUN_ID}"


def test_the_tabs_are_found_where_airflow_is_served_below_a_path() -> None:
    assert [view["href"].startswith("/airflow/daily-runs/") for view in views("https://a.example/airflow/")] == [
        True
    ] * 4
