"""The documents keep up with the code: errors have runbooks, links resolve, commands exist."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
import yaml

from daily_runs import errors
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.main import app
from daily_runs.gitlab.hops.refusal import RULES
from daily_runs.judging.verdict import NO_VERDICT_KINDS

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "include" / "daily_runs"
RUNBOOKS = ROOT / "docs" / "runbooks"
MIGRATIONS = LIBRARY / "store" / "migrations" / "versions"
SECTIONS = ["## Severity", "## Check", "## Stop the loss", "## Fix", "## Verify"]
# Split, so that this file does not mention what it looks for.
FORBIDDEN = (
    "/" + "work/",
    "/" + "root/",
    "/" + "tmp/docs",
    "this " + "session",
    "sub" + "agent",
    "DOMAIN" + " §",
)
WHOLE_WORDS = ("hel" + "pers?",)
DATA = {".jsonl", ".lock"}


def documents() -> list[Path]:
    """Every document of this project."""
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "helm" / "README.md"]
    return found + sorted((ROOT / "docs").rglob("*.md"))


def runbooks() -> list[Path]:
    """Every runbook, without their index."""
    return [path for path in sorted(RUNBOOKS.glob("*.md")) if path.name != "README.md"]


def named(path: Path) -> str:
    """A path as a test's name."""
    return str(path.relative_to(ROOT))


def error_classes() -> set[str]:
    """Every class of the error tree below its root."""

    def below(cls: type[Exception]) -> Iterator[str]:
        for child in cls.__subclasses__():
            if child.__module__ == errors.__name__:
                yield child.__name__
                yield from below(child)

    return set(below(errors.DailyRunsError))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitLab and GitHub make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


class KindRow(NamedTuple):
    """A row of the runbook's tables of kinds."""

    kind: str
    hops: set[str]
    again: str


def kind_rows() -> dict[str, KindRow]:
    """The kinds that the runbook explains."""
    rows = re.findall(r"^\| `([\w<>]+)` \| ([^|]+) \| ([^|]+) \|", (RUNBOOKS / "calls.md").read_text(), re.MULTILINE)
    return {kind: KindRow(kind, set(hops.strip().split(", ")), again.strip()) for kind, hops, again in rows}


def kinds_in(source: str) -> set[str]:
    """Kinds that a module spells out: in a call that makes a failure, or in a table of (kind, blame, retryable)."""
    makers = {"CallError": 1, "Attribution": 1, "own_fault": 0, "failure_of": 0, "_unknown": 0}
    found = set()
    for node in ast.walk(ast.parse(source)):
        spelt: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
            spelt = node.args[makers[node.func.id] :][:1]
        elif isinstance(node, ast.Tuple) and any(ast.unparse(e).startswith("Blame.") for e in node.elts):
            spelt = [e for e in node.elts if isinstance(e, ast.Constant)]
        for expression in spelt:
            if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
                found.add(expression.value)
            elif isinstance(expression, ast.JoinedStr):
                found.add("http_<status>")
    return found


def command_names(group: Any, before: str = "daily-runs") -> set[str]:
    """Every command, with the words before it."""
    found = set()
    for name in group.commands:
        command = group.commands[name]
        is_group = hasattr(command, "commands")
        found |= command_names(command, f"{before} {name}") if is_group else set()
        found |= set() if is_group and not command.invoke_without_command else {f"{before} {name}"}
    return found


