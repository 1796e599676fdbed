"""Jobs in which Python itself, its packages, its linters or a Python program fails."""

from __future__ import annotations

from rca.scenario import Scenario

# Makes wheels without a network: metadata and one module each, enough for pip's resolver.
MAKE_WHEELS = '''\
"""Puts the wheels of our own packages into ./wheelhouse."""
import zipfile
from pathlib import Path

PACKAGES = [
    ("acme_http", "2.4.0", []),
    ("acme_http", "3.1.0", []),
    ("acme_metrics", "1.2.0", ["acme-http<3,>=2"]),
    ("acme_tracing", "0.9.1", ["acme-http>=3"]),
]

house = Path("wheelhouse")
house.mkdir(exist_ok=True)
for name, version, requires in PACKAGES:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\\nName: {name.replace('_', '-')}\\nVersion: {version}\\n"
    metadata += "".join(f"Requires-Dist: {requirement}\\n" for requirement in requires)
    with zipfile.ZipFile(house / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in (
            (f"{name}.py", f"VERSION = {version!r}\\n"),
            (f"{info}/METADATA", metadata),
            (f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: make_wheels\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"),
            (f"{info}/RECORD", ""),
        ):
            wheel.writestr(zipfile.ZipInfo(path), text)
    print(f"built {name} {version}")
'''

RENAMED_SYMBOL = Scenario(
    slug="python-import-error-renamed",
    name="smoke",
    stage="test",
    tags=("python", "import-error"),
    item_class="missing-file",
    files={
        "gateway/__init__.py": "",
        "gateway/limits.py": """\
from dataclasses import dataclass


@dataclass(frozen=True)
class RequestLimit:
    per_minute: int


def limit_for(user: str) -> RequestLimit:
    return RequestLimit(20 if user.startswith("eval-") else 60)
""",
        "gateway/client.py": """\
from gateway.limits import RateLimit, limit_for


class Client:
    def __init__(self, user: str) -> None:
        self.limit: RateLimit = limit_for(user)
""",
        "gateway/__main__.py": """\
import sys

from gateway.client import Client

print(Client(sys.argv[1]).limit.per_minute)
""",
    },
    script=("python -m compileall -q gateway && echo 'compiled'", "python -m gateway eval-1"),
    evidence=("cannot import name 'RateLimit' from 'gateway.limits'",),
    root_cause=(
        "gateway/client.py imports `RateLimit` from gateway/limits.py, which has no such name (the class there is "
        "called `RequestLimit` now). The files compile, but the import at start-up raises ImportError: cannot import "
        "name 'RateLimit'."
    ),
    fix=(
        "Use the present name in gateway/client.py (`from gateway.limits import RequestLimit, limit_for`, and in the "
        "annotation), or keep `RateLimit = RequestLimit` in gateway/limits.py as an alias."
    ),
)

CIRCULAR_IMPORT = Scenario(
    slug="python-circular-import",
    name="import-check",
    stage="build",
    tags=("python", "import-error"),
    item_class="missing-file",
    files={
        "app/__init__.py": "",
        "app/models.py": """\
from app.permissions import can_read


class Project:
    def __init__(self, name, private):
        self.name, self.private = name, private

    def visible_to(self, user):
        return can_read(user, self)
""",
        "app/permissions.py": """\
from app.models import Project


def can_read(user, project: Project) -> bool:
    return not project.private or user in getattr(project, "members", ())
""",
        "app/views.py": "from app.models import Project\n\n\ndef index(user):\n    return [p.name for p in (Project('a', False),) if p.visible_to(user)]\n",
    },
    script=("python -c 'import app.views; print(app.views.index(\"dev-1\"))'",),
    evidence=("partially initialized module 'app.models'", "most likely due to a circular import"),
    root_cause=(
        "app/models.py imports `can_read` from app/permissions.py, and app/permissions.py imports `Project` from "
        "app/models.py. While app.models is still at its first line, app.permissions asks it for `Project`, which "
        "isn't defined yet: a circular import, reported as ImportError on the partially initialized module "
        "'app.models'."
    ),
    fix=(
        "Break the circle: app/permissions.py needs `Project` for an annotation only, so import it under `if "
        "TYPE_CHECKING:` with `from __future__ import annotations`. Importing `can_read` inside `Project.visible_to` "
        "would do as well."
    ),
)

