"""Jobs in which pytest fails: each for another reason."""

from __future__ import annotations

from rca.scenario import Scenario

PYTEST = ("pytest",)

INVOICE_ROUNDING = Scenario(
    slug="pytest-assertion-rounding",
    name="unit-tests",
    stage="test",
    tags=("python", "test-failure"),
    item_class="test-failure",
    files={
        "billing/__init__.py": "",
        "billing/money.py": '''\
from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


def to_cents(amount: Decimal) -> Decimal:
    """Round an amount to whole cents."""
    return amount.quantize(CENT, rounding=ROUND_HALF_EVEN)


def parse(text: str) -> Decimal:
    return Decimal(text.replace(",", "").strip())
''',
        "billing/invoice.py": """\
from dataclasses import dataclass, field
from decimal import Decimal

from billing.money import to_cents


@dataclass
class Line:
    description: str
    quantity: int
    unit_price: Decimal

    @property
    def net(self) -> Decimal:
        return self.unit_price * self.quantity


@dataclass
class Invoice:
    tax_rate: Decimal
    lines: list[Line] = field(default_factory=list)

    @property
    def tax(self) -> Decimal:
        return to_cents(sum((line.net for line in self.lines), Decimal(0)) * self.tax_rate)

    @property
    def total(self) -> Decimal:
        return sum((line.net for line in self.lines), Decimal(0)) + self.tax
""",
        "tests/conftest.py": """\
from decimal import Decimal

import pytest

from billing.invoice import Invoice, Line


@pytest.fixture
def invoice():
    return Invoice(Decimal("0.05"), [Line("seat", 1, Decimal("10.00")), Line("storage", 3, Decimal("0.10"))])
""",
        "tests/test_money.py": """\
from decimal import Decimal

import pytest

from billing.money import parse, to_cents


@pytest.mark.parametrize("text, expected", [("1,000.50", "1000.50"), (" 7 ", "7"), ("0.1", "0.1"), ("12,345,678", "12345678")])
def test_parse(text, expected):
    assert parse(text) == Decimal(expected)


@pytest.mark.parametrize("euros", range(70))
def test_whole_amounts_stay(euros):
    assert to_cents(Decimal(euros)) == euros


@pytest.mark.parametrize("amount, cents", [("0.014", "0.01"), ("0.016", "0.02"), ("2.675", "2.68"), ("1.999", "2.00")])
def test_to_cents(amount, cents):
    assert to_cents(Decimal(amount)) == Decimal(cents)
""",
        "tests/test_invoice.py": """\
from decimal import Decimal


def test_lines_are_summed(invoice):
    assert sum(line.net for line in invoice.lines) == Decimal("10.30")


def test_tax_rounds_half_a_cent_up(invoice):
    invoice.lines[1].quantity = 1
    assert invoice.tax == Decimal("0.51")


def test_total_is_net_plus_tax(invoice):
    invoice.lines[1].quantity = 1
    assert invoice.total == Decimal("10.61")
""",
    },
    script=("python --version", "python -m pytest -v -p no:cacheprovider tests"),
    evidence=("Decimal('0.50')", "Decimal('0.51')", "test_tax_rounds_half_a_cent_up"),
    root_cause=(
        "`to_cents` in billing/money.py rounds with ROUND_HALF_EVEN (banker's rounding). The tax on a net of 10.10 at "
        "5 % is 0.505, which it rounds to 0.50, while tests/test_invoice.py expects half a cent to go up to 0.51; the "
        "total of 10.60 against 10.61 follows from the same cent."
    ),
    fix=(
        "Quantize with ROUND_HALF_UP in `to_cents` (import it from decimal instead of ROUND_HALF_EVEN). Both failing "
        "tests in tests/test_invoice.py pass then; the tests of test_money.py hold under either rounding."
    ),
    needs=PYTEST,
)

