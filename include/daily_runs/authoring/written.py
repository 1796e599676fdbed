"""Several files that belong together, written all or none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from daily_runs.errors import ParameterError


def must_be_new(files: Iterable[Path], remedy: str) -> None:
    """See that none of the files is there.

    Raises:
        ParameterError: one is.
    """
    for file in files:
        if file.exists() or file.is_symlink():
            raise ParameterError(str(file), "is there already", remedy)


def write_all(files: Mapping[Path, str]) -> None:
    """Write texts to files. Each gets its name once all of them are whole; what was there before stays until then.

    Raises:
        ParameterError: one cannot be written; then none has been, unless only its last step failed, the giving of the
            name: then those before it stand, whole.
    """
    parts = {file: file.with_name(f".{file.name}.{os.getpid()}.part") for file in files}
    file = Path()
    try:
        for file, text in files.items():
            parts[file].write_text(text, encoding="utf-8")
        for file, part in parts.items():
            part.replace(file)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise ParameterError(str(file), problem, "Give a place where you may write.") from error
    finally:
        for part in parts.values():
            with suppress(OSError):  # it is gone when all went well
                part.unlink()