MODULE_NOT_FOUND = Scenario(
    slug="python-module-not-found",
    name="nightly-export",
    stage="deploy",
    tags=("python", "dependency"),
    item_class="dependency",
    files={
        "requirements.txt": "requests\nPyYAML\n",
        "export/__init__.py": "",
        "export/config.py": "import yaml\n\n\ndef load(path):\n    with open(path) as file:\n        return yaml.safe_load(file)\n",
        "export/run.py": """\
import requests

from export import config
from export.sheets import write

print("requests", requests.__version__.split(".")[0])
write(config.load("export.yml")["target"], [("a", 1)])
""",
        "export/sheets.py": "import openpyxl\n\n\ndef write(path, rows):\n    book = openpyxl.Workbook()\n    for row in rows:\n        book.active.append(row)\n    book.save(path)\n",
        "export.yml": "target: out.xlsx\n",
    },
    script=(
        "cat requirements.txt",
        "python -c 'import requests, yaml; print(\"requirements are importable\")'",
        "python -m export.run",
    ),
    evidence=("ModuleNotFoundError: No module named 'openpyxl'", "export/sheets.py"),
    root_cause=(
        "export/sheets.py imports `openpyxl`, but the package isn't installed: requirements.txt lists only requests "
        "and PyYAML. The import fails with ModuleNotFoundError before anything is exported."
    ),
    fix=(
        "Add openpyxl to requirements.txt (with a version, and to the lock file if there is one), so that the job's "
        "environment gets it."
    ),
    needs=("pytest",),
)

PIP_NO_VERSION = Scenario(
    slug="pip-no-matching-version",
    name="install",
    stage="build",
    tags=("pip", "dependency"),
    item_class="dependency",
    files={"make_wheels.py": MAKE_WHEELS, "requirements.txt": "acme-http==2.4.0\nacme-metrics==1.3.0\n"},
    script=(
        "python make_wheels.py",
        "python -m pip install --no-index --find-links wheelhouse --target site -r requirements.txt",
    ),
    evidence=("No matching distribution found for acme-metrics==1.3.0", "from versions: 1.2.0"),
    root_cause=(
        "requirements.txt pins acme-metrics==1.3.0, and the index that the job uses (the local wheelhouse) holds 1.2.0 "
        'only. pip can\'t satisfy the pin: "No matching distribution found for acme-metrics==1.3.0".'
    ),
    fix=(
        "Pin acme-metrics==1.2.0, or publish 1.3.0 to the wheelhouse before this job (make_wheels.py builds 1.2.0 "
        "only)."
    ),
    needs=("pytest",),
)

PIP_CONFLICT = Scenario(
    slug="pip-resolution-impossible",
    name="install",
    stage="build",
    tags=("pip", "dependency"),
    item_class="dependency",
    files={"make_wheels.py": MAKE_WHEELS, "requirements.txt": "acme-metrics==1.2.0\nacme-tracing==0.9.1\n"},
    script=(
        "python make_wheels.py",
        "python -m pip install --no-index --find-links wheelhouse --target site -r requirements.txt",
    ),
    evidence=("ResolutionImpossible", "acme-tracing 0.9.1 depends on acme-http>=3"),
    root_cause=(
        "The two pins contradict each other through a shared dependency: acme-metrics 1.2.0 needs acme-http<3,>=2 and "
        "acme-tracing 0.9.1 needs acme-http>=3. No version of acme-http satisfies both, so pip stops with "
        "ResolutionImpossible."
    ),
    fix=(
        "Move to releases that agree on acme-http: an acme-metrics that supports acme-http 3, or an acme-tracing that "
        "still accepts 2. Loosen the pins in requirements.txt or change one of them; installing with --no-deps would "
        "only move the failure to run time."
    ),
    needs=("pytest",),
)

