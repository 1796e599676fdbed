"""The catalogue as its files stand now: sound edits count, faulty ones are logged and change nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from daily_runs.catalogue import folders
from daily_runs.catalogue.reading import watch as catalogue_watch
from daily_runs.catalogue.reading.watch import CatalogueWatch
from daily_runs.errors import CatalogueError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one's own, looked at each time."""
    include = folders.include_root()
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(include / name, tmp_path / name)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path))
    monkeypatch.setattr(catalogue_watch, "LOOK_EVERY_SECONDS", 0.0)
    return tmp_path / "catalogue"


def edit(file: Path, before: str, after: str, *, seconds_later: float = 10.0) -> None:
    """Replace a text, and have the file be that much newer."""
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    moment = file.stat().st_mtime + seconds_later
    os.utime(file, (moment, moment))


def test_an_edited_limit_is_seen_with_the_moment_it_was_written(folder: Path) -> None:
    watch = CatalogueWatch()
    before = watch()
    edit(folder / "features" / "root_cause_analysis.yaml", "requests_per_minute: 20", "requests_per_minute: 10")
    after = watch()
    assert before.catalogue.features["root_cause_analysis"].limits.requests_per_minute == 20
    assert after.catalogue.features["root_cause_analysis"].limits.requests_per_minute == 10
    assert after.at > before.at
    assert watch.catalogue is after.catalogue


def test_a_faulty_edit_is_logged_and_the_last_sound_catalogue_stays(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = CatalogueWatch()
    before = watch()
    edit(folder / "accounts.yaml", "requests_per_minute: 8000", "requests_per_minute: -8000")
    assert watch() == before
    assert "not sound, the one before it stays in force" in caplog.text
    assert "accounts.yaml" in caplog.text
    edit(folder / "accounts.yaml", "requests_per_minute: -8000", "requests_per_minute: 7000")
    assert watch().catalogue.accounts["PROD"].requests_per_minute == 7000


def test_nothing_is_read_again_while_nothing_changed(folder: Path) -> None:
    watch = CatalogueWatch()
    assert watch().catalogue is watch().catalogue


def test_an_overlay_by_path_is_watched_too_also_when_the_environment_names_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("accounts:\n  EVAL:\n    requests_per_minute: 3000\n")
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", str(overlay))
    watch = CatalogueWatch()
    assert watch().catalogue.accounts["EVAL"].requests_per_minute == 3000
    edit(overlay, "3000", "2000", seconds_later=100.0)
    assert watch().catalogue.accounts["EVAL"].requests_per_minute == 2000


def test_a_catalogue_that_is_faulty_from_the_start_is_refused(folder: Path) -> None:
    edit(folder / "accounts.yaml", "requests_per_minute: 8000", "requests_per_minute: none")
    with pytest.raises(CatalogueError, match=r"accounts\.yaml"):
        CatalogueWatch()


CHAT = "duo_chat"


def test_a_feature_whose_file_is_broken_stays_as_it_was_while_edits_of_others_count(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = CatalogueWatch()
    edit(folder / "features/duo_chat.yaml", "requests_per_minute: 50", "requests_per_minute: 40")
    assert watch().catalogue.features[CHAT].limits.requests_per_minute == 40
    edit(folder / "features/duo_chat.yaml", "requests_per_minute: 40", "requests_per_minute: -40")
    edit(folder / "features/root_cause_analysis.yaml", "requests_per_minute: 20", "requests_per_minute: 10")
    now = watch().catalogue
    assert now.features[CHAT].limits.requests_per_minute == 40
    assert now.features["root_cause_analysis"].limits.requests_per_minute == 10
    assert now.left_out == {}
    assert "duo_chat is left out: features/duo_chat.yaml:" in caplog.text
    edit(folder / "features/duo_chat.yaml", "requests_per_minute: -40", "requests_per_minute: 30")
    assert watch().catalogue.features[CHAT].limits.requests_per_minute == 30


def test_a_feature_that_is_broken_from_the_start_is_left_out_until_it_is_mended(folder: Path) -> None:
    edit(folder / "features/duo_chat.yaml", "requests_per_minute: 50", "requests_per_minute: -50")
    watch = CatalogueWatch()
    assert list(watch().catalogue.left_out) == [CHAT]
    assert CHAT not in watch().catalogue.features
    edit(folder / "features/duo_chat.yaml", "requests_per_minute: -50", "requests_per_minute: 50")
    assert watch().catalogue.left_out == {}
    assert CHAT in watch().catalogue.features


def test_a_feature_whose_own_account_is_gone_cannot_stay_as_it_was(folder: Path) -> None:
    accounts = (folder / "accounts.yaml").read_text()
    own = accounts[accounts.index("  EVAL:") : accounts.index("\njudge:")]
    added = own.replace("EVAL:", "OWN:")
    (folder / "accounts.yaml").write_text(accounts.replace("\njudge:", f"\n{added}\njudge:", 1))
    chat = folder / "features/duo_chat.yaml"
    chat.write_text(f"{chat.read_text()}accounts: {{staging: OWN}}\n")
    watch = CatalogueWatch()
    assert watch().catalogue.features[CHAT].accounts == {"staging": "OWN"}
    (folder / "accounts.yaml").write_text(accounts)
    assert list(watch().catalogue.left_out) == [CHAT]
    assert CHAT not in watch().catalogue.features
