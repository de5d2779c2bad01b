"""Carries a request of an operator to one VM or to many, and tells of each what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from textual.containers import Vertical
from textual.widget import Widget
from textual.worker import Worker

from engine.actions.requests import Queued
from engine.errors import KvmtuiError
from engine.queries.refs import name_of_service
from screens.habits import Acts
from screens.widgets.dialogs import Notice, TypeName
from screens.widgets.reader import sentence

Chosen = Callable[[], tuple[int, ...]]
Request = Callable[[int], Queued]


class Commands(Acts, Vertical):
    """What can be done to the machines that are chosen: the marked ones, or the one under the cursor."""

    def __init__(self, chosen: Chosen) -> None:
        super().__init__()
        self.chosen = chosen

    def each(self, request: Request) -> Worker[None]:
        """Asks for the same at every chosen machine, beside the keys."""
        return self.run_worker(self.carry_out(self.chosen(), request), group="command")

    def one(self) -> int | None:
        """The machine of an action that is for one alone; says so when it is not one."""
        chosen = self.chosen()
        if len(chosen) == 1:
            return chosen[0]
        self.notify(
            "Put the cursor on a VM first." if not chosen else "This is for one VM; u takes the marks away.",
            severity="warning",
            markup=False,
        )
        return None

    async def carry_out(self, chosen: Sequence[int], request: Request) -> None:
        """Asks for it at each machine; one answer is a line, several are a report."""
        if not chosen:
            self.one()
            return
        tell(self, await asyncio.to_thread(lambda: [answered(each, request) for each in chosen]))

    async def typed(self, chosen: Sequence[int], verb: str, consequences: Sequence[str]) -> bool:
        """True when the name of the one machine, or the number of them, was typed."""
        if not chosen:
            self.one()
            return False
        if len(chosen) > 1:
            question, word = f"{verb} {len(chosen)} VMs?", str(len(chosen))
        else:
            word = await self.name_of(chosen[0])
            question = f"{verb} {word} (service {chosen[0]})?"
        dialog: TypeName = TypeName(question, word, consequences)
        answer = await self.app.push_screen_wait(dialog)
        return answer is True

    async def name_of(self, service_id: int) -> str:
        """The machine's name; its service id when it has none or cannot be read."""
        try:
            return await asyncio.to_thread(name_of_service, service_id)
        except KvmtuiError:
            return str(service_id)

    async def read(self, work: Callable[[], Any]) -> Any:
        """Reads beside the keys; None, and a sentence, when it went wrong."""
        try:
            return await asyncio.to_thread(work)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.notify(sentence(error), severity="error", markup=False, timeout=10)
            return None


def tell(node: Widget, answers: Sequence[tuple[bool, str]]) -> None:
    """Shows what became of each request: one is a line, several are a report."""
    if len(answers) == 1:
        done, words = answers[0]
        node.notify(words, severity="information" if done else "error", markup=False, timeout=8)
        return
    good = sum(done for done, _ in answers)
    title = f"{good} of {len(answers)} were asked for"
    lines = [f"[+] {words}" if done else f"[-] {words}" for done, words in answers]
    node.app.push_screen(Notice(title, "\n".join(lines), danger=good < len(answers)))


def answered(service_id: int, request: Request) -> tuple[bool, str]:
    """Whether it was asked for, and the sentence about it."""
    try:
        return True, request(service_id).sentence
    except KvmtuiError as error:
        return False, error.sentence
    except Exception as error:  # noqa: BLE001 - one machine's trouble must not hide what became of the others
        return False, f"Service {service_id}: {sentence(error)}"