PIP_HASH = Scenario(
    slug="pip-hash-mismatch",
    name="install-locked",
    stage="build",
    tags=("pip", "integrity"),
    item_class="dependency",
    files={
        "make_wheels.py": MAKE_WHEELS,
        "requirements.lock": "acme-http==3.1.0 --hash=sha256:5b1e1f0b4d7b0f7f3b9d7a4f0c2f8f1d3c6e9a2b5d8c1f4e7a0b3c6d9e2f5a81\n",
    },
    script=(
        "python make_wheels.py",
        "python -m pip install --no-index --find-links wheelhouse --target site --require-hashes -r requirements.lock",
    ),
    evidence=("THESE PACKAGES DO NOT MATCH THE HASHES", "Expected sha256 5b1e1f0b"),
    root_cause=(
        "requirements.lock demands sha256 5b1e1f0b… for acme-http==3.1.0, and the wheel in the wheelhouse has another "
        "digest. The wheel was rebuilt (or replaced) after the lock was written, and pip in hash-checking mode refuses "
        "to install it."
    ),
    fix=(
        "Find out why the artefact changed. If the rebuild was meant, write the lock anew with the wheel's present "
        'hash (the "Got" value); if not, restore the original wheel. Don\'t drop --require-hashes.'
    ),
    needs=("pytest",),
)

SYNTAX_ERROR = Scenario(
    slug="python-syntax-error",
    name="compile",
    stage="build",
    tags=("python", "syntax-error"),
    item_class="malformed-file",
    files={
        **{
            f"pipeline/stage_{n:02d}.py": f"def run(rows):\n    return [row + {n} for row in rows]\n"
            for n in range(1, 61)
        },
        "pipeline/__init__.py": "",
        "pipeline/tally.py": """\
from pipeline import stage_01, stage_02


def tally(left, right):
    rows = {
        "left": stage_01.run(left),
        "right": stage_02.run(right,
    }
    return rows["left"] + rows["right"]
""",
    },
    script=("python -m compileall pipeline",),
    evidence=("pipeline/tally.py", "SyntaxError"),
    root_cause=(
        "The call `stage_02.run(right,` in pipeline/tally.py, line 7, is never closed: its parenthesis is missing, so "
        "the `}` of line 8 does not match the open `(`. That is a SyntaxError, and the file can't be compiled; all "
        "others can."
    ),
    fix='Close the call in line 7 of pipeline/tally.py: `"right": stage_02.run(right),`.',
)

OLD_INTERPRETER = Scenario(
    slug="python-too-old-for-syntax",
    name="unit-tests-py38",
    stage="test",
    tags=("python", "syntax-error"),
    item_class="configuration",
    files={
        "router.py": """\
def route(event):
    match event:
        case {"kind": "push", "ref": ref}:
            return f"build {ref}"
        case {"kind": "tag"}:
            return "release"
        case _:
            return None
""",
        "test_router.py": """\
import unittest

from router import route


class RouterTest(unittest.TestCase):
    def test_push(self):
        self.assertEqual(route({"kind": "push", "ref": "main"}), "build main")
""",
    },
    script=("python3.8 --version", "python3.8 -m unittest -v"),
    evidence=("Python 3.8", "match event:", "SyntaxError: invalid syntax"),
    root_cause=(
        "router.py uses a `match` statement, which exists from Python 3.10 on, and this job runs Python 3.8. The old "
        "parser reports SyntaxError: invalid syntax at `match event:` while importing the test module; the code itself "
        "is right."
    ),
    fix=(
        "Drop 3.8 from the test matrix (and set requires-python to >=3.10), or, if 3.8 must stay, write `route` with "
        "if/elif."
    ),
    needs=("python3.8",),
)

