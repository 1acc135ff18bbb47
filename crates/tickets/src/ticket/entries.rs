//! The index entries of a ticket.

use stubmart_contract::seats::normal_section;
use stubmart_kernel::aggregate::Key;

use super::{Phase, Ticket, index};

impl Ticket {
    /// Adds to a key where the ticket stands in lists by price: currency by currency, since amounts of two
    /// cannot be compared.
    pub(crate) fn each(&self, prefix: Key) -> Key {
        prefix.number(self.currency.number()).number(self.total_per_ticket().minor())
    }

    /// Its section in the normal form; empty for none.
    pub(crate) fn normal_section(&self) -> String {
        normal_section(self.section.as_deref().unwrap_or_default())
    }

    pub(super) fn entries(&self) -> Vec<(&'static str, Key)> {
        let phase = Phase::of(self.status).number();
        let section = self.normal_section();
        let seller = Key::new().id(self.user_id.0);
        let alike = Key::new().number(phase).number(self.quantity);
        let mut entries = vec![
            (index::SECTION, self.each(Key::new().number(phase).text(&section))),
            (index::QUANTITY_EACH, self.each(alike.clone())),
            (index::QUANTITY, alike),
            (index::SELLER_EACH, self.each(seller.clone())),
            (index::SELLER, seller.number(phase)),
        ];
        if let Some(external_id) = &self.external_id {
            let named = Key::new().id(self.user_id.0).text(external_id).number(phase);
            let is_on_sale = Phase::of(self.status) == Phase::Offered;
            entries.push((index::EXTERNAL, if is_on_sale { named } else { named.id(self.id.0) }));
        }
        if let Some(event_id) = self.event_id {
            let event = Key::new().id(event_id.0).number(phase);
            let alike = event.clone().number(self.quantity);
            let beside = event.clone().text(&section).number(self.quantity);
            let of_seller = Key::new().id(self.user_id.0).id(event_id.0).number(phase);
            entries.push((index::SELLER_EVENT, of_seller));
            entries.push((index::EVENT_EACH, self.each(event.clone())));
            entries.push((index::EVENT_QUANTITY_EACH, self.each(alike)));
            entries.push((index::EVENT_SECTION, self.each(beside)));
            entries.push((index::EVENT_NEWEST, event));
        }
        if let Some(at) = self.event_ends_at.filter(|_| self.is_offered()) {
            entries.push((index::EVENT_ENDS, Key::new().time(at)));
        }
        if let Some(until) = self.held_until() {
            entries.push((index::LOCKED, Key::new().time(until)));
        }
        if let Some(turn) = self.line.turn() {
            entries.push((index::TURN, Key::new().time(turn.until)));
        }
        entries
    }
}
