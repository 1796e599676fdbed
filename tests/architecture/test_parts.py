"""`make test` in parts: all of them run, all are told, and one that fails is never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import parts
from tests.parts import Part

PASSES = "def test_it():\n    pass\n"
FAILS = "def test_it():\n    raise AssertionError('a failure to be seen')\n"
BROKEN = "import nothing_such"


def part(folder: Path, name: str, text: str) -> Part:
    """A part that is one module."""
    module = folder / f"test_{name}.py"
    module.write_text(text)
    return Part(name, ("-p", "no:cacheprovider", f"--rootdir={folder}", "--confcutdir", str(folder), str(module)))


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ((PASSES, PASSES), 0),
        ((PASSES, FAILS), 1),
        ((FAILS, PASSES), 1),
        (("", PASSES), 1),
        ((BROKEN, PASSES), 1),
    ],
    ids=["both pass", "the second fails", "the first fails", "one finds no test", "one cannot be collected"],
)
def test_every_part_runs_and_is_told_and_all_must_pass(
    texts: tuple[str, str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    first, second = (part(tmp_path, name, text) for name, text in zip(("first", "second"), texts, strict=True))
    monkeypatch.setattr(parts, "PARTS", (first, second._replace(niceness=10)))
    monkeypatch.setattr("sys.argv", ["parts"])
    assert parts.main() == code
    told = capfd.readouterr().out
    *named, first_line, last_line = told.rpartition("\n\n")[2].splitlines()
    summary = [first_line, last_line]
    assert [line.split()[0] for line in summary] == ["first", "second"]
    words = {PASSES: "1 passed", FAILS: "1 failed", "": "no tests ran", BROKEN: "1 error"}
    assert [words[text] in line for text, line in zip(texts, summary, strict=True)] == [True, True], told
    assert ("a failure to be seen" in told) == (FAILS in texts)
    culprits = {FAILS: "FAILED", BROKEN: "ERROR"}
    expected = [
        [name, culprits[text]] for name, text in zip(("first", "second"), texts, strict=True) if text in culprits
    ]
    assert [line.split()[:2] for line in named] == expected