FIXTURE_NOT_FOUND = Scenario(
    slug="pytest-fixture-not-found",
    name="integration-tests",
    stage="test",
    tags=("python", "test-failure"),
    item_class="test-failure",
    files={
        "shop/__init__.py": "",
        "shop/cart.py": """\
class Cart:
    def __init__(self, session):
        self.session = session
        self.items = []

    def add(self, sku, quantity=1):
        self.items.append((sku, quantity))
        self.session.append(("add", sku, quantity))
""",
        "tests/unit/conftest.py": """\
import pytest


@pytest.fixture
def db_session():
    session = []
    yield session
    session.clear()
""",
        "tests/unit/test_cart.py": """\
from shop.cart import Cart


def test_add_is_written_to_the_session(db_session):
    Cart(db_session).add("sku-1")
    assert db_session == [("add", "sku-1", 1)]


def test_a_new_cart_is_empty(db_session):
    assert Cart(db_session).items == []
""",
        "tests/integration/test_checkout.py": """\
import pytest

from shop.cart import Cart


@pytest.mark.parametrize("quantity", [1, 2, 10])
def test_checkout_keeps_quantities(db_session, quantity):
    cart = Cart(db_session)
    cart.add("sku-9", quantity)
    assert cart.items == [("sku-9", quantity)]


def test_currency_is_known():
    assert "EUR" in {"EUR", "USD"}
""",
    },
    script=("python -m pytest -p no:cacheprovider tests/unit tests/integration",),
    evidence=("fixture 'db_session' not found", "tests/integration/test_checkout.py"),
    root_cause=(
        "The three parametrised runs of `test_checkout_keeps_quantities` in tests/integration/test_checkout.py ask for "
        "the fixture `db_session`, but that fixture is visible to the tests in tests/unit only, which pass with it. A "
        "fixture in a conftest.py is seen only in and below that file's directory."
    ),
    fix=(
        "Move the `db_session` fixture from tests/unit/conftest.py up to tests/conftest.py, so that unit and "
        "integration tests share it, or define one in tests/integration/conftest.py."
    ),
    needs=PYTEST,
)

PARSER_KEY_ERROR = Scenario(
    slug="pytest-exception-keyerror",
    name="parser-tests",
    stage="test",
    tags=("python", "test-failure"),
    item_class="test-failure",
    files={
        "feed/__init__.py": "",
        "feed/events.py": """\
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    kind: str
    user: str
    project: int


def event_from(payload: dict) -> Event:
    return Event(kind=payload["object_kind"], user=payload["user"]["username"], project=payload["project"]["id"])


def read_events(lines) -> list[Event]:
    return [event_from(json.loads(line)) for line in lines if line.strip()]
""",
        "tests/data/push.jsonl": '{"object_kind": "push", "user": {"username": "dev-1"}, "project": {"id": 7}}\n'
        '{"object_kind": "push", "user_username": "dev-2", "project": {"id": 7}}\n',
        "tests/data/note.jsonl": '{"object_kind": "note", "user": {"username": "dev-3"}, "project": {"id": 8}}\n',
        "tests/test_events.py": """\
from pathlib import Path

import pytest

from feed.events import Event, read_events

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("name, count", [("note", 1), ("push", 2)])
def test_every_line_becomes_an_event(name, count):
    events = read_events((DATA / f"{name}.jsonl").read_text().splitlines())
    assert len(events) == count


def test_blank_lines_are_skipped():
    assert read_events(["", "  "]) == []


def test_fields():
    line = '{"object_kind": "tag_push", "user": {"username": "dev-4"}, "project": {"id": 1}}'
    assert read_events([line]) == [Event("tag_push", "dev-4", 1)]
""",
    },
    script=("python -m pytest -p no:cacheprovider --showlocals tests",),
    evidence=("KeyError: 'user'", "user_username"),
    root_cause=(
        '`event_from` in feed/events.py reads the user name from `payload["user"]["username"]`, but the second '
        "push event in tests/data/push.jsonl carries it flat as `user_username` and has no `user` object. That raises "
        "KeyError: 'user'; events of the nested shape pass."
    ),
    fix=(
        'Let `event_from` accept both shapes: take `payload["user"]["username"]` when `user` is present, else '
        '`payload["user_username"]`. Keep the push fixture, for it shows the second shape.'
    ),
    needs=PYTEST,
)

