"""The shipped catalogue loads, and a broken one says where, what and what to do, exactly."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from daily_runs import dataset
from daily_runs.catalogue import folders
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import FeatureCall, PhaseName, SeedingState
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import CatalogueError

SHIPPED = Path(__file__).parents[4] / "include"
RCA = "features/root_cause_analysis.yaml"
CHAT = "features/duo_chat.yaml"
CODE = "features/code_suggestions.yaml"
CRON = 'Give minute, hour, day, month, weekday, such as "0 6 * * 1,3,5".'

MIGRATING = (
    "root_cause_analysis",
    "duo_chat",
    "vulnerability_explanation",
    "vulnerability_resolution",
    "code_suggestions",
)
"""The features of the documented schedule; a team may add others."""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAILY_RUNS_INCLUDE", raising=False)
    monkeypatch.delenv("DAILY_RUNS_OVERLAY", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue; its data sets and rubrics only have to be there."""
    shutil.copytree(SHIPPED / "catalogue", tmp_path / "catalogue")
    for feature in (SHIPPED / "catalogue" / "features").glob("*.yaml"):
        for file in (f"datasets/{feature.stem}.jsonl", f"rubrics/{feature.stem}.yaml"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
    return tmp_path / "catalogue"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {file.name}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(file: Path, part: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if part in line)


def message(folder: Path, overlay: str | None = None) -> str:
    """What is told of all faults, a line each."""
    faults = catalogue_files.read(folder, overlay).faults
    assert faults
    return "\n".join(map(str, faults))


def test_a_phase_at_the_end_of_time_is_a_fault_and_no_crash(folder: Path) -> None:
    chat = folder / "features/duo_chat.yaml"
    edit(chat, 'starts: 2026-08-17, schedule: "0 15 * * *"', 'starts: 9999-12-31, schedule: "0 0 * * *"')
    assert "'0 0 * * *' names no moment that ever comes" in message(folder)


def test_the_shipped_catalogue_loads_with_its_data_sets_and_rubrics() -> None:
    catalogue = catalogue_files.load()
    assert set(catalogue.features) >= set(MIGRATING)
    of_yaml = {FeatureCall.CHAT_COMMAND}  # for features that are begun with `daily-runs feature new`
    assert {feature.call for feature in catalogue.features.values()} == set(FeatureCall) - of_yaml
    for feature in catalogue.features.values():
        assert folders.rubric_path(feature).is_file()
        assert dataset.load_feature_dataset(feature)


def test_the_migration_schedule_is_the_documented_one(folder: Path) -> None:
    features = catalogue_files.load(folder).features
    features = {name: features[name] for name in MIGRATING}
    cutovers = {name: str(feature.cutover.planned) for name, feature in features.items()}
    assert cutovers == {
        "root_cause_analysis": "2026-08-15",
        "duo_chat": "2026-08-17",
        "vulnerability_explanation": "2026-08-21",
        "vulnerability_resolution": "2026-08-21",
        "code_suggestions": "None",
    }
    assert {name: feature.priority for name, feature in features.items()} == {
        "root_cause_analysis": 1,
        "duo_chat": 2,
        "vulnerability_explanation": 2,
        "vulnerability_resolution": 2,
        "code_suggestions": 3,
    }
    assert features["root_cause_analysis"].seeding.state is SeedingState.COMPLETED
    assert features["root_cause_analysis"].phases[0].schedule == "0 6 * * 1,3,5"
    assert features["duo_chat"].phases[0].schedule == "0 8 * * 2,4,6"
    assert [phase.phase for phase in features["code_suggestions"].phases] == [PhaseName.ON_HOLD]


def test_the_evaluation_users_can_carry_one_run_of_root_cause_analysis(folder: Path) -> None:
    catalogue = catalogue_files.load(folder)
    prompts = catalogue.features["root_cause_analysis"].prompts_per_run
    for environment in catalogue.environments.values():
        calls = len(environment.evaluation_users) * environment.limits.ai_action_calls_per_window
        assert prompts <= calls


def test_production_and_the_judge_spend_different_accounts(folder: Path) -> None:
    catalogue = catalogue_files.load(folder)
    assert catalogue.environments["production"].account == "PROD"
    assert catalogue.accounts[catalogue.environments["production"].account].slots == 40
    assert catalogue.environments["staging"].account == catalogue.judge.account == "EVAL"


def test_the_sandbox_overlay_changes_addresses_provenance_and_time_and_nothing_else(folder: Path) -> None:
    plain, laid_over = catalogue_files.load(folder), catalogue_files.load(folder, "sandbox")
    for name, environment in laid_over.environments.items():
        assert environment.address == f"http://127.0.0.1:8390/{name}"
        assert (environment.provenance, environment.time_scale) == ("sandbox", 60)
    assert laid_over.judge.address == "http://127.0.0.1:8390/anthropic"
    assert laid_over.judge.provenance == "sandbox"

    def without_overlaid_keys(catalogue: Catalogue) -> Catalogue:
        environments = {
            name: environment.model_copy(update={"address": "", "provenance": "live", "time_scale": 1.0})
            for name, environment in catalogue.environments.items()
        }
        judge = catalogue.judge.model_copy(update={"address": "", "provenance": "live"})
        return catalogue.model_copy(update={"environments": environments, "judge": judge})

    assert without_overlaid_keys(plain) == without_overlaid_keys(laid_over)


def test_the_overlay_may_be_named_by_the_environment_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "sandbox")
    assert catalogue_files.load(folder).environments["staging"].provenance == "sandbox"
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "")
    assert catalogue_files.load(folder).environments["staging"].provenance == "live"


