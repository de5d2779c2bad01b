"""The one way to Proxmox VE: a small typed client that never repeats a change and never touches a foreign guest.

`Cluster` looks around and makes guests, `Guest` works on one guest that carries our mark, `ProxmoxError` says what
went wrong and what that means. Nothing else in the project knows how Proxmox is spoken to.
"""

from .access import ServerAccess, ServerTls
from .checks import CheckResult, ProductNeeds, ServerCheck, check_server
from .cluster import Cluster, FirewallBaseline
from .fault_table import FaultKind
from .faults import NotOurs, ProxmoxError, TaskExit, task_ending
from .firewall import GuestFirewall
from .guest import Guest
from .guest_values import (
    GuestConfig,
    GuestLocation,
    GuestSnapshot,
    GuestStatus,
    IpSetEntry,
    PendingChange,
    RrdPoint,
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
    TaskStatus,
    Upid,
    Version,
)
from .wire import fetch_fingerprint

__all__ = [
    "Backup",
    "Bridge",
    "CallRecorder",
    "ChangingCall",
    "CheckResult",
    "Cluster",
    "ConsoleTicket",
    "FaultKind",
    "FirewallBaseline",
    "Guest",
    "GuestConfig",
    "GuestFirewall",
    "GuestLocation",
    "GuestSnapshot",
    "GuestStatus",
    "GuestView",
    "HaState",
    "IpSetEntry",
    "IsoImage",
    "Mark",
    "NodeInfo",
    "NotOurs",
    "PendingChange",
    "Permissions",
    "ProductNeeds",
    "ProxmoxError",
    "Quorum",
    "Resource",
    "RrdPoint",
    "ServerAccess",
    "ServerCheck",
    "ServerTls",
    "SilentRecorder",
    "Storage",
    "TaskExit",
    "TaskLogLine",
    "TaskStatus",
    "Upid",
    "Version",
    "bears_mark",
    "check_server",
    "fetch_fingerprint",
    "find_mark",
    "stamped",
    "task_ending",
]
