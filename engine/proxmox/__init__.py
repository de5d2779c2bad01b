"""The one way to Proxmox VE: a small typed client that never repeats a change and never touches a foreign guest.

`Cluster` looks around and makes guests, `Guest` works on one guest that carries our mark, `ProxmoxError` says what
went wrong and what that means. Nothing else in the project knows how Proxmox is spoken to.
"""

from .access import ServerAccess, Tls
from .checks import Check, Result, Wanted, check_server
from .cluster import Cluster, FirewallBaseline
from .fault_table import Kind
from .faults import Ending, NotOurs, ProxmoxError, task_ending
from .firewall import GuestFirewall
from .guest import Guest
from .guest_values import (
    FirewallRule,
    GuestConfig,
    GuestLocation,
    GuestStatus,
    IpSetEntry,
    PendingChange,
    RrdPoint,
    Snapshot,
)
from .guest_view import GuestView
from .ha import HaState
from .journal import CallRecorder, ChangingCall, SilentRecorder
from .mark import Mark, bears_mark, find_mark, stamped
from .values import (
    Backup,
    Bridge,
    ConsoleTicket,
    IsoImage,
    NodeInfo,
    Permissions,
    Quorum,
    Resource,
    Storage,
    TaskLogLine,
    TaskState,
    Upid,
    Version,
)
from .wire import fetch_fingerprint

__all__ = [
    "Backup",
    "Bridge",
    "CallRecorder",
    "ChangingCall",
    "Check",
    "Cluster",
    "ConsoleTicket",
    "Ending",
    "FirewallBaseline",
    "FirewallRule",
    "Guest",
    "GuestConfig",
    "GuestFirewall",
    "GuestLocation",
    "GuestStatus",
    "GuestView",
    "HaState",
    "IpSetEntry",
    "IsoImage",
    "Kind",
    "Mark",
    "NodeInfo",
    "NotOurs",
    "PendingChange",
    "Permissions",
    "ProxmoxError",
    "Quorum",
    "Resource",
    "Result",
    "RrdPoint",
    "ServerAccess",
    "SilentRecorder",
    "Snapshot",
    "Storage",
    "TaskLogLine",
    "TaskState",
    "Tls",
    "Upid",
    "Version",
    "Wanted",
    "bears_mark",
    "check_server",
    "fetch_fingerprint",
    "find_mark",
    "stamped",
    "task_ending",
]
