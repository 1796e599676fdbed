"""What a failing job is: its files, its script, and what is truly wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SYMPTOMS = (
    "build-config",
    "compile-error",
    "concurrency",
    "container",
    "coverage",
    "data-error",
    "dependency",
    "disk",
    "encoding",
    "environment",
    "import-error",
    "infrastructure-config",
    "integrity",
    "link-error",
    "lint",
    "memory-error",
    "migration",
    "missing-file",
    "network",
    "out-of-memory",
    "permission",
    "runtime-error",
    "shell",
    "syntax-error",
    "test-failure",
    "timeout",
    "time-zone",
    "tls",
    "type-error",
    "version-control",
)


@dataclass(frozen=True)
class Scenario:
    """One job that fails for one known reason.

    `script` holds the job's steps as a CI file would; the last one is the step that fails. `evidence` is text that the
    log must contain, because the reference rests on it. `tags` are the language or tool, then one of `SYMPTOMS`;
    `item_class` is the cause's class in the data set's card.
    `executable` names the files that get the x bit; `needs` the programs that must be there; `env` adds variables.
    `unprivileged` runs the job as `nobody` when the capture itself runs as root, who may read and write everything.
    """

    slug: str
    name: str
    stage: str
    tags: tuple[str, str]
    item_class: str
    files: Mapping[str, str | bytes]
    script: tuple[str, ...]
    evidence: tuple[str, ...]
    root_cause: str
    fix: str
    needs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    executable: tuple[str, ...] = ()
    unprivileged: bool = False

    @property
    def command(self) -> str:
        """The step that fails."""
        return self.script[-1]
