"""Examples for the schema: answers by operation and status. A test checks them against it."""

from __future__ import annotations

from typing import Any

from kvmtui.api.example_bodies import QUOTA
from kvmtui.api.example_messages import DELIVERY, TARGET, WEBHOOK

_RUN = {
    "id": 812,
    "action": "Deploy",
    "result": "success",
    "started": "2026-04-10T03:49:18Z",
    "finished": "2026-04-10T03:50:15Z",
    "seconds": 57.1,
    "error": "",
}
_VM = {
    "id": 12,
    "service_id": 5546,
    "client": "Acme",
    "product": "VPS-2",
    "server": "pve-waw1",
    "vmid": 2002,
    "name": "vm-5546",
    "fqdn": "vm-5546.example.com",
    "node": "pve1",
    "vm_status": "ready",
    "service_status": "Active",
    "remote_status": "running",
    "remote_lock": "",
    "mac": "BC:24:11:5E:00:02",
    "error": "",
    "error_since": None,
    "waiting": "",
    "waiting_since": None,
    "ips": [
        {
            "address": "192.168.130.2",
            "prefix": 24,
            "gateway": "192.168.130.1",
            "pool_id": 1,
            "rdns": "vm-5546.example.com",
        }
    ],
    "last_run": _RUN,
}
_STEP = {
    "n": 1,
    "step": "set_ip",
    "label": "Allocate IP",
    "from": "creation",
    "to": "set_ip",
    "result": "success",
    "started": "2026-04-10T03:49:18Z",
    "seconds": 0.02,
    "error": None,
    "notes": ["192.168.130.2"],
}
_LOG = {
    "id": 812,
    "action": "Deploy",
    "from": "creation",
    "to": "ready",
    "result": "success",
    "started": "2026-04-10T03:49:18Z",
    "finished": "2026-04-10T03:50:15Z",
    "seconds": 57.1,
    "error": None,
    "asked_by": "shop",
    "steps": [_STEP],
}
_PRODUCT = {
    "id": 1,
    "name": "VPS-2",
    "server": "pve-waw1",
    "services": 3,
    "spec": {"template": 9000, "cores": 2, "memory": 2048},
}
_SERVER = {
    "id": 1,
    "name": "pve-waw1",
    "state": "enabled",
    "hosts": ["10.0.0.11", "10.0.0.12"],
    "port": 8006,
    "token_id": "kvmtui@pve!console",
    "user": "",
    "tls": {"system": True},
    "limits": {"clones_per_storage": 2, "tasks_per_node": 4},
    "assigned_ips": "",
    "version": "9.0.3",
    "failures": 0,
    "last_ok": "2026-04-10T03:49:18Z",
    "last_error": "",
    "next_probe": None,
    "pools": 1,
    "products": 1,
    "vms": 3,
}
_POOL = {
    "id": 1,
    "server": "pve-waw1",
    "type": "IPv4",
    "bridge": "vmbr0",
    "vlan": 0,
    "gateway": "192.168.130.1",
    "mask": 24,
    "dns1": "8.8.8.8",
    "dns2": "1.1.1.1",
    "start": "192.168.130.2",
    "stop": "192.168.130.30",
    "total": 29,
    "used": 3,
    "free": 26,
    "rdns_zone": "130.168.192.in-addr.arpa",
    "full": False,
}
_ZONE = {
    "id": 1,
    "zone": "example.com",
    "type": "powerdns",
    "endpoint": "http://127.0.0.1:8081",
    "reverse": False,
    "ttl": 300,
    "config": {"server_url": "http://127.0.0.1:8081"},
    "last_ok": "2026-04-10T03:49:18Z",
    "last_error": "",
    "records": 3,
}
_TASK = {
    "task": "processVirtualMachines",
    "interval_minutes": 1,
    "last_run": "2026-04-10T03:49:18Z",
    "next_run": "2026-04-10T03:50:18Z",
    "locked": False,
    "locked_by": "",
    "last_result": {"processed": 2, "errors": 0, "seconds": 57.5},
}
_AUDIT = {
    "id": 4711,
    "at": "2026-04-10T03:49:18Z",
    "login": "shop",
    "ssh_client": "203.0.113.7",
    "source": "api",
    "action": "create",
    "kind": "service",
    "object_id": "5546",
    "object_name": "5546",
    "reason": "",
    "before": {},
    "after": {"client": "Acme", "product": "VPS-2"},
    "result": "done",
}
_USAGE = {"service_id": 5546, "month": "2026-04", "bytes_in": 1073741824, "bytes_out": 524288000}
_CLIENT = {
    "id": 1,
    "name": "Acme",
    "email": "ops@acme.example",
    "language": "en",
    "services": 1,
    "notes": "",
    "revision": "6f1ed002ab559585",
}
_SERVICE = {
    "id": 5546,
    "client": "Acme",
    "product": "VPS-2",
    "server": "pve-waw1",
    "status": "Active",
    "options": {"cores": 4},
    "vm": "vm-5546",
    "vmid": 2002,
    "vm_status": "ready",
    "created": "2026-04-10T03:49:18Z",
    "pending": [{"field": "cores", "old": 2, "new": 4}],
    "external_ref": "order-1017",
    "revision": "0b7e1a6a2f0c4d11",
}
_DETAIL = {**_SERVICE, "notes": "", "suspended": None, "traffic_quota": QUOTA}
_REQUEST = {
    "id": 812,
    "state": "queued",
    "action": "Deploy",
    "service_id": 5546,
    "run_id": None,
    "error": None,
}
_DONE = {"id": None, "state": "done", "action": "change", "service_id": None, "run_id": None, "error": None}
_EVENT = (
    'id: 90210\nevent: step\ndata: {"id": 90210, "at": "2026-04-10T03:49:18Z", "kind": "step", "level": "success", '
    '"text": "[+] sid:5546  1. Allocate IP  success (creation -> set_ip)  [0.02s]", "service_id": 5546, '
    '"run_id": 812, "data": {}}\n\n'
)


