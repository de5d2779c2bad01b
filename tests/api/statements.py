"""What the threads of an API server ask the database: the shapes of statements, without values."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from engine.store.database import database

_OF_REQUESTS = "kvmtui-api_"
_SAVEPOINT = re.compile(r'SAVEPOINT "\w+"')


@contextmanager
def watched() -> Iterator[Callable[[], list[str]]]:
    """Inside the block: a function that answers the statements since its last call, in their order."""
    kind = type(database.obj)
    real, seen = kind.execute_sql, []

    def execute_sql(self: Any, sql: str, params: Any = None) -> Any:
        if threading.current_thread().name.startswith(_OF_REQUESTS):
            seen.append(_SAVEPOINT.sub("SAVEPOINT", sql))
        return real(self, sql, params)

    def since() -> list[str]:
        found = list(seen)
        seen.clear()
        return found

    kind.execute_sql = execute_sql
    try:
        yield since
    finally:
        kind.execute_sql = real
