"""The places one goes to with a number key, each in a module that is imported when it is first opened.

To add a place: write a `BaseScreen` (see `screens.framework.screen`), and name it here under the argument its `go.…`
action has in `screens.common.actions.PLACES`. Its tab, its number key and its palette entry follow from that line.
"""

from __future__ import annotations

from importlib import import_module

from screens.framework.screen import BaseScreen

BUILT: dict[str, str] = {
    "dashboard": "screens.dashboard.screen:DashboardScreen",
    "vms": "screens.vms.screen:VmsScreen",
    "pools": "screens.pools.screen:PoolsScreen",
    "zones": "screens.zones.screen:ZonesScreen",
    "products": "screens.products.screen:ProductsScreen",
    "servers": "screens.servers.screen:ServersScreen",
    "clients": "screens.clients.screen:ClientsScreen",
    "services": "screens.services.screen:ServicesScreen",
    "settings": "screens.settings.screen:SettingsScreen",
    "audit": "screens.audit.screen:AuditScreen",
    "wizard": "screens.wizard.screen:WizardScreen",
}


def make(name: str) -> BaseScreen:
    """A fresh widget for the place of that name."""
    module, _, kind = BUILT[name].partition(":")
    made: BaseScreen = getattr(import_module(module), kind)()
    return made