def _page(item: dict[str, Any]) -> dict[str, Any]:
    return {"items": [item], "next": None}


def _accepted(action: str, message: str) -> dict[str, Any]:
    return {"request": {**_REQUEST, "action": action}, "message": message}


def _queued(action: str) -> dict[str, Any]:
    return _accepted(action, f"{action} is queued for service 5546 (vm-5546).")


def _plan(action: str, message: str, *steps: str) -> dict[str, Any]:
    return {"action": action, "sentence": message, "steps": list(steps)}


ANSWERS: dict[str, Any] = {
    "health": {"status": "ok", "version": "1.0.0"},
    "ready": {"status": "ready"},
    "openapi": {"openapi": "3.1.0"},
    "metrics": "# HELP kvmtui_vms_stuck VMs whose step failed.\n# TYPE kvmtui_vms_stuck gauge\nkvmtui_vms_stuck 0.0\n",
    "dns_list": [{"forward": "vm-5546.example.com", "ip": "192.168.130.2", "reverse": "vm-5546.example.com"}],
    "list_products": _page(_PRODUCT),
    "show_product": _PRODUCT,
    "list_servers": _page(_SERVER),
    "show_server": _SERVER,
    "list_pools": _page(_POOL),
    "list_zones": _page(_ZONE),
    "list_tasks": _page(_TASK),
    "list_audit": _page(_AUDIT),
    "list_vms": _page(_VM),
    "list_usage": _page(_USAGE),
    "show_usage": {**_page(_USAGE), "quota": QUOTA},
    "list_clients": _page(_CLIENT),
    "show_client": _CLIENT,
    "create_client": {
        "request": {**_DONE, "action": "create"},
        "message": "Client Acme was created.",
        "client": _CLIENT,
    },
    "change_client": {"request": _DONE, "message": "Client Acme was changed.", "client": _CLIENT},
    "delete_client": {"request": {**_DONE, "action": "delete"}, "message": "Client Acme was deleted."},
    "list_services": _page(_SERVICE),
    "show_service": _DETAIL,
    "create_service": _accepted("Deploy", "Service 5546 was created; its VM is being deployed."),
    "change_service": {
        "request": {**_DONE, "service_id": 5546},
        "message": "Changed notes of service 5546.",
        "service": _DETAIL,
    },
    "suspend_service": _queued("Suspend"),
    "unsuspend_service": _queued("Unsuspend"),
    "terminate_service": _accepted("Terminate", "service 5546 (vm-5546) will be terminated."),
    "terminate_service 200": _plan(
        "Terminate", "service 5546 (vm-5546) will be terminated.", "Stop VM", "Delete backups", "Delete VM"
    ),
    "change_package": _queued("ChangePackage"),
    "change_package 200": {
        "effects": [
            {
                "field": "cores",
                "old": 2,
                "new": 4,
                "when": "change",
                "needs_stop": True,
                "lasting": False,
                "note": "",
            }
        ],
        "message": "Changing the product shuts the VM down and starts it again, whatever changes.",
    },
    "show_vm": _VM,
    "show_log": _page(_LOG),
    "show_charts": {
        "looked": {
            "service_id": 5546,
            "server": "pve-waw1",
            "node": "pve1",
            "vmid": 2002,
            "state": "seen",
            "sentence": "",
            "owner": "ours",
            "at": "2026-04-10T03:49:18Z",
            "api_ms": 12,
        },
        "span": "hour",
        "step_s": 60,
        "points": [
            {
                "time": "2026-04-10T03:49:00Z",
                "cpu": 3.1,
                "memory": 41.0,
                "disk_read": 0.0,
                "disk_written": 8192.0,
                "net_in": 512.0,
                "net_out": 128.0,
            }
        ],
        "figures": {"cpu": {"latest": 3.1, "average": 2.8, "maximum": 9.4}},
        "peaks": False,
    },
    **{
        name: _queued(action)
        for name, action in (
            ("start_vm", "Start"),
            ("stop_vm", "Stop"),
            ("shut_down_vm", "Shutdown"),
            ("reboot_vm", "Reboot"),
            ("reset_password", "ResetPassword"),
            ("sync_dns", "SetDnsRecords"),
            ("reinstall_vm", "Reinstall"),
            ("redeploy_vm", "Deploy"),
            ("set_reverse_name", "Set DNS records"),
            ("create_snapshot", "Snapshot"),
            ("delete_snapshot", "DeleteSnapshot"),
            ("roll_back", "Rollback"),
            ("create_backup", "Backup"),
            ("delete_backup", "DeleteBackup"),
            ("restore_backup", "Restore"),
            ("mount_iso", "MountIso"),
            ("eject_iso", "EjectIso"),
        )
    },
    "reinstall_vm 200": _plan("Reinstall", "Reinstall is queued for service 5546 (vm-5546).", "Delete VM"),
    "redeploy_vm 200": _plan(
        "Deploy",
        "service 5546 (vm-5546) will be redeployed from scratch.",
        "Delete VM",
    ),
    "restore_backup 200": _plan("Restore", "Restore is queued for service 5546 (vm-5546).", "Restore"),
    "set_backup_schedule": {
        "request": {**_DONE, "action": "backup schedule", "service_id": 5546},
        "message": "A backup of service 5546 (vm-5546) is scheduled on mon, thu at 03:15.",
    },
    "show_backup_schedule": {"days": ["mon", "thu"], "at": "03:15"},
    "list_snapshots": _page(
        {"name": "before-upgrade", "created": "2026-04-10T03:49:18Z", "note": "", "ours": True}
    ),
    "list_backups": _page(
        {
            "backup": "backup:backup/vzdump-qemu-2002-2026_04_10-03_00_00.vma.zst",
            "created": "2026-04-10T03:00:00Z",
            "size": 1073741824,
            "note": "",
            "protected": False,
            "ours": True,
        }
    ),
    "list_iso_images": _page(
        {
            "iso": "local:iso/debian-13.iso",
            "group": "debian",
            "size": 702545920,
            "mounted": False,
            "pending": False,
        }
    ),
    "open_session": {"url": "https://vnc.example.com/client/enter/3q2-7w", "expires": "2026-04-10T03:50:18Z"},
    "open_console": {"url": "https://vnc.example.com/s/3q2-7w", "expires": "2026-04-10T03:49:28Z"},
    "show_request": {
        **_REQUEST,
        "state": "done",
        "run_id": 812,
        "requested_by": "shop",
        **dict.fromkeys(("requested", "started"), "2026-04-10T03:49:18Z"),
        "ended": "2026-04-10T03:50:15Z",
    },
    "list_webhooks": _page(WEBHOOK),
    "create_webhook": {**WEBHOOK, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
    "change_webhook": _accepted("change", "Webhook 1 is paused. Resume it with: kvmtui webhook resume 1"),
    "delete_webhook": {"request": {**_DONE, "action": "delete"}, "message": "Webhook 1 was deleted."},
    "check_webhook": {"message": "https://shop.example.com/kvmtui answered 204."},
    "list_deliveries": _page(DELIVERY),
    "replay_delivery": {"request": {**_DONE, "action": "replay"}, "message": "Message 7 is sent again."},
    "list_notify_targets": _page(TARGET),
    "test_notify_targets": {"message": "Sent to oncall."},
    "resend_notifications": _accepted("resend", "2 notifications are queued."),
    "follow_events": _EVENT,
}
