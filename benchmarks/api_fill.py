"""Fill the database of a KVMTUI_HOME with services whose VMs are ready: `python -m benchmarks.api_fill HOME COUNT`."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

from engine.plan import effective
from engine.store.database import close_database, in_transaction, open_database
from engine.store.models import Client, Product, Server, Service, Vm
from engine.store.urls import sqlite_url

_BATCH = 400


def main(home: Path, count: int) -> None:
    """Insert them in batches."""
    open_database(sqlite_url(home / "kvmtui.db"))

    def work() -> None:
        server = Server.create(
            uid=str(uuid.uuid4()), name="pve1", hosts=["127.0.0.1"], tls={"insecure": True}
        )
        spec = {"template": 9000}
        product = Product.create(name="VPS", server=server, spec=spec)
        plan = effective(spec, {}).as_dict()
        clients = [Client.create(name=f"client {number}").id for number in range(100)]
        for start in range(1, count + 1, _BATCH):
            numbers = range(start, min(start + _BATCH, count + 1))
            Service.insert_many(
                [
                    {"id": each, "client": clients[each % 100], "product": product.id, "status": "Active"}
                    for each in numbers
                ]
            ).execute()
            Vm.insert_many(
                [
                    {
                        "uid": str(uuid.uuid4()),
                        "service": each,
                        "server": server.id,
                        "vm_status": "ready",
                        "name": f"vm-{each}",
                        "plan": plan,
                    }
                    for each in numbers
                ]
            ).execute()

    in_transaction(work)
    close_database()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
