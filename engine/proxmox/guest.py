"""One of our guests, and everything that may be done to it.

Every method that changes something first reads the guest's config and compares the ownership mark, and the VM's
SMBIOS uuid when it is known. If they do not agree nothing is sent and NotOurs says whose the guest seems to be.
Methods that start a task return its UPID; it is the caller's to follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from engine import redact
from engine.errors import Refused

from .answers import ProxmoxAnswer
from .api_request import ApiRequest
from .cluster import Cluster
from .codecs import Drive, Net, gib_text, is_drive_key
from .fault_table import FaultKind
from .faults import ProxmoxError, not_ours, vm_replaced
from .firewall import GuestFirewall
from .guest_values import GuestConfig
from .guest_view import GuestView
from .journal import Value
from .mark import Mark, stamped

T = TypeVar("T")
_CD_SLOTS = ("ide2", "ide0", "ide1", "ide3", "sata0", "sata1", "sata2", "sata3", "sata4", "sata5")
EMPTY_CD = Drive.parse("none,media=cdrom").format()


class Guest(GuestView):
    """A guest that must carry a given mark before anything is done to it."""

    def __init__(
        self,
        cluster: Cluster,
        vmid: int,
        mark: Mark,
        node: str | None = None,
        smbios_uuid: str | None = None,
    ) -> None:
        super().__init__(cluster, vmid, node)
        self.mark = mark
        self.smbios_uuid = smbios_uuid.lower() if smbios_uuid else None

    @property
    def firewall(self) -> GuestFirewall:
        """Its firewall."""
        return GuestFirewall(self)

    def prove(self) -> GuestConfig:
        """Its config, read now and proven to be ours; raises NotOurs otherwise."""
        return self._proven(self.config())

    def prove_digest(self) -> GuestConfig:
        """A proven config for a change that carries its digest.

        It may have been read a moment ago: Proxmox itself refuses the change when the config is another by now.
        """
        config = self.recent_config()
        return self._proven(config) if config.digest else self.prove()

    def _proven(self, config: GuestConfig) -> GuestConfig:
        if config.mark != self.mark:
            self._not_named_yet(config)
            raise not_ours(self.vmid, self.mark, config.mark, config.name)
        if self.smbios_uuid and config.smbios_uuid != self.smbios_uuid:
            raise vm_replaced(self.vmid, self.smbios_uuid, config.smbios_uuid)
        return config

    def stamp(self) -> None:
        """Writes the mark again, after a restore or rollback brought an old description back.

        Without the mark the SMBIOS uuid is the proof that this is our VM.
        """
        config = self.config()
        if config.mark != self.mark and not (self.smbios_uuid and config.smbios_uuid == self.smbios_uuid):
            raise not_ours(self.vmid, self.mark, config.mark, config.name)
        text = stamped(config.description, self.mark)
        if config.description.strip() != text.strip():
            self._put_config("Writing our mark", config, {"description": text})

    # --- config and disks

    def set_config(
        self, changes: Mapping[str, Value], delete: Iterable[str] = (), *, at_once: bool = False
    ) -> str | None:
        """Changes the config: disks through a task whose UPID is returned, everything else at once.

        `at_once` is for disk options that move no data, such as limits; they need no task.

        Nothing to change sends nothing. A network card never loses its MAC address here.
        """
        redact.register(str(changes.get("cipassword") or ""))
        config = self.prove_digest()
        gone = tuple(delete)
        for key, value in changes.items():
            _check_mac(config, key, value)
        if not changes and not gone:
            return None
        params = {**changes, "delete": ",".join(gone)} if gone else dict(changes)
        if not at_once and any(is_drive_key(key) for key in (*changes, *gone)):
            return self._post_config("Changing the disks", config, params)
        self._put_config("Changing the config", config, params)
        return None

    def resize(self, disk: str, size_gib: int) -> str | None:
        """Grows a disk to an absolute size; the task's UPID, or None before PVE 8.0.1, which does it at once."""
        config = self.prove_digest()
        params = _with_digest(config, {"disk": disk, "size": gib_text(size_gib)})
        return self.send(
            "PUT", f"Resizing {disk} to {size_gib} GiB", ("resize",), params, ProxmoxAnswer.upid_or_none
        )

    def move_disk(self, disk: str, storage: str, disk_format: str) -> str:
        """Copies a disk to a storage in a format, the same storage included, and frees the old one."""
        params = _with_digest(
            self.prove_digest(), {"disk": disk, "storage": storage, "format": disk_format, "delete": 1}
        )
        what = f"Moving {disk} to {storage} as {disk_format}"
        return self.send("POST", what, ("move_disk",), params, ProxmoxAnswer.upid)

    def mount_iso(self, volid: str) -> str | None:
        """Puts an ISO image into the CD drive, adding a drive when there is none."""
        config = self.prove()
        if "," in volid or not volid:
            raise Refused(f"'{volid}' is not the name of an ISO image.")
        slot = config.cd_drive or free_cd_slot(config)
        if slot is None:
            raise Refused(f"VM {self.vmid} has no free place for a CD drive.")
        return self._post_config(f"Mounting {volid}", config, {slot: f"{volid},media=cdrom"})

    def eject_iso(self) -> str | None:
        """Empties the CD drive; sends nothing when it is empty."""
        config = self.prove()
        slot = config.cd_drive
        if slot is None or config.drives[slot].volume == "none":
            return None
        return self._post_config("Ejecting the ISO image", config, {slot: EMPTY_CD})

    # --- power

    def start(self) -> str:
        """Starts it."""
        return self._power("Starting", "start")

    def stop(self) -> str:
        """Switches it off at once, ending a shutdown that waits where Proxmox can (since 8.2)."""
        overrule: dict[str, Value] = {"overrule-shutdown": 1} if self.cluster.version().at_least(8, 2) else {}
        return self._power("Stopping", "stop", overrule)

    def shutdown(self, timeout: int, *, force: bool = False) -> str:
        """Asks it to shut down within so many seconds, then stops it if forced."""
        return self._power("Shutting down", "shutdown", {"timeout": timeout, "forceStop": int(force)})

    def reboot(self) -> str:
        """Asks it to restart, applying pending changes."""
        return self._power("Rebooting", "reboot")

    def reset(self) -> str:
        """Presses its reset button."""
        return self._power("Resetting", "reset")

    def migrate(self, target: str, targetstorage: str | None = None) -> str:
        """Moves the stopped guest to another node, its local disks to a storage there."""
        self.prove()
        params: dict[str, Value] = {"target": target, "targetstorage": targetstorage}
        return self.send("POST", f"Migrating to {target}", ("migrate",), params, ProxmoxAnswer.upid)

    def destroy(self, *, purge: bool = True) -> str:
        """Deletes it with every disk that carries its number; with purge also its jobs and HA entries."""
        self.prove()
        params: dict[str, Value] = {"purge": int(purge), "destroy-unreferenced-disks": 1}
        return self.send("DELETE", "Deleting", (), params, ProxmoxAnswer.upid)

    # --- snapshots and backups

    def create_snapshot(self, name: str, description: str = "", *, memory: bool = False) -> str:
        """Takes a snapshot, without the memory unless asked."""
        self.prove()
        params: dict[str, Value] = {
            "snapname": name,
            "description": description or None,
            "vmstate": int(memory),
        }
        return self.send("POST", f"Taking snapshot {name}", ("snapshot",), params, ProxmoxAnswer.upid)

    def delete_snapshot(self, name: str) -> str:
        """Deletes a snapshot."""
        self.prove()
        return self.send("DELETE", f"Deleting snapshot {name}", ("snapshot", name), {}, ProxmoxAnswer.upid)

    def rollback(self, name: str) -> str:
        """Rolls back to a snapshot; this restores the old description, so `stamp` must follow."""
        self.prove()
        what = f"Rolling back to snapshot {name}"
        return self.send("POST", what, ("snapshot", name, "rollback"), {}, ProxmoxAnswer.upid)

    def backup(self, storage: str, notes: str = "", *, mode: str = "snapshot") -> str:
        """Starts a backup; nothing older is pruned."""
        self.prove()
        params: dict[str, Value] = {
            "vmid": self.vmid,
            "storage": storage,
            "mode": mode,
            "compress": "zstd",
            "remove": 0,
            "notes-template": _notes_template(notes) or None,
        }
        request = self._changing("POST", f"Backing up to {storage}", ("nodes", self.node, "vzdump"), params)
        return self.cluster.change(request, _backup_task)

    def restore(self, archive: str, storage: str | None = None) -> str:
        """Starts overwriting it with a backup; the mark is given along, and `stamp` should follow."""
        config = self.prove()
        params: dict[str, Value] = {
            "vmid": self.vmid,
            "archive": archive,
            "force": 1,
            "storage": storage,
            "description": stamped(config.description, self.mark),
        }
        request = self._changing("POST", f"Restoring {archive}", ("nodes", self.node, "qemu"), params)
        return self.cluster.change(request, ProxmoxAnswer.upid)

    def set_user_password(self, user: str, password: str) -> None:
        """Has the agent set a password inside the running guest."""
        redact.register(password)
        self.prove()
        params: dict[str, Value] = {"username": user, "password": password}
        self.send(
            "POST",
            f"Setting the password of {user}",
            ("agent", "set-user-password"),
            params,
            ProxmoxAnswer.nothing,
        )

    # --- the road

    def send(
        self,
        method: str,
        what: str,
        path: tuple[str, ...],
        params: Mapping[str, Value],
        shape: Callable[[ProxmoxAnswer], T],
    ) -> T:
        """Sends a change below this guest's own path; the caller has proven its ownership."""
        whole = ("nodes", self.node, "qemu", str(self.vmid), *path)
        return self.cluster.change(self._changing(method, what, whole, params), shape)

    def _changing(
        self, method: str, what: str, path: tuple[str, ...], params: Mapping[str, Value]
    ) -> ApiRequest:
        if "firewall" not in path:  # the firewall has a file of its own: the config stays unchanged
            self.forget()
        description = f"{what}: VM {self.vmid} on {self.node}"
        given = {key: value for key, value in params.items() if value is not None}
        restoring = path[-1] == "qemu"  # which Proxmox refuses without naming the privilege
        needs = ("VM.Allocate", f"/vms/{self.vmid}") if restoring else None
        return ApiRequest(
            method,
            path,
            description,
            given,
            changing=True,
            heavy=True,
            node=self.node,
            vmid=self.vmid,
            needs=needs,
        )

    def _power(self, what: str, action: str, params: Mapping[str, Value] | None = None) -> str:
        self.prove()
        return self.send("POST", what, ("status", action), params or {}, ProxmoxAnswer.upid)

    def _post_config(self, what: str, config: GuestConfig, params: Mapping[str, Value]) -> str | None:
        return self.send("POST", what, ("config",), _with_digest(config, params), ProxmoxAnswer.upid_or_none)

    def _put_config(self, what: str, config: GuestConfig, params: Mapping[str, Value]) -> None:
        self.send("PUT", what, ("config",), _with_digest(config, params), ProxmoxAnswer.nothing)

    def _not_named_yet(self, config: GuestConfig) -> None:
        """While Proxmox clones, the description appears only with the first disk."""
        if config.lock in ("clone", "create") and not config.description:
            sentence = (
                f"VM {self.vmid} on {self.node} is still being made by Proxmox and does not carry its mark yet. "
                "Nothing was sent to it."
            )
            raise ProxmoxError(FaultKind.BUSY, sentence, reason="locked", sent=False)


def free_cd_slot(config: GuestConfig) -> str | None:
    """Where a CD drive can be added."""
    return next((slot for slot in _CD_SLOTS if slot not in config.raw), None)


def _backup_task(answer: ProxmoxAnswer) -> str:
    """vzdump answers a plain OK, without a task, when the guest is not on the node it was sent to."""
    if answer.data == "OK":
        sentence = (
            f"{answer.attempt.what} did not begin: the guest is on another node, so Proxmox skipped it."
        )
        raise ProxmoxError(FaultKind.GONE, sentence, reason="no_config", said="OK")
    return answer.upid()


def _with_digest(config: GuestConfig, params: Mapping[str, Value]) -> dict[str, Value]:
    return {**params, "digest": config.digest}


def _check_mac(config: GuestConfig, key: str, value: Value) -> None:
    before = config.nets.get(key)
    if before and before.mac and not Net.parse(str(value)).mac:
        raise Refused(
            f"{key} would lose its MAC address {before.mac}; Proxmox would make up a new one. Send it along."
        )


def _notes_template(notes: str) -> str:
    """Notes as vzdump reads them: backslashes and line ends escaped, and no template variable by accident."""
    return notes.replace("\\", "\\\\").replace("\n", "\\n").replace("{{", "{ {")