TIME_ZONE = Scenario(
    slug="pytest-time-zone",
    name="unit-tests-us-runner",
    stage="test",
    tags=("python", "time-zone"),
    item_class="test-failure",
    files={
        "usage/__init__.py": "",
        "usage/days.py": '''\
from collections import Counter
from datetime import datetime


def day_of(epoch_seconds: int) -> str:
    """The calendar day of an event, as the report shows it."""
    return datetime.fromtimestamp(epoch_seconds).strftime("%Y-%m-%d")


def per_day(events: list[int]) -> dict[str, int]:
    return dict(Counter(day_of(event) for event in events))
''',
        "tests/test_days.py": """\
from datetime import datetime, timezone

from usage.days import day_of, per_day


def at(hour: int, day: int = 2) -> int:
    return int(datetime(2026, 3, day, hour, tzinfo=timezone.utc).timestamp())


def test_noon():
    assert day_of(at(12)) == "2026-03-02"


def test_early_morning_belongs_to_the_utc_day():
    assert day_of(at(3)) == "2026-03-02"


def test_events_are_counted_by_utc_day():
    assert per_day([at(1), at(9), at(23), at(0, day=3)]) == {"2026-03-02": 3, "2026-03-03": 1}
""",
    },
    script=("export TZ=America/Los_Angeles", "date -d @1772409600", "python -m pytest -p no:cacheprovider -v tests"),
    evidence=("TZ=America/Los_Angeles", "assert '2026-03-01' == '2026-03-02'"),
    root_cause=(
        "`day_of` in usage/days.py calls `datetime.fromtimestamp` without a time zone, so it uses the runner's local "
        "zone. This job runs with TZ=America/Los_Angeles, where 03:00 UTC on 2 March is still 1 March; events in the "
        "first eight hours of the UTC day land on the day before, and the tests expect UTC days."
    ),
    fix=(
        "Make the zone explicit: `datetime.fromtimestamp(epoch_seconds, tz=timezone.utc)` in `day_of`. Setting TZ=UTC "
        "on the runner would only hide the dependence."
    ),
    needs=PYTEST,
)

COVERAGE = Scenario(
    slug="coverage-threshold",
    name="coverage",
    stage="test",
    tags=("python", "coverage"),
    item_class="test-failure",
    files={
        "quota/__init__.py": "",
        "quota/bucket.py": '''\
class Bucket:
    """A token bucket."""

    def __init__(self, size: int, per_second: float) -> None:
        self.size = size
        self.per_second = per_second
        self.level = float(size)

    def refill(self, seconds: float) -> None:
        self.level = min(self.size, self.level + seconds * self.per_second)

    def take(self, amount: int) -> bool:
        if amount > self.level:
            return False
        self.level -= amount
        return True
''',
        "quota/export.py": """\
import csv
import json


def to_csv(rows, out):
    writer = csv.writer(out)
    writer.writerow(["account", "used", "limit"])
    for row in rows:
        writer.writerow([row.account, row.used, row.limit])


def to_json(rows, out):
    json.dump([{"account": row.account, "used": row.used, "limit": row.limit} for row in rows], out)


def to_text(rows, out):
    for row in rows:
        share = row.used / row.limit if row.limit else 0
        out.write(f"{row.account:<20} {share:6.1%}\\n")
""",
        "tests/test_bucket.py": """\
from quota.bucket import Bucket


def test_a_full_bucket_gives():
    assert Bucket(10, 1).take(10)


def test_an_empty_bucket_refuses():
    bucket = Bucket(1, 1)
    bucket.take(1)
    assert not bucket.take(1)


def test_refill_stops_at_the_size():
    bucket = Bucket(5, 100)
    bucket.take(5)
    bucket.refill(60)
    assert bucket.level == 5
""",
        "pyproject.toml": '[tool.coverage.run]\nsource = ["quota"]\n\n[tool.coverage.report]\nfail_under = 85\nshow_missing = true\n',
    },
    script=("python -m pytest -p no:cacheprovider --cov --cov-report=term-missing tests",),
    evidence=("quota/export.py", "Required test coverage of 85.0% not reached"),
    root_cause=(
        "All three tests pass; the job fails on coverage. quota/export.py is not imported by any test and stands at 0 "
        "%, which pulls the total under the `fail_under = 85` of pyproject.toml; quota/bucket.py itself is at 100 %."
    ),
    fix=(
        "Test `to_csv`, `to_json` and `to_text` of quota/export.py with a couple of rows and a StringIO. Lowering "
        "fail_under or omitting the file would only silence the gate."
    ),
    needs=PYTEST,
)

