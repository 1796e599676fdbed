"""What tests of commands share."""

from __future__ import annotations

import pytest
from tests.typed import Typist


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typist:
    """The command line: `typed("plan", "--json", "-")`."""
    return Typist(capsys, monkeypatch)
