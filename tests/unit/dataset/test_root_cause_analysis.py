"""The root cause analysis set holds logs of jobs that really failed, and what captures them refuses anything else."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.dataset import CiJob, Item, load

DATASETS = Path(__file__).resolve().parents[3] / "include" / "datasets"
SET = DATASETS / "root_cause_analysis.jsonl"
CAPTURE = DATASETS.parents[1] / "tools" / "capture"

MACHINE = {
    "a path of the capturing machine": re.compile(r"(?<![\w.-])/(?:work|root|home|tmp|Users|mnt)(?:/|\b(?![\w/]))"),
    "a version manager's directory": re.compile(r"\.(?:pyenv|rustup|nvm|cargo|cache)/"),
    "a terminal escape": re.compile(r"\x1b"),
    "a temporary name": re.compile(r"\brca-[a-z0-9_]{8}/"),
}
# Servers of the jobs' own, placeholders, and the pages that compilers and installers point to in their messages.
HOSTS = {"localhost", "127.0.0.1", "curl.se", "git-lfs.github.com", "pip.pypa.io", "rust-lang.github.io"}
HOST = re.compile(r"\bhttps?://([^/\s:\"'\\$)]+)")
WORD = re.compile(r"[a-z]{4,}")
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


@pytest.fixture(scope="module")
def items() -> tuple[Item, ...]:
    return load(SET)


@pytest.fixture
def rca(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Imports a module of the capture as the capture script does."""
    monkeypatch.syspath_prepend(str(CAPTURE))
    return lambda name: importlib.import_module(f"rca.{name}")


def jobs(items: tuple[Item, ...]) -> list[tuple[Item, CiJob]]:
    return [(item, item.resource) for item in items if isinstance(item.resource, CiJob)]


def test_the_set_holds_at_least_150_failed_jobs_and_nothing_else(items: tuple[Item, ...]) -> None:
    assert len(jobs(items)) == len(items) >= 150
    assert all(item.question == "/troubleshoot" for item in items)


def test_at_least_ten_classes_have_ten_jobs_each_and_more_than_one_tool(items: tuple[Item, ...]) -> None:
    """Classes are by cause: one that only a single tool could fail in would be a class by tool."""
    counts = Counter(item.item_class for item in items)
    assert len(counts) >= 10
    assert min(counts.values()) >= 10, counts
    for item_class in counts:
        assert len({item.tags[0] for item in items if item.item_class == item_class}) >= 2, item_class


def test_a_full_run_asks_every_item_equally_often(items: tuple[Item, ...]) -> None:
    """Otherwise its last turn would be a sample, and some items would weigh more in the mean over prompts."""
    assert catalogue_files.load().features["root_cause_analysis"].prompts_per_run % len(items) == 0


def test_ids_count_up_and_seed_keys_name_the_feature(items: tuple[Item, ...]) -> None:
    assert [item.id for item in items] == [f"rca-{number:03d}" for number in range(1, len(items) + 1)]
    assert all(item.seed_key.startswith("rca/") for item in items)


def test_each_reference_has_root_cause_and_fix_of_one_to_four_sentences(items: tuple[Item, ...]) -> None:
    for item in items:
        assert item.reference.keys() == {"root_cause", "fix"}, item.id
        for section, text in item.reference.items():
            plain = re.sub(r"`[^`]*`|\"[^\"]*\"|\S\.\S", "x", text)
            assert 1 <= len(SENTENCE_END.findall(plain)) <= 4, (item.id, section)
            assert len(text.split()) >= {"root_cause": 15, "fix": 6}[section], (item.id, section)


def test_a_root_cause_speaks_of_the_log_and_says_more_than_the_log(items: tuple[Item, ...]) -> None:
    """It takes up words of the log, and explains in others; the log's last error line would be no root cause."""
    for item, job in jobs(items):
        cause = set(WORD.findall(item.reference["root_cause"].lower()))
        log = set(WORD.findall(f"{job.log} {job.command}".lower()))
        assert len(cause & log) >= 3, item.id
        assert len(cause - log) >= 4, item.id


def test_each_log_ends_with_the_jobs_own_exit_code_and_names_the_step_that_failed(items: tuple[Item, ...]) -> None:
    for item, job in jobs(items):
        assert job.log.endswith(f"\nERROR: Job failed: exit code {job.exit_code}\n"), item.id
        assert f"\n$ {job.command.splitlines()[0]}\n" in job.log, item.id
        assert job.log.startswith(f"Job {job.name}, stage {job.stage}, "), item.id


def test_logs_are_long_enough_to_search_and_short_enough_to_pay_for(items: tuple[Item, ...]) -> None:
    sizes = [len(job.log) for _, job in jobs(items)]
    assert min(sizes) >= 300
    assert max(sizes) <= 12_000
    assert sum(size > 2_000 for size in sizes) >= 12


def test_no_two_items_share_a_log_a_root_cause_or_a_fix(items: tuple[Item, ...]) -> None:
    for texts in (
        Counter(job.log for _, job in jobs(items)),
        Counter(item.reference["root_cause"] for item in items),
        Counter(item.reference["fix"] for item in items),
    ):
        assert len(texts) == len(items), texts.most_common(1)


def test_every_symptom_has_an_item_and_none_has_more_than_a_sixth(
    items: tuple[Item, ...], rca: Callable[[str], Any]
) -> None:
    counts = Counter(item.tags[1] for item in items)
    assert counts.keys() == set(rca("scenario").SYMPTOMS)
    assert max(counts.values()) <= len(items) / 6