GLOBAL_STATE = Scenario(
    slug="pytest-order-dependence",
    name="unit-tests",
    stage="test",
    tags=("python", "test-failure"),
    item_class="test-failure",
    files={
        "settings.py": '''\
DEFAULTS = {"retries": 3, "timeout": 30, "regions": ["eu", "us"]}


def load(overrides=None):
    """The defaults with overrides on top."""
    values = DEFAULTS
    values.update(overrides or {})
    return values
''',
        "test_a_overrides.py": """\
import settings


def test_an_override_wins():
    assert settings.load({"retries": 0})["retries"] == 0


def test_other_values_stay():
    assert settings.load({"timeout": 5})["regions"] == ["eu", "us"]
""",
        "test_b_defaults.py": """\
import settings


def test_default_regions():
    assert settings.load()["regions"] == ["eu", "us"]


def test_default_retries():
    assert settings.load()["retries"] == 3
""",
    },
    script=(
        "echo 'alone:' && python -m pytest -q -p no:cacheprovider test_b_defaults.py",
        "python -m pytest -q -p no:cacheprovider .",
    ),
    evidence=("test_b_defaults.py::test_default_retries", "assert 0 == 3", "2 passed"),
    root_cause=(
        "test_b_defaults.py passes alone and fails in the full run, where test_a_overrides.py ran first: "
        '`load({"retries": 0})` changed the module-wide defaults, because `load` works on the shared dictionary '
        "itself instead of a copy. The later `settings.load()` therefore returns retries 0 instead of 3."
    ),
    fix=(
        "Copy before updating: `values = {**DEFAULTS, **(overrides or {})}` in settings.py (copy.deepcopy if callers "
        "may change the `regions` list). The tests then pass in any order."
    ),
    needs=PYTEST,
)

GOLDEN_FILE = Scenario(
    slug="pytest-golden-file",
    name="report-tests",
    stage="test",
    tags=("python", "test-failure"),
    item_class="test-failure",
    files={
        "render.py": """\
COLUMNS = ("feature", "score", "change")


def render(rows):
    head = "| " + " | ".join(COLUMNS) + " |"
    rule = "|" + "---|" * len(COLUMNS)
    body = [f"| {name} | {score:.2f} | {change:+.1f} % |" for name, score, change in rows]
    return "\\n".join([head, rule, *body]) + "\\n"
""",
        "golden/report.md": "| feature | score | change |\n|---|---|---|\n| chat | 0.81 | +1.2% |\n| root cause analysis | 0.77 | -0.4% |\n"
        "| vulnerability explanation | 0.90 | +0.0% |\n",
        "test_render.py": """\
from pathlib import Path

from render import render

ROWS = [("chat", 0.812, 1.2), ("root cause analysis", 0.77, -0.4), ("vulnerability explanation", 0.9, 0.0)]


def test_report_matches_the_golden_file():
    assert render(ROWS) == Path("golden/report.md").read_text()


def test_no_rows_is_a_header():
    assert render([]).count("\\n") == 2
""",
    },
    script=("python -m pytest -vv -p no:cacheprovider",),
    evidence=("+1.2 %", "+1.2%"),
    root_cause=(
        "render.py formats the change as `{change:+.1f} %`, with a blank before the percent sign, while "
        "golden/report.md holds `+1.2%` without one. All three data rows of the report differ in that one character; "
        "scores and names are equal."
    ),
    fix=(
        "Drop the blank in render.py (`{change:+.1f}%`), or, if the new spelling is meant, write golden/report.md anew "
        "from the renderer's output in the same commit."
    ),
    needs=PYTEST,
)

