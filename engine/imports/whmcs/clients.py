"""The clients of a shop who have VMs, as clients here."""

from __future__ import annotations

from collections import Counter, defaultdict

from engine.counting import counted
from engine.errors import Refused
from engine.forms import BadInput, ClientForm, checked
from engine.imports.whmcs.languages import code_of
from engine.imports.whmcs.plan import HERE, LEFT, NEW, REFUSED, ShopPlan, flat
from engine.imports.whmcs.shop import Shop, ShopClient
from engine.store.models import Client


class ClientPlanner:
    """Plans the clients; `found` says what a client of WHMCS is called here, or why there is none.

    One that is here has the same name and e-mail address, or an e-mail address that nobody else has. Two clients of
    the shop never become one.
    """

    def __init__(self, shop: Shop, plan: ShopPlan) -> None:
        self._shop = shop
        self._plan = plan
        self.found: dict[str, str | Refused] = {}

    def run(self) -> None:
        """Add every client with a VM to the plan."""
        wanted = {each.client for each in self._shop.living}
        by_name = {row.name: row for row in Client.select()}
        taken = set(by_name)
        by_mail: dict[str, list[str]] = defaultdict(list)
        for row in by_name.values():
            by_mail[row.email.lower()].append(row.name)
        shared = Counter(
            self._shop.clients[each].email.lower() for each in wanted if each in self._shop.clients
        )
        for number in sorted(wanted, key=lambda text: (len(text), text)):
            client = self._shop.clients.get(number)
            if client is None:
                self.found[number] = Refused(f"client {number} is not in tblclients")
                self._plan.say("client", REFUSED, f"client {number}", "is not in tblclients")
                continue
            mail = client.email.lower()
            own = [f"{client.name} ({client.id})"[-100:], client.name]
            here = next(
                (name for name in own if name in by_name and by_name[name].email.lower() == mail), None
            )
            if here is None and shared[mail] == 1 and len(by_mail[mail]) == 1:
                here = by_mail[mail][0]
            if here is not None and here not in self.found.values():
                self.found[number] = here
                self._plan.say("client", HERE, client.name, "" if here == client.name else f"is {here} here")
                continue
            name = own[0] if client.name in taken else client.name
            taken.add(name)
            self._new_client(client, name, shared[mail] > 1)
        others = len(self._shop.clients) - len(wanted & self._shop.clients.keys())
        if others:
            self._plan.say("other", LEFT, counted(others, "clients"), "without an active or suspended VM")

    def _new_client(self, client: ShopClient, name: str, shared: bool) -> None:
        values = {"name": name, "email": client.email, "language": code_of(client.language)}
        try:
            checked(ClientForm, values)
        except BadInput as bad:
            self.found[client.id] = bad
            self._plan.say("client", REFUSED, name, flat(bad))
            return
        self.found[client.id] = name
        self._plan.manifest["clients"].append(values)
        same = "; another client has the same e-mail address" if shared else ""
        self._plan.say("client", NEW, name, f"{client.email}, {values['language']}{same}")
