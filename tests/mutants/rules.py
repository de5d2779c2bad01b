"""The safety rules that are removed, one at a time: where each is, how it is removed, and which tests should notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `old` is in `file` exactly once, and the program without the rule has `new` in its place."""

    name: str
    without: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


WORK = (
    Rule(
        "fence-write", "a worker that lost its lease writes the VM", "engine/work/claims.py",
        '"WHERE id = ? AND fence = ? AND lease_owner = ?",\n        *values,\n        claim.vm_id,\n'
        "        claim.fence,\n        claim.owner,",
        '"WHERE id = ?",\n        *values,\n        claim.vm_id,',
        ("tests/work/test_fence.py", "tests/work/test_claims.py"),
    ),
    Rule(
        "fence-raise", "a claim does not raise the fence", "engine/work/claims.py",
        "lease_until = now_ms() + ?, fence = fence + 1 WHERE id IN", "lease_until = now_ms() + ? WHERE id IN",
        ("tests/work/test_fence.py", "tests/work/test_claims.py"),
    ),
    Rule(
        "lease-taken", "a VM that another worker holds is claimed", "engine/work/claims.py",
        '_DUE = "due_at <= now_ms() AND lease_until < now_ms()"', '_DUE = "due_at <= now_ms()"',
        ("tests/work/test_claims.py",),
    ),
    Rule(
        "operator-take-over", "an operator's change leaves the worker's lease", "engine/work/claims.py",
        '    _void(Vm.id == vm_id)\n', '    return\n',
        ("tests/work/test_resets.py", "tests/work/test_fence.py", "tests/work/test_requests.py"),
    ),
    Rule(
        "journal-first", "a call is sent before it is in the journal", "engine/work/journal.py",
        "        self.last_call = in_transaction(work)\n", "        self.last_call = 0\n",
        ("tests/faults/test_deploy_faults.py", "tests/crash/test_matrix.py"),
    ),
    Rule(
        "steps-pending", "a call is sent before the steps that came before it are committed", "engine/work/progress.py",
        "        record.write(self.pending)\n", "",
        ("tests/work/test_progress.py",),
    ),
    Rule(
        "journal-held-up", "a worker that was paused too long still sends its call", "engine/work/journal.py",
        "if time.monotonic() - began > workers.STALE_MS / 2000:", "if False:",
        ("tests/work/test_fence.py",),
    ),
    Rule(
        "journal-convergence", "a change that has no effect is sent forever", "engine/work/journal.py",
        "if self._accepted(call) >= MOST_TRIES:", "if False:",
        ("tests/work/test_order.py",),
    ),
    Rule(
        "reconcile-lost", "a call without an answer is taken as not sent", "engine/work/reconcile.py",
        "            for task in cluster.recent_tasks(call.node, since, typefilter=wanted) if wanted else ():\n",
        "            for task in ():\n",
        (
            "tests/pipelines/test_removal.py", "tests/pipelines/test_maintenance.py",
            "tests/maintenance/test_disk_repair.py",
        ),
    ),
    Rule(
        "request-order", "the newest request starts first", "engine/work/requests.py",
        "state = 'queued' ORDER BY id LIMIT 1)", "state = 'queued' ORDER BY id DESC LIMIT 1)",
        ("tests/work/test_requests.py",),
    ),
    Rule(
        "request-due", "a queued request does not make its VM due", "engine/work/requests.py",
        "    Vm.update(due_at=now_expression()).where(Vm.id == vm.id, Vm.due_at.is_null()).execute()\n", "",
        ("tests/work/test_requests.py", "tests/pipelines/test_commands.py"),
    ),
    Rule(
        "limit-slots", "more heavy tasks run than the limit says", "engine/work/limits.py",
        "if len(held) + _ahead_of(vm, key) >= limit:", "if False:",
        ("tests/work/test_limits.py",),
    ),
    Rule(
        "limit-order", "a newcomer gets the slot before a VM that waits", "engine/work/limits.py",
        "len(held) + _ahead_of(vm, key) >= limit", "len(held) >= limit",
        ("tests/work/test_limits.py",),
    ),
    Rule(
        "together", "each VM polls its own task", "engine/work/watch.py",
        "if len(upids - running) > 1:", "if False:", ("tests/work/test_watch.py",),
    ),
    Rule(
        "watch-aside", "a hanging server holds up the tasks of others", "engine/work/watch.py",
        "            threading.Thread(\n                target=self._look_at, args=(server_id, nodes), "
        'name=f"watch-{server_id}", daemon=True\n            ).start()\n',
        "            self._look_at(server_id, nodes)\n", ("tests/work/test_watch.py",),
    ),
    Rule(
        "quorum", "a cluster without quorum is not noticed", "engine/work/quorum.py",
        "    if quorum.quorate:\n", "    if True:\n", ("tests/work/test_quorum.py",),
    ),
)  # fmt: skip
CLUSTER = (
    Rule(
        "ownership", "a guest with another mark is ours", "engine/proxmox/guest.py",
        "        if config.mark != self.mark:\n", "        if False:\n", ("tests/proxmox/test_guest.py",),
    ),
    Rule(
        "ownership-uuid", "another VM with our mark is ours", "engine/proxmox/guest.py",
        "if self.smbios_uuid and config.smbios_uuid != self.smbios_uuid:", "if False:",
        ("tests/proxmox/test_guest.py",),
    ),
    Rule(
        "ownership-two-marks", "a description with two marks is ours", "engine/proxmox/mark.py",
        "return marks.pop() if len(marks) == 1 else None", "return marks.pop() if marks else None",
        ("tests/proxmox/test_guest.py", "tests/proxmox/test_codecs.py", "tests/proxmox/test_adopting.py"),
    ),
    Rule(
        "destroy-proof", "a guest is deleted without proof", "engine/proxmox/guest.py",
        '        self.prove()\n        params: dict[str, Value] = {"purge"',
        '        params: dict[str, Value] = {"purge"',
        ("tests/proxmox/test_guest.py",),
    ),
    Rule(
        "vmid-taken", "a VMID that the cluster uses is taken", "engine/pipelines/steps/vmids.py",
        "if ctx.cluster.next_id_free(number):", "if True:",
        ("tests/pipelines/test_deploy.py",),
    ),
    Rule(
        "clone-foreign", "a foreign guest under the VM's VMID is ignored", "engine/pipelines/steps/clone.py",
        "    if ctx.vm.node:\n        raise NotOurs(", "    if False:\n        raise NotOurs(",
        ("tests/pipelines/test_removal.py",),
    ),
    Rule(
        "another-host", "a change is sent again through another host", "engine/proxmox/transport.py",
        "return not request.changing and fault.reason in _ANOTHER_HOST_MAY_KNOW",
        "return fault.reason in _ANOTHER_HOST_MAY_KNOW",
        ("tests/proxmox/test_transport.py", "tests/proxmox/test_faults.py"),
    ),
    Rule(
        "ambiguous", "a broken answer to a change counts as not sent", "engine/proxmox/fault_status.py",
        'by_status("gateway", FaultKind.AMBIGUOUS, READ_FIRST, 502, 503, 504, reading=FaultKind.TRANSIENT)',
        'by_status("gateway", FaultKind.TRANSIENT, READ_FIRST, 502, 503, 504, reading=FaultKind.TRANSIENT)',
        ("tests/proxmox/test_faults.py", "tests/proxmox/test_real_texts.py"),
    ),
    Rule(
        "snapshot-limit", "a snapshot is taken beyond the product's limit", "engine/pipelines/steps/snapshots.py",
        "    if len(there) >= limit:\n", "    if False:\n", ("tests/pipelines/test_maintenance.py",),
    ),
    Rule(
        "backup-ours", "a backup that somebody else made is deleted", "engine/pipelines/steps/backups.py",
        "    if not is_ours(ctx, found):\n", "    if False:\n",
        ("tests/maintenance/test_backups.py", "tests/maintenance/test_left_backups.py"),
    ),
    Rule(
        "firewall-order", "an address is removed before the new one is there", "engine/proxmox/firewall.py",
        "            if entry.cidr in missing:  #", "            if True:  #",
        ("tests/proxmox/test_guest_config.py",),
    ),
)  # fmt: skip
SITE = (
    Rule(
        "pool-overlap", "two pools share an address", "engine/ipam/pools.py",
        "    if other is not None:\n        raise Refused(\n            f\"The range",
        "    if False:\n        raise Refused(\n            f\"The range", ("tests/ipam/test_pools.py",),
    ),
    Rule(
        "pool-in-use", "a pool whose addresses are held is deleted", "engine/ipam/pools.py",
        "        if found:\n            raise Refused(\n                f\"{title(pool)} is in use and was not deleted",
        "        if False:\n            raise Refused(\n                f\"{title(pool)} is in use and was not deleted",
        ("tests/ipam/test_pools.py", "tests/ipam/test_holders.py"),
    ),
    Rule(
        "address-once", "an assigned address stays in the free ranges", "engine/ipam/ranges.py",
        "        FreeRange.update(lo=key(first.lo + 1)).where(mine).execute()\n", "        pass\n",
        ("tests/ipam/test_allocate.py", "tests/ipam/test_ranges.py"),
    ),
    Rule(
        "quarantine", "an address in quarantine is assigned early", "engine/ipam/allocate.py",
        '(Address.state == "quarantined") & (Address.available_at <= moment)', '(Address.state == "quarantined")',
        ("tests/ipam/test_allocate.py", "tests/ipam/test_pools.py"),
    ),
    Rule(
        "dns-specific", "a record goes to the zone above as well", "engine/dns/matching.py",
        "return [target for target in group if _depth(target) == depth]", "return group",
        ("tests/dns/test_matching.py",),
    ),
    Rule(
        "dns-apex", "a record is written at the apex of a zone", "engine/dns/matching.py",
        "usable = [t for t in found if t.name != t.zone.name or is_reverse(t.zone.name)]", "usable = found",
        ("tests/dns/test_matching.py",),
    ),
    Rule(
        "dns-foreign", "a record that others wrote counts as ours", "engine/dns/plan.py",
        "    return ours, unclaimed, lost\n", "    return [*ours, *unclaimed], [], lost\n",
        ("tests/dns/test_plan.py",),
    ),
    Rule(
        "dns-pin", "a DNS server with another certificate is trusted", "engine/dns/tls.py",
        "        if seen not in self.pins:\n", "        if False:\n",
        ("tests/dns/test_connection.py",),
    ),
    Rule(
        "mail-hand-over", "a mail that another engine took over is still sent", "engine/mail/claims.py",
        "due_at=now + ENDING_MS)):\n        raise ClaimLost\n", "due_at=now + ENDING_MS)):\n        pass\n",
        ("tests/mail/test_sending.py",),
    ),
    Rule(
        "mail-unknown", "a mail that the server may have is sent again", "engine/mail/claims.py",
        '((Outbox.state == "sending") & Outbox.sent_at.is_null())', '(Outbox.state == "sending")',
        ("tests/mail/test_sending.py",),
    ),
    Rule(
        "suspended", "a suspended service is started", "engine/actions/requests.py",
        '    if vm.service.status != "Suspended":\n', "    if True:\n",
        ("tests/services/test_suspension.py", "tests/services/test_allowed.py"),
    ),
    Rule(
        "redeploy-ready", "a VM that is ready is redeployed", "engine/actions/vms.py",
        '    if vm.vm_status == "ready":\n        raise Refused(f"{subject(vm)} is ready; redeploy',
        '    if False:\n        raise Refused(f"{subject(vm)} is ready; redeploy',
        ("tests/services/test_allowed.py", "tests/pipelines/test_commands.py", "tests/cli"),
    ),
    Rule(
        "client-in-use", "a client with services is deleted", "engine/actions/clients.py",
        '{"services": services, "tokens"', '{"tokens"',
        ("tests/cli/test_verbs.py", "tests/manifest/test_apply.py"),
    ),
    Rule(
        "role", "every role may do everything", "engine/actions/permission.py",
        "    if not actor.role.covers(declared.role):\n", "    if False:\n", ("tests/access",),
    ),
    Rule(
        "read-only", "--read-only changes the site", "kvmtui/terminal/open_site.py",
        "    if _read_only:\n", "    if False:\n", ("tests/cli/test_verbs.py",),
    ),
    Rule(
        "dry-run", "a preview is saved", "kvmtui/terminal/open_site.py",
        "            yield\n            raise _Undo\n", "            yield\n", ("tests/cli/test_conventions.py",),
    ),
    Rule(
        "typed-name", "an object is deleted without --yes or its name", "kvmtui/terminal/prompts.py",
        '        raise Refused(\n            f"{what_happens} This needs the name typed at a terminal, or --yes.',
        '        return\n        raise Refused(\n            f"{what_happens} This needs the name typed, or --yes.',
        ("tests/cli/test_verbs.py",),
    ),
)  # fmt: skip
SECRETS = (
    Rule(
        "redact-log", "a secret reaches the log file", "engine/redact.py",
        "        record.msg = redact(record.getMessage())\n", "        record.msg = record.getMessage()\n",
        ("tests/test_redact.py", "tests/start/test_logs.py"),
    ),
    Rule(
        "redact-forms", "a secret in base64 or a URL is shown", "engine/redact.py",
        "{value, *escaped, *encoded, *lines}", "{value}", ("tests/test_redact.py",),
    ),
    Rule(
        "audit-mask", "a secret is in the audit log", "engine/audit.py",
        '    if name == "secrets" or _SECRET_NAME.search(name):\n', "    if False:\n", ("tests/store/test_audit.py",),
    ),
    Rule(
        "audit-chain", "an altered audit row is not noticed", "engine/audit.py",
        '        if row["hash"] != _hash(row):\n', "        if False:\n", ("tests/store/test_audit.py",),
    ),
    Rule(
        "secret-cell", "a secret opens in another row", "engine/store/secrets.py",
        'return f"{table}:{uid}:{column}:{key_id}".encode()', 'return f"{table}:{column}:{key_id}".encode()',
        ("tests/store/test_secrets.py",),
    ),
    Rule(
        "private-files", "a key file that others can read is used", "engine/store/files.py",
        "    if mode & 0o077:\n", "    if False:\n", ("tests/store/test_secrets.py", "tests/store/test_database.py"),
    ),
    Rule(
        "terminal-safe", "foreign text controls the terminal", "kvmtui/terminal/output.py",
        "    return text.translate(_CONTROL)\n", "    return text\n",
        ("tests/services/test_notes.py", "tests/cli"),
    ),
    Rule(
        "traffic-restart", "counters that began again after a restart are subtracted", "engine/traffic/hourly_bytes.py",
        "        return CounterChange.RESTARTED\n", "        return CounterChange.CONTINUED\n",
        ("tests/traffic/test_counted.py",),
    ),
)  # fmt: skip
RULES = (*WORK, *CLUSTER, *SITE, *SECRETS)
