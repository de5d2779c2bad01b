"""The table of everything an operator can ask of the console, and the key that asks it.

Bindings, footer, help page, command palette and the operator's own keymap are all made from this table, so
a key is shown where it works and works where it is shown. An action names the method that carries it out:
`list.mark` calls `do_mark()` on the widget, screen or app whose scope is `list`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

EVERYWHERE = "app"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an operator can ask: where, by which keys, under which name, and what it promises."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    scope: str
    run: str
    argument: str = ""
    short: str = ""
    """What is written where `label` does not fit."""
    rank: int = 0
    """Position in the footer, lowest first; 0 keeps it out of the footer, not out of help or palette."""
    changes: bool = False
    destructive: bool = False


RowMaker = Callable[..., Action]


def _reads(scope: str) -> RowMaker:
    """Rows of a scope that look or move, and change nothing."""

    def row(run: str, keys: str, label: str, promise: str, rank: int = 0) -> Action:
        return Action(f"{scope}.{run}", tuple(keys.split()), label, promise, scope, run, rank=rank)

    return row


def _changes(scope: str) -> RowMaker:
    """Rows of a scope that change something; `destroys` marks what cannot be undone."""

    def row(run: str, keys: str, label: str, promise: str, rank: int = 0, destroys: bool = False) -> Action:
        ident, taps = f"{scope}.{run}", tuple(keys.split())
        return Action(ident, taps, label, promise, scope, run, rank=rank, changes=True, destructive=destroys)

    return row


def _place(number: str, name: str, label: str, short: str, shows: str) -> Action:
    promise = f"Go to {label}: {shows}."
    return Action(f"go.{name}", (number,), label, promise, EVERYWHERE, "go", name, short)


SCREENS: tuple[Action, ...] = (
    _place("1", "dashboard", "Dashboard", "Home", "what matters now"),
    _place("2", "vms", "VMs", "", "every VM"),
    _place("3", "pools", "IP Pools", "Pools", "address ranges and who has which address"),
    _place("4", "zones", "DNS Zones", "DNS", "forward and reverse zones"),
    _place("5", "products", "Products", "", "the plans that are sold"),
    _place("6", "servers", "Servers", "", "Proxmox clusters and their state"),
    _place("7", "clients", "Clients", "", "who owns the services"),
    _place("8", "services", "Services", "", "what each client has"),
    _place("9", "settings", "Settings", "", "general settings and scheduled tasks"),
    _place("0", "audit", "Audit", "", "who changed what, and when"),
)

_app, _list, _log, _vm, _vms, _page = map(_reads, (EVERYWHERE, "list", "log", "vm", "vms", "page"))
_zones, _servers, _settings = map(_reads, ("zones", "servers", "settings"))
_vm_change, _service_change, _setting_change = map(_changes, ("vm", "service", "settings"))
_token_change, _webhook_change = map(_changes, ("tokens", "webhooks"))

_EVERYWHERE = (
    _app(
        "goto",
        ":",
        "Go to",
        "Go to anything that has a name: a VM, client, product, server, pool, zone or screen.",
        80,
    ),
    _app("log", "L", "Log", "Live log: hide, half, full.", 85),
    _app("alerts", "!", "Alerts", "List the alerts; enter opens what an alert is about."),
    _app("help", "?", "Help", "Show every key that works here.", 91),
    _app("palette", "ctrl+p", "Palette", "Find an action, VM, client or product by name.", 92),
    _app("quit", "q", "Quit", "Leave the console. Work is parked or continues in another engine.", 99),
    _app("back", "escape", "Back", "Leave what is open, one step."),
    _app("reload", "ctrl+r", "Reload", "Read everything on this screen again."),
    _app("theme", "", "Theme", "Change the colours."),
    _changes(EVERYWHERE)(
        "first_steps", "F", "First steps", "Set up from your cluster to the first VM, step by step."
    ),
)

_steps = _changes("wizard")
_WIZARD = (
    _steps("go", "enter", "Continue", "Do this step.", 5),
    _steps("skip", "right", "Next", "Go to the next step; one that is not done is skipped.", 6),
    _steps("before", "left b", "Back", "Go to the step before.", 7),
    _steps("again", "ctrl+r", "Ask again", "Ask the cluster again.", 8),
    _steps("copy", "y", "Copy commands", "Copy the commands of this step.", 9),
)

_LIST = (
    _list("open", "enter", "Open", "Open the row under the cursor.", 10),
    _list("filter", "/", "Filter", "Show only rows that hold what you type.", 17),
    _list("sort", "s", "Sort", "Sort by the next column.", 45),
    _list("reverse", "S", "Reverse", "Reverse sort order."),
    _list("mark", "space", "Mark", "Mark or unmark the row.", 50),
    _list("mark_to", "v", "Mark to", "Mark every row from the last mark to here."),
    _list("unmark", "u", "Unmark", "Clear all marks."),
    _list("copy", "y", "Copy", "Copy the row to the clipboard."),
    _list("retry", "ctrl+t", "Try again", "Ask again after an error."),
    _list("up", "up k", "Up", "One row up."),
    _list("down", "down j", "Down", "One row down."),
    _list("page_up", "pageup ctrl+u", "Page up", "One page up."),
    _list("page_down", "pagedown ctrl+d", "Page down", "One page down."),
    _list("first", "home", "First", "The first row."),
    _list("last", "end", "Last", "The last row."),
)

_board = _reads("dashboard")
_BOARD = (
    _board("open", "enter", "Open", "Open what this line is about.", 10),
    _board("fix", "f", "Fix", "Go to where the cause of this line is fixed.", 11),
    _board("up", "up k", "Up", "One line up."),
    _board("down", "down j", "Down", "One line down."),
    _board("left", "left", "Left column", "Go to the left column."),
    _board("right", "right", "Right column", "Go to the right column."),
    _board("first", "home", "First", "The first line."),
    _board("last", "end", "Last", "The last line."),
)

_LOG = (
    _log("follow", "end G", "Follow", "Follow new lines again, or pause.", 10),
    _log("find", "/", "Search", "Search the log.", 20),
    _log("next", "n", "Next", "The next match, downwards.", 21),
    _log("previous", "N", "Previous", "The match before, upwards."),
    _log("only", "i", "This VM", "Only the VM of this line, or all again.", 30),
    _log("copy", "y", "Copy", "Copy the line under the cursor.", 40),
    _log("copy_view", "Y", "Copy view", "Copy every line in view."),
    _log("up", "up k", "Up", "One line up; this pauses."),
    _log("down", "down j", "Down", "One line down."),
    _log("page_up", "pageup ctrl+u", "Page up", "One page up; this pauses."),
    _log("page_down", "pagedown ctrl+d", "Page down", "One page down."),
    _log("first", "home", "Oldest", "The oldest line kept."),
    _log("left", "left", "Left", "See the start of long lines."),
    _log("right", "right", "Right", "See more of long lines."),
)

_VM = (
    _vm_change("redeploy", "R", "Redeploy", "Remove the VM and deploy it again from the start.", 20, True),
    _vm_change("reset", "r", "Reset", "Set the status from which work continues.", 21),
    _vm("log", "l", "VM log", "The runs and steps of this VM.", 19),
    _vm_change("record", "d", "DB record", "See and edit the raw record of this VM.", 31),
    _vm_change("delete_record", "D", "Del record", "Drop the record of a VM that is gone.", 24, True),
    _vm_change("step", "x", "Run step", "Run one single step on this VM.", 30),
    _vm("menu", "a", "Actions", "Show every action for this VM, each under one letter.", 18),
    _vm_change("start", "", "Start", "Power the VM on."),
    _vm_change("shutdown", "", "Shutdown", "Shut the guest down."),
    _vm_change("stop", "", "Stop", "Power the VM off at once."),
    _vm_change("reboot", "", "Reboot", "Restart the guest."),
    _vm_change("reinstall", "I", "Reinstall", "Wipe the VM and install it from its template.", 0, True),
    _vm_change("dns", "", "Set DNS", "Write every DNS record of this VM again."),
    _vm_change("password", "P", "Password", "Give the guest a new password, and show it once."),
    _vm_change("rdns", "N", "Reverse DNS", "Change the reverse name of an address."),
    _vm_change("console", "o", "Console", "Open the serial console of this VM, or a link to its screen."),
    _vms("group", "g", "Group", "Count the VMs by node, client, product or server, and show one group."),
    _vms("state", "i", "State", "Show only the VMs in one state, or of services with one status."),
    _vms("service", "", "Service status", "Show only the VMs of services with one status."),
)

_TABS = (
    ("overview", "Overview", "where the VM stands"),
    ("addresses", "Addresses", "their reverse names, and whether DNS has them"),
    ("steps", "Module commands", "the steps that can be run alone"),
    ("snapshots", "Snapshots", "taken, rolled back to, and when they go"),
    ("backups", "Backups", "made, restored, and their schedule"),
    ("iso", "ISO", "the images that can be mounted"),
    ("charts", "Charts", "what it used, from an hour to a year"),
    ("history", "History", "everything that happened to the service, and its notes"),
    ("runs", "Log", "its runs and their steps"),
)
_TAB_SCOPES: tuple[str, ...] = ("overview", "snapshots", "backups", "iso", "charts")
"""The tabs that have actions of their own."""


def _tab(name: str, label: str, shows: str) -> Action:
    return Action(f"page.{name}", (), f"{label} tab", f"Turn to {label}: {shows}.", "page", "tab", name)


_PAGE = (
    _changes("page")("notes", "number_sign", "Notes", "Read and write the notes of this service."),
    _page("next", "right", "Next tab", "The next tab of this VM's page.", 12),
    _page("previous", "left", "Previous tab", "The tab before."),
    _page("command", "c", "Command", "Show the command lines that do the same."),
    _page("export", "e", "Export", "Write the list of this tab as CSV or JSON."),
    *(_tab(*each) for each in _TABS),
)


_snapshot_change, _backup_change, _iso_change = map(_changes, ("snapshots", "backups", "iso"))
_MAINTENANCE = (
    _changes("overview")(
        "apply", "equals_sign", "Apply", "Apply the product again where the VM differs from it.", 5
    ),
    _snapshot_change("new", "plus", "New", "Take a snapshot.", 5),
    _snapshot_change("back", "B", "Roll back", "Bring the VM back to this snapshot.", 6, True),
    _snapshot_change("delete", "X", "Delete", "Delete this snapshot, or the marked ones.", 7, True),
    _snapshot_change("schedule", "w", "Schedule", "Set the days on which a snapshot is taken.", 8),
    _backup_change("new", "plus", "Back up now", "Make a backup now.", 5),
    _backup_change("back", "B", "Restore", "Overwrite the VM with this backup.", 6, True),
    _backup_change("delete", "X", "Delete", "Delete this backup, or the marked ones.", 7, True),
    _backup_change("schedule", "w", "Schedule", "Set the days on which a backup is made.", 8),
    _iso_change("mount", "m", "Mount", "Put this ISO image into the VM's drive.", 5),
    *(
        _reads("charts")(
            "span", "full_stop", "Longer", "Show a longer span: hour, day, week, month, year.", 5
        ),
        _reads("charts")("shorter", "comma", "Shorter", "Show a shorter span.", 6),
    ),
    _iso_change("eject", "M", "Eject", "Take the ISO image out of the drive.", 6),
)


_ADOPTING = ("services", "servers")


def _records(scope: str, noun: str) -> tuple[Action, ...]:
    """Adding, editing and deleting, as every list of records offers them."""
    row = _changes(scope)
    return (
        row("add", "plus", "Add", f"Add a {noun}.", 20),
        row("edit", "E", "Edit", f"Edit this {noun}.", 21),
        row("delete", "D", "Delete", f"Delete this {noun}.", 22, True),
    )


_OTHERS = (
    *(_records("pools", "pool") + _records("zones", "zone") + _records("products", "product")),
    *(_records("servers", "server") + _records("clients", "client")),
    _zones("test", "t", "Test", "Ask the provider whether it answers.", 15),
    _servers("test", "t", "Test", "Ask the cluster whether it answers.", 15),
    _servers("nodes", "h", "Nodes", "The nodes of this cluster: load, memory and our VMs.", 23),
    _reads("audit")("verify", "t", "Verify", "Test whether anybody changed the trail.", 15),
    _servers("doctor", "C", "Doctor", "Check everything a deploy needs.", 16),
    _changes("clients")("notes", "number_sign", "Notes", "Read and write the notes of this client.", 23),
    _changes("servers")("pause", "z", "Pause", "Pause this server, or resume it.", 22),
    _changes("services")("add", "plus", "Create", "Create a service for a client.", 20),
    *(
        _changes(each)("adopt", "A", "Adopt", "Make a guest of a cluster a service.", 26)
        for each in _ADOPTING
    ),
    _service_change("package", "p", "Product", "Change the product after reviewing the plan.", 21),
    _service_change("options", "O", "Options", "Change the overrides of the service.", 0),
    _service_change("suspend", "z", "Suspend", "Stop the VM and suspend the service, with a reason.", 22),
    _service_change("unsuspend", "Z", "Unsuspend", "End the suspension and start the VM.", 23),
    _service_change("terminate", "T", "Terminate", "End the service and remove its VM.", 24, True),
    _setting_change("edit", "E", "Edit", "Change the settings.", 20),
    _setting_change("run", "x", "Run now", "Run this task at once.", 21),
    _setting_change("mail", "t", "Test mail", "Send a test mail with the SMTP settings.", 23),
    _settings("outbox", "at", "Mails", "Show the mails to clients: sent, waiting, failed and why.", 24),
    _settings("tokens", "K", "API tokens", "Show the tokens of the API: create, rotate, revoke.", 25),
    _settings("webhooks", "W", "Webhooks", "Show the webhooks and the targets of notifications.", 26),
    _token_change("add", "plus", "Create", "Create a token; its secret is shown once.", 20),
    _token_change(
        "rotate", "V", "Rotate", "Give this token a new secret; the old one stops working.", 21, True
    ),
    _token_change("revoke", "D", "Revoke", "Revoke this token permanently.", 22, True),
    _webhook_change("add", "plus", "Create", "Create a webhook; its signing secret is shown once.", 20),
    _webhook_change("test", "t", "Test", "Send a test now and show the answer.", 21),
    _webhook_change("pause", "z", "Pause", "Pause this webhook, or resume it.", 22),
    _webhook_change(
        "delete", "D", "Delete", "Delete this webhook and the messages that wait for it.", 23, True
    ),
    _setting_change("unlock", "U", "Clear locks", "Free the tasks whose lock was left behind.", 22),
)

_LISTS = (
    *("vms", "pools", "zones", "products", "servers", "clients", "services", "settings", "audit"),
    *("tokens", "webhooks"),
)


def _out(scope: str) -> tuple[Action, ...]:
    """What every screen with a list can hand out."""
    row = _reads(scope)
    return (
        row("command", "c", "Command", "Show the command line that does the same."),
        row("export", "e", "Export", "Write this list as CSV or JSON."),
    )


ACTIONS: tuple[Action, ...] = (
    *(SCREENS + _EVERYWHERE + _BOARD + _LIST + _LOG + _VM + _PAGE + _MAINTENANCE + _OTHERS + _WIZARD),
    *(each for scope in _LISTS for each in _out(scope)),
)

MENU_LETTERS: dict[str, str] = {
    "vm.start": "s",
    "vm.shutdown": "h",
    "vm.reboot": "b",
    "vm.stop": "f",
    "service.suspend": "z",
    "service.unsuspend": "Z",
    "vm.console": "o",
    "vm.log": "l",
    "vm.password": "P",
    "vm.rdns": "N",
    "vm.dns": "n",
    "service.package": "p",
    "service.options": "O",
    "vm.step": "x",
    "vm.reset": "r",
    "vm.record": "d",
    "vm.redeploy": "R",
    "vm.reinstall": "I",
    "vm.delete_record": "D",
    "service.terminate": "T",
}
"""The letter of each action, safe ones first; those with a key of their own keep it."""

TOGETHER: dict[str, tuple[str, ...]] = {
    "everywhere": (EVERYWHERE,),
    "dashboard": ("dashboard",),
    "vms": ("vms", "vm", "service", "list"),
    "services": ("services", "service", "list"),
    "vm": ("page", "vm", "service", "list"),
    **{f"vm {tab}": ("page", "vm", "service", "list", tab) for tab in _TAB_SCOPES},
    "log": ("log",),
    "wizard": ("wizard",),
    **{scope: (scope, "list") for scope in _LISTS[1:] if scope != "services"},
}
"""Which scopes are open at the same time, per place: within one place no key means two things."""
