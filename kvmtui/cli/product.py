"""`kvmtui product`: the plans that are sold."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from engine.actions.products import create_product, delete_product, put_product
from engine.actions.repository import flat
from engine.audit import current_actor
from engine.forms import ProductForm, checked
from engine.queries.inventory import product_values, products
from engine.queries.product_warnings import product_warnings
from engine.queries.refs import id_of
from kvmtui.terminal import assigning, open_site, output
from kvmtui.terminal.assigning import Sets
from kvmtui.terminal.names import ProductName, completing
from kvmtui.terminal.options import AsJson, DryRun, Reason, Yes
from kvmtui.terminal.prompts import confirm_name

app = typer.Typer(help="Manage products.", rich_markup_mode=None, no_args_is_help=True)
NewName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the product.")]
Server = Annotated[str | None, typer.Option(help="Server.", autocompletion=completing("server"))]
Template = Annotated[str | None, typer.Option(help="VMID or name of the template.")]
Cores = Annotated[int | None, typer.Option(help="Cores per socket.")]
Memory = Annotated[int | None, typer.Option(help="Memory, MiB.")]
Disk = Annotated[int | None, typer.Option("--disk", help="System disk, GiB.")]
_HEADS = ("ID", "Name", "Server", "Template", "Cores", "Memory", "Disk", "IPv4", "IPv6", "Services")


@app.command("list")
def list_products(as_json: AsJson = False) -> None:
    """List the products.

    \b
    kvmtui product list
    """
    with open_site.opened():
        found = products()
    if as_json:
        output.show_json([_flat(each) for each in found])
        return
    rows = []
    for each in found:
        spec = each.spec
        size = (spec["template"], spec["cores"], spec["memory"], spec["system_disk"]["size"])
        addresses = (spec["network"]["ipv4"], spec["network"]["ipv6"])
        rows.append((each.id, each.name, each.server, *size, *addresses, each.services))
    output.show_table(_HEADS, rows, "There are no products yet. Add one with: kvmtui product add")


def _flat(view: object) -> dict[str, object]:
    """A product with the fields of the manifest in addition to its own."""
    facts = dict(output.plain(view))
    return facts | facts.pop("spec")


@app.command()
def show(name: ProductName, as_json: AsJson = False) -> None:
    """Show all settings of a product.

    \b
    kvmtui product show VPS-2 --json
    """
    with open_site.opened():
        product_values(name)
        view = next(each for each in products() if each.name == name)
    if as_json:
        output.show_json(_flat(view))
    else:
        output.show_facts(flat(_flat(view)))


@app.command()
def add(
    name: NewName,
    server: Annotated[str, typer.Option(help="Server.", autocompletion=completing("server"))],
    template: Annotated[str, typer.Option(help="VMID or name of the template.")],
    cores: Cores = None,
    memory: Memory = None,
    disk: Disk = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Add a product. Omitted fields have their defaults.

    \b
    kvmtui product add VPS-2 --server pve-waw1 --template 9000 --cores 2 --memory 2048 --disk 20 \\
        --set network.model=virtio --set backups=2 --set backup_storage=backup
    """
    values = assigning.assigned(
        {"system_disk": {} if disk is None else {"size": disk}, "ssh_keys": []},
        sets,
        name=name,
        server=server,
        template=template,
        cores=cores,
        memory=memory,
    )
    with open_site.changing(dry_run):
        done = create_product(checked(ProductForm, values), current_actor("cli", reason))
        assigning.say(replace(done, warnings=product_warnings(done.name)), as_json, dry_run)


@app.command()
def edit(
    name: ProductName,
    new_name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    server: Server = None,
    template: Template = None,
    cores: Cores = None,
    memory: Memory = None,
    disk: Disk = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Change a product. Its VMs follow with change-package.

    \b
    kvmtui product edit VPS-2 --memory 4096 --set firewall.policy_in=DROP
    """
    options = {"name": new_name, "server": server, "template": template, "cores": cores, "memory": memory}
    with open_site.changing(dry_run):
        values = product_values(name)
        if disk is not None:
            values["system_disk"] = values["system_disk"] | {"size": disk}
        form = checked(ProductForm, assigning.assigned(values, sets, **options))
        done = put_product(form, current_actor("cli", reason), id_of("product", name))
        assigning.say(replace(done, warnings=product_warnings(done.name)), as_json, dry_run)


@app.command()
def delete(
    name: ProductName,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Delete a product that no service uses.

    \b
    kvmtui product delete VPS-2 --yes
    """
    with open_site.changing(dry_run):
        number = id_of("product", name)
        confirm_name(name, f"The product '{name}' will be deleted.", yes or dry_run)
        delete_product(name, current_actor("cli", reason))
    assigning.say_deleted("product", name, number, as_json, dry_run)
