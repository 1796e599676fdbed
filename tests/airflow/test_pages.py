"""The pages as the real api-server serves them: to whom, with which headers, of a run that the real scheduler made."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from daily_runs.pages.frame import CONTENT_POLICY
from daily_runs.pages.links import PageLinks
from daily_runs.pages.run_items import WITHHELD
from daily_runs.store.embedded import state_root
from tests.airflow.conftest import Airflow, DagRun
from tests.unit.pages.hostile import must_be_harmless

pytestmark = pytest.mark.timeout(1800)
LINKS = PageLinks()


@pytest.fixture(scope="module")
def run(airflow: Airflow) -> DagRun:
    """A run of four prompts, to its end."""
    made = airflow.trigger("duo_chat", environment="staging", prompts=4)
    assert airflow.wait(made) == "success"
    return made


def browser(airflow: Airflow, user: str = "", **headers: str) -> httpx.Client:
    """Somebody's browser, logged in by the form's address; no user: nobody is logged in."""
    address, cookies = airflow.stack.airflow, {}
    if user:
        password = json.loads((state_root() / "airflow" / "logins.json").read_text())[user]
        response = httpx.post(f"{address}/auth/token", json={"username": user, "password": password}, timeout=60)
        cookies = {"_token": response.raise_for_status().json()["access_token"]}
    return httpx.Client(base_url=address, headers=headers, cookies=cookies, timeout=60)


def test_the_plugin_brings_the_pages_and_their_tabs(airflow: Airflow) -> None:
    (plugin,) = [one for one in airflow.api.get("/plugins")["plugins"] if one["name"] == "daily_runs"]
    assert [app["url_prefix"] for app in plugin["fastapi_apps"]] == ["/daily-runs"]
    assert [view["destination"] for view in plugin["external_views"]] == ["nav", "dag", "dag_run", "task_instance"]


@pytest.mark.parametrize("user", ["reader", "admin"])
def test_today_names_the_run_and_the_runs_page_its_verdict_and_stages(airflow: Airflow, run: DagRun, user: str) -> None:
    with browser(airflow, user) as client:
        today, page = client.get(LINKS.today()), client.get(LINKS.run(*run))
    for found in (today, page):
        assert found.status_code == 200
        assert found.headers["content-security-policy"] == CONTENT_POLICY
        must_be_harmless(found.text)
    assert LINKS.run(*run) in today.text
    assert airflow.attempt(run)["run_key"] in page.text
    for task in ("plan", "staging.seed_check", "staging.publish"):
        assert LINKS.task_log(*run, task) in page.text
    assert LINKS.task_log(*run, "staging.inference", 0) in page.text
    assert (WITHHELD[:22] in page.text) is (user == "reader")
    assert ("<pre" in page.text) is (user == "admin")


def test_nobody_who_is_not_logged_in_sees_a_page_and_the_link_leads_to_the_form_and_back(
    airflow: Airflow, run: DagRun
) -> None:
    with browser(airflow) as client:
        found = client.get(LINKS.run(*run))
        assert found.status_code == 401
        (address,) = re.findall(r'data-outside href="([^"]*)"', found.text)
        login = client.get(address, follow_redirects=True)
    assert login.status_code == 200
    assert str(login.url).startswith(f"{airflow.stack.airflow}/auth/login?next=%2Fdaily-runs%2Frun%2F")


def test_another_address_gets_no_leave_to_read_a_page(airflow: Airflow, run: DagRun) -> None:
    with browser(airflow, "admin", origin="https://elsewhere.example") as client:
        found = client.get(LINKS.run(*run))
        assert client.post(LINKS.run(*run)).status_code == 405
    assert not [name for name in found.headers if name.startswith("access-control-")]
    assert "frame-ancestors 'self'" in found.headers["content-security-policy"]


def test_a_run_is_exported(airflow: Airflow, run: DagRun) -> None:
    key = airflow.attempt(run)["run_key"]
    with browser(airflow, "reader") as client:
        found = client.get(LINKS.export(*run, "items_v1", key))
    assert len(found.text.splitlines()) == 1 + 4
