"""Sends an operator's request to one VM or to many, and reports the result of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from textual.containers import Vertical
from textual.widget import Widget
from textual.worker import Worker, WorkerError

from engine.actions.requests import Queued
from engine.errors import KvmtuiError
from engine.queries.allowed import VmState, why_not
from engine.queries.refs import name_of_service
from engine.queries.vms import VmView, vms_of
from screens.common.actions import Action
from screens.common.bindings import ActionMixin, in_scope
from screens.common.coalesced import FIRST_READING, READING
from screens.common.errors import sentence
from screens.common.text import with_service
from screens.framework.screen import EventBatch, Rereads
from screens.widgets.confirm import ConfirmAnswer, ConfirmVms
from screens.widgets.dialogs import Notice

Chosen = Callable[[], tuple[int, ...]]
Known = Callable[[int], VmState | None]
Request = Callable[[int], Queued]
_SHORT = 12


def unknown(service_id: int) -> VmState | None:
    """Nothing is known of a VM until it is read."""
    return None


class Commands(ActionMixin, Vertical):
    """What can be done to the chosen VMs: the marked ones, or the one under the cursor.

    Which VMs an action is for is decided when its key is pressed; whatever the list shows later, a question names
    the VMs it acts on.
    """

    def __init__(self, chosen: Chosen, known: Known = unknown) -> None:
        """`known` returns the state of a VM as shown, so that impossible actions are refused before any question."""
        super().__init__()
        self._chosen = chosen
        self._pinned: tuple[int, ...] | None = None
        self._refused: tuple[str | None, ...] = ()
        self.known = known

    def chosen(self) -> tuple[int, ...]:
        """The VMs an action is for, by service id."""
        return self._chosen() if self._pinned is None else self._pinned

    @contextmanager
    def on(self, chosen: tuple[int, ...]) -> Iterator[None]:
        """Actions requested inside the block are for these VMs, whatever the list shows by then."""
        self._pinned = chosen
        try:
            yield
        finally:
            self._pinned = None

    def refusal(self, asked: Action) -> str | None:
        chosen = self.chosen()
        vm = self.known(chosen[0]) if len(chosen) == 1 else None
        return None if vm is None else why_not(vm, asked.run)

    def say_refusal(self, asked: Action, why: str) -> None:
        """In a dialog when the question would ask for a name: who types it blindly must not reach other keys."""
        if asked.destructive and not getattr(self.app, "read_only", False):
            self.app.push_screen(Notice(asked.label, why))
        else:
            super().say_refusal(asked, why)

    def state_changed(self) -> None:
        """Dims the keys that cannot work for what is chosen now; called when cursor, marks or rows change."""
        refused = tuple(self.refusal(each) for each in in_scope(self.SCOPE))
        if refused != self._refused:
            self._refused = refused
            self.refresh_bindings()

    def each(self, request: Request) -> Worker[None]:
        """Asks for the same at every chosen VM."""
        return self.run_worker(self.carry_out(self.chosen(), request), group="command")

    def asks(self, question: Coroutine[Any, Any, None]) -> Worker[None]:
        """Asks the operator; keys wait until the question is on the screen."""
        return self.run_worker(question, group="dialog", exclusive=True)

    def ask_sure(
        self,
        verb: str,
        request: Callable[[str], Request],
        consequences: Sequence[str] = (),
        *,
        typed: bool = False,
        reason: bool = False,
    ) -> Worker[None]:
        """Asks before the chosen VMs are stopped, changed or deleted; `request` takes the reason.

        One VM takes enter, or its typed name when `typed`; several take their typed number.
        """
        return self.asks(self._sure(self.chosen(), verb, request, consequences, typed, reason))

    async def _sure(
        self,
        chosen: tuple[int, ...],
        verb: str,
        request: Callable[[str], Request],
        consequences: Sequence[str],
        typed: bool,
        reason: bool,
    ) -> None:
        agreed = await self.sure(chosen, verb, consequences, typed=typed, reason=reason)
        if agreed is not None:
            await self.carry_out(chosen, request(agreed.reason))

    async def sure(
        self,
        chosen: tuple[int, ...],
        verb: str,
        consequences: Sequence[str] = (),
        *,
        to: str = "",
        typed: bool = False,
        reason: bool = False,
    ) -> ConfirmAnswer | None:
        """Whether the operator agrees, and why; None when nothing is chosen or the question was left.

        `to` is what the VMs are changed to.
        """
        if not chosen:
            self.one()
            return None
        found = await self.read(lambda: {each.service_id: each for each in vms_of(chosen)})
        if found is None:
            return None
        if len(chosen) > 1:
            what, word = f"{len(chosen)} VMs", str(len(chosen))
        else:
            name = _name(chosen[0], found)
            what, word = with_service(name, chosen[0]), name if typed else ""
        return await self.app.push_screen_wait(
            ConfirmVms(
                f"{verb} {what} to {to}?" if to else f"{verb} {what}?",
                verb=_key_word(verb),
                names=[_line(each, found) for each in chosen],
                consequences=consequences,
                word=word,
                reason=reason,
            )
        )

    def one(self) -> int | None:
        """The VM of an action that takes exactly one; notifies otherwise."""
        chosen = self.chosen()
        if len(chosen) == 1:
            return chosen[0]
        self.notify(
            "Put the cursor on a VM first." if not chosen else "This is for one VM; press u to clear marks.",
            severity="warning",
            markup=False,
        )
        return None

    async def carry_out(self, chosen: Sequence[int], request: Request) -> None:
        """Sends the request to each VM; one answer is a line, several are a report."""
        if not chosen:
            self.one()
            return
        answers = await asyncio.to_thread(lambda: [results_of(each, request) for each in chosen])
        show_results(self, answers)
        await self.show_change(chosen)

    async def show_change(self, chosen: Sequence[int]) -> None:
        """Shows at once what an own change did; the events of other changes follow. Keys wait until it is shown."""
        batch = EventBatch(frozenset({"change"}), frozenset(chosen))
        places = [each for each in self.ancestors if isinstance(each, Rereads)]
        for place in places:
            place.reread(batch)
        for worker in list(self.app.workers):
            if worker.group in (READING, FIRST_READING) and worker.node in places:
                with suppress(WorkerError):
                    await worker.wait()

    async def named(self, service_id: int) -> str:
        """The VM and its service, as the titles of dialogs name them."""
        return with_service(await self.name_of(service_id), service_id)

    async def name_of(self, service_id: int) -> str:
        """The VM's name; its service id when it has none or cannot be read."""
        try:
            return await asyncio.to_thread(name_of_service, service_id)
        except KvmtuiError:
            return str(service_id)

    async def read(self, work: Callable[[], Any]) -> Any:
        """Reads in the background; returns None and notifies on an error."""
        try:
            return await asyncio.to_thread(work)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.notify(sentence(error), severity="error", markup=False, timeout=10)
            return None