def test_the_include_folder_may_be_named_by_the_environment_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folders.include_root() == SHIPPED
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(folder.parent))
    feature = catalogue_files.load().features["duo_chat"]
    assert folders.dataset_path(feature) == folder.parent / "datasets" / "duo_chat.jsonl"
    assert folders.rubric_path(feature) == folder.parent / "rubrics" / "duo_chat.yaml"


@dataclass(frozen=True)
class Case:
    """One edit of the shipped catalogue, and the message it gets; `{line}` is the line that holds `at`."""

    name: str
    file: str
    old: str
    new: str
    at: str
    message: str
    overlay: str | None = None


BROKEN = (
    Case(
        "unknown key",
        CHAT,
        "  batch_size: 16",
        "  batch_size: 16\n  batch_sise: 8",
        "batch_sise",
        "limits.batch_sise: unknown key. Did you mean 'batch_size'?",
    ),
    Case(
        "unknown key unlike any other",
        CHAT,
        "  dri: model validation",
        "  dri: model validation\n  phone: 5",
        "phone",
        "owner.phone: unknown key. Known: dri, team.",
    ),
    Case("missing key", CHAT, "  in_flight_max: 32\n", "", "limits:", "limits.in_flight_max: missing. Add it."),
    Case("missing key at the top", CHAT, "priority: 2\n", "", "# Duo Chat", "priority: missing. Add it."),
    Case(
        "duplicate key",
        CHAT,
        "priority: 2",
        "priority: 2\npriority: 3",
        "priority: 3",
        "priority: stands already in line 9. Keep one of the two.",
    ),
    Case(
        "bad syntax",
        CHAT,
        "priority: 2",
        "priority: [2",
        "dataset: ",
        "is not YAML (did not find expected ',' or ']'). Mend the syntax at this line or just above it.",
    ),
    Case(
        "tab",
        CHAT,
        "  batch_size: 16",
        "\tbatch_size: 16",
        "\tbatch_size",
        "is not YAML (found a tab character that violates indentation). Mend the syntax at this line or just above it.",
    ),
    Case(
        "tag",
        CHAT,
        "title: Duo Chat",
        "title: !env TITLE",
        "!env",
        "title: has the tag '!env'. Write the value without a tag.",
    ),
    Case(
        "wrong type",
        CHAT,
        "requests_per_minute: 50",
        'requests_per_minute: "50"',
        '"50"',
        'limits.requests_per_minute: must be a number, is "50". Write 50.',
    ),
    Case(
        "truth for a number",
        CHAT,
        "priority: 2",
        "priority: true",
        "priority:",
        "priority: must be a whole number, is true. Correct the value.",
    ),
    Case(
        "out of range",
        RCA,
        "account_share: 0.175",
        "account_share: 17.5",
        "account_share",
        "limits.account_share: must be less than or equal to 1, is 17.5. Write 0.175 for 17.5 %.",
    ),
    Case(
        "unknown phase",
        CHAT,
        "phase: shadow",
        "phase: shade",
        "shade",
        "phases[1].phase: must be 'on_hold', 'interim_production', 'shadow' or 'staging', is \"shade\". "
        "Correct the value.",
    ),
    Case(
        "no such day",
        CODE,
        "2026-07-01",
        "2026-06-31",
        "2026-06-31",
        "phases[0].starts: must be a valid date in the format YYYY-MM-DD, day value is outside expected range, "
        'is "2026-06-31". Correct the value.',
    ),
    Case(
        "not an address",
        "environments.yaml",
        "https://staging.gitlab.com",
        "staging.gitlab.com",
        "address: staging",
        r"environments.staging.address: must match pattern '^https?://[^\s/]+(/\S*)?$', is "
        '"staging.gitlab.com". Correct the value.',
    ),
    Case(
        "environment's account",
        "environments.yaml",
        "account: EVAL",
        "account: EVALL",
        "account: EVALL",
        "environments.staging.account: no account is named 'EVALL'. Did you mean 'EVAL'?",
    ),
    Case(
        "judge's account",
        "accounts.yaml",
        "account: EVAL",
        "account: JUDGE",
        "account: JUDGE",
        "judge.account: no account is named 'JUDGE'. Known: PROD, EVAL.",
    ),
    Case(
        "a judge beside itself",
        "accounts.yaml",
        "  model: claude-sonnet-5-5",
        "  model: claude-sonnet-5-5\n  second_model: claude-sonnet-5-5",
        "second_model: claude-sonnet-5-5",
        "judge.second_model: 'claude-sonnet-5-5' is the judge itself. Name another model, or leave it out.",
    ),
    Case(
        "a share for nobody",
        "features/root_cause_analysis.yaml",
        "second_judge_share: 0 ",
        "second_judge_share: 0.1 ",
        "second_judge_share: 0.1 ",
        "second_judge_share: 0.1, but the catalogue has no second judge. "
        "Set judge.second_model in accounts.yaml, or leave it out.",
    ),
    Case(
        "slot size",
        "accounts.yaml",
        "slot_tokens_per_minute: 200000",
        "slot_tokens_per_minute: 300000",
        "slot_tokens_per_minute: 300000",
        "accounts.PROD.slot_tokens_per_minute: 300,000 does not divide the account's 8,000,000 input tokens/min. "
        "Write 320000 (25 slots), so that the pool's slots are the whole account.",
    ),
    Case(
        "a real environment hurried",
        "environments.yaml",
        "time_scale: 1\n",
        "time_scale: 60\n",
        "time_scale: 60",
        "environments.staging.time_scale: 60, but only a sandbox's time can be scaled. "
        "Give 1, or use the overlay sandbox for all of it.",
    ),
    Case(
        "a stand-in judged for real",
        "environments.yaml",
        "provenance: live",
        "provenance: sandbox",
        "provenance: sandbox",
        "environments.staging.provenance: sandbox, but the judge's is live. "
        "Give all environments and the judge the same provenance, and addresses that fit it.",
    ),
    Case(
        "user twice",
        "environments.yaml",
        "[evaluation-1, evaluation-2,",
        "[evaluation-1, evaluation-1,",
        "evaluation-1, evaluation-1",
        "environments.staging.evaluation_users[1]: 'evaluation-1' is listed already. "
        "List each user once: every one has a single budget.",
    ),
    Case(
        "data set",
        CHAT,
        "duo_chat.jsonl",
        "chat.jsonl",
        "chat.jsonl",
        "dataset: there is no file 'chat.jsonl' in include/datasets. Add the file or correct its name.",
    ),
    Case(
        "rubric",
        CHAT,
        "rubric: duo_chat.yaml",
        "rubric: chat.yaml",
        "chat.yaml",
        "rubric: there is no file 'chat.yaml' in include/rubrics. Add the file or correct its name.",
    ),
    Case(
        "data set by its whole path",
        CHAT,
        "dataset: duo_chat.jsonl",
        "dataset: /nowhere/chat.jsonl",
        "/nowhere",
        "dataset: there is no file '/nowhere/chat.jsonl'. Add the file or correct its name.",
    ),
    Case(
        "file name",
        CHAT,
        "feature: duo_chat",
        "feature: chat",
        "feature: chat",
        "feature: 'chat' is not the file's name. Rename the file to chat.yaml, or write 'duo_chat'.",
    ),
    Case(
        "phases out of order",
        CHAT,
        "starts: 2026-08-10",
        "starts: 2026-06-10",
        "2026-06-10",
        "phases[1].starts: 2026-06-10 is not after the phase before it (2026-07-01). List the phases by date.",
    ),
    Case(
        "no schedule",
        CHAT,
        ', schedule: "0 15 * * *"',
        "",
        "phase: staging",
        f"phases[2].schedule: missing, yet a phase of staging runs. {CRON}",
    ),
    Case(
        "schedule on hold",
        CODE,
        "starts: 2026-07-01}",
        'starts: 2026-07-01, schedule: "0 6 * * *"}',
        "on_hold, starts",
        "phases[0].schedule: '0 6 * * *' stands in an on_hold phase. Remove it: nothing runs on hold.",
    ),
    Case(
        "bad hour",
        CHAT,
        '"0 15 * * *"',
        '"0 25 * * *"',
        "0 25",
        f"phases[2].schedule: '0 25 * * *' names no moment that ever comes. {CRON}",
    ),
    Case(
        "31 February",
        CHAT,
        '"0 15 * * *"',
        '"0 8 31 2 *"',
        "0 8 31",
        f"phases[2].schedule: '0 8 31 2 *' names no moment that ever comes. {CRON}",
    ),
    Case(
        "cron with seconds",
        CHAT,
        '"0 15 * * *"',
        '"0 0 8 * * *"',
        "0 0 8",
        f"phases[2].schedule: '0 0 8 * * *' does not have the five fields of cron. {CRON}",
    ),
    Case(
        "cron that is drawn",
        CHAT,
        '"0 15 * * *"',
        '"R 8 * * *"',
        "R 8",
        f"phases[2].schedule: 'R 8 * * *' means another time each time it is read. {CRON}",
    ),
    Case(
        "cron with a range of one",
        CHAT,
        '"0 15 * * *"',
        '"0 8-8 * * *"',
        "0 8-8",
        f"phases[2].schedule: '0 8-8 * * *' has a range that ends where it begins. {CRON}",
    ),
    Case(
        "time zone misspelt",
        CHAT,
        "prompts_per_run: 67",
        "timezone: Europe/Berln\nprompts_per_run: 67",
        "timezone:",
        "timezone: there is no time zone 'Europe/Berln'. Did you mean 'Europe/Berlin'?",
    ),
    Case(
        "time zone by its city",
        CHAT,
        "prompts_per_run: 67",
        "timezone: new york\nprompts_per_run: 67",
        "timezone:",
        "timezone: there is no time zone 'new york'. Did you mean 'America/New_York'?",
    ),
    Case(
        "time zone unlike any",
        CHAT,
        "prompts_per_run: 67",
        "timezone: ../../etc/passwd\nprompts_per_run: 67",
        "timezone:",
        "timezone: there is no time zone '../../etc/passwd'. Give an IANA name, such as \"Europe/Berlin\".",
    ),
    Case(
        "time zone as a number",
        CHAT,
        "prompts_per_run: 67",
        "timezone: 2\nprompts_per_run: 67",
        "timezone:",
        "timezone: must be text, is 2. Correct the value.",
    ),
    Case(
        "reservation",
        CHAT,
        "requests_per_minute: 50",
        "requests_per_minute: 1000",
        "limits:",
        "limits: reserves 6,500,000 tokens/min, but account EVAL has 4,000,000. "
        "Ask for fewer requests or batches a minute.",
    ),
    Case(
        "run longer than a day",
        CHAT,
        "requests_per_minute: 50",
        "requests_per_minute: 0.01",
        "limits:",
        "limits: no run can end within a day: 67 prompts at 0.01/min (feature requests, production) take "
        "6,700 of 1,440 min. Raise that limit or lower prompts_per_run.\n"
        "features/duo_chat.yaml:{line}: "
        "limits: no run can end within a day: 67 prompts at 0.01/min (feature requests, staging) take "
        "6,700 of 1,440 min. Raise that limit or lower prompts_per_run.",
    ),
    Case(
        "prompt larger than a bucket",
        "features/vulnerability_explanation.yaml",
        "input: 5000",
        "input: 700000",
        "input: 700000",
        "limits.tokens_per_prompt.input: one prompt takes 700,000 input tokens, but account EVAL allows 666,667 at "
        "once. Raise the account's burst_seconds or correct the estimate.",
    ),
    Case(
        "verdict larger than a bucket",
        "accounts.yaml",
        "output_tokens_per_verdict: 400",
        "output_tokens_per_verdict: 400000",
        "output_tokens_per_verdict: 400000",
        "judge.output_tokens_per_verdict: one verdict takes 400,000 output tokens, but account EVAL allows 133,333 at "
        "once. Raise the account's burst_seconds or correct the estimate.",
    ),
    Case(
        "cutover",
        CHAT,
        "planned: 2026-08-17",
        "planned: 2026-08-18",
        "planned:",
        "cutover.planned: 2026-08-18, but the staging phase starts on 2026-08-17. "
        "Give both the same date, or null and no staging phase.",
    ),
    Case(
        "cutover without a staging phase",
        CODE,
        "planned: null",
        "planned: 2026-09-01",
        "planned:",
        "cutover.planned: 2026-09-01, but there is no staging phase. "
        "Give both the same date, or null and no staging phase.",
    ),
    Case(
        "unknown environment in an overlay",
        "overlays/sandbox.yaml",
        "  staging:",
        "  stagin: {}\n  staging:",
        "stagin:",
        "environments.stagin: the catalogue has no such name for the overlay to change. Did you mean 'staging'?",
        overlay="sandbox",
    ),
    Case(
        "unknown key in an overlay",
        "overlays/sandbox.yaml",
        "time_scale: 60",
        "time_scal: 60",
        "time_scal:",
        "environments.staging.time_scal: unknown key. Did you mean 'time_scale'?",
        overlay="sandbox",
    ),
    Case(
        "unknown section",
        "accounts.yaml",
        "accounts:",
        "environments: {}\naccounts:",
        "environments:",
        "environments: unknown key. Known: accounts, judge.",
    ),
)


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_a_broken_catalogue_says_where_what_and_what_to_do(folder: Path, case: Case) -> None:
    edit(folder / case.file, case.old, case.new)
    line = line_of(folder / case.file, case.at)
    expected = f"{case.file}:{line}: {case.message.replace('{line}', str(line))}"
    assert message(folder, case.overlay) == expected