def code_of(text: str) -> str:
    """What stands in a document as code: inline, fenced or indented."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}\S.*$", text, re.MULTILINE)
    return "\n".join([*fenced, *indented, *re.findall(r"`([^`\n]+)`", text)])


def test_every_error_of_the_tree_heads_a_runbook() -> None:
    headings = " ".join(path.read_text().splitlines()[0] for path in runbooks())
    assert error_classes() == set(re.findall(r"`(\w+Error)s?`", headings))


def test_the_index_of_runbooks_links_every_page_and_names_every_error() -> None:
    index = (RUNBOOKS / "README.md").read_text()
    assert {path.name for path in runbooks()} == set(re.findall(r"\]\((\w+\.md)\)", index))
    assert error_classes() == set(re.findall(r"`(\w+Error)`", index))


@pytest.mark.parametrize("path", runbooks(), ids=named)
def test_a_runbook_goes_from_severity_to_verifying(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if line.startswith("## ")] == SECTIONS


@pytest.mark.parametrize("path", runbooks(), ids=named)
def test_a_runbook_names_no_error_that_does_not_exist(path: Path) -> None:
    assert set(re.findall(r"`(\w+Error)s?`", path.read_text())) <= error_classes()


def test_the_gates_runbook_names_every_expectation() -> None:
    source = (LIBRARY / "stages" / "expectations.py").read_text()
    words = re.findall(r'_Rule\(\s*"([^"]+)"', source) + re.findall(r'between\("\w+", "([^"]+)"', source)
    assert len(words) > 8
    assert [word for word in words if word not in (RUNBOOKS / "gate.md").read_text()] == []


def test_every_kind_of_failure_in_the_library_is_in_the_runbook_and_no_other() -> None:
    spelt = {rule.kind for rule in RULES} | set(NO_VERDICT_KINDS)
    for module in LIBRARY.rglob("*.py"):
        if "sandbox" not in module.parts:
            spelt |= kinds_in(module.read_text())
    assert len(spelt) > len({rule.kind for rule in RULES})
    assert set(kind_rows()) == spelt


def test_the_runbook_tells_whether_a_judge_without_a_verdict_is_asked_again() -> None:
    rows = kind_rows()
    assert {kind: rows[kind].again for kind in NO_VERDICT_KINDS} == {
        kind: "yes" if again else "no" for kind, again in NO_VERDICT_KINDS.items()
    }


def test_the_runbook_tells_each_rules_hop_and_whether_it_is_tried_again() -> None:
    rows = kind_rows()
    told = {rule.kind: (rule.hop in rows[rule.kind].hops, rows[rule.kind].again) for rule in RULES}
    assert told == {rule.kind: (True, "yes" if rule.retryable else "no") for rule in RULES}


@pytest.mark.parametrize("path", documents(), ids=named)
def test_every_relative_link_resolves_with_its_anchor(path: Path) -> None:
    broken = []
    for link in re.findall(r"\]\((?!https?://)([^)\s]+)\)", path.read_text()):
        file, _, wanted = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (wanted and wanted not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", documents(), ids=named)
def test_every_command_that_a_document_names_exists(path: Path) -> None:
    code = code_of(path.read_text())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = command_names(typer.main.get_group(app))
    said = set(re.findall(r"\bdaily-runs(?: (?:catalogue|dataset|feature|rubric|store))? [a-z]+", code))
    assert set(re.findall(r"\bmake ([a-z-]+)", code)) <= targets
    assert said <= known | {"daily-runs apache"}, "the helm release is called daily-runs too"


def test_every_path_on_the_page_of_architecture_exists() -> None:
    paths = re.findall(
        r"`((?:dags|plugins|include|docs|tests)/[\w./]*)`", (ROOT / "docs" / "architecture.md").read_text()
    )
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_document_that_the_code_cites_exists_with_its_section() -> None:
    missing = []
    for path in [*LIBRARY.rglob("*.py"), *(ROOT / "plugins").rglob("*.py"), *(ROOT / "dags").rglob("*.py")]:
        for document, section in re.findall(r"(docs/[\w/]+\.md)(?: (§\d))?", path.read_text()):
            cited = ROOT / document
            if not cited.exists() or (section and f"## {section} " not in cited.read_text()):
                missing.append(f"{named(path)} cites {document} {section}".strip())
    assert missing == []


def test_the_data_contract_has_a_section_for_each_view_and_names_its_columns_or_none() -> None:
    schema = yaml.safe_load((ROOT / "docs" / "data_contract.odcs.yaml").read_text(encoding="utf-8"))["schema"]
    views = {view["name"]: {column["name"] for column in view["properties"]} for view in schema}
    page = (ROOT / "docs" / "data_contract.md").read_text(encoding="utf-8")
    parts = re.split(r"^## `contract\.(\w+)`.*$", page, flags=re.MULTILINE)
    described = {}
    for view, text in zip(parts[1::2], parts[2::2], strict=True):
        cells = re.findall(r"^\| (`[^|]*`) \|", text.split("\n## ")[0], re.MULTILINE)
        described[view] = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert set(described) == set(views)
    assert {view: columns for view, columns in described.items() if columns} == {
        view: views[view] for view, columns in described.items() if columns
    }
    assert all(described[view] for view in ("runs_v1", "results_v1", "failures_v1"))


def test_the_first_runs_price_is_what_the_catalogue_says() -> None:
    catalogue = catalogue_files.load(overlay=None)
    tokens, judge = catalogue.features["duo_chat"].limits.tokens_per_prompt, catalogue.judge
    page = (ROOT / "docs" / "operations" / "connect.md").read_text()
    assert f"5 × ({tokens.input:,} + {tokens.output:,})" in page
    assert f"5 × ({judge.input_tokens_per_verdict:,} + {judge.output_tokens_per_verdict:,})" in page
    assert f"**{5 * (tokens.input + judge.input_tokens_per_verdict):,}**" in page
    assert f"**{5 * (tokens.output + judge.output_tokens_per_verdict):,}**" in page
    rca = catalogue.features["root_cause_analysis"]
    each = rca.limits.tokens_per_prompt.total + judge.input_tokens_per_verdict + judge.output_tokens_per_verdict
    assert f"{rca.prompts_per_run} × {each:,} = {rca.prompts_per_run * each / 1e6:.1f} M" in page


def test_every_decision_has_its_four_parts_and_is_listed() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    listed = re.findall(r"\]\((0[\w-]+\.md)\)", (ROOT / "docs" / "decisions" / "README.md").read_text())
    assert [record.name for record in records] == listed
    for record in records:
        parts = re.findall(r"^\*\*(\w+)\.\*\*", record.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Wins", "Costs"], record.name


def test_the_change_log_has_an_open_section_or_a_version() -> None:
    assert re.search(r"^## (Unreleased|\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_every_process_in_the_compose_file_shares_the_secrets_and_the_image() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    airflow = {name: service for name, service in services.items() if name != "postgres"}
    assert set(airflow) == {"set-up", "api-server", "scheduler", "dag-processor", "triggerer"}
    shared = {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"}
    for service in airflow.values():
        assert shared <= set(service["environment"])
        assert service["image"] == services["set-up"]["image"]


def test_the_compose_file_settles_the_roles_once_the_tables_are_there() -> None:
    """The last look is at the rights on this version's tables, and it ends the set-up if one is wrong."""
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    (script,) = services["set-up"]["command"]
    lines = [line for line in script.splitlines() if line.startswith("daily-runs store")]
    assert lines == ["daily-runs store migrate", "daily-runs store roles --apply"]


