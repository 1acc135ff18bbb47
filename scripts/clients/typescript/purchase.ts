// Lists two seats, buys them and is refused a second time, by the client that was generated in ./stubmart.

import assert from "node:assert/strict";

import {
    AuthApi, Code, Configuration, EventsApi, OrdersApi, OrderStatus, PaymentsApi, ProblemBodyFromJSON,
    ResponseError, TicketsApi, TicketStatus,
} from "./stubmart/index.js";

async function signUp(basePath: string, email: string): Promise<Configuration> {
    const signupRequest = { email, password: "correct horse battery" };
    const answer = await new AuthApi(new Configuration({ basePath })).signUpRaw({ signupRequest });
    const cookie = answer.raw.headers.getSetCookie()[0]?.split(";")[0];
    assert.ok(cookie);
    return new Configuration({ basePath, headers: { cookie } });
}

// Fails unless the request is refused with that code.
async function refused(request: Promise<unknown>, code: Code): Promise<void> {
    await assert.rejects(request, (error: unknown) => error instanceof ResponseError);
    const refusal = await request.catch((error: ResponseError) => error.response.json());
    assert.equal(ProblemBodyFromJSON(refusal).code, code);
}

async function purchase(basePath: string): Promise<void> {
    const seller = await signUp(basePath, "typescript-seller@example.com");
    const buyer = await signUp(basePath, "typescript-buyer@example.com");

    const event = await new EventsApi(seller).createEvent({
        createEventRequest: {
            name: "Hamlet (TypeScript)",
            category: "theatre",
            venue: { name: "Schauspielhaus", city: "Zürich", country: "CH" },
            localStart: "2031-05-04T20:00",
            currency: "chf",
        },
    });
    const tickets = new TicketsApi(seller);
    const ticket = await tickets.createTicket({
        createTicketRequest: {
            title: "Stalls", price: 12550, eventId: event.id, section: "Stalls", seats: new Set(["7", "8"]),
        },
    });
    const offered = await new TicketsApi(buyer).listTickets({
        eventId: event.id, status: [TicketStatus.Available],
    });
    assert.deepEqual(offered.items.map((one) => one.id), [ticket.id]);

    const orders = new OrdersApi(buyer);
    const createOrderRequest = { ticketId: ticket.id };
    const order = await orders.createOrder({ createOrderRequest });
    const cheaper = tickets.updateTicket({ id: ticket.id, updateTicketRequest: { price: 1 } });
    await refused(cheaper, Code.TicketLocked);
    const charge = await new PaymentsApi(buyer).createPayment({
        createPaymentRequest: { orderId: order.id, paymentMethod: "pm_card_visa" },
    });
    assert.equal(charge.amount, order.total);
    assert.equal((await orders.getOrder({ id: order.id })).status, OrderStatus.Completed);
    await refused(orders.createOrder({ createOrderRequest }), Code.TicketSold);
}

const base = process.argv[2];
assert.ok(base, "usage: purchase BASE_URL");
await purchase(base);
