"""The list of services out of the database: pages, order, search, and where a service stands."""

from __future__ import annotations

import pytest

from engine.queries.service_list import SORTS, ServiceQuestion, count, page, position
from engine.store.models import Client, Product, Server, Service, Vm
from tests.conftest import Store


@pytest.fixture
def many(store: Store) -> None:
    """Sixty services of three clients, every other one with a VM."""
    server = Server.create(uid="s", name="pve1", hosts=["h"])
    products = [Product.create(name=name, server=server, spec={}) for name in ("Small", "Large")]
    clients = [Client.create(name=name) for name in ("Acme", "Boréal", "a[/b]")]
    for number in range(60):
        service = Service.create(
            id=100 + number, client=clients[number % 3], product=products[number % 2],
            status=("Active", "Suspended", "Pending")[number % 3],
        )  # fmt: skip
        if number % 2:
            Vm.create(
                uid=f"v{number}", service=service, server=server, name=f"vm-{number}", vmid=5000 + number
            )


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [False, True])
def test_every_sort_order_is_complete_and_shows_the_place_of_a_service(
    many: None, sort: str, descending: bool
) -> None:
    question = ServiceQuestion(sort=sort, descending=descending)
    ids = [each.id for offset in range(0, 60, 25) for each in page(question, offset, 25)]
    assert sorted(ids) == list(range(100, 160)) and count(question) == 60
    assert [position(question, each) for each in ids] == list(range(60))


@pytest.mark.parametrize(
    ("text", "number"),
    [("acme", 20), ("ACME large", 10), ("suspended", 20), ("vm-7", 1), ("15", 11), ("5059", 1), ("a[/b]", 20),
     ("", 60), ("nothing-such", 0), ("%", 0), ("_", 0), ("99999999999", 0)],
)  # fmt: skip
def test_words_narrow_the_list(many: None, text: str, number: int) -> None:
    question = ServiceQuestion(text=text)
    assert count(question) == len(page(question, 0, 100)) == number


def test_a_service_outside_of_the_question_has_no_place(many: None) -> None:
    assert position(ServiceQuestion(text="acme"), 101) is None
    assert position(ServiceQuestion(), 99_999) is None
