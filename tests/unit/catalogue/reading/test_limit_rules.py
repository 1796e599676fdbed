"""Limits that cannot be meant are refused with file, line, value and what to write instead."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from daily_runs.catalogue.accounts import Account
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.reading.suggestions import Unit, meant

SHIPPED = Path(__file__).parents[4] / "include"
ACCOUNTS = "accounts.yaml"
PATHS = "environments.yaml"
RCA = "features/root_cause_analysis.yaml"
ALONE = "Write a number alone: units stand in the keys."


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAILY_RUNS_INCLUDE", raising=False)
    monkeypatch.delenv("DAILY_RUNS_OVERLAY", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(SHIPPED / part, tmp_path / part)
    return tmp_path / "catalogue"


def edited(folder: Path, file: str, old: str, new: str) -> int:
    """Change the first line that holds some text; returns its number."""
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    number = next(number for number, line in enumerate(lines) if old in line)
    lines[number] = lines[number].replace(old, new, 1)
    (folder / file).write_text("\n".join(lines), encoding="utf-8")
    return number + 1


def faults(folder: Path) -> list[str]:
    return [str(fault) for fault in catalogue_files.read(folder).faults]


@dataclass(frozen=True)
class Case:
    """One edit, and what is said of its line, after the place and the key's owner."""

    file: str
    old: str
    new: str
    owner: str
    message: str


LIMITS = "limits."
PROD = "accounts.PROD."
PATH = "environments.staging.limits."

ZERO_OR_NEGATIVE = (
    Case(
        ACCOUNTS,
        "requests_per_minute: 8000",
        "requests_per_minute: 0",
        PROD,
        "must be greater than or equal to 1, is 0. Write 1 or more.",
    ),
    Case(
        ACCOUNTS,
        "input_tokens_per_minute: 8000000",
        "input_tokens_per_minute: -1",
        PROD,
        "must be greater than or equal to 1, is -1. Write 1 or more.",
    ),
    Case(
        ACCOUNTS,
        "output_tokens_per_minute: 1600000",
        "output_tokens_per_minute: 0",
        PROD,
        "must be greater than or equal to 1, is 0. Write 1 or more.",
    ),
    Case(
        ACCOUNTS,
        "slot_tokens_per_minute: 200000",
        "slot_tokens_per_minute: 0",
        PROD,
        "must be greater than or equal to 1, is 0. Write 1 or more.",
    ),
    Case(ACCOUNTS, "burst_seconds: 10", "burst_seconds: 0", PROD, "must be greater than 0, is 0. Write more than 0."),
    Case(
        PATHS,
        "ai_action_window_hours: 8",
        "ai_action_window_hours: -8",
        PATH,
        "must be greater than 0, is -8. Write more than 0.",
    ),
    Case(
        PATHS,
        "ai_action_calls_per_window: 160",
        "ai_action_calls_per_window: 0",
        PATH,
        "must be greater than or equal to 1, is 0. Write 1 or more.",
    ),
    Case(
        RCA, "batch_size: 16", "batch_size: -16", LIMITS, "must be greater than or equal to 1, is -16. Write 1 or more."
    ),
    Case(
        RCA,
        "requests_per_minute: 20",
        "requests_per_minute: 0",
        LIMITS,
        "must be greater than 0, is 0. Write more than 0, or leave the key out.",
    ),
    Case(
        RCA,
        "account_share: 0.175",
        "account_share: -0.1",
        LIMITS,
        "must be greater than 0, is -0.1. Write more than 0, or leave the key out.",
    ),
)

SHARES = (
    Case(
        RCA,
        "account_share: 0.175",
        "account_share: 17.5",
        LIMITS,
        "must be less than or equal to 1, is 17.5. Write 0.175 for 17.5 %.",
    ),
    Case(
        RCA,
        "account_share: 0.175",
        "account_share: 100",
        LIMITS,
        "must be less than or equal to 1, is 100. Write 1 for 100 %.",
    ),
    Case(
        RCA,
        "account_share: 0.175",
        "account_share: 250",
        LIMITS,
        "must be less than or equal to 1, is 250. Write 1 or less, or leave the key out.",
    ),
    Case(
        RCA,
        "account_share: 0.175",
        "account_share: 17.5%",
        LIMITS,
        'must be a number, is "17.5%". Write 0.175 for 17.5 %.',
    ),
    Case(
        RCA,
        "required_share: 0.95",
        "required_share: 95",
        "seeding.",
        "must be less than or equal to 1, is 95. Write 0.95 for 95 %.",
    ),
    Case(
        RCA,
        "unscored_share_max: 0.05",
        "unscored_share_max: 5",
        "thresholds.",
        "must be less than 1, is 5. Write 0.05 for 5 %.",
    ),
    Case(
        RCA,
        "unscored_share_max: 0.05",
        "unscored_share_max: 100",
        "thresholds.",
        "must be less than 1, is 100. Write less than 1.",
    ),
)