MYPY = Scenario(
    slug="mypy-optional-attribute",
    name="types",
    stage="lint",
    tags=("mypy", "type-error"),
    item_class="static-check",
    files={
        "store/__init__.py": "",
        "store/users.py": """\
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    id: int
    name: str
    email: str | None = None


USERS: dict[int, User] = {1: User(1, "eval-1", "eval-1@example.com"), 2: User(2, "eval-2")}


def find(user_id: int) -> User | None:
    return USERS.get(user_id)
""",
        "store/mail.py": """\
from __future__ import annotations

from store.users import find


def domain_of(user_id: int) -> str:
    user = find(user_id)
    return user.email.rpartition("@")[2]


def greeting(user_id: int) -> str:
    user = find(user_id)
    return f"Hello {user.name}" if user else "Hello"
""",
    },
    script=("mypy --version | cut -d' ' -f1,2", "mypy --strict store"),
    evidence=('store/mail.py:8: error: Item "None" of "User | None" has no attribute "email"',),
    root_cause=(
        "`find` in store/users.py returns `User | None` and `User.email` is `str | None`, but `domain_of` in "
        "store/mail.py, line 8, uses `user.email.rpartition` without a check for None. mypy rejects both steps with "
        "union-attr: for an unknown user, and for one without an address, it would raise AttributeError."
    ),
    fix=(
        'Handle the absent cases in `domain_of`: return "" or raise a clear error when `user is None or user.email '
        "is None`, before the call of rpartition, as `greeting` does for the user."
    ),
    needs=("mypy",),
)

RUFF = Scenario(
    slug="ruff-lint",
    name="lint",
    stage="lint",
    tags=("ruff", "lint"),
    item_class="static-check",
    files={
        "pyproject.toml": '[tool.ruff]\nline-length = 100\n\n[tool.ruff.lint]\nselect = ["E", "F", "B", "I"]\n',
        "jobs/__init__.py": "",
        "jobs/queue.py": """\
import os
from collections import deque


def enqueue(item, queue=deque()):
    queue.append(item)
    return queue


def drain(queue):
    while queue:
        try:
            yield queue.popleft()
        except IndexError as error:
            return
""",
        "jobs/run.py": "from jobs.queue import drain, enqueue\n\nfor job in drain(enqueue('a')):\n    print(job)\n",
    },
    script=("ruff format --diff jobs/__init__.py", "ruff check ."),
    evidence=("F401", "B006", "F841"),
    root_cause=(
        "ruff finds three faults in jobs/queue.py: the unused import `os` (F401), the mutable default `queue=deque()` "
        "of `enqueue` (B006), which all callers would share, and the unused name `error` in the except clause of "
        "`drain` (F841)."
    ),
    fix=(
        "Remove `import os`; give `enqueue` the default None and make the deque inside; write `except IndexError:` "
        "without a name. `ruff check --fix` mends the import and the name, the default needs a hand."
    ),
    needs=("ruff",),
)

FLAKE8 = Scenario(
    slug="flake8-undefined-name",
    name="flake8",
    stage="lint",
    tags=("flake8", "lint"),
    item_class="static-check",
    files={
        "setup.cfg": "[flake8]\nmax-line-length = 100\nextend-ignore = E203\n",
        "retry.py": """\
import random
import time


def with_retries(call, attempts=3, base_seconds=0.5):
    for attempt in range(attempts):
        try:
            return call()
        except ConnectionError:
            if attempt == attempts - 1:
                raise
            logger.warning("attempt %d failed", attempt + 1)
            time.sleep(base_seconds * 2 ** attempt * (1 + random.random()))
""",
        "fetch.py": "from retry import with_retries\n\n\ndef fetch(client, path):\n    return with_retries(lambda: client.get(path))\n",
    },
    script=(
        "cat setup.cfg",
        "python -m compileall -q . && echo compiled",
        "flake8 --show-source --statistics --count .",
    ),
    evidence=("retry.py:12:13: F821 undefined name 'logger'",),
    root_cause=(
        "retry.py uses `logger` in line 12 but neither imports logging nor defines a logger: flake8 F821. It isn't a "
        "matter of style: the first ConnectionError would end in a NameError instead of a retry."
    ),
    fix="Add `import logging` and `logger = logging.getLogger(__name__)` at the top of retry.py.",
    needs=("flake8",),
)

