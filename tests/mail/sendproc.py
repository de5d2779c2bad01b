"""An engine's mail sender in a process of its own, so that it can be killed: URL of the database, key file."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.mail.delivery import Round
from engine.store import secrets
from engine.store.database import close_database, open_database

if __name__ == "__main__":
    open_database(sys.argv[1])
    secrets.use_key_file(Path(sys.argv[2]))
    Round().send_due()
    close_database()