KEYS = (
    Case(
        ACCOUNTS,
        "input_tokens_per_minute: 8000000",
        "input_tokens_per_second: 66667",
        PROD,
        "unknown key. Rates are per minute here: write input_tokens_per_minute: 4000020 (66,667 × 60).",
    ),
    Case(
        ACCOUNTS,
        "requests_per_minute: 8000",
        "requests_per_hour: 480000",
        PROD,
        "unknown key. Rates are per minute here: write requests_per_minute: 8000 (480,000 ÷ 60).",
    ),
    Case(
        ACCOUNTS,
        "burst_seconds: 10",
        "burst_minutes: 0.5",
        PROD,
        "unknown key. This time is in seconds: write burst_seconds: 30 (0.5 × 60).",
    ),
    Case(
        ACCOUNTS,
        "burst_seconds: 10",
        "burst_ms: 10000",
        PROD,
        "unknown key. This time is in seconds: write burst_seconds: 10 (10,000 ÷ 1000).",
    ),
    Case(
        ACCOUNTS,
        "requests_per_minute: 8000",
        "requests_per_second: many",
        PROD,
        "unknown key. Rates are per minute here: write requests_per_minute.",
    ),
    Case(
        ACCOUNTS,
        "requests_per_minute: 8000",
        "requests_per_day: 1000",
        PROD,
        "unknown key. Rates are per minute here: write requests_per_minute.",
    ),
    Case(
        PATHS,
        "ai_action_window_hours: 8",
        "ai_action_window_minutes: 480",
        PATH,
        "unknown key. This time is in hours: write ai_action_window_hours: 8 (480 ÷ 60).",
    ),
    Case(
        PATHS,
        "api_requests_per_minute: 2000",
        "requests_per_second: 33",
        PATH,
        "unknown key. Rates are per minute here: write api_requests_per_minute: 1980 (33 × 60).",
    ),
    Case(
        RCA,
        "batches_per_minute: 2.5",
        "batches_per_hour: 150",
        LIMITS,
        "unknown key. Rates are per minute here: write batches_per_minute: 2.5 (150 ÷ 60).",
    ),
)

TEXTS = (
    Case(
        ACCOUNTS,
        "input_tokens_per_minute: 8000000",
        "input_tokens_per_minute: 8M",
        PROD,
        'must be a whole number, is "8M". Write 8000000.',
    ),
    Case(
        ACCOUNTS,
        "input_tokens_per_minute: 8000000",
        "input_tokens_per_minute: 8,000,000",
        PROD,
        'must be a whole number, is "8,000,000". Write 8000000.',
    ),
    Case(
        ACCOUNTS,
        "input_tokens_per_minute: 8000000",
        "input_tokens_per_minute: 8e6",
        PROD,
        'must be a whole number, is "8e6". Write 8000000.',
    ),
    Case(
        ACCOUNTS,
        "input_tokens_per_minute: 8000000",
        "input_tokens_per_minute: 1.4 M tokens/min",
        PROD,
        'must be a whole number, is "1.4 M tokens/min". Write 1400000: units stand in the keys.',
    ),
    Case(
        ACCOUNTS,
        "input_tokens_per_minute: 8000000",
        "input_tokens_per_minute: 8.000.000",
        PROD,
        f'must be a whole number, is "8.000.000". {ALONE}',
    ),
    Case(
        ACCOUNTS,
        "requests_per_minute: 8000",
        "requests_per_minute: 8000.5",
        PROD,
        "must be a whole number, is 8000.5. Write a whole number, such as 8000.",
    ),
    Case(
        ACCOUNTS,
        "burst_seconds: 10",
        "burst_seconds: 10s",
        PROD,
        'must be a number, is "10s". Write 10: units stand in the keys.',
    ),
    Case(ACCOUNTS, "burst_seconds: 10", "burst_seconds: 60/s", PROD, f'must be a number, is "60/s". {ALONE}'),
    Case(ACCOUNTS, "burst_seconds: 10", "burst_seconds: 10%", PROD, f'must be a number, is "10%". {ALONE}'),
    Case(ACCOUNTS, "burst_seconds: 10", "burst_seconds: soon", PROD, f'must be a number, is "soon". {ALONE}'),
    Case(
        RCA,
        "requests_per_minute: 20",
        "requests_per_minute: 20/min",
        LIMITS,
        'must be a number, is "20/min". Write 20: units stand in the keys.',
    ),
    Case(
        RCA,
        "requests_per_minute: 20",
        "requests_per_minute: 60/s",
        LIMITS,
        'must be a number, is "60/s". Write 3600 (60 × 60): units stand in the keys.',
    ),
    Case(
        RCA,
        "requests_per_minute: 20",
        "requests_per_minute: 1200 requests per hour",
        LIMITS,
        'must be a number, is "1200 requests per hour". Write 20 (1,200 ÷ 60): units stand in the keys.',
    ),
    Case(RCA, "requests_per_minute: 20", "requests_per_minute: 8h", LIMITS, f'must be a number, is "8h". {ALONE}'),
    Case(
        RCA,
        "input: 34000",
        "input: 34k",
        "limits.tokens_per_prompt.",
        'must be a whole number, is "34k". Write 34000.',
    ),
    Case(
        PATHS,
        "ai_action_window_hours: 8",
        "ai_action_window_hours: 8h",
        PATH,
        'must be a number, is "8h". Write 8: units stand in the keys.',
    ),
    Case(
        PATHS,
        "ai_action_window_hours: 8",
        "ai_action_window_hours: 480 minutes",
        PATH,
        'must be a number, is "480 minutes". Write 8 (480 ÷ 60): units stand in the keys.',
    ),
)