DEPRECATION = Scenario(
    slug="pytest-warning-as-error",
    name="unit-tests",
    stage="test",
    tags=("python", "test-failure"),
    item_class="test-failure",
    files={
        "clients/__init__.py": "",
        "clients/http.py": """\
import warnings


def fetch(url, *, timeout_seconds=None, timeout=None):
    if timeout is not None:
        warnings.warn("fetch(timeout=...) goes away in 4.0; use timeout_seconds", DeprecationWarning, stacklevel=2)
        timeout_seconds = timeout
    return {"url": url, "timeout_seconds": timeout_seconds or 30}
""",
        "clients/jobs.py": """\
from clients.http import fetch

PAGE_SIZE = 100


def failed_jobs(project: int):
    return fetch(f"/projects/{project}/jobs?scope=failed&per_page={PAGE_SIZE}", timeout=10)


def trace(project: int, job: int):
    return fetch(f"/projects/{project}/jobs/{job}/trace", timeout_seconds=60)
""",
        "tests/test_jobs.py": """\
from clients.jobs import failed_jobs, trace


def test_trace_has_a_long_timeout():
    assert trace(1, 2)["timeout_seconds"] == 60


def test_failed_jobs_are_asked_for_by_scope():
    assert "scope=failed" in failed_jobs(1)["url"]
""",
        "pytest.ini": "[pytest]\npythonpath = .\naddopts = -ra -p no:cacheprovider\nfilterwarnings =\n    error\n",
    },
    script=("python -m pytest tests",),
    evidence=("DeprecationWarning: fetch(timeout=...) goes away in 4.0", "clients/jobs.py:7"),
    root_cause=(
        "`failed_jobs` in clients/jobs.py (line 7) still passes the deprecated `timeout=10` to `fetch`, which warns "
        "with a DeprecationWarning. The project's pytest settings turn warnings into errors, so the warning fails "
        "`test_failed_jobs_are_asked_for_by_scope`."
    ),
    fix=(
        "Call `fetch(..., timeout_seconds=10)` in `failed_jobs`, as `trace` does already. No change of the warning "
        "filter is needed."
    ),
    needs=PYTEST,
)

HYPOTHESIS = Scenario(
    slug="pytest-property-counterexample",
    name="property-tests",
    stage="test",
    tags=("python", "test-failure"),
    item_class="test-failure",
    files={
        "batches.py": '''\
def batches(items: list, size: int) -> list[list]:
    """Cut items into batches of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items) - size + 1, size)]
''',
        "test_batches.py": """\
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batches

settings.register_profile("ci", derandomize=True, database=None, deadline=None)
settings.load_profile("ci")


def test_an_exact_multiple():
    assert batches(list(range(32)), 16) == [list(range(16)), list(range(16, 32))]


@given(st.lists(st.integers(0, 9), max_size=50), st.integers(1, 16))
def test_no_batch_is_too_long(items, size):
    assert all(len(batch) <= size for batch in batches(items, size))


@given(st.lists(st.integers(0, 9), max_size=50), st.integers(1, 16))
def test_no_item_is_lost(items, size):
    assert [item for batch in batches(items, size) for item in batch] == items
""",
    },
    script=("python -m pytest -p no:cacheprovider",),
    evidence=("test_no_item_is_lost", "Failing test case"),
    root_cause=(
        "`batches` in batches.py stops its range at `len(items) - size + 1`, so a last batch that is not full is never "
        "produced. hypothesis shows it with the smallest case: one item and a batch size of 2 give no batch at all, "
        "and the item is lost. The example test uses 32 items by 16, an exact multiple, and can't see it."
    ),
    fix="Let the range run over all items: `range(0, len(items), size)`; slicing already shortens the last batch.",
    needs=PYTEST,
)

