//! What users do with tickets: list, edit, withdraw and browse them, and try what is not theirs.

use serde_json::{Map, Value, json};
use stubmart_contract::{EventId, OrderId, TicketId, api::TicketStatus};
use stubmart_kernel::mark;
use stubmart_node::Service;
use stubmart_tickets::ticket::Ticket;
use uuid::Uuid;

use super::{User, broken, items, pick};
use crate::{
    exec::lock,
    http::{Answer, Request},
};

impl User {
    pub(super) async fn list(&mut self) {
        let price = 10 * (60 + self.random.below(90_000));
        let drawn = usize::try_from(self.random.below(4)).unwrap_or(0);
        let show = self.show().await;
        let mut body = Map::new();
        body.insert("title".to_owned(), "Two in the stalls".into());
        body.insert("price".to_owned(), price.into());
        body.insert("quantity".to_owned(), 2.into());
        body.insert("eventId".to_owned(), json!(show));
        body.extend(self.seats(show).unwrap_or_default());
        // Tickets of a show are sold in its currency.
        if body.get("eventId").is_none_or(Value::is_null) {
            let currency = ["usd", "eur", "jpy", "kwd"].get(drawn);
            body.insert("currency".to_owned(), json!(currency));
        }
        let key = self.new_key();
        let request = Request::new("POST", "/api/tickets").json(&body.into());
        let Some(answer) = self.send(Service::Tickets, request, key.as_deref()).await else {
            return;
        };
        self.noticed(&answer);
        if answer.status == 400 {
            let text = format!("a listing for show {show:?}, which was added: {}", answer.body);
            return broken(&self.world, "EVT-1", &[], text);
        }
        if answer.status != 201 {
            return;
        }
        let Some(id) = answer.id::<TicketId>("id") else {
            return broken(
                &self.world,
                "EVT-1",
                &[],
                "a listing was answered 201 without an id".to_owned(),
            );
        };
        if !lock(&self.world.checker).tickets.contains_key(&id) {
            broken(
                &self.world,
                "EVT-1",
                &[id.0],
                format!("listing {id} was answered 201 and is not stored"),
            );
        }
        self.listings.push(id);
        lock(&self.board).tickets.push(id);
    }

    /// A show that somebody has added, a new one, or none.
    async fn show(&mut self) -> Option<EventId> {
        let known = pick(&mut self.random, &lock(&self.board).shows);
        if known.is_some() && self.random.below(3) > 0 {
            return known;
        }
        let number = self.random.below(6);
        if number > 3 {
            return None;
        }
        let body = json!({ "name": format!("Show {number}"), "category": "Plays",
            "venue": { "name": "Globe", "city": "London" }, "startsAt": "2031-01-01T19:30:00Z" });
        let key = self.new_key();
        let request = Request::new("POST", "/api/events").json(&body);
        let answer = self.send(Service::Catalogue, request, key.as_deref()).await?;
        self.noticed(&answer);
        if !matches!(answer.status, 200 | 201) {
            return None;
        }
        let id = answer.id::<EventId>("id")?;
        let mut board = lock(&self.board);
        if !board.shows.contains(&id) {
            board.shows.push(id);
        }
        Some(id)
    }

    /// Two seats that others list too, in one of many spellings; seats that this user has bought; or none.
    fn seats(&mut self, show: Option<EventId>) -> Option<Map<String, Value>> {
        let is_mine = |it: &&Ticket| it.status == TicketStatus::Sold && it.buyer_id == self.id;
        let bought: Vec<_> = {
            let checker = lock(&self.world.checker);
            let with_seats = checker.tickets.values().filter(is_mine);
            with_seats.filter(|it| !it.seats.is_empty()).cloned().collect()
        };
        let drawn = self.random.below(8);
        let listed = match bought.first().filter(|_| drawn == 0) {
            Some(it) => json!({ "eventId": it.event_id, "section": it.section, "row": it.row,
                "seats": it.seats }),
            None if drawn < 4 && show.is_some() => self.spelled(),
            None => return None,
        };
        listed.as_object().cloned()
    }