def test_no_two_broken_catalogues_get_the_same_message() -> None:
    assert len({case.message for case in BROKEN}) == len(BROKEN)


def test_shares_of_an_account_above_the_whole_are_refused_from_the_first_day_on(folder: Path) -> None:
    edit(folder / CHAT, "  requests_per_minute: 50", "  requests_per_minute: 50\n  account_share: 0.9")
    production, evaluation = (line_of(folder / "accounts.yaml", name) for name in ("  PROD:", "  EVAL:"))
    parts = "(duo_chat 90.0%, root_cause_analysis 17.5%). Lower an account_share or move a phase."
    assert message(folder).splitlines() == [
        f"accounts.yaml:{production}: accounts.PROD: from 2026-07-01 on, features ask for 107.5% of it {parts}",
        f"accounts.yaml:{evaluation}: accounts.EVAL: from 2026-08-10 on, features ask for 107.5% of it {parts}",
    ]


def test_all_faults_of_one_load_are_told_together_by_file_and_line(folder: Path) -> None:
    edit(folder / CHAT, "priority: 2", "priority: 20")
    edit(folder / CHAT, "planned: 2026-08-17", "planned: soon")
    edit(folder / "accounts.yaml", "burst_seconds: 10 ", "burst_seconds: 0 ")
    edit(folder / RCA, "planned: 2026-08-15", "planned: 2026-08-16")
    lines = message(folder).splitlines()
    assert [line.split(": ", 2)[1] for line in lines] == [
        "accounts.EVAL.burst_seconds",
        "priority",
        "cutover.planned",
        "cutover.planned",
    ]
    assert [line.split(":", 1)[0] for line in lines] == ["accounts.yaml", CHAT, CHAT, RCA]


