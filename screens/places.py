"""The places one goes to with a number key, each in a module that is imported when it is first opened.

To add a place: write a `Place` (see `screens.place`), and name it here under the argument its `go.…`
action has in `screens.actions.PLACES`. Its tab, its number key and its palette entry follow from that line.
"""

from __future__ import annotations

from importlib import import_module

from screens.place import Place

BUILT: dict[str, str] = {
    "dashboard": "screens.dashboard:DashboardPlace",
    "vms": "screens.vms:VmsPlace",
    "pools": "screens.pools:PoolsPlace",
    "zones": "screens.zones:ZonesPlace",
    "products": "screens.products:ProductsPlace",
    "servers": "screens.servers:ServersPlace",
    "clients": "screens.clients:ClientsPlace",
    "services": "screens.services:ServicesPlace",
    "settings": "screens.settings:SettingsPlace",
    "audit": "screens.audit:AuditPlace",
    "wizard": "screens.wizard.place:WizardPlace",
}


def make(name: str) -> Place:
    """A fresh widget for the place of that name."""
    module, _, kind = BUILT[name].partition(":")
    made: Place = getattr(import_module(module), kind)()
    return made
