"""Address pools: make, change, delete. The address room keeps their free ranges and says what is in use."""

from __future__ import annotations

from typing import Any

from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.actions.repository import PutResult, Repository, create, put, record
from engine.audit import Actor
from engine.forms.pool import PoolForm
from engine.ipam import pools
from engine.roles import Role
from engine.store.database import in_transaction
from engine.store.models import Pool, Server


class Pools(Repository[PoolForm, Pool]):
    """The pools of the site."""

    kind = "pool"

    def find(self, form: PoolForm) -> Pool | None:
        """The pool of that server with that first address."""
        query = Pool.select(Pool, Server).join(Server)
        return query.where(Server.name == form.server, Pool.start == form.start).first()

    def name(self, form: PoolForm) -> str:
        """Server and first address."""
        return f"{form.server} {form.start}"

    def values(self, row: Pool) -> dict[str, Any]:
        """The pool as its form reads."""
        return {
            "server": row.server.name,
            "type": row.type,
            "bridge": row.bridge,
            "vlan": row.vlan,
            "gateway": row.gateway,
            "mask": row.mask,
            "dns1": row.dns1,
            "dns2": row.dns2,
            "start": str(row.start),
            "stop": str(row.stop),
            "excluded": row.excluded,
            "quarantine": row.quarantine_s,
        }

    def guard(self, form: PoolForm, row: Pool | None) -> None:
        """Its server must be there."""
        found(Server, Server.name == form.server, f"server '{form.server}'")

    def create(self, form: PoolForm) -> Pool:
        """Write a new pool, all free."""
        return pools.create_pool(form.spec())

    def update(self, row: Pool, form: PoolForm) -> Pool:
        """Write over it; refused when addresses in use would fall out."""
        return pools.update_pool(row, form.spec())


POOLS = Pools()


@needs(Role.OWNER, "create a pool", whole_site=True)
def create_pool(form: PoolForm, actor: Actor) -> PutResult:
    """Make a new pool; refused when there is one like it already."""
    return create(POOLS, form, actor)


@needs(Role.OWNER, "change a pool", whole_site=True)
def put_pool(form: PoolForm, actor: Actor, pool_id: int | None = None) -> PutResult:
    """Make the pool of that server and start, or the one of that id, match the form; a new one is made."""
    row = None if pool_id is None else found(Pool, Pool.id == pool_id, f"pool {pool_id}")
    return put(POOLS, form, actor, row)


@needs(Role.OWNER, "delete a pool", whole_site=True)
def delete_pool(pool_id: int, actor: Actor) -> None:
    """Delete a pool of which no address is in use."""
    in_transaction(lambda: _delete(pool_id, actor))


def _delete(pool_id: int, actor: Actor) -> None:
    row = found(Pool, Pool.id == pool_id, f"pool {pool_id}")
    name = f"{row.server.name} {row.start}"
    pools.delete_pool(row)
    record(actor, "delete", "pool", pool_id, name, {"start": str(row.start), "stop": str(row.stop)}, {})