def test_an_account_that_cannot_be_read_is_not_also_reported_as_unknown(folder: Path) -> None:
    edit(folder / "accounts.yaml", "accounts:", "accounts: [")
    line = line_of(folder / "accounts.yaml", "    shared_with_live_users")
    assert message(folder) == (
        f"accounts.yaml:{line}: is not YAML (did not find expected ',' or ']'). "
        "Mend the syntax at this line or just above it."
    )


def test_the_error_of_several_faults_survives_pickling_and_names_the_first_place(folder: Path) -> None:
    edit(folder / CHAT, "priority: 2", "priority: 20")
    edit(folder / "accounts.yaml", "burst_seconds: 10 ", "burst_seconds: 0 ")
    with pytest.raises(CatalogueError) as caught:
        catalogue_files.load(folder)
    assert caught.value.place == f"accounts.yaml:{line_of(folder / 'accounts.yaml', 'burst_seconds: 0')}"
    assert str(caught.value) == message(folder)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    assert message(missing) == f"{missing}: is not a folder. Give the folder that holds accounts.yaml."


def test_a_missing_file_an_empty_one_a_list_and_broken_bytes_are_each_named(folder: Path) -> None:
    accounts = folder / "accounts.yaml"
    accounts.unlink()
    (folder / CHAT).write_text("", encoding="utf-8")
    (folder / CODE).write_text("- 1\n", encoding="utf-8")
    (folder / RCA).write_bytes(b"title: \xff\n")
    (folder / "features" / "extra.yml").touch()
    assert message(folder).splitlines() == [
        f"accounts.yaml: cannot be read (No such file or directory). Give a readable file at {accounts}.",
        "features/code_suggestions.yaml:1: does not hold a mapping. Its top level must be `key: value` lines.",
        "features/duo_chat.yaml:1: is empty. Its top level must be `key: value` lines.",
        "features/extra.yml: ends in .yml. Rename it: only .yaml files are features.",
        "features/root_cause_analysis.yaml: is not UTF-8 (invalid start byte). Save it as UTF-8.",
    ]


