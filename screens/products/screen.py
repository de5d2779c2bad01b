"""Products: what clients can order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.actions.products import create_product, delete_product, put_product
from engine.actions.repository import PutResult
from engine.forms import ProductForm
from engine.naming import vm_name
from engine.plan import TRAFFIC
from engine.queries.inventory import ProductView, product_values, products
from engine.queries.product_warnings import product_warnings
from engine.queries.refs import names_of
from screens.common.bindings import bindings
from screens.framework.form_questions import in_sections, questions
from screens.framework.record_view import Related
from screens.framework.records_screen import RecordsScreen
from screens.framework.screen import actor
from screens.widgets.fields import FormField
from screens.widgets.form import FormWidget
from screens.widgets.rows import Cell, Column, TableRow

SECTIONS: dict[str, tuple[str, ...]] = {
    "VM": (
        *("name", "server", "template", "target_node", "clone", "first_vmid", "name_rule"),
        *("cores", "sockets", "memory", "os_user", "ssh_keys"),
        *("snapshots", "snapshot_lifetime", "backups", "cd_drive"),
    ),
    "Network": ("network__",),
    "Network: traffic quota": TRAFFIC,
    "Firewall": ("firewall__",),
    "Storage: system disk": ("system_disk__",),
    "Storage: additional disk": ("additional_disk__",),
    "Integration": ("main_domain", "backup_storage", "iso_storage"),
    "Integration: e-mails to the client": ("emails__",),
    "Permissions: what the client may do": ("permissions__", "offered_templates"),
}
CLIENT, SERVICE = 12, 5546
"""Whom the preview of a name is made for."""


def offered(server: str) -> dict[str, Sequence[str]]:
    """What a cluster has for a product: templates, storages, bridges, nodes."""
    from engine.queries.offers import offers

    found = offers(server)
    images = [each.name for each in found.storing("images")]
    nodes = sorted({node for bridge in found.bridges for node in bridge.nodes})
    return {
        "template": [*(each.name for each in found.templates), *(str(each.vmid) for each in found.templates)],
        "target_node": nodes,
        "network__bridge": [each.name for each in found.bridges],
        "system_disk__storage": images,
        "additional_disk__storage": images,
        "backup_storage": [each.name for each in found.storing("backup")],
        "iso_storage": [each.name for each in found.storing("iso")],
    }


class ProductsScreen(RecordsScreen):
    """The products of the site."""

    NAME = SCOPE = "products"
    BINDINGS = bindings("products")
    COMMAND = "kvmtui product list"
    NOUN = "product"
    EMPTY = "No product yet.\nPress + to add one; it needs a server (6) and a pool (3)."
    FORM = ProductForm
    offers = staticmethod(offered)
    MANY_LINES = frozenset({"ssh_keys", "offered_templates"})
    COLUMNS = (
        Column("name", "Name", 14, grow=True),
        Column("server", "Server", 12, 2, grow=True),
        Column("template", "Template", 10, 3, grow=True),
        Column("cores", "CPU", 5, 2, right=True),
        Column("memory", "MiB", 7, 2, right=True),
        Column("disk", "Disk GiB", 8, 2, right=True),
        Column("addresses", "IPv4/6", 6, 4, right=True),
        Column("services", "Services", 8, 2, right=True),
    )

    def rows(self) -> Sequence[TableRow]:
        return [_row(each) for each in products()]

    def values(self, key: Any) -> Mapping[str, Any]:
        return product_values(key)

    def fields(self, key: Any) -> Sequence[FormField]:
        return in_sections(questions(ProductForm, self.MANY_LINES), SECTIONS)

    def choices(self) -> dict[str, Sequence[str]]:
        return {"server": names_of("server")}

    def follow(self, form: FormWidget, values: Mapping[str, object]) -> None:
        """The name a VM would get, and its full name."""
        rule, domain = str(values.get("name_rule") or ""), str(values.get("main_domain") or "")
        name = vm_name(rule, client_id=CLIENT, service_id=SERVICE)
        full = f"{name}.{domain}" if domain else f"{name} (no domain, so no DNS name)"
        form.hint("name_rule", f"service {SERVICE} of client {CLIENT}: {full}")

    def save(self, form: Any, key: Any) -> PutResult:
        if key is None:
            done = create_product(form, actor())
        else:
            done = put_product(form, actor(), next(each.id for each in products() if each.name == key))
        return replace(done, warnings=product_warnings(done.name))

    def delete(self, key: Any) -> None:
        delete_product(key, actor())

    def related(self, key: Any) -> Related:
        """The services of a product."""
        from screens.services.screen import services_with

        return services_with(product=str(key))

    def losses(self, key: Any) -> Sequence[str]:
        return ("It is not sold any more.", "It is refused while services have it.")

    def commands(self) -> list[str]:
        key = self.list.cursor_key
        return [*([f"kvmtui product show '{key}'"] if key else []), "kvmtui product list --json"]


def _row(each: ProductView) -> TableRow:
    """A product as a line of the list: what a VM of it gets."""
    spec, network = each.spec, each.spec.get("network") or {}
    cores, sockets = int(spec.get("cores", 1)), int(spec.get("sockets", 1))
    return TableRow(
        each.name,
        (
            each.name,
            each.server,
            str(spec.get("template", "—")),
            f"{cores}×{sockets}" if sockets > 1 else _or_template(cores),
            _or_template(spec.get("memory", 1024)),
            _disks(spec),
            f"{network.get('ipv4', 1)}/{network.get('ipv6', 0)}",
            Cell(str(each.services), "" if each.services else "muted"),
        ),
    )


def _disks(spec: Mapping[str, Any]) -> str:
    """The sizes of both disks; `tpl` where the template's stays."""
    first = _or_template((spec.get("system_disk") or {}).get("size", 0))
    second = (spec.get("additional_disk") or {}).get("size", 0)
    return f"{first}+{second}" if second else first


def _or_template(number: Any) -> str:
    return str(number) if number else "tpl"
