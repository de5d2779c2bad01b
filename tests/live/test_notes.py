"""Notes of a service: kept with an audit row, never over somebody else's words."""

from __future__ import annotations

import pytest

from engine.actions.notes import LONGEST, set_notes
from engine.audit import current_actor
from engine.errors import Refused
from engine.queries.notes import notes_of
from engine.store.models import Audit
from tests.conftest import Store
from tests.screens.console_site import fill

ME = current_actor("test")


@pytest.fixture
def service(sqlite_store: Store) -> int:
    """A service of a filled site."""
    fill()
    return 5546


def test_notes_are_kept_and_audited_once(service: int) -> None:
    assert notes_of(service) == ""
    assert "saved" in set_notes(ME, service, " call before a reboot\r\nsecond line \n")
    assert "are unchanged" in set_notes(ME, service, "call before a reboot\nsecond line")
    assert notes_of(service) == "call before a reboot\nsecond line"
    (row,) = Audit.select()
    assert (row.action, row.kind, row.object_id) == ("notes", "service", str(service))
    assert (row.before["notes"], row.after["notes"]) == ("", notes_of(service))
    assert "empty now" in set_notes(ME, service, "", was="call before a reboot\nsecond line")


def test_somebody_elses_words_are_not_overwritten(service: int) -> None:
    set_notes(ME, service, "theirs")
    with pytest.raises(Refused, match="changed by somebody else"):
        set_notes(ME, service, "mine", was="")
    with pytest.raises(Refused, match="characters"):
        set_notes(ME, service, "x" * (LONGEST + 1))
    with pytest.raises(Refused, match="not found"):
        set_notes(ME, 1, "x")
    with pytest.raises(Refused, match="not found"):
        notes_of(1)
    assert notes_of(service) == "theirs"