YAMLLINT = Scenario(
    slug="yamllint-duplicate-key",
    name="yaml-lint",
    stage="lint",
    tags=("yaml", "lint"),
    item_class="static-check",
    files={
        ".yamllint": "extends: default\nrules:\n  line-length: disable\n  document-start: disable\n",
        "deploy/staging.yml": "replicas: 2\nimage:\n  tag: v1\nresources:\n  memory: 512Mi\n",
        "deploy/production.yml": "replicas: 4\nimage:\n  tag: v1\nresources:\n  memory: 1Gi\n  cpu: 500m\nenvironment:\n  LOG_LEVEL: info\n  REGION: eu\n  LOG_LEVEL: debug\n",
    },
    script=("cat -n deploy/production.yml", "yamllint --strict deploy"),
    evidence=('duplication of key "LOG_LEVEL" in mapping',),
    root_cause=(
        "deploy/production.yml sets the key `LOG_LEVEL` twice under `environment` (again in line 10). YAML parsers "
        "keep the last value silently, so production would log at debug; yamllint's key-duplicates rule refuses the "
        "file."
    ),
    fix="Keep one `LOG_LEVEL` in deploy/production.yml, most likely `info` in line 8, and remove the other.",
    needs=("yamllint",),
)

BAD_YAML = Scenario(
    slug="python-yaml-parse-error",
    name="config-check",
    stage="build",
    tags=("yaml", "data-error"),
    item_class="malformed-file",
    files={
        "config/base.yml": "name: evaluation\nretries: 3\n",
        "config/features.yml": """\
features:
  - name: chat
    limit: 50
    owner: chat-team
  - name: root_cause_analysis
    limit: 20
    owner: ci-team
    schedule: "0 5 * * 1,3,5
  - name: code_suggestions
    limit: 60
""",
        "check.py": """\
from pathlib import Path

import yaml

for path in sorted(Path("config").glob("*.yml")):
    data = yaml.safe_load(path.read_text())
    print(f"{path}: {len(data)} keys")
""",
    },
    script=("python check.py",),
    evidence=("found unexpected end of stream", "while scanning a quoted scalar"),
    root_cause=(
        'config/features.yml opens a double quote in line 8 (`schedule: "0 5 * * 1,3,5`) and never closes it, so the '
        "parser reads the rest of the file as one quoted scalar and reaches the end of the stream. config/base.yml is "
        "fine; it was printed before."
    ),
    fix='Close the quote in line 8, column 15: `schedule: "0 5 * * 1,3,5"`.',
    needs=("pytest",),
)

BAD_JSON = Scenario(
    slug="python-json-trailing-comma",
    name="load-thresholds",
    stage="build",
    tags=("json", "data-error"),
    item_class="malformed-file",
    files={
        "thresholds.json": '{\n  "chat": {"minimum": 0.75, "window_days": 14},\n  "explain": {"minimum": 0.80, "window_days": 14},\n  "troubleshoot": {"minimum": 0.70, "window_days": 14},\n}\n',
        "gate.py": """\
import json
import sys


def thresholds(path):
    with open(path) as file:
        return json.load(file)


for feature, rule in thresholds(sys.argv[1]).items():
    print(feature, rule["minimum"])
""",
    },
    script=("wc -l thresholds.json", "python gate.py thresholds.json"),
    evidence=("JSONDecodeError", "line 5 column 1"),
    root_cause=(
        "thresholds.json has a comma after its last entry (`troubleshoot`, line 4), so the parser expects another "
        "property name and finds the closing brace in line 5. JSON allows no trailing comma."
    ),
    fix=(
        "Remove the comma at the end of line 4 of thresholds.json; a `python -m json.tool thresholds.json` step in the "
        "lint stage would catch it earlier."
    ),
)

