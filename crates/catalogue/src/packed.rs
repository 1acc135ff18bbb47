//! How a show's offers are written in its document: 33 bytes each, as one text.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use stubmart_contract::{Currency, Price, TicketId, api::TicketStatus};
use uuid::Uuid;

use crate::offers::{Offer, Offers};

/// Ticket, version, price, currency, quantity and status.
const BYTES: usize = 16 + 8 + 4 + 3 + 1 + 1;

pub(crate) fn serialize<S: Serializer>(offers: &Offers, to: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(offers.all().len().saturating_mul(BYTES));
    for offer in offers.all() {
        bytes.extend_from_slice(offer.ticket.0.as_bytes());
        bytes.extend_from_slice(&offer.version.to_be_bytes());
        bytes.extend_from_slice(&offer.price.minor().to_be_bytes());
        bytes.extend_from_slice(offer.currency.as_str().as_bytes());
        // A lot has at most 50 seats.
        bytes.push(u8::try_from(offer.quantity).unwrap_or(u8::MAX));
        bytes.push(match offer.status {
            TicketStatus::Available => b'a',
            TicketStatus::Locked => b'l',
            TicketStatus::Sold => b's',
            TicketStatus::Withdrawn => b'w',
        });
    }
    to.serialize_str(&STANDARD_NO_PAD.encode(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Offers, D::Error> {
    let text = <std::borrow::Cow<'_, str>>::deserialize(from)?;
    let bytes = STANDARD_NO_PAD.decode(&*text).map_err(D::Error::custom)?;
    let (offers, rest) = bytes.as_chunks::<BYTES>();
    if !rest.is_empty() {
        return Err(D::Error::custom("an offer is cut off"));
    }
    let mut currency = Currency::USD;
    let offers = offers.iter().map(|offer| read(offer, &mut currency).ok_or("not an offer"));
    offers.collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// Reads an offer. Most have the currency of the one before, so that is not looked up again.
fn read(bytes: &[u8], last: &mut Currency) -> Option<Offer> {
    let (ticket, bytes) = bytes.split_first_chunk()?;
    let (version, bytes) = bytes.split_first_chunk()?;
    let (price, bytes) = bytes.split_first_chunk()?;
    let (currency, bytes) = bytes.split_first_chunk::<3>()?;
    let [quantity, status] = bytes.first_chunk()?;
    if currency.as_slice() != last.as_str().as_bytes() {
        *last = std::str::from_utf8(currency).ok()?.parse().ok()?;
    }
    Some(Offer {
        ticket: TicketId(Uuid::from_bytes(*ticket)),
        version: u64::from_be_bytes(*version),
        price: Price::try_from(i64::from(u32::from_be_bytes(*price))).ok()?,
        currency: *last,
        quantity: u32::from(*quantity),
        status: match status {
            b'a' => TicketStatus::Available,
            b'l' => TicketStatus::Locked,
            b's' => TicketStatus::Sold,
            b'w' => TicketStatus::Withdrawn,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Document(#[serde(with = "super")] Offers);

    #[test]
    fn offers_read_back_as_they_were_written_and_nothing_else_is_read() {
        let statuses = [
            TicketStatus::Available,
            TicketStatus::Locked,
            TicketStatus::Sold,
            TicketStatus::Withdrawn,
        ];
        let offer = |(number, status): (u32, TicketStatus)| Offer {
            ticket: TicketId(Uuid::from_u128(u128::from(number))),
            version: u64::from(number) << 40,
            price: Price::try_from(i64::from(Price::MAX - number)).unwrap(),
            currency: "jpy".parse().unwrap(),
            quantity: number + 1,
            status,
        };
        let written = Document((0..).zip(statuses).map(offer).collect());
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), written);
        for wrong in ["\"AA\"", "\"!\"", "7"] {
            assert!(serde_json::from_str::<Document>(wrong).is_err(), "{wrong}");
        }
    }
}
