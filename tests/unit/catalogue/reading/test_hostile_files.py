"""Whatever stands in a file of the catalogue ends in faults with file, line and remedy: no hang, no traceback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.unit.catalogue.reading.test_files import CHAT, edit, line_of, message

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.reading import yaml_lines
from daily_runs.input_files import DEPTH_MAX, FAULTS_SHOWN_MAX, YAML_BYTES_MAX

SHIPPED = Path(__file__).parents[4] / "include"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
CHAIN = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 3000))
TEXT_BOMB = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n"
DEEP, TOO_MUCH = f"is nested more than {DEPTH_MAX} deep", "characters with its aliases written out"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue, data sets and rubrics, below a folder that holds something else, too."""
    for part in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(SHIPPED / part, tmp_path / "include" / part)
    (tmp_path / "outside.yaml").write_text("title: x")
    return tmp_path / "include" / "catalogue"


class Hostile(NamedTuple):
    """A whole file, and what is said of it, with the line."""

    name: str
    content: str | bytes
    line: int | None
    says: str


WHOLE_FILES = (
    Hostile("an alias bomb", BOMB, None, TOO_MUCH),
    Hostile("a bomb of one long text", TEXT_BOMB, None, TOO_MUCH),
    Hostile("a long chain of aliases", CHAIN, None, DEEP),
    Hostile("brackets without an end", "a: " + "[" * 200_000, 1, DEEP),
    Hostile("brackets with an end", "a: " + "[" * 100_000 + "]" * 100_000, 1, DEEP),
    Hostile("braces", "{a: " * 100_000, 1, DEEP),
    Hostile("dashes", "- " * 200_000, 1, DEEP),
    Hostile("a staircase", "\n".join(" " * n + "k:" for n in range(900)), DEPTH_MAX, DEEP),
    Hostile("keys of keys", "? " * 100_000, 1, DEEP),
    Hostile("more than fits", "x" * (YAML_BYTES_MAX + 1), None, f"is longer than {YAML_BYTES_MAX:,} bytes"),
    Hostile("UTF-16", "title: x".encode("utf-16"), None, "is not UTF-8 (invalid start byte)"),
    Hostile("half of a pair in bytes", b"title: \xed\xa0\xbd", None, "is not UTF-8"),
    Hostile("a bare ESC", "title: x\nowner: \x1b[2J", 2, "holds the control character U+001B"),
    Hostile("a bare NUL", "title: x\n\nowner: \x00", 3, "holds the control character U+0000"),
    Hostile("two documents", "title: x\n---\ntitle: y", 2, "is not YAML"),
    Hostile("an unknown alias", "title: *nothing", 1, "is not YAML"),
    Hostile("a long key", "k" * 500 + ": 1", 1, "a key of 500 characters"),
)


@pytest.mark.parametrize("hostile", WHOLE_FILES, ids=lambda hostile: hostile.name)
def test_a_file_that_would_hang_or_crash_a_reader_is_one_fault(folder: Path, hostile: Hostile) -> None:
    content = hostile.content
    (folder / CHAT).write_bytes(content if isinstance(content, bytes) else content.encode())
    (said,) = message(folder).splitlines()
    assert said.startswith(f"{CHAT}:{hostile.line}: " if hostile.line else CHAT), said
    assert hostile.says in said
    assert len(said) < 600
    assert said.isprintable()


class Value(NamedTuple):
    """What stands for the title, and what is said of it."""

    written: str
    says: str