DIVISION = Scenario(
    slug="python-division-by-zero",
    name="weekly-report",
    stage="report",
    tags=("python", "runtime-error"),
    item_class="runtime-crash",
    files={
        "report/__init__.py": "",
        "report/stats.py": """\
from collections import defaultdict


def by_feature(rows):
    groups = defaultdict(list)
    for row in rows:
        groups[row["feature"]].append(row)
    return groups


def pass_rate(rows):
    judged = [row for row in rows if row["status"] == "judged"]
    return sum(row["passed"] == "yes" for row in judged) / len(judged)
""",
        "report/__main__.py": """\
import csv
import sys

from report.stats import by_feature, pass_rate

with open(sys.argv[1]) as file:
    groups = by_feature(csv.DictReader(file))
for feature, rows in sorted(groups.items()):
    print(f"{feature:<24} {len(rows):3d} rows", end="  ", flush=True)
    print(f"pass rate {pass_rate(rows):.2f}")
""",
        "results.csv": "feature,status,passed\n"
        + "chat,judged,yes\n" * 18
        + "chat,judged,no\n" * 2
        + "code_suggestions,judged,yes\n" * 9
        + "explain,unscored,\n" * 6
        + "troubleshoot,judged,yes\n" * 4,
    },
    script=("wc -l results.csv", "python -m report results.csv"),
    evidence=("ZeroDivisionError: division by zero", "explain "),
    root_cause=(
        "`pass_rate` in report/stats.py divides by the number of judged rows without a check, and the feature "
        "`explain` has none: its 6 rows carry no status `judged`. The division by `len(judged)`, 0, ends the report in "
        "ZeroDivisionError after chat and code_suggestions."
    ),
    fix=(
        'Return None (shown as "n/a") from `pass_rate` when `judged` is empty, and look into why none of the '
        "`explain` rows was judged."
    ),
)

ENCODING = Scenario(
    slug="python-unicode-decode",
    name="import-customers",
    stage="deploy",
    tags=("python", "encoding"),
    item_class="malformed-file",
    files={
        "data/customers-1.csv": "id,city\n1,Berlin\n2,Zürich\n".encode(),
        "data/customers-2.csv": "id,city\n3,Wien\n4,München\n5,Köln\n".encode("latin-1"),
        "load.py": """\
import csv
from pathlib import Path

total = 0
for path in sorted(Path("data").glob("*.csv")):
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    total += len(rows)
    print(f"{path}: {len(rows)} rows")
print(total)
""",
    },
    script=("ls data", "python load.py"),
    evidence=("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xfc",),
    root_cause=(
        "load.py reads every CSV as UTF-8, and data/customers-2.csv, the one after the file that was loaded, is not: "
        'it holds byte 0xfc, a "ü" in Latin-1 (ISO 8859-1). UTF-8 has no character that starts so, hence the '
        "UnicodeDecodeError."
    ),
    fix=(
        "Convert the file (`iconv -f ISO-8859-1 -t UTF-8 data/customers-2.csv`) and have the exporter write UTF-8; if "
        'Latin-1 deliveries are legitimate, make the encoding a setting per file. errors="replace" would corrupt the '
        "names."
    ),
)

MISSING_VARIABLE = Scenario(
    slug="python-missing-env-variable",
    name="deploy-staging",
    stage="deploy",
    tags=("python", "environment"),
    item_class="configuration",
    files={
        "deploy/__init__.py": "",
        "deploy/settings.py": """\
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    host: str
    token: str
    dry_run: bool


def from_environment() -> Settings:
    return Settings(
        host=os.environ["DEPLOY_HOST"],
        token=os.environ["DEPLOY_TOKEN"],
        dry_run=os.environ.get("DEPLOY_DRY_RUN", "0") == "1",
    )
""",
        "deploy/__main__.py": """\
from deploy.settings import from_environment

print("reading settings")
settings = from_environment()
print(f"deploying to {settings.host}")
""",
    },
    script=("export DEPLOY_HOST=staging.example.com", "env | grep ^DEPLOY_ | sort", "python -m deploy"),
    evidence=("KeyError: 'DEPLOY_TOKEN'", "DEPLOY_HOST=staging.example.com"),
    root_cause=(
        "The variable DEPLOY_TOKEN is not set in this job: `from_environment` in deploy/settings.py reads it with "
        '`os.environ["DEPLOY_TOKEN"]` and raises KeyError. DEPLOY_HOST is there, as the job\'s own listing shows.'
    ),
    fix=(
        "Define DEPLOY_TOKEN as a (masked) CI/CD variable that this job can see; if it is protected, the job's branch "
        "or environment must be protected too. A message that names the variable would be kinder than a bare KeyError."
    ),
)