@pytest.mark.parametrize("case", [*ZERO_OR_NEGATIVE, *SHARES, *KEYS, *TEXTS], ids=lambda case: case.new)
def test_a_limit_that_cannot_be_meant_is_refused_at_its_line_with_what_to_write(folder: Path, case: Case) -> None:
    line = edited(folder, case.file, case.old, case.new)
    key = case.new.partition(":")[0]
    assert faults(folder) == [f"{case.file}:{line}: {case.owner}{key}: {case.message}"]


def test_no_evaluation_users_are_refused(folder: Path) -> None:
    (old,) = {line.strip() for line in (folder / PATHS).read_text().splitlines() if "evaluation_users: [" in line}
    line = edited(folder, PATHS, old, "evaluation_users: []")
    problem = "must hold 1 or more, is a list. List 1 or more."
    assert faults(folder) == [f"{PATHS}:{line}: environments.staging.evaluation_users: {problem}"]


def test_a_key_that_may_mean_several_names_them_all_and_leaves_the_missing_one_missing(folder: Path) -> None:
    line = edited(folder, ACCOUNTS, "input_tokens_per_minute: 8000000", "tokens_per_second: 133333")
    missing, unknown = faults(folder)
    assert missing.endswith("accounts.PROD.input_tokens_per_minute: missing. Add it.")
    assert unknown == (
        f"{ACCOUNTS}:{line}: accounts.PROD.tokens_per_second: unknown key. Rates are per minute here: write "
        "input_tokens_per_minute or output_tokens_per_minute or slot_tokens_per_minute: 7999980 (133,333 × 60)."
    )


@pytest.mark.parametrize("key", ["burst_seconds", "answered_share_min", "input_tokens_per_minute", "colour", "x_per_s"])
def test_a_key_in_no_other_unit_stands_for_no_other_key(key: str) -> None:
    assert meant(key, Account) == []


def test_a_figure_converted_there_and_back_is_the_same() -> None:
    for rate in (True, False):
        second, hour = Unit(1, is_rate=rate), Unit(3600, is_rate=rate)
        assert second.factor_to(hour) * hour.factor_to(second) == pytest.approx(1)
    assert Unit(1, is_rate=True).factor_to(Unit(60, is_rate=True)) == 60
    assert Unit(1, is_rate=False).factor_to(Unit(60, is_rate=False)) == pytest.approx(1 / 60)


def test_an_account_of_live_users_never_lends(folder: Path) -> None:
    line = edited(folder, ACCOUNTS, "lends_idle_share: false", "lends_idle_share: true")
    assert faults(folder) == [
        (
            f"{ACCOUNTS}:{line}: accounts.PROD.lends_idle_share: true, but the account is shared_with_live_users. "
            "Write false: what features leave idle there is the live users'."
        )
    ]


def test_a_slot_larger_than_its_account_is_refused_with_one_that_fits(folder: Path) -> None:
    line = edited(folder, ACCOUNTS, "slot_tokens_per_minute: 200000", "slot_tokens_per_minute: 9000000")
    assert faults(folder) == [
        (
            f"{ACCOUNTS}:{line}: accounts.PROD.slot_tokens_per_minute: 9,000,000 does not divide the account's "
            "8,000,000 input tokens/min. Write 8000000 (1 slot), so that the pool's slots are the whole account."
        )
    ]


@pytest.mark.parametrize("slot", [3, 7, 199_999, 300_000, 7_999_999])
def test_the_slot_size_that_a_remedy_names_is_accepted(folder: Path, slot: int) -> None:
    edited(folder, ACCOUNTS, "slot_tokens_per_minute: 200000", f"slot_tokens_per_minute: {slot}")
    (fault,) = catalogue_files.read(folder).faults
    edited(folder, ACCOUNTS, f"slot_tokens_per_minute: {slot}", f"slot_tokens_per_minute: {fault.remedy.split()[1]}")
    assert faults(folder) == []


def test_an_account_cannot_take_the_name_of_the_sensors_pool(folder: Path) -> None:
    line = edited(folder, ACCOUNTS, "  PROD:", "  readiness_sensors:")
    edited(folder, PATHS, "account: PROD", "account: readiness_sensors")
    assert faults(folder) == [
        (
            f"{ACCOUNTS}:{line}: accounts.readiness_sensors: is the name of the sensors' pool. "
            "Give the account another name."
        )
    ]