VALUES = (
    Value("9" * 5000, "title: a number of 5,000 digits, at most 40 are read. Write a shorter one."),
    Value("-1." + "3" * 5000, "title: a number of 5,003 digits"),
    Value("!!timestamp x", "title: has the tag 'tag:yaml.org,2002:timestamp'. Write the value without a tag."),
    Value("!!timestamp 2026-01-01", "title: has the tag"),
    Value("!!int x", "title: has the tag 'tag:yaml.org,2002:int'"),
    Value("!!binary aGVsbG8=", "title: has the tag"),
    Value("!!set {a, b}", "title: has the tag 'tag:yaml.org,2002:set'"),
    Value("!!python/object/apply:os.getcwd []", "title: has the tag"),
    Value(r'"\e[31mred"', "title: holds the control character U+001B. Remove it."),
    Value(r'"\x9b31m"', "title: holds the control character U+009B"),
    Value(r'"\0"', "title: holds the control character U+0000"),
    Value(r'"\u202egnp"', "title: holds the control character U+202E"),
    Value(r'"half \ud83d"', "is not YAML (found invalid Unicode character escape code)"),
    Value(r'"two\nlines"', r'title: must be one line without control characters, is "two\nlines". Correct the value.'),
    Value("x" * 501, 'title: must have at most 500 characters, is "xxx'),
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.written[:20])
def test_a_value_that_must_not_be_is_named_at_its_line_in_printable_words(folder: Path, value: Value) -> None:
    edit(folder / CHAT, "title: Duo Chat", f"title: {value.written}")
    line = line_of(folder / CHAT, "title: ")
    found = message(folder).splitlines()
    assert [said for said in found if said.startswith(f"{CHAT}:{line}: {value.says}")], found
    assert all(said.isprintable() for said in found)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("010000", 10000),
        ("-012", -12),
        ("0o10", 8),
        ("0x1F", 31),
        ("1:30:00", "1:30:00"),
        ("190:20:30.15", "190:20:30.15"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("yes", "yes"),
        ("off", "off"),
        ("True", True),
        ("2026-08-15", "2026-08-15"),
        ("2026-08-15 06:00:00", "2026-08-15 06:00:00"),
        ("~", None),
        ("", None),
        ("NULL", None),
        (".5", 0.5),
        ("1.", 1.0),
        ("1.5e3", 1500.0),
        ("-.inf", float("-inf")),
        ("<<", "<<"),
        ("=", "="),
        ("!!str 12", "12"),
        ("'12'", "12"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(tmp_path: Path, written: str, value: object) -> None:
    (tmp_path / "one.yaml").write_text(f"key: {written}\n")
    document = yaml_lines.read(tmp_path / "one.yaml", "one.yaml")
    assert document.faults == []
    assert document.data == {"key": value}
    assert type(document.data["key"]) is type(value)


def test_a_rate_with_leading_zeros_is_the_decimal_number_that_people_read(folder: Path) -> None:
    edit(folder / "accounts.yaml", "requests_per_minute: 4000 ", "requests_per_minute: 010000 ")
    assert 10000 in {account.requests_per_minute for account in catalogue_files.load(folder).accounts.values()}


@pytest.mark.parametrize("written", ["yes", "on", "Y"])
def test_a_yes_where_true_is_meant_is_refused_with_what_to_write(folder: Path, written: str) -> None:
    edit(folder / "accounts.yaml", "shared_with_live_users: true", f"shared_with_live_users: {written}")
    assert f'must be true or false, is "{written}". Write true or false.' in message(folder)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_out(path: Path) -> None:
    path.symlink_to(next(above / "outside.yaml" for above in path.parents if (above / "outside.yaml").exists()))


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("name", ["accounts.yaml", CHAT])
@pytest.mark.parametrize("make", [pipe, device, link_out, loop])
def test_only_regular_files_below_the_include_folder_are_read(
    folder: Path, make: Callable[[Path], None], name: str
) -> None:
    (folder / name).unlink()
    make(folder / name)
    said = next(fault for fault in catalogue_files.read(folder).faults if fault.place == name)
    assert any(word in said.problem for word in ("cannot be read", "lies outside"))
    assert "title: x" not in str(said)


def test_a_link_within_the_include_folder_is_read_as_kubernetes_mounts_are_made(folder: Path) -> None:
    (folder / "..data").mkdir()
    (folder / CHAT).rename(folder / "..data" / "duo_chat.yaml")
    (folder / CHAT).symlink_to(folder / "..data" / "duo_chat.yaml")
    assert catalogue_files.load(folder).features["duo_chat"].title == "Duo Chat"


@pytest.mark.parametrize("kind", ["dataset", "rubric"])
@pytest.mark.parametrize("shape", ["../catalogue/accounts.yaml", "/etc/hostname", "link.out", "pipe"])
def test_a_data_set_and_a_rubric_are_regular_files_of_their_folder(folder: Path, kind: str, shape: str) -> None:
    (folder.parent / f"{kind}s" / "link.out").symlink_to("/etc/hostname")
    os.mkfifo(folder.parent / f"{kind}s" / "pipe")
    suffix = {"dataset": "jsonl", "rubric": "yaml"}[kind]
    edit(folder / CHAT, f"{kind}: duo_chat.{suffix}", f'{kind}: "{shape}"')
    line = line_of(folder / CHAT, f"{kind}: ")
    assert message(folder).startswith(f"{CHAT}:{line}: {kind}: ")
    assert len(message(folder).splitlines()) == 1


@pytest.mark.parametrize("name", ["evil\x1b[2J.yaml", "two\nlines.yaml", "rtl\u202e.yml"])
def test_a_feature_file_whose_name_would_steer_a_terminal_is_refused_with_its_name_spelled_out(
    folder: Path, name: str
) -> None:
    shutil.copy(folder / CHAT, folder / "features" / name)
    (said,) = message(folder).splitlines()
    assert said.endswith("has a control character in its name. Rename it.")
    assert said.isprintable()


def test_a_key_that_would_steer_a_terminal_is_spelled_out(folder: Path) -> None:
    edit(folder / CHAT, "title: Duo Chat", 'title: Duo Chat\n"\\e[2J": 1')
    assert r"\x1b[2J: its name holds the control character U+001B" in message(folder)


@pytest.mark.parametrize("many", [FAULTS_SHOWN_MAX + 1, 20_000])
def test_of_very_many_faults_the_first_are_shown_and_the_number_of_the_rest(folder: Path, many: int) -> None:
    keys = "\n".join(f"wrong_{number}: 1" for number in range(many))
    (folder / CHAT).write_text(f"{(folder / CHAT).read_text()}\n{keys}\n")
    faults = message(folder).splitlines()
    assert len(faults) == FAULTS_SHOWN_MAX + 1
    assert faults[-1].endswith(f"and {many - FAULTS_SHOWN_MAX:,} more faults. Mend these first.")
    assert len("\n".join(faults)) < 50_000


def test_ten_thousand_users_and_an_overlay_of_ten_thousand_keys_are_checked_in_one_pass(folder: Path) -> None:
    """Each is looked at once: a comparison of all with all would take a hundred million steps."""
    users = ", ".join(f"user-{number}" for number in range(10_000))
    edit(folder / "environments.yaml", "evaluation_users: [", f"evaluation_users: [{users}, user-1, ")
    assert "evaluation_users[10000]: 'user-1' is listed already" in message(folder)
