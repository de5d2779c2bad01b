"""Products: make, change, delete. A change reaches a VM only with change-package."""

from __future__ import annotations

from typing import Any

from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.actions.repository import PutResult, Repository, create, put, refuse_users, remove
from engine.actions.traffic_quota import look_soon
from engine.audit import Actor
from engine.errors import Refused
from engine.forms.form import plain
from engine.forms.product import ProductForm
from engine.queries.tokens import named_by_tokens
from engine.roles import Role
from engine.store.database import in_transaction
from engine.store.models import Product, Server, Service


class Products(Repository[ProductForm, Product]):
    """The products of the site."""

    kind = "product"

    def find(self, form: ProductForm) -> Product | None:
        """The product of that name."""
        return Product.get_or_none(Product.name == form.name)

    def name(self, form: ProductForm) -> str:
        """Its name."""
        return form.name

    def values(self, row: Product) -> dict[str, Any]:
        """The product as its form reads."""
        return {"name": row.name, "server": row.server.name, **row.spec}

    def guard(self, form: ProductForm, row: Product | None) -> None:
        """Its server must be there, and stays the same while services have the product."""
        server = found(Server, Server.name == form.server, f"server '{form.server}'")
        if row is None or row.server_id == server.id:
            return
        services = Service.select().where(Service.product == row.id).count()
        if services:
            raise Refused(
                f"The product '{row.name}' stays on server {row.server.name}: {services} services use it, "
                f"and VMs do not move between clusters. Create a product with another name on {form.server}."
            )

    def create(self, form: ProductForm) -> Product:
        """Write a new product."""
        return self._written(Product(), form)

    def update(self, row: Product, form: ProductForm) -> Product:
        """Write over it."""
        return self._written(row, form)

    def _written(self, row: Product, form: ProductForm) -> Product:
        row.name = form.name
        row.server = Server.get(Server.name == form.server)
        row.spec = {name: value for name, value in plain(form).items() if name not in ("name", "server")}
        row.save()
        look_soon(Service.select(Service.id).where(Service.product == row.id))
        return row


PRODUCTS = Products()


@needs(Role.OWNER, "create a product", whole_site=True)
def create_product(form: ProductForm, actor: Actor) -> PutResult:
    """Make a new product; refused when there is one like it already."""
    return create(PRODUCTS, form, actor)


@needs(Role.OWNER, "change a product", whole_site=True)
def put_product(form: ProductForm, actor: Actor, product_id: int | None = None) -> PutResult:
    """Make the product of that name, or the one of that id, match the form; a new one is made."""
    row = None if product_id is None else found(Product, Product.id == product_id, f"product {product_id}")
    return put(PRODUCTS, form, actor, row)


@needs(Role.OWNER, "delete a product", whole_site=True)
def delete_product(name: str, actor: Actor) -> None:
    """Delete a product no service has."""
    in_transaction(lambda: _delete(name, actor))


def _delete(name: str, actor: Actor) -> None:
    row = found(Product, Product.name == name, f"product '{name}'")
    services = [str(each.id) for each in Service.select(Service.id).where(Service.product == row.id)]
    refuse_users("product", name, {"services": services, "tokens": named_by_tokens("products", row.id)})
    remove(actor, "product", row, name)