OUT_OF_MEMORY = Scenario(
    slug="python-memory-error",
    name="build-index",
    stage="build",
    tags=("python", "out-of-memory"),
    item_class="resources",
    files={
        "index.py": '''\
import sys

PAGE_BYTES = 4 * 1024 * 1024


def read_pages(count):
    """All pages at once, for sorting."""
    pages = []
    for number in range(count):
        pages.append(bytes([number % 256]) * PAGE_BYTES)
        if number % 16 == 0:
            print(f"page {number}: {len(pages) * 4} MiB held", flush=True)
    return pages


print(len(sorted(read_pages(int(sys.argv[1])))))
''',
    },
    script=("ulimit -v 524288", "ulimit -v", "python index.py 400"),
    evidence=("MemoryError", "524288"),
    root_cause=(
        "The job limits its address space to 512 MiB (`ulimit -v 524288`), and `read_pages` in index.py holds all 400 "
        "pages of 4 MiB (1.6 GiB) in one list. Once nearly 512 MiB are held, the next page can't be allocated: "
        "MemoryError."
    ),
    fix=(
        "Don't hold all pages at once: sort in chunks on disk (external merge sort) or stream them. If the data must "
        "be in memory, the limit has to go to about 2 GiB."
    ),
)

SQL_MIGRATION = Scenario(
    slug="sqlite-migration-unique",
    name="migrate",
    stage="deploy",
    tags=("sqlite", "migration"),
    item_class="database",
    files={
        "migrations/001_users.sql": "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL);\n",
        "migrations/002_seed.sql": "INSERT INTO users (email) VALUES ('a@example.com'), ('b@example.com'), ('c@example.com'), ('a@example.com');\n",
        **{
            f"migrations/{n:03d}_counter_{n:03d}.sql": f"CREATE TABLE counter_{n:03d} (day TEXT, value INTEGER);\n"
            for n in range(3, 34)
        },
        "migrations/034_unique_email.sql": "CREATE UNIQUE INDEX users_email ON users (email);\n",
        "migrations/035_teams.sql": "CREATE TABLE teams (id INTEGER PRIMARY KEY);\n",
        "migrate.py": """\
import sqlite3
import sys
from pathlib import Path

connection = sqlite3.connect(sys.argv[1])
for path in sorted(Path("migrations").glob("*.sql")):
    print(f"applying {path.name} ...", flush=True)
    with connection:
        connection.executescript(path.read_text())
print("schema is current")
""",
    },
    script=("python migrate.py app.db",),
    evidence=("applying 034_unique_email.sql", "UNIQUE constraint failed: users.email"),
    root_cause=(
        "Migration 034_unique_email.sql builds a unique index on users.email, but the table already holds an address "
        "twice. SQLite can't create the index and reports IntegrityError: UNIQUE constraint failed: users.email; later "
        "migrations were not applied."
    ),
    fix=(
        "Remove or merge the duplicate users before the index is made, in a data migration ahead of 034, decide which "
        "row survives and move its references; then run the migrations again."
    ),
)

ALEMBIC_HEADS = Scenario(
    slug="alembic-multiple-heads",
    name="migrate",
    stage="deploy",
    tags=("alembic", "migration"),
    item_class="database",
    files={
        "alembic.ini": "[alembic]\nscript_location = migrations\npath_separator = os\nsqlalchemy.url = sqlite:///app.db\n",
        "migrations/env.py": """\
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
""",
        **{
            f"migrations/versions/{revision}_{name}.py": f'"""{name}"""\n\nfrom alembic import op\n\nrevision = "{revision}"\ndown_revision = {down!r}\n\n\n'
            f'def upgrade():\n    op.execute("CREATE TABLE {name} (id INTEGER PRIMARY KEY)")\n\n\ndef downgrade():\n    op.execute("DROP TABLE {name}")\n'
            for revision, down, name in (
                ("a1c0", None, "runs"),
                ("b2d1", "a1c0", "answers"),
                ("c3e2", "b2d1", "verdicts"),
                ("d4f3", "b2d1", "probes"),
            )
        },
    },
    script=("alembic history", "alembic upgrade head"),
    evidence=("Multiple head revisions are present",),
    root_cause=(
        "The revisions c3e2 (verdicts) and d4f3 (probes) both name b2d1 as their parent, so the history has two heads, "
        "most likely after two branches were merged. `alembic upgrade head` is ambiguous then and stops."
    ),
    fix=(
        'Join the heads with `alembic merge -m "merge verdicts and probes" c3e2 d4f3` and commit that revision, or '
        "set d4f3's down_revision to c3e2 if it has not been applied anywhere. A check of `alembic heads` in CI keeps "
        "it from coming back."
    ),
    needs=("alembic",),
)

