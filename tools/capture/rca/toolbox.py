"""Where the programs are that the failing jobs call, and how their places are written in a log."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUILD_DIR = "/builds/daily-runs/seeds"
SYSTEM_PATH = ("/usr/local/go/bin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")


@dataclass(frozen=True)
class Toolbox:
    """A directory with a Python environment (`py`), `node_modules`, `bin` for anything else, and `cache`.

    `search_path` is the jobs' PATH; `places` are (place here, place in a log).
    """

    root: Path
    search_path: tuple[str, ...]
    places: tuple[tuple[str, str], ...]

    def missing(self, needs: tuple[str, ...]) -> tuple[str, ...]:
        """The programs of `needs` that are not to be found."""
        path = os.pathsep.join(self.search_path)
        return tuple(program for program in needs if shutil.which(program, path=path) is None)


def find(root: Path) -> Toolbox:
    """Look round once: the toolbox, the Rust toolchain behind rustup's shims, the environment's interpreter."""
    python = _printed(root / "py/bin/python", "-c", "import sys; print(sys.base_prefix)")
    sysroot = _printed("rustc", "--print", "sysroot")
    search_path = [str(root / "py/bin"), str(root / "node_modules/.bin"), str(root / "bin")]
    search_path += [f"{sysroot}/bin"] if sysroot else []
    places = [(str(root / "py"), "/usr/local"), (str(root / "bin"), "/usr/local/bin"), (str(root), "/usr/local/lib")]
    places += [(python, "/usr/local")] if python else []
    places += [(sysroot, "/usr/local/rust")] if sysroot else []
    for interpreter in sorted((root / "bin").glob("python3*")):
        places.append((str(interpreter.resolve().parents[1]), "/usr/local"))
    return Toolbox(root, (*search_path, *SYSTEM_PATH), tuple(places))


def _printed(*command: str | Path) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
