"""Options that make no sense are refused in one line before work starts; every terminal can show what is said."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daily_runs.catalogue import folders
from daily_runs.cli import main

RUN = ("run", "duo_chat", "--environment", "staging", "--overlay", "sandbox")
REFUSED = (
    ((*RUN, "--date", "9999-12-31"), "--date: 9999-12-31 is in the future (today is "),
    ((*RUN, "--date", "2099-01-01"), "--date: 2099-01-01 is in the future"),
    ((*RUN, "--date", "0001-01-01"), "--date: 0001-01-01 is before the first phase of duo_chat, which starts on "),
    ((*RUN, "--date", "2020-02-29"), "--date: 2020-02-29 is before the first phase of duo_chat"),
    ((*RUN, "--limit", "1000000000"), "--limit: 1000000000 are more than a run of duo_chat asks. Give 67 or fewer."),
    ((*RUN, "--limit", "68"), "--limit: 68 are more than a run of duo_chat asks"),
    ((*RUN, "--only", ","), "--only: ',' names nothing. Name prompts, items, classes or tags"),
    ((*RUN, "--only", ""), "--only: '' names nothing"),
    ((*RUN, "--only", " , ,"), "--only: ' , ,' names nothing"),
    *((("up", "--time-scale", scale), "--time-scale: ") for scale in ("nan", "inf", "-inf", "0", "-1", "1e300")),
    *((("demo", "--time-scale", scale), "--time-scale: ") for scale in ("nan", "inf", "0", "1e-9")),
    *((("sandbox", "--time-scale", scale), "--time-scale: ") for scale in ("nan", "inf", "0", "-60")),
    (("up", "--port", "70000"), "'--port'"),
    (("up", "--port", "-1"), "'--port'"),
    (("sandbox", "--port", "65536"), "'--port'"),
    (("demo", "--json", "/tmp"), "--json: cannot write /tmp (Is a directory)"),
    (("plan", "--json", "/tmp"), "--json: cannot write /tmp (Is a directory)"),
    (("plan", "--json", "/nowhere/plan.json"), "--json: cannot write /nowhere/plan.json (No such file or directory)"),
    (("plan", "--picture", "/tmp"), "--picture: cannot write /tmp (Is a directory)"),
    (("run", "\x1b[2J", "--environment", "staging"), r"feature: '\x1b[2J' is not in the catalogue"),
    (("catalogue", "check", "/nowhere\x1b[2J"), r"/nowhere\x1b[2J: is not a folder"),
    (("plan", "--from", "9999-12-31"), "--from: 9999-12-31 is out of the calendar"),
)


@pytest.mark.parametrize(
    ("words", "said"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_it_is_refused_in_one_printable_line_before_any_work(
    words: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DAILY_RUNS_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "argv", ["daily-runs", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert shown.err.strip().isprintable()
    assert not (tmp_path / "state").exists(), "nothing was started"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437", "utf-8"])
@pytest.mark.parametrize("words", [("plan",), ("catalogue", "check"), ("pools",), ("plan", "--help")], ids=" ".join)
def test_a_terminal_of_another_encoding_shows_every_command(
    words: tuple[str, ...], encoding: str, tmp_path: Path
) -> None:
    variables = {**os.environ, "PYTHONIOENCODING": encoding, "DAILY_RUNS_STATE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "daily_runs.cli", *words], capture_output=True, env=variables, timeout=120, check=False
    )
    shown, told = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert "Traceback" not in told
    assert done.returncode in (0, 1), told
    assert len(shown) > 300


def test_signs_of_a_chart_keep_their_columns_and_their_order_in_ascii(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "daily_runs.cli", "plan", "--from", "2026-08-17"]
    of = {
        encoding: subprocess.run(
            command,
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding, "DAILY_RUNS_STATE": str(tmp_path)},
            timeout=120,
            check=False,
        ).stdout.decode(encoding)
        for encoding in ("utf-8", "ascii")
    }
    legend = "(1 up to 12.5 % of the account's limit, 8 over 87.5 %, . none; | midnight)"
    assert legend in of["ascii"]
    blocks = [line for line in of["utf-8"].splitlines() if line.startswith(" ") and "▁" in line]
    plain = [line.translate(str.maketrans("▁▂▃▄▅▆▇█·", "12345678.")) for line in blocks]
    assert blocks
    assert [line for line in plain if line not in of["ascii"].splitlines()] == []


@pytest.mark.parametrize("field", ["title: ", "dri: ", "team: "])
def test_a_catalogue_text_that_would_steer_the_terminal_never_reaches_it(
    field: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / part, tmp_path / part)
    file = tmp_path / "catalogue/features/duo_chat.yaml"
    lines = file.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip().startswith(field))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines[at] = f'{indent}{field}"\\e]0;owned\\a\\e[31mred"'
    file.write_text("\n".join(lines))
    monkeypatch.setattr(sys, "argv", ["daily-runs", "catalogue", "check", str(tmp_path / "catalogue")])
    with pytest.raises(SystemExit) as ended:
        main.main()
    shown = capfd.readouterr()
    assert ended.value.code == 2
    assert f"features/duo_chat.yaml:{at + 1}: " in shown.err
    assert "\x1b" not in shown.err + shown.out
