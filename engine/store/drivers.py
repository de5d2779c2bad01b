"""Keeps the driver of PostgreSQL out of a process whose database is a SQLite file.

peewee imports every driver it finds, and PostgreSQL's takes as long as a quarter of a console's whole start.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import cast

_DRIVERS = ("psycopg2cffi", "psycopg2", "psycopg")


def needed_by(url: str) -> None:
    """Load the drivers this URL needs and no others; call it before anything else of the store is imported.

    A process that calls it with a SQLite file opens SQLite files only.
    """
    if "peewee" in sys.modules or not url.startswith("sqlite"):
        return
    hidden = [name for name in _DRIVERS if name not in sys.modules]
    absent = cast(ModuleType, None)  # how Python marks a module that cannot be imported
    sys.modules.update(dict.fromkeys(hidden, absent))
    try:
        import_module("peewee")
    finally:
        for name in hidden:
            del sys.modules[name]