def test_hooks_are_local_and_run_what_make_installs() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repo["repo"] for repo in repos} == {"local"}
    assert all(hook["entry"].startswith(".venv/bin/") for repo in repos for hook in repo["hooks"])


def test_no_file_speaks_of_where_it_was_made() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [ROOT / line for line in listed.stdout.splitlines() if Path(line).suffix not in DATA]
    assert len(files) > 100
    pattern = re.compile("|".join([*map(re.escape, FORBIDDEN), *(rf"\b{word}\b" for word in WHOLE_WORDS)]))
    found = []
    for file in filter(Path.is_file, files):
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{named(file)}:{number}: {line.strip()[:100]}")
    assert found == []


def terms() -> list[str]:
    """The terms of the glossary."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    return re.findall(r"^\| (?!term\b|---)([a-z ]+) \|", text, re.MULTILINE)


def test_the_glossary_is_short_enough_to_be_read() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert 20 <= len(terms()) <= 30
    assert len(terms()) == len(set(terms()))
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == len(terms()) + 1


def words_of_the_code() -> set[str]:
    """The words that names of modules, classes, functions and arguments of the library are made of."""
    names = {path.stem for path in LIBRARY.rglob("*.py")}
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
    return {word.lower() for name in names for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}


def test_every_term_of_the_glossary_names_something_in_the_code() -> None:
    words = words_of_the_code()
    unused = [term for term in terms() if not all(any(w.startswith(part) for w in words) for part in term.split())]
    assert unused == []
