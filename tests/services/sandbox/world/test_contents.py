"""A running sandbox takes over features, items and seeds that are added on disk; what is not sound it leaves alone."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from daily_runs.sandbox.server import build_world
from daily_runs.sandbox.world import contents
from daily_runs.sandbox.world.contents import ContentsWatch
from daily_runs.sandbox.world.world import World

SHIPPED = Path(__file__).parents[4] / "include"
JOBS = """query($after: String) { project(fullPath: "PROJECT") {
  jobs(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } } } }"""


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped catalogue with its data sets and rubrics, which the sandbox reads."""
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(SHIPPED / name, tmp_path / name)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path))
    monkeypatch.setattr(contents, "LOOK_EVERY_SECONDS", 0.0)
    return tmp_path


@pytest.fixture
def world(include: Path) -> World:
    watch = ContentsWatch()
    return build_world(watch.contents.catalogue, watch.contents.items_by_feature, time_scale=1000, watch=watch)


@pytest.fixture
def client(world: World, serve: Callable[[World], str]) -> Iterator[httpx.Client]:
    user = world.catalogue.environments["staging"].evaluation_users[0]
    headers = {"authorization": f"Bearer sandbox-{user}"}
    with httpx.Client(base_url=f"{serve(world)}/staging", headers=headers) as connected:
        yield connected


def jobs(world: World, client: httpx.Client) -> dict[str, str]:
    """Every job's id by its name."""
    query = JOBS.replace("PROJECT", world.catalogue.environments["staging"].seed_project)
    found: dict[str, str] = {}
    after = None
    while True:
        body = {"query": query, "variables": {"after": after}}
        page = client.post("/api/graphql", json=body).json()["data"]["project"]["jobs"]
        found |= {node["name"]: node["id"] for node in page["nodes"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


def add_job(include: Path, seed_key: str) -> None:
    """A row in front of all others: what comes later must not move."""
    file = include / "datasets" / "root_cause_analysis.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    row = {**json.loads(lines[0]), "id": "rca-new", "seed_key": seed_key}
    file.write_text("\n".join([json.dumps(row), *lines]) + "\n", encoding="utf-8")


def test_a_new_item_is_a_new_seed_and_no_other_seed_gets_another_id(
    include: Path, world: World, client: httpx.Client
) -> None:
    before = jobs(world, client)
    add_job(include, "rca/added-while-it-runs")
    after = jobs(world, client)
    assert set(after) - set(before) == {"rca/added-while-it-runs"}
    assert {name: after[name] for name in before} == before


def test_a_new_feature_is_known_to_the_sandbox(include: Path, world: World, client: httpx.Client) -> None:
    file = include / "catalogue" / "features" / "duo_chat.yaml"
    (file.parent / "another_chat.yaml").write_text(
        file.read_text()
        .replace("feature: duo_chat", "feature: another_chat")
        .replace("rubric: duo_chat.yaml", "rubric: another_chat.yaml")
    )
    rubric = (include / "rubrics" / "duo_chat.yaml").read_text()
    (include / "rubrics" / "another_chat.yaml").write_text(rubric.replace("feature: duo_chat", "feature: another_chat"))
    client.get("/api/v4/user")
    assert "another_chat" in world.catalogue.features
    assert world.items_by_feature["another_chat"] == world.items_by_feature["duo_chat"]


def test_an_edit_that_is_not_sound_is_logged_and_what_was_there_stays(
    include: Path, world: World, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    before = jobs(world, client)
    file = include / "datasets" / "root_cause_analysis.jsonl"
    sound = file.read_text(encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        file.write_text(sound + "{\n", encoding="utf-8")
        assert jobs(world, client) == before
    assert "is not sound, what was read before stays" in caplog.text
    rows = sound.splitlines()
    file.write_text("\n".join(rows[:-1]) + "\n", encoding="utf-8")  # the first rows have frozen answers
    assert set(before) - set(jobs(world, client)) == {json.loads(rows[-1])["seed_key"]}


def test_a_feature_is_there_once_its_rubric_is_mended(include: Path, world: World, client: httpx.Client) -> None:
    file = include / "catalogue" / "features" / "duo_chat.yaml"
    text = file.read_text().replace("feature: duo_chat", "feature: another_chat")
    (file.parent / "another_chat.yaml").write_text(text.replace("rubric: duo_chat.yaml", "rubric: another_chat.yaml"))
    rubric, of_chat = include / "rubrics" / "another_chat.yaml", (include / "rubrics" / "duo_chat.yaml").read_text()
    rubric.write_text(of_chat)
    client.get("/api/v4/user")
    assert "another_chat" not in world.catalogue.features
    rubric.write_text(of_chat.replace("feature: duo_chat", "feature: another_chat"))
    client.get("/api/v4/user")
    assert "another_chat" in world.catalogue.features


def test_a_feature_whose_file_breaks_keeps_its_seeds_and_others_are_read_anew(
    include: Path, world: World, client: httpx.Client
) -> None:
    before = jobs(world, client)
    file = include / "catalogue" / "features" / "root_cause_analysis.yaml"
    file.write_text(file.read_text() + "priorit: 1\n")
    other = include / "datasets" / "duo_chat.jsonl"
    other.write_text("\n".join(other.read_text(encoding="utf-8").splitlines()[:-1]) + "\n", encoding="utf-8")
    chats = len(world.items_by_feature["duo_chat"])
    assert jobs(world, client) == before
    assert "root_cause_analysis" in world.catalogue.features
    assert len(world.items_by_feature["duo_chat"]) == chats - 1


def test_a_new_account_needs_a_new_start(
    include: Path, world: World, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    file = include / "catalogue" / "accounts.yaml"
    text = file.read_text()
    block = _block(text, "PROD")
    file.write_text(text.replace(block, block + block.replace("  PROD:", "  OTHER:", 1)))
    with caplog.at_level(logging.WARNING):
        client.get("/api/v4/user")
    assert "new accounts (OTHER): start the sandbox again" in caplog.text


def _block(text: str, name: str) -> str:
    """An account with its keys, as it stands in the file."""
    lines = text.splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if line.startswith(f"  {name}:"))
    rest = (n for n, line in enumerate(lines[first + 1 :], start=first + 1) if line[:4].strip())
    return "".join(lines[first : next(rest, len(lines))])


def test_the_files_are_not_looked_at_again_before_it_is_time(include: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = ContentsWatch()
    add_job(include, "rca/added")
    monkeypatch.setattr(contents, "LOOK_EVERY_SECONDS", 3600.0)
    assert watch.changed() is None
    monkeypatch.setattr(contents, "LOOK_EVERY_SECONDS", 0.0)
    assert watch.changed() is not None
    assert watch.changed() is None