def test_jobs_are_spread_over_languages_and_exit_codes(items: tuple[Item, ...]) -> None:
    assert len({item.tags[0] for item in items}) >= 20
    assert {1, 2, 101, 124, 126, 127, 134, 139} <= {job.exit_code for _, job in jobs(items)}


@pytest.mark.parametrize("what", MACHINE)
def test_nothing_of_the_capturing_machine_is_left(items: tuple[Item, ...], what: str) -> None:
    for item in items:
        found = MACHINE[what].search(item.model_dump_json().replace("\\n", "\n").replace("\\u001b", "\x1b"))
        assert not found, (item.id, what, found)


def test_no_host_is_named_but_local_ones_and_pages_that_tools_point_to(items: tuple[Item, ...]) -> None:
    named = {host for item in items for host in HOST.findall(item.model_dump_json())}
    assert named <= HOSTS | {host for host in named if host.endswith((".invalid", ".example.com"))}


def test_the_file_agrees_with_the_scenarios_and_each_log_holds_their_evidence() -> None:
    script = CAPTURE / "root_cause_analysis.py"
    done = subprocess.run([sys.executable, "-B", script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agree with their scenarios" in done.stdout


def test_the_check_names_an_item_whose_reference_was_changed(tmp_path: Path) -> None:
    changed = tmp_path / "changed.jsonl"
    lines = SET.read_text(encoding="utf-8").splitlines()
    changed.write_text(
        "\n".join([lines[0].replace('"fix": "', '"fix": "Not so. '), *lines[1:-1]]) + "\n", encoding="utf-8"
    )
    script = CAPTURE / "root_cause_analysis.py"
    done = subprocess.run(
        [sys.executable, "-B", script, "--check", "--out", changed], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pytest-assertion-rounding: number, class, tags, command or reference differ" in done.stdout
    assert "not in the file" in done.stdout


NOISE = "seq 1 200"


@dataclass(frozen=True)
class Refused:
    """A script that is no failing job, and what the refusal says."""

    name: str
    script: tuple[str, ...]
    says: str
    evidence: tuple[str, ...] = ()


REFUSED = (
    Refused("success", (NOISE, "true"), "the job succeeded"),
    Refused("earlier step", ("false", "echo late"), "ended before its last step"),
    Refused("no evidence", (NOISE, "exit 3"), "lacks the evidence 'Segmentation fault'", ("Segmentation fault",)),
    Refused("no log to speak of", ("exit 3",), "characters, outside"),
    Refused("too long", ("seq 1 20000", "exit 3"), "characters, outside"),
    Refused("the machine's name", (NOISE, "uname -n && exit 3"), "the log names this machine"),
)


def scenario_of(rca: Callable[[str], Any], script: tuple[str, ...], evidence: tuple[str, ...] = ()) -> Any:
    return rca("scenario").Scenario(
        slug="a",
        name="a",
        stage="test",
        tags=("bash", "shell"),
        item_class="shell-script",
        files={"note.txt": "one\n"},
        script=script,
        evidence=evidence,
        root_cause="c",
        fix="f",
    )


def toolbox_in(rca: Callable[[str], Any], tmp_path: Path) -> Any:
    module = rca("toolbox")
    return module.Toolbox(tmp_path, module.SYSTEM_PATH, ())


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_did_not_fail_as_described_is_refused(rca: Callable[[str], Any], tmp_path: Path, case: Refused) -> None:
    runner = rca("runner")
    with pytest.raises(runner.CaptureError, match=re.escape(case.says)):
        runner.capture(scenario_of(rca, case.script, case.evidence), toolbox_in(rca, tmp_path))


def test_a_captured_log_has_its_steps_both_streams_in_order_and_the_neutral_directory(
    rca: Callable[[str], Any], tmp_path: Path
) -> None:
    script = (NOISE, "pwd", "echo first; echo second >&2; cat note.txt; exit 7")
    result = rca("runner").capture(scenario_of(rca, script, ("second",)), toolbox_in(rca, tmp_path))
    assert result.exit_code == 7
    assert result.log.startswith("Job a, stage test, 1 files in /builds/daily-runs/seeds\n$ seq 1 200\n1\n2\n")
    assert result.log.endswith(
        "$ pwd\n/builds/daily-runs/seeds\n$ echo first; echo second >&2; cat note.txt; exit 7\n"
        "first\nsecond\none\nERROR: Job failed: exit code 7\n"
    )


def test_a_job_killed_by_a_signal_has_the_shells_exit_code(rca: Callable[[str], Any], tmp_path: Path) -> None:
    scenario = scenario_of(rca, (NOISE, "bash -c 'kill -SEGV $$'"))
    assert rca("runner").capture(scenario, toolbox_in(rca, tmp_path)).exit_code == 139


def test_scrubbing_changes_colours_places_and_what_varies_but_no_other_text(rca: Callable[[str], Any]) -> None:
    log = (
        "\x1b[31mE\x1b[0m at /opt/x/app.py\n1 failed in 12.34s\n==991== lost\n"
        "bash: line 3:  4711 Aborted  ./a\nkept 12.34\n"
    )
    assert rca("scrub").scrubbed(log, [("/opt", "/elsewhere"), ("/opt/x", "/builds")]) == (
        "E at /builds/app.py\n1 failed in 0.31s\n==2417== lost\nbash: line 3:   2417 Aborted  ./a\nkept 12.34\n"
    )
