"""Lists two seats, buys them and is refused a second time, by the client that was generated in ./stubmart."""

import sys
from contextlib import contextmanager
from typing import Iterator

import stubmart
from stubmart import ApiException, Code, OrderStatus, ProblemBody, TicketStatus


def sign_up(base: str, email: str) -> stubmart.ApiClient:
    client = stubmart.ApiClient(stubmart.Configuration(host=base))
    answer = stubmart.AuthApi(client).sign_up_with_http_info(
        stubmart.SignupRequest(email=email, password="correct horse battery")
    )
    assert answer.headers is not None
    client.cookie = answer.headers["set-cookie"].split(";")[0]
    return client


@contextmanager
def refused(code: Code) -> Iterator[None]:
    """Fails unless what happens inside is refused with that code."""
    try:
        yield
    except ApiException as refusal:
        assert refusal.body is not None
        problem = ProblemBody.from_json(refusal.body)
        assert problem is not None and problem.code == code, refusal.body
    else:
        raise AssertionError(f"{code} was expected")


def purchase(base: str) -> None:
    seller = sign_up(base, "python-seller@example.com")
    buyer = sign_up(base, "python-buyer@example.com")

    event = stubmart.EventsApi(seller).create_event(
        stubmart.CreateEventRequest(
            name="Hamlet (Python)",
            category="theatre",
            venue=stubmart.Venue(name="Schauspielhaus", city="Zürich", country="CH"),
            localStart="2031-05-04T20:00",
            currency="chf",
        )
    )
    tickets = stubmart.TicketsApi(seller)
    ticket = tickets.create_ticket(
        stubmart.CreateTicketRequest(
            title="Stalls", price=12550, eventId=event.id, section="Stalls", seats=["7", "8"]
        )
    )
    offered = stubmart.TicketsApi(buyer).list_tickets(event_id=event.id, status=[TicketStatus.AVAILABLE])
    assert [one.id for one in offered.items] == [ticket.id], offered

    orders = stubmart.OrdersApi(buyer)
    checkout = stubmart.CreateOrderRequest(ticketId=ticket.id)
    order = orders.create_order(checkout)
    with refused(Code.TICKET_LOCKED):
        tickets.update_ticket(ticket.id, stubmart.UpdateTicketRequest(price=1))
    charge = stubmart.PaymentsApi(buyer).create_payment(
        stubmart.CreatePaymentRequest(orderId=order.id, paymentMethod="pm_card_visa")
    )
    assert charge.amount == order.total, charge
    assert orders.get_order(order.id).status == OrderStatus.COMPLETED
    with refused(Code.TICKET_SOLD):
        orders.create_order(checkout)


if __name__ == "__main__":
    purchase(sys.argv[1])
