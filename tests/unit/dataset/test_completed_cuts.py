"""A code cut with its reference is a module that runs and does what the piece is for; without the piece it does not.

Each check is about the piece that was cut out of the module, as the item holds it: the module itself may have changed
since then.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
import types
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from daily_runs.dataset import CodeCut, Item, load

ROOT = Path(__file__).resolve().parents[3]
ITEMS = {item.seed_key: item for item in load(ROOT / "include" / "datasets" / "code_suggestions.jsonl")}
SUMMER_TIME = ZoneInfo("Europe/Oslo")

Check = Callable[[Any, Path], None]


def dataset_checksum(module: Any, tmp_path: Path) -> None:
    resource = {"type": "work_item", "kind": "issue", "title": "A title", "description": "abc"}
    item = module.Item(id="a", seed_key="b", resource=resource, reference={"answer": "c"})
    assert item.checksum == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # NIST's for "abc"


def dataset_where(module: Any, tmp_path: Path) -> None:
    assert module._where(("resource", "ci_job", 3)) == "resource.ci_job.3"
    assert module._where(()) == "the row"


def dataset_load_seen(module: Any, tmp_path: Path) -> None:
    row = {
        "id": "a",
        "seed_key": "b",
        "question": "Why?",
        "resource": {"type": "work_item", "kind": "issue", "title": "A title", "description": "abc"},
        "reference": {"answer": "c"},
    }
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row | {"seed_key": key}) + "\n" for key in "bcd"))
    with pytest.raises(module.DatasetError) as raised:
        module.load(path)
    told = str(raised.value)
    assert told.count("id 'a' stands already in line 1") == 2
    assert "seed_key" not in told


def errors_user_message(module: Any, tmp_path: Path) -> None:
    assert str(module.UserError("--limit", "is 0", "Give 1 or more.")) == "--limit: is 0. Give 1 or more."


def errors_call_message(module: Any, tmp_path: Path) -> None:
    def told(evidence: str) -> str:
        blame = module.Blame.PROVIDER
        return str(module.CallError(module.Hop.GITLAB, "dropped", blame=blame, retryable=True, evidence=evidence))

    assert told("after 3 s") == "dropped at gitlab (after 3 s)"
    assert told("") == "dropped at gitlab"


def errors_blame(module: Any, tmp_path: Path) -> None:
    assert {blame.value for blame in module.Blame} == {"provider", "own_system", "rate_limit"}


def clock_wall(module: Any, tmp_path: Path) -> None:
    clock = module.Clock(time_scale=60)
    assert clock.wall(120) == 2
    assert clock.wall(-5) == 0


def yaml_place_text(module: Any, tmp_path: Path) -> None:
    assert str(module.Place("a.yaml", 12)) == "a.yaml:12"


def yaml_syntax_mark(module: Any, tmp_path: Path) -> None:
    mark = SimpleNamespace(line=3)
    assert module._syntax_fault("a.yaml", SimpleNamespace(problem_mark=mark)).place == "a.yaml:4"
    assert module._syntax_fault("a.yaml", SimpleNamespace(context_mark=mark)).place == "a.yaml:4"
    assert module._syntax_fault("a.yaml", SimpleNamespace()).place == "a.yaml"


def yaml_spell(module: Any, tmp_path: Path) -> None:
    assert module.spell(("phases", 1, "schedule")) == "phases[1].schedule"


def bucket_available(module: Any, tmp_path: Path) -> None:
    bucket = _bucket(module)
    assert bucket.take(10, 0.0)
    assert bucket.available(1.0) == 1
    assert bucket.available(-1.0) == 0
    assert bucket.available(3600.0) == 10


def bucket_take(module: Any, tmp_path: Path) -> None:
    bucket = _bucket(module)
    assert bucket.take(4, 0.0) is True
    assert bucket.take(7, 0.0) is False
    assert bucket.available(0.0) == 6


def bucket_wait(module: Any, tmp_path: Path) -> None:
    bucket = _bucket(module)
    assert bucket.wait_seconds(10, 0.0) == 0
    assert bucket.take(10, 0.0)
    assert bucket.wait_seconds(4, 0.0) == 4
    assert bucket.wait_seconds(99, 0.0) == 10


def _bucket(module: Any) -> Any:
    """Ten units, one more each second."""
    (kind,) = [found for found in vars(module).values() if hasattr(found, "wait_seconds")]
    return kind(60, 10, 0.0)


def scan_of_a_case(module: Any, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("1\n")
    rules = ["B1", "B2", "B2"]
    scanners = SimpleNamespace(scan=lambda name, code: [module.Finding(rule, "LOW", 1, {}) for rule in rules])
    assert module.Case({"rule": "B1"}, path).finding(scanners).rule == "B1"
    for rule in ("B2", "B3"):
        with pytest.raises(module.CaptureError):
            module.Case({"rule": rule}, path).finding(scanners)


def cases_of_a_set(module: Any, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "cases.yaml").write_text(yaml.safe_dump([{"slug": "two"}, {"slug": "one"}]))
    for name in ("one.py", "two.go"):
        (folder / name).write_text("")
    module.SOURCES = tmp_path
    assert [case.path.name for case in module.cases("some")] == ["two.go", "one.py"]


def scanner_start(module: Any, tmp_path: Path) -> None:
    script = "import json, os; print(json.dumps(os.getcwd()))"
    assert module._run([sys.executable, "-c", script], tmp_path) == str(tmp_path.resolve())


def rows_replaced(module: Any, tmp_path: Path) -> None:
    module.SETS = tmp_path
    (tmp_path / "set.jsonl").write_text("old")
    assert module.write("set", []) == tmp_path / "set.jsonl"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("set.jsonl", "")]


def cut_lines(module: Any, tmp_path: Path) -> None:
    assert tuple(module.cut_out("a\nb\nc\nd\n", "a\n", 2)) == ("a\n", "b\nc", "\nd\n")
    with pytest.raises(module.CutError):
        module.cut_out("a\nb", "a", 5)


def bounds_worst(module: Any, tmp_path: Path) -> None:
    items = [module.AskedItem(4, 2, 1.0), module.AskedItem(1, 1, 1.0)]
    assert module.bounds_of(items) == pytest.approx((0.625, 0.875))


def shares_of_a_class(module: Any, tmp_path: Path) -> None:
    outcomes = [("b", "scored"), ("a", "scored"), ("b", "failed"), ("b", "scored"), ("b", "scored")]
    found = module.shares_by_class(outcomes)
    assert list(found) == ["a", "b"]
    assert found == {"a": {"scored": 1.0}, "b": {"failed": 0.25, "scored": 0.75}}


def refused_dimension(module: Any, tmp_path: Path) -> None:
    facts = {"requests": module.Fact(50, 40, 0, 1), "input tokens": module.Fact(10_000, 100, 500, 500)}
    assert module.refused_dimension("at most 9 output tokens per minute", facts) == "output tokens"
    assert module.refused_dimension("slow down", facts) == "input tokens"
    assert module.refused_dimension("slow down", {}) == "requests"


def number_in_a_header(module: Any, tmp_path: Path) -> None:
    told = [module._number(text) for text in ("42", None, "", "1.5", "-1", "9" * 16)]
    assert told == [42.0, None, None, None, None, None]


def zones_moment(module: Any, tmp_path: Path) -> None:
    def moment(local: str) -> str:
        return str(module.moment_of(dt.datetime.fromisoformat(local), SUMMER_TIME).strftime("%d %H:%M"))

    assert moment("2026-07-01T12:00") == "01 10:00"
    assert moment("2026-03-29T02:30") == "29 01:00"  # jumped over: the jump
    assert moment("2026-10-25T02:30") == "25 00:30"  # twice: the first


def zones_jump(module: Any, tmp_path: Path) -> None:
    jump = module._jump_over(dt.datetime(2026, 3, 29, 2, 17), SUMMER_TIME)
    assert jump == dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC)


def scores_by_item(module: Any, tmp_path: Path) -> None:
    found = module.summarise([("a", 1.0), ("b", 0.0), ("a", 0.5)])
    assert (found.scored, found.mean) == (3, 0.5)
    assert math.isclose(found.std, 0.408248, abs_tol=1e-6)


def trace_records(module: Any, tmp_path: Path) -> None:
    stamp = "2026-05-08T09:28:48.158399Z "
    trace = f"{stamp}01O first\n{stamp}01O half\n{stamp}01O+ and half\n{stamp}00O the runner's"
    assert module._without_stamps(trace) == "first\nhalf and half\nthe runner's"


def schema_resolved(module: Any, tmp_path: Path) -> None:
    schema = {"$defs": {"Points": {"type": "integer"}}, "anyOf": [{"type": "null"}, {"$ref": "#/$defs/Points"}]}
    filler = module._Filler(schema, module.SandboxVerdict(lambda name: 1.0, "good"))
    assert filler._resolved(schema) == {"type": "integer"}


def schema_lowest(module: Any, tmp_path: Path) -> None:
    def told(schema: dict[str, float], quality: float) -> int:
        return int(module._integer(schema, quality))

    assert [told({"minimum": 1, "maximum": 5}, quality) for quality in (0.0, 0.5, 1.0)] == [1, 3, 5]
    assert told({"exclusiveMinimum": 0, "exclusiveMaximum": 4}, 0.0) == 1
    assert told({"minimum": 1.5, "maximum": 4}, 0.0) == 2


def page_size(module: Any, tmp_path: Path) -> None:
    told = [module._page_size(arguments) for arguments in ({}, {"first": 20}, {"first": 500}, {"first": "x"})]
    assert told == [100, 20, 100, 100]
    assert module._page_size({"first": 20, "iids": ["1"]}) == 0


def date_without_zone(module: Any, tmp_path: Path) -> None:
    noon = dt.datetime(2026, 8, 17, 12, tzinfo=dt.UTC)
    assert module.date_in("Mon, 17 Aug 2026 12:00:00 GMT") == noon
    assert module.date_in("Mon, 17 Aug 2026 12:00:00 -0000") == noon
    assert module.date_in("Mon, 17 Aug 2026 14:00:00 +0200") == noon


CHECKS: dict[str, Check] = {
    "cs/dataset-checksum": dataset_checksum,
    "cs/dataset-where": dataset_where,
    "cs/dataset-load-seen": dataset_load_seen,
    "cs/errors-user-message": errors_user_message,
    "cs/errors-call-message": errors_call_message,
    "cs/errors-blame": errors_blame,
    "cs/clock-wall": clock_wall,
    "cs/yaml-place-text": yaml_place_text,
    "cs/yaml-syntax-mark": yaml_syntax_mark,
    "cs/yaml-spell": yaml_spell,
    "cs/bucket-available": bucket_available,
    "cs/bucket-take": bucket_take,
    "cs/bucket-wait": bucket_wait,
    "cs/scan-of-a-case": scan_of_a_case,
    "cs/cases-of-a-set": cases_of_a_set,
    "cs/scanner-start": scanner_start,
    "cs/rows-replaced": rows_replaced,
    "cs/cut-lines": cut_lines,
    "cs/bounds-worst": bounds_worst,
    "cs/shares-of-a-class": shares_of_a_class,
    "cs/refused-dimension": refused_dimension,
    "cs/number-in-a-header": number_in_a_header,
    "cs/zones-moment": zones_moment,
    "cs/zones-jump": zones_jump,
    "cs/scores-by-item": scores_by_item,
    "cs/trace-records": trace_records,
    "cs/schema-resolved": schema_resolved,
    "cs/schema-lowest": schema_lowest,
    "cs/page-size": page_size,
    "cs/date-without-zone": date_without_zone,
}


@pytest.fixture(autouse=True)
def capture_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The capture scripts import each other by their file names."""
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "capture"))


def run(item: Item, piece: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The item's module with a piece at the cursor."""
    cut = item.resource
    assert isinstance(cut, CodeCut)
    module = types.ModuleType("completed")
    module.__file__ = str(ROOT / cut.file_name)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(cut.above + piece + cut.below, cut.file_name, "exec"), module.__dict__)
    return module


def test_every_cut_has_a_check() -> None:
    assert CHECKS.keys() == ITEMS.keys()


@pytest.mark.parametrize("seed_key", CHECKS)
def test_a_cut_completed_with_its_reference_does_what_the_piece_is_for(
    seed_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = ITEMS[seed_key]
    CHECKS[seed_key](run(item, item.reference["completion"], monkeypatch), tmp_path)


@pytest.mark.parametrize("seed_key", CHECKS)
def test_a_cut_without_its_piece_does_not(seed_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A module that lacks a piece may fail in any way, from its syntax to a wrong figure.
    with pytest.raises((Exception, pytest.fail.Exception)):
        CHECKS[seed_key](run(ITEMS[seed_key], "", monkeypatch), tmp_path)
