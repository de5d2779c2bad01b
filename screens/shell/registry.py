"""The screens behind the number keys, each in a module that is imported when it is first opened.

To add one: write a `BaseScreen` (see `screens.framework.screen`), and list it here under the argument of its `go.…`
action in `screens.common.actions.SCREENS`. Its tab, number key and palette entry follow from that line.
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
    "tokens": "screens.settings.tokens:TokensScreen",
    "webhooks": "screens.settings.webhooks:WebhooksScreen",
    "wizard": "screens.wizard.screen:WizardScreen",
}
_TABS = {"tokens": "settings", "webhooks": "settings"}


def tab_of(name: str) -> str:
    """The tab that is marked while a screen is open."""
    return _TABS.get(name, name)


def make(name: str) -> BaseScreen:
    """A new widget for the screen of that name."""
    module, _, kind = BUILT[name].partition(":")
    made: BaseScreen = getattr(import_module(module), kind)()
    return made
