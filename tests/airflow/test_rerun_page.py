"""The page *Rerun* of a real api-server: the run that it starts is the user's, and does what the page said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import httpx
import pytest

from daily_runs.runs.trigger_form import Form
from tests.airflow.conftest import Airflow, DagRun

pytestmark = pytest.mark.timeout(1800)

FEATURE, PROMPTS, ERROR_CODES = "duo_chat", 12, 0.8


class Reader(NamedTuple):
    """A browser that is logged in by Airflow's cookie, at Airflow's own address."""

    http: httpx.Client
    address: str

    def form(self, path: str) -> tuple[str, dict[str, str]]:
        """A page, and its form's fields as a browser would send them."""
        page = self.http.get(path).raise_for_status().text
        fields = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', page))
        lists = re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', page)
        return page, fields | {name: re.findall(r'value="([^"]*)" selected', inside)[0] for name, inside in lists}


@pytest.fixture
def reader(airflow: Airflow) -> Iterator[Reader]:
    """The local stack's user."""
    address = airflow.stack.airflow
    body = {"username": airflow.stack.user, "password": airflow.stack.password}
    token = httpx.post(f"{address}/auth/token", json=body, timeout=60).raise_for_status().json()["access_token"]
    with httpx.Client(base_url=address, timeout=60, cookies={"_token": token}) as http:
        yield Reader(http, address)


@pytest.fixture(scope="module")
def lacking(airflow: Airflow) -> DagRun:
    """A run most of whose prompts got an error code in place of an answer."""
    with airflow.scenario(error_code_share=ERROR_CODES):
        run = airflow.trigger(FEATURE, environment="production", prompts=PROMPTS)
        airflow.wait(run)
    return run


def path_of(run: DagRun) -> str:
    return f"/daily-runs/rerun/{run.dag_id}/{run.run_id}".replace("+", "%2B").replace(":", "%3A")


def test_the_run_that_it_starts_is_the_users_and_asks_what_was_said(
    airflow: Airflow, reader: Reader, lacking: DagRun
) -> None:
    _, form = reader.form(path_of(lacking))
    form["note"] = "from the page"
    page, form = reader.form(f"{path_of(lacking)}?{urlencode(form)}")
    said = re.search(rf"(\d+) of {PROMPTS} prompts are asked, (\d+) answers are reused", page)
    assert said, page
    since = len(airflow.sent())
    sent = reader.http.post(path_of(lacking), data=form, headers={"origin": reader.address})
    assert sent.status_code == 303, sent.text
    new = DagRun(lacking.dag_id, f"rerun__{form['token']}")
    assert new.run_id.replace(":", "%3A") in reader.http.get(sent.headers["location"]).text
    assert airflow.wait(new) == "success"
    shown = airflow.api.get(f"/dags/{new.dag_id}/dagRuns/{new.run_id}")
    assert shown["triggering_user_name"] == airflow.stack.user
    assert shown["note"].endswith("\nfrom the page")  # below the line that says how it ended
    assert set(shown["conf"]) == set(Form._fields)
    assert shown["conf"]["rerun"] == form["rerun"] == "missing_answers"
    asked = [one for one in airflow.sent(since) if one["paid"] and one["operation"] == "aiAction"]
    assert len({one["key"] for one in asked}) == int(said[1])
    counts = airflow.store.row(
        "SELECT count(*) FILTER (WHERE n.settled_at < t.started_at)::int AS reused FROM daily_runs.attempt t"
        " JOIN daily_runs.answer n USING (attempt_id) WHERE t.attempt_id::text = %(id)s AND n.status = 'answered'",
        {"id": airflow.attempt(new)["attempt_id"]},
    )
    assert counts["reused"] == int(said[2])


def test_a_cookie_alone_starts_nothing(airflow: Airflow, reader: Reader, lacking: DagRun) -> None:
    _, form = reader.form(path_of(lacking))
    runs = f"/dags/{lacking.dag_id}/dagRuns"
    before = airflow.api.get(runs)["total_entries"]
    for headers in ({}, {"origin": "https://elsewhere.example.com"}, {"sec-fetch-site": "same-site"}):
        assert reader.http.post(path_of(lacking), data=form, headers=headers).status_code == 403
    anonymous = httpx.post(f"{reader.address}{path_of(lacking)}", data=form, headers={"origin": reader.address})
    assert (anonymous.status_code, "Log in to Airflow" in anonymous.text) == (401, True)
    assert airflow.api.get(runs)["total_entries"] == before


def test_the_other_pages_open(reader: Reader, lacking: DagRun) -> None:
    for path in (f"/daily-runs/feature/{FEATURE}", "/daily-runs/quota", "/daily-runs/compare"):
        page = reader.http.get(path)
        assert (page.status_code, "</html>" in page.text) == (200, True), path
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
