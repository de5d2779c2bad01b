"""The one table that sorts everything that can go wrong with Proxmox, answers and task endings alike.

Proxmox answers every `die` with status 500, so most failures can be told apart by their words only. The first rule
that fits decides. Each rule says the kind, a name the engine can compare, and what an operator should know or do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a failure means for the next step."""

    TRANSIENT = "transient"  # nothing is wrong with the request: the same call may work later
    BUSY = "busy"  # somebody holds a lock: wait for it
    AMBIGUOUS = "ambiguous"  # it may have taken effect: read the state before anything else
    AUTH = "auth"  # who we are, or who the server is, could not be proven
    PERMANENT = "permanent"  # the same call will fail again until somebody changes something
    GONE = "gone"  # what was asked for is not there, or not on this node


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: which failures it fits, and what they mean. `reading` is the kind for a call that changes nothing."""

    name: str
    kind: Kind
    advice: str
    words: re.Pattern[str] | None = None
    statuses: frozenset[int] = frozenset()
    reading: Kind | None = None

    def fits(self, status: int | None, said: str) -> bool:
        """Whether this row is about that status and those words."""
        if self.statuses and status not in self.statuses:
            return False
        return self.words is None or self.words.search(said) is not None


def _by_words(name: str, kind: Kind, words: str, advice: str) -> Rule:
    return Rule(name, kind, advice, re.compile(words, re.IGNORECASE | re.DOTALL))


def _by_status(
    name: str, kind: Kind, advice: str, *statuses: int, words: str | None = None, reading: Kind | None = None
) -> Rule:
    pattern = re.compile(words, re.IGNORECASE) if words else None
    return Rule(name, kind, advice, pattern, frozenset(statuses), reading)


_CERTIFICATE = r"certificate verify failed|SSL routines"
_READ_FIRST = "It may have taken effect all the same; the state is read before anything is sent again."
_UNLOCK = "If no task runs, `qm unlock` on the node clears a lock left behind (an API token cannot)."

RULES: tuple[Rule, ...] = (
    # --- by status: what the HTTP layer itself says
    _by_status(
        "login_refused",
        Kind.AUTH,
        "Check the token or password of the server, and that it has not expired.",
        401,
    ),
    _by_status(
        "needs_ticket",
        Kind.PERMANENT,
        "This call does not take API tokens; it needs a login with a password.",
        403,
        words="not available with API token",
    ),
    _by_status(
        "no_privilege",
        Kind.PERMANENT,
        "The login lacks this privilege; `kvmtui doctor` prints the pveum command that grants it.",
        403,
    ),
    _by_status(
        "node_certificate",
        Kind.PERMANENT,
        "The nodes distrust each other's certificate: run `pvecm updatecerts`, and name nodes without domain.",
        596,
        words=_CERTIFICATE,
    ),
    _by_status("node_unreachable", Kind.TRANSIENT, "The node seems to be down; nothing reached it.", 595),
    _by_status("forward_broken", Kind.AMBIGUOUS, _READ_FIRST, 596, 597, 598, 599, reading=Kind.TRANSIENT),
    _by_status("too_many_requests", Kind.BUSY, "Something in front of Proxmox limits requests.", 429),
    _by_status("gateway", Kind.AMBIGUOUS, _READ_FIRST, 502, 503, 504, reading=Kind.TRANSIENT),
    _by_status("not_implemented", Kind.PERMANENT, "This version of Proxmox VE does not know the call.", 501),
    _by_status(
        "not_proxmox",
        Kind.PERMANENT,
        "This does not look like the API of Proxmox VE; check host and port.",
        301,
        302,
        303,
        304,
        307,
        308,
        404,
        405,
    ),
    # --- locks
    _by_words(
        "locked",
        Kind.BUSY,
        r"VM is locked|VM \d+ is locked|CT is locked",
        f"Another task works on this guest. {_UNLOCK}",
    ),
    _by_words(
        "storage_lock",
        Kind.BUSY,
        r"can't lock file '[^']*pve-storage-|cfs-lock 'storage-|'storage-[^']*'-locked command timed out",
        "Too many disks are being made on this storage at once; it works again when the others are done.",
    ),
    _by_words(
        "lock_timeout",
        Kind.BUSY,
        r"can't lock file .* got timeout|cfs-lock .*got lock request timeout|-locked command timed out",
        "Another task holds this guest's lock; it is free again when that task ends.",
    ),
    _by_words(
        "migration_lock",
        Kind.BUSY,
        r"Failed to obtain guest migration lock",
        "A replication or migration of this guest runs.",
    ),
    # --- the cluster's own weather
    _by_words(
        "no_quorum",
        Kind.TRANSIENT,
        r"no quorum",
        "Too few nodes of the cluster see each other; it needs its nodes back.",
    ),
    _by_words(
        "no_worker",
        Kind.TRANSIENT,
        r"no worker upid|starting worker failed|start worker failed",
        "The node could not start a task.",
    ),
    _by_words(
        "changed_meanwhile",
        Kind.TRANSIENT,
        r"checksum mismatch|detected modified configuration",
        "Somebody else changed it at the same moment; it is read again before the next try.",
    ),
    # --- nobody can say how it ended
    _by_words(
        "task_vanished",
        Kind.AMBIGUOUS,
        r"^unexpected status|unable to get last line from task log|worker (?:died|killed)",
        _READ_FIRST,
    ),
    _by_words(
        "task_stopped",
        Kind.AMBIGUOUS,
        r"interrupted by signal|received interrupt|command .* aborted by user",
        f"Somebody stopped the task. {_READ_FIRST}",
    ),
    _by_words(
        "migration_problems",
        Kind.AMBIGUOUS,
        r"migration problems",
        "The guest may already be on the target node; it is looked for.",
    ),
    # --- a number that is taken; before "gone", whose words are close
    _by_words(
        "id_taken",
        Kind.PERMANENT,
        r"config file already exists|atomic file '[^']*' failed: File exists|(?:VM|CT) \d+ already exists",
        "Another guest has this number; the next free one is needed.",
    ),
    _by_words("already_exists", Kind.PERMANENT, r"already exists|already used", "It is there already."),
    # --- not there
    _by_words(
        "no_config",
        Kind.GONE,
        r"Configuration file '[^']*' does not exist|unable to find configuration file for VM",
        "The guest is on another node, or it is gone; every node is asked before that is believed.",
    ),
    _by_words(
        "no_task",
        Kind.GONE,
        r"no such task|unable to parse worker upid",
        "Proxmox does not remember this task; the outcome is read from the guest.",
    ),
    _by_words(
        "no_item",
        Kind.GONE,
        r"snapshot '[^']*' does not exist|no such IPSet|no rule at position",
        "It is not there.",
    ),
    # --- the guest itself
    _by_words(
        "already_running", Kind.PERMANENT, r"already running", "The guest runs, so there is nothing to do."
    ),
    _by_words(
        "not_running",
        Kind.PERMANENT,
        r"VM \d+ not running|VM \d+ is not running",
        "The guest is stopped; start it first.",
    ),
    _by_words(
        "still_running", Kind.PERMANENT, r"is running - destroy failed|vm is running", "Stop the guest first."
    ),
    _by_words(
        "protected",
        Kind.PERMANENT,
        r"protection mode enabled",
        "Somebody protected this guest; switch the protection off in Proxmox first.",
    ),
    _by_words(
        "base_in_use",
        Kind.PERMANENT,
        r"still in use by linked clone",
        "Guests are linked to this disk; it can go only after them.",
    ),
    _by_words(
        "no_agent",
        Kind.PERMANENT,
        r"No QEMU guest agent configured",
        "Switch the guest agent on in the template.",
    ),
    _by_words(
        "agent_silent",
        Kind.TRANSIENT,
        r"guest agent is not running|(?:qmp|qga) command 'guest-[^']*' failed",
        "The agent inside the guest does not answer (yet).",
    ),
    _by_words(
        "shutdown_ignored",
        Kind.TRANSIENT,
        r"quit/powerdown failed",
        "The guest did not shut down in time; it can be stopped by force.",
    ),
    _by_words(
        "start_failed",
        Kind.PERMANENT,
        r"QEMU exited with code",
        "QEMU refuses to run this guest; the task's log says why.",
    ),
    # --- disks and storages
    _by_words(
        "shrink",
        Kind.PERMANENT,
        r"shrinking disks is not supported",
        "Disks only grow; the wanted size is smaller than the disk.",
    ),
    _by_words(
        "linked_clone_stays",
        Kind.PERMANENT,
        r"can't migrate '[^']*' as it's a clone of",
        "A linked clone on local storage cannot change nodes; use full clones or shared storage.",
    ),
    _by_words(
        "local_storage",
        Kind.PERMANENT,
        r"VM uses local storage|non-shared storage|local cdrom image|uses local devices",
        "It hangs on something only this node has; use shared storage or eject it.",
    ),
    _by_words(
        "no_linked_clone",
        Kind.PERMANENT,
        r"(?:Linked|Full) clone feature is not supported",
        "The template's storage cannot do this kind of clone.",
    ),
    _by_words(
        "no_snapshots",
        Kind.PERMANENT,
        r"snapshot feature is not available",
        "The storage under this guest cannot take snapshots.",
    ),
    _by_words(
        "no_storage",
        Kind.PERMANENT,
        r"storage '[^']*' (?:does not exist|is disabled|is not available|does not support)"
        r"|storage type '[^']*' not supported",
        "Check the storage's name, its nodes and its content types.",
    ),
    _by_words(
        "no_node",
        Kind.PERMANENT,
        r"no such cluster node|hostname lookup '[^']*' failed",
        "Check the node's name; it has no domain.",
    ),
    _by_words(
        "slow_storage",
        Kind.TRANSIENT,
        r"qemu-img .*got timeout",
        "The storage is slow; the size is read again before the next try.",
    ),
    _by_words(
        "full_storage",
        Kind.PERMANENT,
        r"no space left|not enough (?:free )?space|out of space",
        "The storage is full.",
    ),
    _by_words(
        "root_only",
        Kind.PERMANENT,
        r"only root can set|Only root may use this option",
        "Only root@pam with a password may do this.",
    ),
    _by_words("timeout", Kind.TRANSIENT, r"got timeout", "The node was too slow."),
    # --- endings that hide the reason in the log
    _by_words(
        "migration_aborted",
        Kind.PERMANENT,
        r"migration aborted",
        "The guest stays where it was; the task's log says why.",
    ),
    _by_words("job_errors", Kind.PERMANENT, r"job errors", "The task's log says why."),
    _by_status(
        "bad_parameters",
        Kind.PERMANENT,
        "Proxmox does not take these values; the request has to change.",
        400,
    ),
)

OTHERWISE = Rule(
    "refused", Kind.PERMANENT, "Proxmox's own words above say why; `kvmtui doctor` checks the usual reasons."
)
VAGUE_ENDINGS = ("migration_aborted", "job_errors")  # the log may hold the row that really fits


def rule_for(status: int | None, said: str) -> Rule:
    """The first row that fits; there always is one."""
    return next((rule for rule in RULES if rule.fits(status, said)), OTHERWISE)