def test_a_catalogue_without_features_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "features")
    assert message(folder) == "features: holds no feature that can be read. Add features/NAME.yaml."


def test_an_unknown_overlay_is_refused_with_the_nearest_name(folder: Path) -> None:
    assert message(folder, "sandbax") == ("overlays/sandbax.yaml: there is no such overlay. Did you mean 'sandbox'?")


def test_a_name_the_models_do_not_accept_is_refused_at_its_line(folder: Path) -> None:
    edit(folder / "environments.yaml", "  production:", "  Production-2:")
    for file in (folder / "features").glob("*.yaml"):
        if "interim_production" in file.read_text(encoding="utf-8"):  # it would be told first
            file.unlink()
    line = line_of(folder / "environments.yaml", "Production-2")
    assert message(folder) == (
        f"environments.yaml:{line}: environments.Production-2: must be 2 to 40 lower-case letters, digits and _, "
        'a letter first, is "Production-2". Write production_2, for instance.'
    )


def test_an_alias_that_holds_itself_is_refused_rather_than_followed(folder: Path) -> None:
    edit(folder / CHAT, "waits_for: [graphql_limit, seeding]", "waits_for: &all [*all]")
    assert "cutover.waits_for[0]: an alias that holds itself. Write the values out." in message(folder)


def test_anchors_may_be_used_to_say_a_thing_once(folder: Path) -> None:
    edit(folder / "environments.yaml", "    evaluation_users: [", "    evaluation_users: &users [")
    text = (folder / "environments.yaml").read_text(encoding="utf-8")
    head, _, tail = text.rpartition("    evaluation_users: [")
    _, _, rest = tail.partition("\n")
    (folder / "environments.yaml").write_text(f"{head}    evaluation_users: *users\n{rest}", encoding="utf-8")
    environments = catalogue_files.load(folder).environments
    assert environments["production"].evaluation_users == environments["staging"].evaluation_users
