"""The table that classifies every failure of Proxmox, in answers and in task results.

Proxmox answers every `die` with status 500, so most failures can be distinguished only by their text. The first rule
that fits decides. Each rule gives the kind, a name the engine can compare, and what an operator should know or do.
"""

from __future__ import annotations

from .fault_rule import FaultKind, Rule
from .fault_rule import by_words as _rule
from .fault_status import BAD_REQUEST, READ_FIRST, STATUS_RULES

__all__ = ["OTHERWISE", "RULES", "FaultKind", "Rule", "rule_for"]

_UNLOCK = "If no task is running, `qm unlock` on the node clears a stale lock (an API token cannot)."

_LOCKS = (
    _rule(
        "suspended",
        FaultKind.PERMANENT,
        r"is locked \(suspended\)",
        "The VM is suspended to disk; start or resume it.",
    ),
    _rule(
        "locked",
        FaultKind.BUSY,
        r"VM is locked|VM \d+ is locked|CT is locked",
        f"Another task works on this guest. {_UNLOCK}",
    ),
    _rule(
        "storage_lock",
        FaultKind.BUSY,
        r"can't lock file '[^']*pve-storage-|cfs-lock 'storage-|'storage-[^']*'-locked command timed out",
        "Too many disks are being created on this storage at once; retrying when the others are done.",
    ),
    _rule(
        "lock_timeout",
        FaultKind.BUSY,
        r"can't lock file .* got timeout|cfs-lock .*got lock request timeout|-locked command timed out",
        "Another task holds this guest's lock; retrying when that task ends.",
    ),
    _rule(
        "migration_lock",
        FaultKind.BUSY,
        r"Failed to obtain guest migration lock",
        "A replication or migration of this guest is running.",
    ),
)

_CLUSTER = (
    _rule(
        "no_quorum",
        FaultKind.TRANSIENT,
        r"no quorum|'/etc/pve/[^']*'[^']*\bPermission denied",
        "The cluster has lost quorum: too few of its nodes see each other. Changes wait until it is back.",
    ),
    _rule(
        "no_worker",
        FaultKind.TRANSIENT,
        r"no worker upid|starting worker failed|start worker failed",
        "The node could not start a task.",
    ),
    _rule(
        "changed_meanwhile",
        FaultKind.TRANSIENT,
        r"checksum mismatch|detected modified configuration",
        "It was changed by somebody else at the same moment; it is read again before the next attempt.",
    ),
    _rule(
        "ha_error",
        FaultKind.PERMANENT,
        r"service '[^']*' in error state",
        "HA gave up on this guest after an error; disable it in HA, repair it and enable it again.",
    ),
    _rule(
        "no_ha_groups",
        FaultKind.PERMANENT,
        r"ha groups have been migrated to rules",
        "Proxmox VE 9 has HA rules instead of groups.",
    ),
)

_UNKNOWN_OUTCOME = (
    _rule(
        "task_vanished",
        FaultKind.AMBIGUOUS,
        r"^unexpected status|unable to get last line from task log|worker (?:died|killed)",
        READ_FIRST,
    ),
    _rule(
        "task_stopped",
        FaultKind.AMBIGUOUS,
        r"interrupted by signal|received interrupt|command .* aborted by user",
        f"Somebody stopped the task. {READ_FIRST}",
    ),
    _rule(
        "migration_problems",
        FaultKind.AMBIGUOUS,
        r"migration problems",
        "The guest may already be on the target node; it is looked for.",
    ),
)

_THERE_OR_NOT = (
    # a number that is taken comes before "gone", whose words are close
    _rule(
        "id_taken",
        FaultKind.PERMANENT,
        r"config file already exists|atomic file '[^']*' failed: File exists|(?:VM|CT) \d+ already exists",
        "Another guest has this VMID; the next free one is needed.",
    ),
    _rule(
        "already_exists",
        FaultKind.PERMANENT,
        r"already exists|already used|already attached|already defined",
        "It exists already.",
    ),
    _rule(
        "no_config",
        FaultKind.GONE,
        r"Configuration file '[^']*' does not exist|unable to find configuration file for VM"
        r"|(?:unable to find|could not find) VM '?\d+",
        "The guest is on another node, or it is gone; every node is asked to find out.",
    ),
    _rule(
        "no_task",
        FaultKind.GONE,
        r"no such task|unable to parse worker upid",
        "Proxmox has no record of this task; the outcome is read from the guest.",
    ),
    _rule(
        "no_usage",
        FaultKind.GONE,
        r"RRD error: .*No such file or directory",
        "Nothing measured yet; a new guest has its first figures after some seconds.",
    ),
    _rule(
        "no_bridge",
        FaultKind.PERMANENT,
        r"bridge '[^']*' does not exist",
        "The node has no such bridge; create it there, or name another in the product or pool.",
    ),
    _rule(
        "no_storage",
        FaultKind.PERMANENT,
        r"storage '[^']*' (?:does not exist|is disabled|is not available|does not support|is not configured)"
        r"|storage type '[^']*' not supported|No such storage|for backups - wrong content type",
        "Check the storage's name, its nodes and its content types.",
    ),
    _rule(
        "storage_offline",
        FaultKind.TRANSIENT,
        r"storage '[^']*' is not online|connection check for storage '[^']*' failed",
        "The storage does not answer; check it, and the network to it.",
    ),
    _rule(
        "no_node",
        FaultKind.PERMANENT,
        r"no such cluster node|hostname lookup '[^']*' failed",
        "Check the node's name; it has no domain.",
    ),
    _rule(
        "no_volume",
        FaultKind.GONE,
        r"(?:volume|file) '[^']*' does not exist|volume_size_info on '[^']*' failed - no (?:format|size)",
        "The volume does not exist on this storage.",
    ),
    _rule(
        "no_item",
        FaultKind.GONE,
        r"(?:snapshot|disk|pool|role|security group|alias|HA rule|HA group) '[^']*' (?:for VM '\d+' )?does not exist"
        r"|no such (?:IPSet|alias|security group|resource)|no rule at position|interface does not exist"
        r"|Agent error: PID \S+ does not exist|is not HA managed|not HA managed!",
        "It does not exist.",
    ),
    _rule("not_empty", FaultKind.PERMANENT, r"IPSet '[^']*' is not empty", "Remove its entries first."),
)