DATABASE_LOCKED = Scenario(
    slug="sqlite-database-locked",
    name="backfill",
    stage="deploy",
    tags=("sqlite", "concurrency"),
    item_class="database",
    files={
        "backfill.py": '''\
"""Writes scores from several workers into one SQLite file."""
import sqlite3
import threading

PATH = "scores.db"
sqlite3.connect(PATH).execute("CREATE TABLE scores (worker TEXT, value REAL)")
writing = threading.Event()
done = threading.Event()


def slow_worker():
    connection = sqlite3.connect(PATH, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO scores VALUES ('slow', 0.5)")
    print("slow: computing in an open transaction", flush=True)
    writing.set()
    done.wait(20)
    connection.execute("COMMIT")


thread = threading.Thread(target=slow_worker)
thread.start()
writing.wait()
try:
    connection = sqlite3.connect(PATH, timeout=1.0)
    print("fast: writing, waits 1.0 s for the lock at most", flush=True)
    connection.execute("INSERT INTO scores VALUES ('fast', 0.9)")
finally:
    done.set()
    thread.join()
''',
    },
    script=("python backfill.py",),
    evidence=("sqlite3.OperationalError: database is locked", "slow: computing in an open transaction"),
    root_cause=(
        "Two writers share one SQLite file. `slow` has begun a transaction and computes while it holds the write lock; "
        "`fast` waits for its timeout of 1 second, can't get the lock, and fails with OperationalError: database is "
        "locked."
    ),
    fix=(
        "Compute first and open the write transaction only for the INSERT, so that the lock is held for moments. A "
        "longer `timeout` in sqlite3.connect (and WAL mode for readers) adds patience; for truly parallel writers use "
        "a server database."
    ),
)

UNKNOWN_OPTION = Scenario(
    slug="python-argparse-unknown-option",
    name="evaluate",
    stage="run",
    tags=("python", "environment"),
    item_class="shell-script",
    files={
        "evaluate.py": """\
import argparse

parser = argparse.ArgumentParser(prog="evaluate", description="Scores answers.")
parser.add_argument("answers")
parser.add_argument("--rubric", default="default")
parser.add_argument("--max-in-flight", type=int, default=4, help="calls at once (was --concurrency before 2.0)")
parser.add_argument("--version", action="version", version="evaluate 2.0.1")
options = parser.parse_args()
print(f"scoring {options.answers} with {options.rubric}")
""",
        "answers.jsonl": '{"id": 1, "text": "ok"}\n',
        "ci/score.sh": "#!/bin/sh\nset -e\npython evaluate.py --version\nexec python evaluate.py answers.jsonl --rubric strict --concurrency 8\n",
    },
    script=("cat ci/score.sh", "sh ci/score.sh"),
    evidence=("evaluate: error: unrecognized arguments: --concurrency 8", "evaluate 2.0.1"),
    root_cause=(
        "ci/score.sh still passes `--concurrency 8`, which evaluate 2.0.1 doesn't know any more; its usage line offers "
        "`--max-in-flight` in that place. argparse ends with status 2 before any answer is scored."
    ),
    fix="Write `--max-in-flight 8` in ci/score.sh, or pin evaluate below 2.0 until the script has moved.",
)

JOBS = (
    RENAMED_SYMBOL, CIRCULAR_IMPORT, MODULE_NOT_FOUND, PIP_NO_VERSION, PIP_CONFLICT, PIP_HASH, SYNTAX_ERROR, OLD_INTERPRETER,
    MYPY, RUFF, FLAKE8, YAMLLINT, BAD_YAML, BAD_JSON, DIVISION, ENCODING, MISSING_VARIABLE, OUT_OF_MEMORY, SQL_MIGRATION,
    ALEMBIC_HEADS, DATABASE_LOCKED, UNKNOWN_OPTION,
)  # fmt: skip
