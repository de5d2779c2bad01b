"""The list of pipelines. A new one is one line here."""

from __future__ import annotations

from functools import cache

from engine.pipelines.adopt import ADOPT
from engine.pipelines.change import CHANGE_PACKAGE
from engine.pipelines.commands import COMMANDS
from engine.pipelines.deploy import DEPLOY, REDEPLOY, REINSTALL
from engine.pipelines.maintenance import MAINTENANCE
from engine.pipelines.terminate import SET_DNS_RECORDS, TERMINATE
from engine.work.catalog import Catalog


@cache
def catalog() -> Catalog:
    """The pipelines by name and by status."""
    return Catalog(
        (
            DEPLOY,
            CHANGE_PACKAGE,
            REINSTALL,
            REDEPLOY,
            SET_DNS_RECORDS,
            TERMINATE,
            ADOPT,
            *COMMANDS,
            *MAINTENANCE,
        )
    )