def show_results(node: Widget, answers: Sequence[tuple[bool, str]]) -> None:
    """Shows the result of each request: one is a line, several are a report."""
    if len(answers) == 1:
        done, words = answers[0]
        node.notify(words, severity="information" if done else "error", markup=False, timeout=8)
        return
    good = sum(done for done, _ in answers)
    title = f"{good} of {len(answers)} requests queued"
    lines = [f"[+] {words}" if done else f"[-] {words}" for done, words in answers]
    node.app.push_screen(Notice(title, "\n".join(lines), danger=good < len(answers)))


def results_of(service_id: int, request: Request) -> tuple[bool, str]:
    """Whether the request was accepted, and the sentence about it."""
    try:
        return True, request(service_id).sentence
    except KvmtuiError as error:
        return False, error.sentence
    except Exception as error:  # noqa: BLE001 - one VM's error must not hide the results of the others
        return False, f"Service {service_id}: {sentence(error)}"


def _key_word(verb: str) -> str:
    """What enter does, as the line of keys says it: `Delete the record of` is `delete`."""
    return verb.lower() if len(verb) < _SHORT else verb.split()[0].lower()


def _name(service_id: int, found: Mapping[int, VmView]) -> str:
    view = found.get(service_id)
    return (view.name if view else "") or str(service_id)


def _line(service_id: int, found: Mapping[int, VmView]) -> str:
    """A VM as a dialog lists it: name, client and status."""
    view = found.get(service_id)
    if view is None:
        return f"{service_id}  (no VM)"
    return f"{_name(service_id, found)}  {view.client}  {view.product}  ({view.vm_status}, {view.service_status})"