MODULE_CLASH = Scenario(
    slug="pytest-duplicate-module-name",
    name="all-tests",
    stage="test",
    tags=("python", "import-error"),
    item_class="missing-file",
    files={
        "orders/model.py": "def total(lines):\n    return sum(lines)\n",
        "orders/tests/test_model.py": "def test_total():\n    assert sum([1, 2]) == 3\n",
        "stock/model.py": "def left(have, sold):\n    return have - sold\n",
        "stock/tests/test_model.py": "def test_left():\n    assert 5 - 2 == 3\n",
        "stock/tests/test_reserve.py": "def test_reserve():\n    assert min(3, 5) == 3\n",
    },
    script=("python -m pytest -p no:cacheprovider orders stock",),
    evidence=("import file mismatch", "use a unique basename"),
    root_cause=(
        "orders/tests/test_model.py and stock/tests/test_model.py have the same base name and lie in directories "
        "without `__init__.py`, so pytest imports both as the top-level module `test_model`. The second import finds "
        'the first file\'s module and collection stops with "import file mismatch"; no test has failed.'
    ),
    fix=(
        "Give the files unique names (test_order_model.py, test_stock_model.py), or make the test directories packages "
        "with `__init__.py`, or run pytest with `--import-mode=importlib`."
    ),
    needs=PYTEST,
)

TEARDOWN = Scenario(
    slug="pytest-fixture-teardown-error",
    name="storage-tests",
    stage="test",
    tags=("python", "test-failure"),
    item_class="test-failure",
    files={
        "spool.py": '''\
from pathlib import Path


class Spool:
    """Files waiting to be sent."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def put(self, name: str, data: bytes) -> Path:
        path = self.root / name
        path.write_bytes(data)
        return path

    def send_all(self) -> int:
        return sum(1 for _ in self.root.iterdir())

    def close(self) -> None:
        self.root.rmdir()
''',
        "test_spool.py": """\
import pytest

from spool import Spool


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()


def test_an_empty_spool_sends_nothing(spool):
    assert spool.send_all() == 0


def test_each_file_is_sent(spool):
    spool.put("a.json", b"{}")
    spool.put("b.json", b"{}")
    assert spool.send_all() == 2
""",
    },
    script=("python -m pytest -p no:cacheprovider --basetemp=.pytest_tmp -v",),
    evidence=("Directory not empty", "ERROR at teardown of test_each_file_is_sent"),
    root_cause=(
        "Both tests pass; the error comes from the teardown of the `spool` fixture. `Spool.close` in spool.py calls "
        "`self.root.rmdir()`, which removes empty directories only, and after `test_each_file_is_sent` a.json and "
        "b.json are still in it: OSError 39, Directory not empty."
    ),
    fix=(
        "Let `Spool.send_all` unlink each file it has sent, or, if close is meant to discard what is left, use "
        "`shutil.rmtree(self.root)` in `Spool.close`."
    ),
    needs=PYTEST,
)

JOBS = (
    INVOICE_ROUNDING, FIXTURE_NOT_FOUND, PARSER_KEY_ERROR, TIME_ZONE, COVERAGE, GLOBAL_STATE, GOLDEN_FILE, DEPRECATION,
    HYPOTHESIS, MODULE_CLASH, TEARDOWN,
)  # fmt: skip
