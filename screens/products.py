"""Products: the plans that are sold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.actions.products import create_product, delete_product, put_product
from engine.forms import ProductForm, checked
from engine.queries.refs import names_of
from engine.queries.site import product_values, products
from screens.habits import bindings
from screens.place import actor
from screens.records import RecordsPlace
from screens.widgets.rows import Column, Row


class ProductsPlace(RecordsPlace):
    """The products of the site."""

    NAME = SCOPE = "products"
    BINDINGS = bindings("products")
    COMMAND = "kvmtui product list"
    NOUN = "product"
    EMPTY = "No product yet.\nPress a to add one; it needs a server (6) and a pool (3)."
    FORMS = (ProductForm,)
    COLUMNS = (
        Column("name", "Name", 16, grow=True),
        Column("server", "Server", 14, 2, grow=True),
        Column("cores", "Cores", 5, 3, right=True),
        Column("memory", "MiB", 7, 3, right=True),
        Column("services", "Services", 8, 2, right=True),
    )

    def rows(self) -> Sequence[Row]:
        return [
            Row(
                each.name,
                (
                    *(each.name, each.server, str(each.spec.get("cores", "—"))),
                    *(str(each.spec.get("memory", "—")), str(each.services)),
                ),
            )
            for each in products()
        ]

    def values(self, key: Any) -> Mapping[str, Any]:
        return product_values(key)

    def choices(self) -> dict[str, Sequence[str]]:
        return {"server": names_of("server")}

    def save(self, values: dict[str, Any], key: Any) -> Any:
        if key is None:
            return create_product(checked(ProductForm, values), actor())
        kept = {"ssh_keys": product_values(key).get("ssh_keys", [])}  # a key does not fit into one line
        form = checked(ProductForm, kept | values)
        return put_product(form, actor(), next(each.id for each in products() if each.name == key))

    def delete(self, key: Any) -> None:
        delete_product(key, actor())
