"""`daily-runs seeds` as a person types it, against the sandbox, with a store and without."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from tests.conftest import TIME_SCALE, SandboxView
from tests.typed import Result, Typist

from daily_runs import dataset
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.store.database import STORE_VARIABLE, Store

if TYPE_CHECKING:
    from daily_runs.catalogue.catalogue import Catalogue


TRACE = "rest job trace"
RCA = "root_cause_analysis"
ITEMS = len(dataset.load_feature_dataset(catalogue_files.load().features[RCA]))


@pytest.fixture(autouse=True)
def this_sandbox_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxView, catalogue: Catalogue
) -> None:
    """The test's sandbox, no store, no local stack, no settings of whoever runs the tests."""
    for name in ("DAILY_RUNS_INCLUDE", STORE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    there = {name: {"address": e.address, "time_scale": TIME_SCALE, "provenance": "sandbox"}
             for name, e in catalogue.environments.items()}  # fmt: skip
    overlay = tmp_path / "overlay.yaml"
    judge = {"address": f"{sandbox.address}/anthropic", "provenance": "sandbox"}
    overlay.write_text(yaml.safe_dump({"environments": there, "judge": judge}))
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", str(overlay))
    monkeypatch.setenv("DAILY_RUNS_STATE", str(tmp_path / "state"))


@pytest.fixture
def with_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store without a row, which the command line uses."""
    monkeypatch.setenv(STORE_VARIABLE, store.url)
    return store


@pytest.fixture
def seeds(typed: Typist) -> Callable[..., Result]:
    """The command."""
    return functools.partial(typed, "seeds")


Command = Callable[..., Result]


def test_a_seeding_that_is_complete_is_said_in_one_line(seeds: Command) -> None:
    done = seeds("staging", RCA)
    assert done.code == 0
    (line,) = done.out.strip().splitlines()
    assert line.startswith(f"✓ root_cause_analysis in staging: 100% of {ITEMS} seeds bound, 95% required; owner: ")


def test_what_is_in_the_way_is_a_table_by_key_with_remedies(seeds: Command, sandbox: SandboxView) -> None:
    order = {"environment": "staging", "missing_share": 0.3, "changed_share": 0.3, "wrong_state_share": 0.3}
    sandbox.process.order_seeds({**order, "surplus_share": 0.3})
    done = seeds("staging", "duo_chat")
    data = json.loads(seeds("staging", "duo_chat", "--json").out)
    assert done.code == 1
    assert done.out.startswith("✗ duo_chat in staging: ")
    assert {"missing", "changed", "wrong_state"} == set(data["faults"].values())
    assert data["surplus"]
    rows = {
        line.split()[0]: " ".join(line.split()[1:]) for line in done.out.splitlines() if line[:2] == "  " != line[2:4]
    }
    for key, status in data["faults"].items():
        assert rows[key].startswith(status.replace("_", " "))
    assert all(rows[key].startswith("surplus no data set asks about it") for key in data["surplus"])
    assert "it has no description" in " ".join(done.out.split())


def test_json_holds_coverage_each_seed_and_what_was_sent(seeds: Command, sandbox: SandboxView) -> None:
    sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.5})
    done = seeds("staging", "duo_chat", "--json")
    data, items = json.loads(done.out), dataset.load_feature_dataset(feature("duo_chat"))
    assert done.code == 1
    assert data["bound"] + data["missing"] + data["changed"] + data["wrong_state"] == data["asked"] == len(items)
    assert 0 < data["missing"] == len(data["faults"])
    assert (data["ready"], data["environment"], data["feature"]) == (False, "staging", "duo_chat")
    assert len(data["seeds"]) == len(items)
    assert data["calls"] == len(sandbox.entries()) > 0
    assert sandbox.entries(paid=True) == []


def test_a_manifest_holds_what_to_create_byte_for_byte(seeds: Command, sandbox: SandboxView) -> None:
    sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.3})
    faults = json.loads(seeds("staging", RCA, "--json").out)["faults"]
    done = seeds("staging", RCA, "--manifest")
    items = {item.seed_key: item for item in dataset.load_feature_dataset(feature(RCA))}
    assert done.code == 1
    assert {line["seed_key"] for line in done.lines} == set(faults) != set()
    for line in done.lines:
        item = items[line["seed_key"]]
        assert hashlib.sha256(line["content"].encode()).hexdigest() == line["sha256"] == item.checksum
        assert line["create"]["name"] == item.seed_key
        assert line["status"] == "missing"


@pytest.mark.parametrize("name", ["duo_chat", "vulnerability_explanation", "vulnerability_resolution", RCA])
def test_a_manifest_of_all_needs_no_look(name: str, seeds: Command, sandbox: SandboxView) -> None:
    done = seeds("staging", name, "--manifest", "--all")
    assert done.code == 0
    assert [line["seed_key"] for line in done.lines] == [
        item.seed_key for item in dataset.load_feature_dataset(feature(name))
    ]
    assert sandbox.entries() == []


def test_nothing_to_create_is_said_and_standard_output_stays_empty(seeds: Command) -> None:
    for words in (("duo_chat", "--manifest"), ("code_suggestions", "--manifest", "--all")):
        done = seeds("staging", *words)
        assert (done.code, done.out) == (0, "")
        assert "nothing has to be created" in done.err


@pytest.mark.parametrize("words", [(), ("--json",), ("--manifest",)], ids=lambda words: " ".join(words) or "plain")
def test_a_look_that_failed_is_no_verdict(words: tuple[str, ...], seeds: Command, sandbox: SandboxView) -> None:
    sandbox.change(server_error_share=1.0)
    done = seeds("staging", "duo_chat", *words)
    assert (done.code, done.out) == (3, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("daily-runs: could")]
    assert line.startswith("daily-runs: could not look at the seeds of duo_chat in staging: ")
    assert "This does not mean that a seed is missing" in line
    assert sandbox.entries()


class Bad(NamedTuple):
    """What is typed, and words of the one line that refuses it."""

    words: tuple[str, ...]
    said: tuple[str, ...]


BAD = [
    Bad(("moon", "duo_chat"), ("environment", "'moon'", "staging, production")),
    Bad(("staging", "duo_chet"), ("feature", "'duo_chet'", "duo_chat")),
    Bad(("staging", "duo_chat", "--all"), ("--all", "does not go without --manifest")),
    Bad(("staging", "duo_chat", "--manifest", "--json"), ("--manifest", "does not go with --json")),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: " ".join(case.words))
def test_bad_input_is_refused_in_one_line(case: Bad, seeds: Command) -> None:
    done = seeds(*case.words)
    assert (done.code, done.out) == (2, "")
    (line,) = [line for line in done.err.splitlines() if line.startswith("daily-runs: ")]
    assert [word for word in case.said if word not in line] == []


def test_help_tells_the_exit_codes(seeds: Command) -> None:
    done = seeds("--help")
    words = " ".join(done.out.split())
    assert "1: not ready" in words
    assert "3: could not look" in words


def test_without_a_store_everything_is_read_each_time_and_none_is_started(
    seeds: Command, sandbox: SandboxView, tmp_path: Path
) -> None:
    for _ in range(2):
        assert seeds("staging", RCA).code == 0
    assert len(sandbox.entries(TRACE)) == 2 * ITEMS
    assert not (tmp_path / "state" / "postgres").exists()


def test_with_a_store_a_second_look_reads_nothing_again(
    seeds: Command, sandbox: SandboxView, with_store: Store
) -> None:
    for _ in range(2):
        assert seeds("staging", RCA).code == 0
    assert len(sandbox.entries(TRACE)) == ITEMS
    assert int(with_store.row("SELECT count(*) AS n FROM daily_runs.seed_content")["n"]) == ITEMS


def test_a_store_that_was_given_and_is_away_is_said(seeds: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORE_VARIABLE, "postgresql://a:b@127.0.0.1:1/x")
    done = seeds("staging", "duo_chat")
    assert done.code == 1, "an outage, which may pass"
    assert "127.0.0.1:1/x" in done.err


DYING = """
import os, signal, sys
from daily_runs.cli.main import main
from daily_runs.readiness.seeds.binding_rows import SeedContent

keep, left = SeedContent.keep, iter(range(20))

def keep_and_die(*words):
    keep(*words)
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)

SeedContent.keep = keep_and_die
sys.argv = ["daily-runs", "seeds", "staging", "root_cause_analysis"]
main()
"""
"""The command, killed as it remembers the 21st log."""


def test_a_look_that_was_killed_is_gone_on_with(seeds: Command, sandbox: SandboxView, with_store: Store) -> None:
    died = subprocess.run([sys.executable, "-c", DYING], env=os.environ, timeout=120, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    kept = int(with_store.row("SELECT count(*) AS n FROM daily_runs.seed_content")["n"])
    read = len(sandbox.entries(TRACE))
    assert 20 < kept <= read < 40
    assert seeds("staging", RCA).code == 0
    assert len(sandbox.entries(TRACE)) - read == ITEMS - kept


def feature(name: str) -> Any:
    """A feature of the shipped catalogue."""
    return catalogue_files.load(overlay=None).features[name]
