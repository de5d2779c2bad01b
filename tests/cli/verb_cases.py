"""How each verb is run by the tests of all verbs, and the reasons for those that are not run or have no preview."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """How a verb is run: the words after it, those of its second run if they differ, and SQL before both."""

    words: str = ""
    again: str | None = None
    before: tuple[str, ...] = ()
    status: int = 0
    shows: bool = False
    """A change whose answer is a result all the same."""


UNQUEUE = "UPDATE request SET state = 'withdrawn' WHERE state IN ('queued', 'running')"
ACTIVE = "UPDATE service SET status = 'Active' WHERE id = 5546"
SUSPENDED = "UPDATE service SET status = 'Suspended' WHERE id = 5546"
READY = "UPDATE vm SET vm_status = 'ready', flow = '{}', error = '' WHERE service_id = 5546"
STUCK = "UPDATE vm SET vm_status = 'set_ip' WHERE service_id = 5546"
GONE = "UPDATE vm SET vm_status = 'remove' WHERE service_id IN (5602, 5603)"
FAILED_MAIL = "UPDATE outbox SET state = 'failed', sent_at = NULL"
HOOK = (
    "INSERT OR IGNORE INTO webhook (id, uid, url, events, secret, allow_private, state, why, created_at, created_by) "
    "VALUES (1, 'u', 'https://x/', '[]', '', 0, 'enabled', '', 1, '')"
)
MESSAGE = (
    "INSERT OR REPLACE INTO webhook_delivery (id, uid, webhook_id, type, body, state, attempts, "
    "due_at, error, created_at) VALUES (900, 'm', 1, 'vm.ready', '{}', 'failed', 1, 0, '', 1)"
)
POOL = "--server pve-waw1 --type IPv4 --gateway 10.{0}.0.1 --mask 24 --start 10.{0}.0.2 --stop 10.{0}.0.9"
SERVER = "--host 10.0.0.9 --user root@pam --secret-env SMTP_PASSWORD --insecure"
ZONE = "--type powerdns --server-url http://127.0.0.1:1 --secret-env PDNS_KEY"
REQUEST = Case("5546", before=(UNQUEUE, ACTIVE, READY))

CASES: dict[str, Case] = {
    "apply": Case("site.yaml", "more.yaml", shows=True),
    "audit": Case(),
    "audit archive": Case("one.jsonl --before 2099-01-01", "two.jsonl --before 2099-01-01", shows=True),
    "audit verify": Case(),
    "client add": Case("C1 --email a@b.example", "C2 --email a@b.example"),
    "client delete": Case("C1", "C2"),
    "client edit": Case("C1 --language de", "C2 --language de"),
    "client list": Case(),
    "client notes": Case("Acme --add one", "Acme --add two"),
    "client show": Case("Acme"),
    "cron": Case("--task removeOldSnapshots --force", shows=True),
    "db backup": Case("one.db", "two.db"),
    "db check": Case(),
    "db migrate": Case(),
    "dns check": Case("--no-queries", status=1),
    "dns export": Case(),
    "doctor": Case("pve-waw1"),
    "export": Case(),
    "import puq": Case(
        "puq.sql --server-map old-name=pve-waw1", "more.sql --server-map old-name=pve-waw1", shows=True
    ),
    "import whmcs": Case(
        "--db-dump shop.sql --server-map old-name=pve-waw1 --adoptions one.txt --apply",
        "--db-dump shop.sql --server-map old-name=pve-waw1 --adoptions two.txt --apply",
        shows=True,
    ),
    "mail outbox": Case(),
    "mail preview": Case("ready"),
    "mail retry": Case("--failed", before=(FAILED_MAIL,)),
    "mail templates": Case(),
    "mail test": Case("you@example.com", shows=True),
    "notify list": Case(),
    "pool add": Case(POOL.format(7), POOL.format(8)),
    "pool delete": Case("10.7.0.2", "10.8.0.2"),
    "pool edit": Case("10.7.0.2 --stop 10.7.0.8", "10.8.0.2 --stop 10.8.0.8"),
    "pool list": Case(),
    "pool show": Case("192.168.130.2"),
    "product add": Case("P1 --server pve-waw1 --template 9000", "P2 --server pve-waw1 --template 9000"),
    "product delete": Case("P1", "P2"),
    "product edit": Case("P1 --memory 2000", "P2 --memory 2000"),
    "product list": Case(),
    "product show": Case("VPS-2"),
    "secrets rotate": Case(),
    "secrets verify": Case(),
    "server add": Case(f"s1 {SERVER}", f"s2 {SERVER}"),
    "server delete": Case("s1", "s2"),
    "server edit": Case("s1 --port 8007", "s2 --port 8007"),
    "server list": Case(),
    "server nodes": Case("pve-waw1"),
    "server pause": Case("s1", "s2"),
    "server resume": Case("s1", "s2"),
    "server show": Case("pve-waw1"),
    "server test": Case("pve-waw1"),
    "service adopt": Case(
        "101 --server pve-waw1 --client Acme --product VPS-2 --id 5602",
        "105 --server pve-waw1 --client Acme --product VPS-2 --id 5603",
        shows=True,
    ),
    "service change-package": Case(
        "5546 --option cores=3", "5546 --option cores=4", before=(UNQUEUE, ACTIVE, READY)
    ),
    "service create": Case(
        "--client Acme --product VPS-2 --id 5601", "--client Acme --product VPS-2 --id 5604"
    ),
    "service delete": Case("5601", "5604", before=("DELETE FROM vm WHERE service_id IN (5601, 5604)",)),
    "service history": Case("5546"),
    "service link": Case("5546", before=(ACTIVE,), shows=True),
    "service list": Case(),
    "service notes": Case("5546 --add one", "5546 --add two"),
    "service options": Case("5546 --option memory=3000", "5546 --option memory=3001", shows=True),
    "service show": Case("5546"),
    "service suspend": REQUEST,
    "service terminate": REQUEST,
    "service unsuspend": Case("5546", before=(UNQUEUE, SUSPENDED, READY)),
    "token create": Case("t1 --role viewer", "t2 --role viewer", shows=True),
    "token list": Case(),
    "token revoke": Case("t1", "t2"),
    "token rotate": Case("t1", "t2", shows=True),
    "vm backup create": REQUEST,
    "vm backup delete": Case("5546 backup:backup/x.vma.zst", before=(UNQUEUE, ACTIVE, READY)),
    "vm backup list": Case("5546"),
    "vm backup schedule": Case("5546 --days mon --at 03:30", before=(READY,)),
    "vm charts": Case("5546"),
    "vm delete-record": Case("5602", "5603", before=(GONE,)),
    "vm dns": REQUEST,
    "vm iso eject": REQUEST,
    "vm iso list": Case("5546"),
    "vm iso mount": Case("5546 x.iso", before=(UNQUEUE, ACTIVE, READY)),
    "vm list": Case(),
    "vm log": Case("5546"),
    "vm password": REQUEST,
    "vm rdns": Case("5546 192.168.130.2 mail.example.com", before=(UNQUEUE, ACTIVE, READY)),
    "vm reboot": REQUEST,
    "vm record": Case("5546 --set vlan=7", "5546 --set vlan=0"),
    "vm redeploy": Case("5546", before=(UNQUEUE, ACTIVE, STUCK)),
    "vm reinstall": REQUEST,
    "vm repair-disk": REQUEST,
    "vm reset": Case("5546 set_dns_records", before=(ACTIVE, READY)),
    "vm restore": Case("5546 backup:backup/x.vma.zst", before=(UNQUEUE, ACTIVE, READY)),
    "vm run-step": Case("5546 VMRemove", before=(UNQUEUE, ACTIVE, READY)),
    "vm show": Case("5546"),
    "vm shutdown": REQUEST,
    "vm snapshot create": REQUEST,
    "vm snapshot delete": Case("5546 before", before=(UNQUEUE, ACTIVE, READY)),
    "vm snapshot list": Case("5546"),
    "vm snapshot rollback": Case("5546 before", before=(UNQUEUE, ACTIVE, READY)),
    "vm snapshot schedule": Case("5546 --days mon --at 03:30", before=(READY,)),
    "vm start": REQUEST,
    "vm stats": Case("--all"),
    "vm stop": REQUEST,
    "webhook create": Case(
        "http://127.0.0.1:1/a --allow-private", "http://127.0.0.1:1/b --allow-private", shows=True
    ),
    "webhook delete": Case("1", "2"),
    "webhook deliveries": Case("1", before=(HOOK, MESSAGE)),
    "webhook list": Case(before=(HOOK,)),
    "webhook pause": Case("1", before=("UPDATE webhook SET state = 'enabled', why = ''",)),
    "webhook replay": Case("900", before=(MESSAGE,)),
    "webhook resume": Case("1", before=("UPDATE webhook SET state = 'paused', why = 'x'",)),
    "whoami": Case(),
    "zone add": Case(f"lan {ZONE}", f"internal {ZONE}"),
    "zone delete": Case("lan", "internal"),
    "zone edit": Case("lan --ttl 60", "internal --ttl 60"),
    "zone list": Case(),
    "zone show": Case("example.com"),
    "zone test": Case("example.com"),
}
LAST = (
    "delete",
    "delete-record",
    "revoke",
)  # each noun's objects are deleted after everything else was done to them

NOT_RUN = {
    "api": "serves until Ctrl+C; the address it prints is all it prints",
    "lab": "serves until Ctrl+C and prints how to connect; it has no answer that ends",
    "notify resend": "needs a notification that failed; tests/notify has one",
    "notify test": "needs a target that answers; tests/notify has one",
    "web": "serves until Ctrl+C; the address it prints is all it prints",
    "webhook test": "needs an endpoint that answers; tests/webhooks has one",
    "vm console": "needs a terminal or a browser until it is closed; its link has --json, its audit row --reason",
}
NO_PREVIEW = {
    "audit archive": "counts the rows it moves while it moves them",
    "client notes": "the text is the change",
    "mail retry": "`mail outbox --status failed` is the list",
    "mail test": "the mail is the test",
    "secrets rotate": "`secrets verify` is the check before it",
    "server pause": "the whole change is its name",
    "server resume": "the whole change is its name",
    "service link": "the link is the change",
    "service notes": "the text is the change",
    "webhook create": "the URL and the events are the change",
    "webhook delete": "`webhook list` shows what waits for it",
    "webhook pause": "the whole change is its name",
    "webhook replay": "`webhook deliveries` shows the message",
    "webhook resume": "`webhook list` shows what waits for it",
    "vm record": "without --set it shows the record",
    "vm backup schedule": "the options are the change",
    "vm snapshot schedule": "the options are the change",
    "vm rdns": "`vm dns --dry-run` shows it",
    **dict.fromkeys(
        (
            "service suspend", "service unsuspend", "vm backup create", "vm backup delete",
            "vm delete-record", "vm iso eject", "vm iso mount", "vm password", "vm reboot",
            "vm reset", "vm run-step", "vm shutdown", "vm snapshot create",
            "vm snapshot delete", "vm start", "vm stop",
        ),
        "what it does depends on the VM when it runs; the help text says what that is",
    ),
}  # fmt: skip
EMPTY = {"mail outbox", "notify list", "vm backup list", "vm snapshot list", "vm stats"}
"""Lists that are empty on this site: a message on stderr, and nothing on stdout."""