_GUEST = (
    _rule(
        "already_running",
        FaultKind.PERMANENT,
        r"already running",
        "The VM is running, so there is nothing to do.",
    ),
    _rule(
        "not_running",
        FaultKind.PERMANENT,
        r"VM \d+ (?:is )?not running",
        "The VM is stopped; start it first.",
    ),
    _rule(
        "still_running",
        FaultKind.PERMANENT,
        r"is running - destroy failed|vm is running",
        "Stop the VM first.",
    ),
    _rule("paused", FaultKind.PERMANENT, r"VM is paused", "The VM is paused; resume it."),
    _rule(
        "is_template",
        FaultKind.PERMANENT,
        r"you can't .*\btemplate",
        "This is a template; clone it and work on the clone.",
    ),
    _rule(
        "protected",
        FaultKind.PERMANENT,
        r"protection mode enabled|cannot remove protected volume",
        "It is protected; remove the protection in Proxmox first.",
    ),
    _rule(
        "base_in_use",
        FaultKind.PERMANENT,
        r"still in use by linked clone",
        "Linked clones depend on this disk; it can be deleted only after them.",
    ),
    _rule(
        "no_agent",
        FaultKind.PERMANENT,
        r"No QEMU guest agent configured",
        "Switch the guest agent on in the template.",
    ),
    _rule(
        "agent_silent",
        FaultKind.TRANSIENT,
        r"guest agent is not running|(?:qmp|qga) command 'guest-[^']*' failed",
        "The agent inside the guest does not answer (yet).",
    ),
    _rule(
        "agent_failed",
        FaultKind.PERMANENT,
        r"Agent error:",
        "The agent inside the guest could not do it; fix the guest.",
    ),
    _rule(
        "shutdown_ignored",
        FaultKind.TRANSIENT,
        r"quit/powerdown failed",
        "The guest did not shut down in time; it can be stopped by force.",
    ),
    _rule(
        "start_failed",
        FaultKind.PERMANENT,
        r"QEMU exited with code|^(?:ERROR: )?start failed:",
        "QEMU does not start this guest; the task's log says why.",
        vague=True,
    ),
)

_STORAGE = (
    _rule(
        "shrink",
        FaultKind.PERMANENT,
        r"shrinking disks is not supported",
        "Disks only grow; the requested size is smaller than the disk.",
    ),
    _rule(
        "linked_clone_stays",
        FaultKind.PERMANENT,
        r"can't migrate '[^']*' as it's a clone of",
        "A linked clone on local storage cannot change nodes; use full clones or shared storage.",
    ),
    _rule(
        "local_storage",
        FaultKind.PERMANENT,
        r"VM uses local (?:storage|resources)|non-shared storage|local cdrom image|uses local devices",
        "It uses something only this node has; use shared storage or eject it.",
    ),
    _rule(
        "no_linked_clone",
        FaultKind.PERMANENT,
        r"(?:Linked|Full) clone feature is not supported",
        "The template's storage cannot do this kind of clone.",
    ),
    _rule(
        "no_snapshots",
        FaultKind.PERMANENT,
        r"snapshot feature is not available",
        "The storage of this guest cannot take snapshots.",
    ),
    _rule(
        "slow_storage",
        FaultKind.TRANSIENT,
        r"qemu-img .*got timeout",
        "The storage is slow; the size is read again before the next attempt.",
    ),
    _rule(
        "full_storage",
        FaultKind.PERMANENT,
        r"no space left|not enough (?:free )?space|out of space",
        "The storage is full.",
    ),
)

_REQUEST = (
    _rule(
        "root_only",
        FaultKind.PERMANENT,
        r"only root (?:can (?:set|delete|modify|pass)|may (?:use|set) this option)",
        "Only root@pam with a password may do this.",
    ),
    _rule("timeout", FaultKind.TRANSIENT, r"got timeout", "The node was too slow."),
    _rule(
        "migration_aborted",
        FaultKind.PERMANENT,
        r"migration aborted",
        "The guest stays on its node; the task's log says why.",
        vague=True,
    ),
    _rule("job_errors", FaultKind.PERMANENT, r"job errors", "The task's log says why.", vague=True),
    BAD_REQUEST,
    _rule(
        "bad_parameters",
        FaultKind.PERMANENT,
        r"Parameter verification failed|no options specified|not allowed for linked clones|reserved name"
        r"|unable to parse (?:directory |rbd |lvm |zfs )?volume|SSH public key validation"
        r"|you can't (?:resize|move) a cdrom|invalid bootorder",
        BAD_REQUEST.advice,
    ),
)

RULES = (
    *STATUS_RULES,
    *_LOCKS,
    *_CLUSTER,
    *_UNKNOWN_OUTCOME,
    *_THERE_OR_NOT,
    *_GUEST,
    *_STORAGE,
    *_REQUEST,
)
OTHERWISE = Rule("refused", FaultKind.PERMANENT, "`kvmtui doctor` checks the usual reasons.")


def rule_for(status: int | None, said: str) -> Rule:
    """The first row that fits; there always is one."""
    return next((rule for rule in RULES if rule.fits(status, said)), OTHERWISE)
