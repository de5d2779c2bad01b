"""Requests become rows, workers say which process they are, and audit rows may leave for an archive."""

from __future__ import annotations

import json
import time
from typing import Any

from peewee import PostgresqlDatabase

_REQUEST = (
    '"vm" INTEGER NOT NULL, "service" INTEGER NOT NULL, "pipeline" TEXT NOT NULL, "action" TEXT NOT NULL, '
    '"args" TEXT NOT NULL, "login" TEXT NOT NULL, "source" TEXT NOT NULL, "state" TEXT NOT NULL CHECK '
    "(state IN ('queued', 'running', 'done', 'failed', 'withdrawn')), "
    '"run" INTEGER, "error" TEXT NOT NULL, "requested_at" {long} NOT NULL, "started_at" {long}, "ended_at" {long}'
)
_ARCHIVE = (
    '"first_id" INTEGER NOT NULL, "last_id" INTEGER NOT NULL, "last_hash" TEXT NOT NULL, "path" TEXT NOT NULL, '
    '"sha256" TEXT NOT NULL, "at" {long} NOT NULL'
)
_COMMON = (
    'CREATE TABLE "request" ("id" {key}, ' + _REQUEST + ")",
    'CREATE INDEX "request_vm_state_id" ON "request" ("vm", "state", "id")',
    'CREATE INDEX "request_service_id" ON "request" ("service", "id")',
    'CREATE INDEX "request_state_ended_at" ON "request" ("state", "ended_at")',
    'CREATE UNIQUE INDEX "request_one_running" ON "request" ("vm") WHERE state = \'running\'',
    'CREATE TABLE "audit_archive" ("id" {key}, ' + _ARCHIVE + ")",
    'CREATE UNIQUE INDEX "audit_archive_last_id" ON "audit_archive" ("last_id")',
    'ALTER TABLE "run" ADD COLUMN "request_id" INTEGER',
    'CREATE INDEX "run_request_id" ON "run" ("request_id")',
    'ALTER TABLE "worker" ADD COLUMN "process" TEXT NOT NULL DEFAULT \'\'',
)
_SQLITE = (
    'DROP TRIGGER "audit_no_delete"',
    'CREATE TRIGGER "audit_no_delete" BEFORE DELETE ON "audit" '
    'WHEN OLD."id" > (SELECT COALESCE(MAX("last_id"), 0) FROM "audit_archive") '
    "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
)
_POSTGRES = (
    'CREATE OR REPLACE FUNCTION "audit_append_only"() RETURNS trigger LANGUAGE plpgsql AS '
    "$$ BEGIN IF TG_LEVEL = 'ROW' AND TG_OP = 'DELETE' THEN "
    'IF OLD."id" <= (SELECT COALESCE(MAX("last_id"), 0) FROM "audit_archive") THEN RETURN OLD; END IF; END IF; '
    "RAISE EXCEPTION 'the audit trail is append-only'; END $$",
)


def up(_migrator: Any, db: Any) -> None:
    """Create the tables, then turn every waiting and running wish of a VM into a row of its own."""
    postgres = isinstance(db, PostgresqlDatabase)
    types = (
        {"key": "SERIAL NOT NULL PRIMARY KEY", "long": "BIGINT"}
        if postgres
        else {"key": "INTEGER NOT NULL PRIMARY KEY", "long": "INTEGER"}
    )
    for statement in (*_COMMON, *(_POSTGRES if postgres else _SQLITE)):
        db.execute_sql(statement.format(**types) if statement.startswith("CREATE TABLE") else statement)
    _move_requests(db, "%s" if postgres else "?")
    db.execute_sql('ALTER TABLE "vm" DROP COLUMN "requests"')


def _move_requests(db: Any, mark: str) -> None:
    now = int(time.time() * 1000)
    rows = db.execute_sql(
        'SELECT "id", "service_id", "requests", "flow", "error" FROM "vm" ORDER BY "id"'
    ).fetchall()
    for vm, service, requests, flow, error in rows:
        queue = json.loads(requests)
        running = json.loads(flow)
        if running.get("pipeline"):
            asked = {**running, **(running.get("request") or {})}
            number = _insert(db, mark, vm, service, asked, "running", now, error)
            db.execute_sql(
                f'UPDATE "run" SET "request_id" = {mark} WHERE "vm_id" = {mark} AND "live" = 1', (number, vm)
            )
        for asked in queue:
            _insert(db, mark, vm, service, asked, "queued", now, "")
        if queue or error:  # it has something to do, so it has a time to do it
            db.execute_sql(
                f'UPDATE "vm" SET "due_at" = {mark} WHERE "id" = {mark} AND "due_at" IS NULL '
                "AND \"vm_status\" NOT IN ('remove', 'error_terminate')",
                (now, vm),
            )


def _insert(
    db: Any, mark: str, vm: int, service: int, asked: dict[str, Any], state: str, now: int, error: str
) -> int:
    at = int(asked.get("at") or now)
    values = (
        vm, service, asked["pipeline"], asked.get("action") or asked["pipeline"],
        json.dumps(asked.get("args") or {}, ensure_ascii=False, sort_keys=True),
        str(asked.get("by") or ""), "", state, error, at, now if state == "running" else None,
    )  # fmt: skip
    marks = ", ".join([mark] * len(values))
    cursor = db.execute_sql(
        'INSERT INTO "request" ("vm", "service", "pipeline", "action", "args", "login", "source", "state", '
        f'"error", "requested_at", "started_at") VALUES ({marks}) RETURNING "id"',
        values,
    )
    return int(cursor.fetchone()[0])
