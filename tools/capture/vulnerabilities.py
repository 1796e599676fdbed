"""Writes vulnerability_explanation.jsonl and vulnerability_resolution.jsonl from the modules in `vulnerable/`.

Each finding is what a real scanner says when it is run here: bandit on Python, gosec on Go. A reference fix is kept
only if the scanner, run again on the fixed module, no longer has the finding and has no other one of medium or high
severity that was not there before.

    python tools/capture/vulnerabilities.py [--bandit PROGRAM] [--gosec PROGRAM]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import rows
import yaml

SOURCES = Path(__file__).resolve().parent / "vulnerable"
SCAN_TIMEOUT_SECONDS = 300
# Where the module stands in the project that is seeded into GitLab.
FOLDER = "seeds"


class CaptureError(Exception):
    """A scanner or a case is not as it must be; nothing was written."""


@dataclass(frozen=True)
class Finding:
    """One result of a scanner; `report` is its own words."""

    rule: str
    severity: str
    line: int
    report: dict[str, object]


@dataclass(frozen=True)
class Scanners:
    """Programs to run."""

    bandit: str
    gosec: str

    def scan(self, name: str, code: str) -> list[Finding]:
        """Every finding in a module called `name`, scanned alone under `FOLDER`."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            path = root / FOLDER / name
            path.parent.mkdir()
            path.write_text(code, encoding="utf-8")
            return self._gosec(root) if path.suffix == ".go" else self._bandit(root, f"{FOLDER}/{name}")

    def _bandit(self, root: Path, name: str) -> list[Finding]:
        report = _run([self.bandit, "--quiet", "--format", "json", name], root)
        if report["errors"]:
            raise CaptureError(f"bandit could not read {name}: {report['errors']}")
        return [
            Finding(found["test_id"], found["issue_severity"], found["line_number"], found)
            for found in report["results"]
        ]

    def _gosec(self, root: Path) -> list[Finding]:
        (root / "go.mod").write_text("module seeds\n\ngo 1.24\n", encoding="utf-8")
        # Not -quiet: it then says nothing of a module that it could not compile, which would pass for "no finding".
        report = _run([self.gosec, "-fmt=json", "./..."], root)
        if report["Golang errors"] or report["Stats"]["files"] != 1:
            raise CaptureError(f"gosec could not read the module: {report['Golang errors']}")
        findings = []
        for found in report["Issues"] or []:
            found["file"] = str(Path(found["file"]).resolve().relative_to(root))
            findings.append(Finding(found["rule_id"], found["severity"], int(found["line"].split("-")[0]), found))
        return findings


def _run(command: list[str], folder: Path) -> dict:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=SCAN_TIMEOUT_SECONDS, check=False
        )
    except OSError as error:
        raise CaptureError(f"{command[0]} cannot be started ({error}); install it or give its option") from error
    if done.returncode not in (0, 1):  # 1 = there are findings
        raise CaptureError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    try:
        report: dict = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise CaptureError(f"{command[0]} printed no JSON report: {done.stderr.strip()[-500:]}") from error
    return report


@dataclass(frozen=True)
class Case:
    """A module and the one finding in it that the item is about."""

    about: dict
    path: Path

    @property
    def fixed(self) -> Path:
        return self.path.with_suffix(f".fixed{self.path.suffix}")

    def finding(self, scanners: Scanners) -> Finding:
        """The scanner's finding for this case."""
        found = [one for one in scanners.scan(self.path.name, self.path.read_text()) if one.rule == self.about["rule"]]
        if len(found) != 1:
            raise CaptureError(f"{self.path.name}: {len(found)} findings of {self.about['rule']} instead of one")
        return found[0]

    def check_fixed(self, scanners: Scanners) -> None:
        """Raise unless the fixed module is rid of the finding, and of new ones above low severity."""
        before = {one.rule for one in scanners.scan(self.path.name, self.path.read_text())} - {self.about["rule"]}
        after = scanners.scan(self.path.name, self.fixed.read_text())
        bad = [one.rule for one in after if one.rule not in before and one.severity != "LOW"]
        if bad or self.about["rule"] in {one.rule for one in after}:
            raise CaptureError(f"{self.fixed.name} still has findings: {bad or self.about['rule']}")


def cases(folder: str) -> list[Case]:
    """Cases of a set, in the order of its cases.yaml."""
    made = []
    for about in yaml.safe_load((SOURCES / folder / "cases.yaml").read_text(encoding="utf-8")):
        paths = [SOURCES / folder / f"{about['slug']}{suffix}" for suffix in (".py", ".go")]
        made.append(Case(about, next(path for path in paths if path.exists())))
    return made


def item(prefix: str, number: int, case: Case, finding: Finding) -> dict[str, object]:
    """What both sets have in common; question and reference are added by the caller."""
    slug = case.about["slug"]
    return {
        "id": f"{prefix}-{number:03}",
        "seed_key": f"{prefix}/{slug}",
        "class": case.about["class"],
        "tags": case.about["tags"],
        "question": "",
        "resource": {
            "type": "vulnerability",
            "title": case.about["title"],
            "severity": finding.severity.upper(),
            "scanner": "gosec" if case.path.suffix == ".go" else "bandit",
            "identifier": finding.rule,
            "file_name": f"{FOLDER}/{case.path.name}",
            "start_line": finding.line,
            "code": case.path.read_text(encoding="utf-8"),
            "report": finding.report,
        },
    }


def explanations(scanners: Scanners) -> list[dict[str, object]]:
    """Rows of the explanation set."""
    made = []
    found = cases("explanation")
    numbers = rows.numbered("vulnerability_explanation", [case.about["slug"] for case in found])
    for case in found:
        row = item("vex", numbers[case.about["slug"]], case, case.finding(scanners))
        reference = {section: case.about[section] for section in ("explanation", "impact", "fix")}
        made.append(row | {"question": "/vulnerability_explain", "reference": reference})
    return made


def resolutions(scanners: Scanners) -> list[dict[str, object]]:
    """Rows of the resolution set, each with a fix that the scanner agrees with."""
    made = []
    found = cases("resolution")
    numbers = rows.numbered("vulnerability_resolution", [case.about["slug"] for case in found])
    for case in found:
        row = item("vr", numbers[case.about["slug"]], case, case.finding(scanners))
        case.check_fixed(scanners)
        fixed = case.fixed.read_text(encoding="utf-8")
        made.append(row | {"reference": {"fixed_code": fixed, "explanation": case.about["explanation"]}})
    return made


def _beside_python(program: str) -> str:
    """The program of this virtual environment if it has it."""
    return shutil.which(program, path=str(Path(sys.executable).parent)) or program


def main() -> None:
    parser = argparse.ArgumentParser(description="Capture both vulnerability data sets again.")
    parser.add_argument("--bandit", default=_beside_python("bandit"), help="bandit's program")
    parser.add_argument("--gosec", default="gosec", help="gosec's program")
    options = parser.parse_args()
    scanners = Scanners(options.bandit, options.gosec)
    try:
        sets = {
            "vulnerability_explanation": explanations(scanners),
            "vulnerability_resolution": resolutions(scanners),
        }
    except CaptureError as error:
        sys.exit(str(error))
    for name, made in sets.items():
        print(f"{rows.write(name, made).name}: {len(made)} items")


if __name__ == "__main__":
    main()
