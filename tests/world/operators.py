"""Operators: every changing verb about VMs and services, asked through the actions or through the command line.

What they intend is drawn from the seed alone. Whether it fits the moment they do not care: a refusal is a fine answer,
a promise that is not kept is not.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.actions import maintenance, names, packages, pausing, requests, services, vms
from engine.audit import Actor
from engine.errors import KvmtuiError, Refused
from engine.forms.service import OptionsForm, ServiceForm
from engine.schedule.run_now import run_now
from tests.world.script import Act, spread

if TYPE_CHECKING:
    from tests.world.world import World

FIRST_SERVICE = 101
SERVICES = 6
READY = 4  # of them are ready before anything goes wrong
BEFORE = -1.0
PRODUCTS = ("small", "full", "distant")
Do = Callable[[Actor, "World", int, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing operators do: how often, through the actions, and as words for the command line."""

    weight: int
    do: Do
    words: str = ""  # of the command line; {service} and the arguments are put in
    draw: Callable[[random.Random], dict[str, Any]] = lambda chance: {}


def _power(verb: str) -> Do:
    return lambda actor, world, service, args: vms.power(actor, service, verb)


def _life(verb: Callable[..., Any]) -> Do:
    return lambda actor, world, service, args: verb(actor, service)


def _create(actor: Actor, world: World, service: int, args: dict[str, Any]) -> None:
    form = ServiceForm(id=service, client="Acme", product=args["product"], options=OptionsForm())
    services.create_service(form, actor)


def _options(actor: Actor, world: World, service: int, args: dict[str, Any]) -> None:
    services.set_options(service, OptionsForm.model_validate({"memory": args["memory"]}), actor)


def _snapshot(verb: Callable[..., Any]) -> Do:
    return lambda actor, world, service, args: verb(actor, service, args["name"])


def _backup(verb: Callable[..., Any]) -> Do:
    return lambda actor, world, service, args: verb(actor, service, world.newest_backup(service))


def _reverse(actor: Actor, world: World, service: int, args: dict[str, Any]) -> Any:
    return names.set_reverse(actor, service, world.address(service), args["name"])


def _name(chance: random.Random) -> dict[str, Any]:
    return {"name": f"s{chance.randrange(3)}x"}


def _memory(chance: random.Random) -> dict[str, Any]:
    return {"memory": chance.choice((512, 768, 1024, 1536))}


_STEPS = ("Start", "Stop", "Set Network", "Set Firewall", "Set System Disk Size", "VMClone", "VMRemove",
          "Set DNS records", "VMSetDedicatedIp", "SetCloudinit", "Set CPU RAM")  # fmt: skip
VERBS: dict[str, Verb] = {
    "start": Verb(6, _power("start"), "vm start {service}"),
    "stop": Verb(6, _power("stop"), "vm stop {service}"),
    "shutdown": Verb(3, _power("shutdown"), "vm shutdown {service}"),
    "reboot": Verb(3, _power("reboot"), "vm reboot {service}"),
    "suspend": Verb(4, _life(packages.suspend), "service suspend {service}"),
    "unsuspend": Verb(5, _life(packages.unsuspend), "service unsuspend {service}"),
    "terminate": Verb(3, _life(packages.terminate), "service terminate {service} --yes"),
    "change-package": Verb(
        5,
        lambda actor, world, service, args: packages.change_package(actor, service, options=args),
        "service change-package {service} --option memory={memory}",
        _memory,
    ),
    "options": Verb(1, _options, "service options {service} --set memory={memory}", _memory),
    "reset": Verb(
        5,
        lambda actor, world, service, args: vms.reset(actor, service, args["status"]),
        "vm reset {service} {status}",
        lambda chance: {"status": chance.choices(list(vms.RESETS), (3, 4, 3, 4, 2, 2, 1))[0]},
    ),
    "redeploy": Verb(3, _life(vms.redeploy), "vm redeploy {service} --yes"),
    "reinstall": Verb(3, _life(vms.reinstall), "vm reinstall {service} --yes"),
    "delete-record": Verb(1, _life(vms.delete_record), "vm delete-record {service} --yes"),
    "run-step": Verb(
        4,
        lambda actor, world, service, args: vms.run_step(actor, service, args["step"]),
        "vm run-step {service} {step} --yes",
        lambda chance: {"step": chance.choice(_STEPS)},
    ),
    "dns": Verb(3, _life(vms.sync_dns), "vm dns {service}"),
    "rdns": Verb(2, _reverse, "", lambda chance: {"name": f"r{chance.randrange(99)}.example.com"}),
    "snapshot-create": Verb(4, _snapshot(maintenance.create_snapshot), "vm snapshot create {service} {name}", _name),
    "snapshot-delete": Verb(2, _snapshot(maintenance.delete_snapshot), "vm snapshot delete {service} {name}", _name),
    "snapshot-rollback": Verb(
        2, _snapshot(maintenance.roll_back), "vm snapshot rollback {service} {name} --yes", _name
    ),
    "backup-create": Verb(4, _life(maintenance.create_backup), "vm backup create {service}"),
    "backup-delete": Verb(1, _backup(maintenance.delete_backup)),
    "restore": Verb(3, _backup(maintenance.restore)),
    "password": Verb(2, _life(maintenance.reset_password), "vm password {service}"),
    "iso-mount": Verb(
        2, lambda actor, world, service, args: maintenance.mount_iso(actor, service, "myfile.iso"),
        "vm iso mount {service} myfile.iso",
    ),
    "iso-eject": Verb(2, _life(maintenance.eject_iso), "vm iso eject {service}"),
    "pause": Verb(1, lambda actor, world, service, args: pausing.toggle(actor, "pve-a")),
    "cron": Verb(
        2, lambda actor, world, service, args: run_now(args["task"], actor), "",
        lambda chance: {"task": chance.choice(("processVirtualMachines", "collectingStatistics", "scheduleBackup"))},
    ),
}  # fmt: skip


