"""The stops of the tour: what it shows, how it gets there, and what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from screens.common.bindings import action, key_name


@dataclass(frozen=True, slots=True)
class TourStop:
    """A stop: how to get there, what is said there and for how long, and a word that must be on the screen.

    `steps`: `@action.id` presses its key, `"text` types, anything else is the name of a key. `{action.id}` in the
    caption is its key.
    """

    name: str
    steps: tuple[str, ...]
    caption: str
    shows: str
    seconds: float = 3.0

    @property
    def words(self) -> str:
        """The caption with the keys in it."""
        return re.sub(r"\{([a-z_.]+)\}", lambda found: key_name(action(found[1]).keys[0]), self.caption)


HOME = ("@go.dashboard",)
STOPS = (
    TourStop(
        "dashboard",
        ("@dashboard.first",),
        "What needs you comes first; what is fine takes no room",
        "rocky-10",
        6.0,
    ),
    TourStop(
        "fix",
        ("@dashboard.first", "@dashboard.fix"),
        "{dashboard.fix} goes to where the cause is fixed: the product whose template is missing",
        "VPS-Rocky",
    ),
    TourStop(
        "work",
        (*HOME, "@dashboard.last"),
        "Pending and next: DNS, backups, drift, certificates, the schedule",
        "drift",
        4.0,
    ),
    TourStop(
        "vms",
        ("@go.vms",),
        "{go.vms} lists the VMs; the lines below say why the selected one waits",
        "25 VMs",
        4.0,
    ),
    TourStop(
        "stuck",
        ("@list.filter", '"is:stuck', "enter"),
        "{list.filter} filters while you type: any word, client: node: ip: is:stuck",
        "1 VM",
    ),
    TourStop(
        "drift",
        ("escape", "@list.filter", '"is:drifted', "enter"),
        "is:drifted finds the VMs that somebody changed in Proxmox",
        "2 VMs",
    ),
    TourStop("vm", ("enter",), "The page of a VM: how it is now, beside its product", "4096 MiB", 5.0),
    TourStop(
        "backups",
        ("@go.vms", "escape", "home", "down", "down", "enter", *("@page.next",) * 4),
        "Backups on the cluster, their schedule, and restore",
        "ours",
    ),
    TourStop(
        "charts",
        (*("@page.next",) * 2, *("@charts.span",) * 4),
        "Charts as Proxmox measured them, from an hour to a year",
        "a point is 6 h",
        5.0,
    ),
    TourStop(
        "package",
        ("@service.package", "up", "enter"),
        "Another product: what would change, before it does",
        "Change vps-",
        5.0,
    ),
    TourStop(
        "log", ("escape", "@go.vms", "L"), "L: the live log of every engine, as it happens", "Deploy", 4.0
    ),
    TourStop(
        "pools", ("escape", "@go.pools"), "{go.pools}: address pools; one is full, one fills up", "100 %"
    ),
    TourStop(
        "zones",
        ("@go.zones", "down", "down", "@zones.test"),
        "{go.zones}: DNS zones; {zones.test} tests one, check by check",
        "refused",
    ),
    TourStop(
        "settings",
        ("escape", "@go.settings"),
        "{go.settings}: thresholds, retention, the schedule",
        "Thresholds",
    ),
    TourStop(
        "audit", ("@go.audit",), "{go.audit}: who changed what, in a trail that shows tampering", "create"
    ),
    TourStop("palette", ("@app.palette", '"pools'), "{app.palette} finds every action by name", "IP Pools"),
    TourStop(
        "help",
        ("escape", "escape", "@app.help"),
        "{app.help} lists every key that works where you are",
        "Keys that work here",
    ),
    TourStop(
        "end", ("escape", *HOME), "That was the tour. The demo is yours now; {app.quit} quits", "Needs you"
    ),
)