    fn spelled(&mut self) -> Value {
        let mut one = |of: &[&'static str]| pick(&mut self.random, of);
        let section = one(&["Stalls", "STALLS", "Section stalls", "sec. Stalls"]);
        let row = one(&["A", "Row a", "a", "row B"]);
        let first = self.random.below(4);
        let second = if first == 0 { "01".to_owned() } else { (first + 1).to_string() };
        json!({ "section": section, "row": row, "seats": [first.to_string(), second] })
    }

    /// Moves a listing to other seats.
    async fn move_seats(&mut self, id: TicketId) {
        let body = self.spelled();
        let request = Request::new("PATCH", format!("/api/tickets/{id}")).json(&body);
        if let Some(answer) = self.send(Service::Tickets, request, None).await {
            self.noticed(&answer);
        }
    }

    pub(super) async fn edit(&mut self) {
        let Some(id) = pick(&mut self.random, &self.listings) else { return };
        if self.random.below(4) == 0 {
            return self.move_seats(id).await;
        }
        let price = 10 * (60 + self.random.below(90_000));
        let request =
            Request::new("PATCH", format!("/api/tickets/{id}")).json(&json!({ "price": price }));
        if let Some(answer) = self.send(Service::Tickets, request, None).await {
            self.noticed(&answer);
            if answer.code() == "ticket_locked" {
                mark!("a price edit met a lock");
            }
            if answer.status == 200 {
                self.edited(id, price, &answer);
            }
        }
    }

    /// What an edit was answered must be so: nobody else edits a ticket.
    fn edited(&self, id: TicketId, price: u64, answer: &Answer) {
        let shown = answer.body.get("price").and_then(Value::as_u64);
        let seller = lock(&self.world.checker).tickets.get(&id).map(|ticket| ticket.user_id);
        if shown != Some(price) || seller != self.id || answer.id("id") != Some(id) {
            let text = format!(
                "setting the price of {id} to {price} was answered 200 with {}, it is {seller:?}'s",
                answer.body
            );
            broken(&self.world, "PRICE-1", &[id.0], text);
        }
    }

    pub(super) async fn withdraw(&mut self) {
        let Some(id) = pick(&mut self.random, &self.listings) else { return };
        let request = Request::new("DELETE", format!("/api/tickets/{id}"));
        let Some(answer) = self.send(Service::Tickets, request, None).await else { return };
        self.noticed(&answer);
        let status = lock(&self.world.checker).tickets.get(&id).map(|ticket| ticket.status);
        if answer.status == 204 && status != Some(TicketStatus::Withdrawn) {
            let text = format!("withdrawing {id} was answered 204, and it is {status:?}");
            broken(&self.world, "EVT-1", &[id.0], text);
        }
    }

    pub(super) async fn browse(&mut self) {
        for path in ["/api/tickets?limit=20", "/api/tickets?sellerId=me"] {
            let request = Request::new("GET", path);
            if let Some(answer) = self.send(Service::Tickets, request, None).await {
                self.noticed(&answer);
                for shown in items(&answer) {
                    self.is_listed(shown, path.ends_with("=me"));
                }
            }
        }
        let request = Request::new("GET", "/api/orders?limit=10");
        if let Some(answer) = self.send(Service::Orders, request, None).await {
            self.noticed(&answer);
            for shown in items(&answer) {
                self.is_my_order(shown);
            }
        }
    }

    /// A ticket that is shown must be stored, and this user's among their own.
    fn is_listed(&self, shown: &Value, is_mine: bool) {
        let id: Option<TicketId> =
            shown.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let seller = id
            .and_then(|id| lock(&self.world.checker).tickets.get(&id).map(|ticket| ticket.user_id));
        if seller.is_none() || (is_mine && seller != self.id) {
            let text = format!("shown is the ticket {shown}, stored is one of {seller:?}");
            broken(&self.world, "AUTH-1", &[id.map_or(Uuid::nil(), |id| id.0)], text);
        }
    }

    /// Tries what is somebody else's.
    pub(super) async fn trespass(&mut self) {
        let (order, ticket) = {
            let board = lock(&self.board);
            (pick(&mut self.random, &board.orders), pick(&mut self.random, &board.tickets))
        };
        if let Some(id) = order.filter(|id| !self.orders.contains(id) && self.is_foreign(*id)) {
            for method in ["GET", "DELETE"] {
                let request = Request::new(method, format!("/api/orders/{id}"));
                let Some(answer) = self.send(Service::Orders, request, None).await else { return };
                if !matches!(answer.status, 404 | 401 | 503) {
                    let text = format!(
                        "{method} of somebody else's order {id} was answered {}",
                        answer.status
                    );
                    broken(&self.world, "AUTH-1", &[id.0], text);
                }
            }
        }
        let Some(id) = ticket else { return };
        let seller = lock(&self.world.checker).tickets.get(&id).map(|ticket| ticket.user_id);
        if seller == self.id {
            return;
        }
        let request =
            Request::new("PATCH", format!("/api/tickets/{id}")).json(&json!({ "price": 1 }));
        let Some(answer) = self.send(Service::Tickets, request, None).await else { return };
        // A withdrawn ticket is no business of anybody else's, and is not there for them.
        if !matches!(answer.status, 404 | 403 | 401 | 503) {
            let text =
                format!("editing somebody else's ticket {id} was answered {}", answer.status);
            broken(&self.world, "AUTH-1", &[id.0], text);
        }
    }

    fn is_foreign(&self, id: OrderId) -> bool {
        lock(&self.world.checker)
            .orders
            .get(&id)
            .is_some_and(|order| Some(order.user_id) != self.id)
    }
}
