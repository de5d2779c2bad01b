"""An owner connects a shop and the people on call: in the real console on a real terminal, and what arrives there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Ran
from tests.journeys.pseudo_terminal import Console
from tests.waiting import until
from tests.webhooks.endpoint import endpoint

SITE = """
servers:
  - {name: pve-lab, hosts: [127.0.0.1], port: 9, user: root@pam, password: x, tls: {insecure: true}}
products:
  - {name: VPS-2, server: pve-lab, template: 9002, cores: 2, memory: 2048}
clients:
  - {name: Acme, email: ops@acme.example}
"""


def test_a_token_a_webhook_and_a_notification_from_key_to_arrival(
    home: Path, kvmtui: Callable[..., Ran], console: Callable[..., Console], tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "site.yaml").chmod(0o600)
    with endpoint() as shop, endpoint() as phone:
        (home / "config.toml").write_text(
            f'site_name = "lab"\n[notify.targets.oncall]\nurl = "json://127.0.0.1:{phone.port}/T0p-s3cret"\n'
        )
        (home / "config.toml").chmod(0o600)
        assert kvmtui("apply", str(tmp_path / "site.yaml")).exit == 0
        assert kvmtui("webhook", "create", shop.url(), "--allow-private").exit == 0
        shown = console()
        shown.until("engine here")
        shown.press(b"9K")
        shown.until("No token yet.")
        shown.press(b"+")
        shown.until("Add a token")
        shown.press(b"billing\t\r")
        shown.until("metrics")
        shown.press(b"\x1b[B\x1b[B\x1b[B\r")
        shown.press(b"\x13")
        shown.until("It is not shown again")
        secret = re.search(rb"kvt_[A-Za-z0-9_-]{43}", shown.screen)
        assert secret is not None
        shown.press(b"\x1b")
        shown.until("1 token")
        said, shown.screen = shown.screen, b""
        shown.press(b"\x1b")
        shown.until("11 settings")
        shown.press(b"W")
        shown.until("notify oncall")
        shown.press(b"t")
        shown.until("The test was taken")
        assert shop.types() == ["webhook.test"]
        shown.press(b"\x1b")
        made = kvmtui("service", "create", "--client", "Acme", "--product", "VPS-2", "--id", "5546")
        assert made.exit == 0, made.stderr
        until(lambda: "service.created" in shop.types())
        # alone, or in a digest with the deploy that is stuck by then
        until(lambda: any("Service 5546 was created" in each.body for each in phone.taken))
        shown.press(b"q")
        assert shown.ended() == 0
    assert b"T0p-s3cret" not in said + shown.screen
    (row,) = json.loads(kvmtui("token", "list", "--json").stdout)
    assert (row["name"], row["role"]) == ("billing", "operator")
    (target,) = json.loads(kvmtui("notify", "list", "--json").stdout)
    assert (target["pending"], target["url"]) == (0, "json://***") and target["last_sent"]
    log = "".join(path.read_text() for path in (home / "logs").glob("*.log"))
    assert secret[0].decode() not in log and "T0p-s3cret" not in log
