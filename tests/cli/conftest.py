"""The program with a site, for the tests of its verbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.manifest.conftest import SITE

Program = Callable[..., Ran]


@pytest.fixture
def site(kvmtui: Program, tmp_path: Path) -> Program:
    """The program with a site applied."""
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    done = kvmtui("apply", str(file))
    assert (done.exit, done.stderr) == (0, "")
    return kvmtui