def plan(chance: random.Random, seconds: float) -> list[Act]:
    """What operators do in so many seconds: most services are ready before; then about eight verbs a second."""
    acts = [
        Act(at, "operator", "create", {"service": FIRST_SERVICE + number, "product": chance.choice(PRODUCTS)})
        for number, at in enumerate([*[BEFORE] * READY, *spread(chance, SERVICES - READY, 0.0, seconds / 3)])
    ]
    made = SERVICES
    for at in spread(chance, int(seconds * 8), 0.0, seconds):
        if chance.random() < 0.02:
            product = chance.choice(PRODUCTS)
            acts.append(Act(at, "operator", "create", {"service": FIRST_SERVICE + made, "product": product}))
            made += 1
            continue
        name = chance.choices(list(VERBS), [verb.weight for verb in VERBS.values()])[0]
        args = {"service": FIRST_SERVICE + chance.randrange(made), **VERBS[name].draw(chance)}
        how = chance.random()
        if how < 0.15:
            args["twice"] = True
        elif how < 0.3 and VERBS[name].words:
            args["process"] = True
        acts.append(Act(at, "operator", name, args))
    return acts


def perform(world: World, number: int, act: Act) -> None:
    """Do what an operator intended, and keep what was promised."""
    args = dict(act.args)
    service = args.pop("service")
    if args.pop("process", False):
        _in_a_process(world, number, act.act, service, args)
        return
    times = 2 if args.pop("twice", False) else 1
    together = threading.Barrier(times)

    def once() -> None:
        together.wait(10)
        world.say(number, act, _ask(world, number, act.act, service, args))

    others = [threading.Thread(target=once) for _ in range(times - 1)]
    for thread in others:
        thread.start()
    once()
    for thread in others:
        thread.join()


def _ask(world: World, number: int, name: str, service: int, args: dict[str, Any]) -> str:
    do = _create if name == "create" else VERBS[name].do
    try:
        answer = do(Actor(f"op-{number}"), world, service, args)
    except Refused as no:
        return f"refused: {no.sentence}"
    except KvmtuiError as error:
        return f"failed: {error.sentence}"
    if isinstance(answer, requests.Queued) and answer.request_id:
        world.promises.append((number, service, answer.request_id))
        return f"promised {answer.request_id}: {answer.sentence}"
    return "done"


def _in_a_process(world: World, number: int, name: str, service: int, args: dict[str, Any]) -> None:
    """The same as a process of its own, as an operator has it; it tells by its exit status alone."""
    words = [word.format(service=service, **args) for word in VERBS[name].words.split()]
    status = world.run_program(words, login=f"op-{number}")
    if status not in (0, 1, 2, None):
        world.finding("operator", f"kvmtui {' '.join(words)} ended with {status}")
    if status == 0:
        world.promised_by_login.append((number, service))
    world.say(number, Act(0, "operator", name, args), f"exit {status}")
