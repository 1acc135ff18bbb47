//! FILE-1: no two listings carry one code, and every ticket file is sealed for its listing.

use std::collections::HashMap;

use stubmart_contract::{TicketId, api::TicketStatus};
use stubmart_delivery::{FileKey, code_claim::Code, files::File};
use stubmart_files::{DirectoryBlobs, FileKeys};
use stubmart_keyring::Keyring;
use stubmart_ports::{
    Cause,
    blobs::{BlobKey, Blobs as _},
    host::Host,
    keys::Keys as _,
};
use stubmart_tickets::ticket::Ticket;

use super::rules::{Finding, Market, broken};
use crate::config::Config;

/// FILE-1: a file is of a listing, by its seller; no code is in two listings that are on sale or sold, but that who
/// bought it may list it again; and what a buyer was given is what the file has.
pub(crate) fn audit(market: &Market, found: &mut Vec<Finding>) {
    let mut carried: HashMap<Code, Vec<&Ticket>> = HashMap::new();
    for (ticket_id, file) in files(market) {
        let Some(ticket) = market.tickets.get(&ticket_id) else {
            found.push(broken(
                "FILE-1",
                format!("a file is of ticket {ticket_id}, which is not there"),
            ));
            continue;
        };
        if ticket.user_id != file.seller_id {
            found.push(broken(
                "FILE-1",
                format!("the file of ticket {ticket_id} is not its seller's"),
            ));
        }
        if ticket.status != TicketStatus::Withdrawn {
            file.codes().into_iter().for_each(|code| carried.entry(code).or_default().push(ticket));
        }
    }
    for tickets in carried.into_values().filter(|it| it.len() > 1) {
        let is_relisted = |ticket: &&&Ticket| {
            let mut others = tickets.iter().filter(|it| it.id != ticket.id);
            others.any(|it| it.status == TicketStatus::Sold && it.buyer_id == Some(ticket.user_id))
        };
        let firsts = tickets.iter().filter(|it| !is_relisted(it)).count();
        let on_sale = tickets.iter().filter(|it| it.status != TicketStatus::Sold).count();
        if firsts > 1 || on_sale > 1 {
            let mut ids: Vec<_> = tickets.iter().map(|it| it.id.to_string()).collect();
            ids.sort();
            found.push(broken("FILE-1", format!("tickets {} carry one code", ids.join(" and "))));
        }
    }
    for delivery in market.deliveries.values().filter(|it| it.has_file()) {
        let kept = files(market).find(|(id, _)| *id == delivery.ticket_id);
        // Once it can be disputed no longer, it is gone.
        let Some((_, kept)) = kept else { continue };
        let pages = u32::try_from(kept.pages.len()).ok();
        if delivery.file.map(|it| it.pages) != pages {
            let order = delivery.order_id;
            found.push(broken(
                "FILE-1",
                format!("order {order} was given another file than there is"),
            ));
        }
    }
}

fn files(market: &Market) -> impl Iterator<Item = (TicketId, &File)> {
    market.files.iter().filter_map(|it| Some((it.ticket_id, it.file.as_ref()?)))
}

/// Where ticket files are kept, and their keys.
pub(crate) struct Vault {
    blobs: Option<DirectoryBlobs>,
    keyring: Result<std::sync::Arc<Keyring>, String>,
}

impl Vault {
    /// As it is configured. What is not there is not made.
    ///
    /// # Errors
    /// The cause: the directory is there and cannot be read.
    pub(crate) async fn of(config: &Config, host: &Host) -> Result<Self, Cause> {
        let directory = config.files();
        let blobs = if directory.exists() {
            Some(DirectoryBlobs::open(host.clone(), directory)?)
        } else {
            None
        };
        let keyring = match FileKeys::open(host.clone(), config.keys()) {
            Ok(keys) => keys.keyring().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        Ok(Self { blobs, keyring })
    }

    /// FILE-1: every page of every file is there, and opens as that page of that listing and as nothing else.
    pub(crate) async fn audit(&self, market: &Market, found: &mut Vec<Finding>) {
        for (ticket_id, file) in files(market) {
            if let Err(why) = self.opens(ticket_id, file).await {
                found.push(broken(
                    "FILE-1",
                    format!("the file of ticket {ticket_id} does not open: {why}"),
                ));
            }
        }
    }

    async fn opens(&self, ticket_id: TicketId, file: &File) -> Result<(), String> {
        let keyring = self.keyring.as_ref().map_err(Clone::clone)?;
        let blobs = self.blobs.as_ref().ok_or("the directory of ticket files is not there")?;
        let key = FileKey::unwrap(keyring, ticket_id, file.id, &file.key);
        let key = key.map_err(|error| error.to_string())?;
        for page in &file.pages {
            let sealed = blobs.get(BlobKey(page.blob)).await.map_err(|error| error.to_string())?;
            let number = page.read.page;
            let sealed = sealed.ok_or_else(|| format!("page {number} is not there"))?;
            key.open(number, &sealed).map_err(|error| format!("page {number}: {error}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stubmart_contract::{Timestamp, UserId, api::TicketFileKind};
    use stubmart_delivery::files::{Files, Page};
    use stubmart_keyring::Purpose;
    use uuid::Uuid;

    use super::*;

    const ANN: u128 = 1;
    const BOB: u128 = 2;

    fn ticket(id: u128, seller: u128, status: &str, buyer: Option<u128>) -> Ticket {
        let mut ticket = json!({
            "id": Uuid::from_u128(id), "userId": Uuid::from_u128(seller), "title": "A", "price": 100,
            "currency": "usd", "status": status, "quantity": 1,
            "createdAt": Timestamp::EPOCH, "updatedAt": Timestamp::EPOCH,
        });
        if let Some(buyer) = buyer {
            ticket["buyerId"] = json!(Uuid::from_u128(buyer));
        }
        serde_json::from_value(ticket).unwrap()
    }

    /// A file with one code, of one page; the file itself differs.
    fn files(id: u128, seller: u128, code: u8) -> Files {
        let keyring = Keyring::new([1; 32], [2; 32], Timestamp::EPOCH);
        let read = json!({
            "page": 1, "symbology": "qr", "section": null, "row": null, "seat": null, "date": null,
            "orderNumber": null,
        });
        let page = Page {
            blob: Uuid::from_u128(id),
            code: Some(Code::of([code; 32])),
            looks: 0,
            read: serde_json::from_value(read).unwrap(),
        };
        let file = File {
            id: Uuid::from_u128(id),
            seller_id: UserId(Uuid::from_u128(seller)),
            kind: TicketFileKind::Pdf,
            key: keyring.seal(Purpose("tests"), b"", b"", [1; 32].into()).unwrap(),
            digest: Code::of([u8::try_from(100 + id).unwrap(); 32]),
            pages: vec![page],
            uploaded_at: Timestamp::EPOCH,
        };
        Files {
            ticket_id: TicketId(Uuid::from_u128(id)),
            fence: 0,
            file: Some(file),
            look_at: None,
            discarded: Vec::new(),
        }
    }

    fn found(tickets: Vec<Ticket>, files: Vec<Files>) -> Vec<String> {
        let tickets = tickets.into_iter().map(|it| (it.id, it)).collect();
        let market = Market { tickets, files, ..Market::default() };
        let mut found = Vec::new();
        audit(&market, &mut found);
        found.into_iter().map(|it| it.text).collect()
    }

    #[test]
    fn a_code_is_in_one_listing_and_in_those_of_who_bought_it() {
        let both = || vec![files(1, ANN, 7), files(2, BOB, 7)];
        let second = |status| ticket(2, BOB, status, None);
        for (first, second, is_found) in [
            (ticket(1, ANN, "available", None), second("available"), true),
            (ticket(1, ANN, "withdrawn", None), second("available"), false),
            (ticket(1, ANN, "sold", Some(BOB)), second("available"), false),
            (ticket(1, ANN, "sold", Some(3)), second("available"), true),
            (ticket(1, ANN, "sold", Some(3)), second("withdrawn"), false),
        ] {
            let said = found(vec![first, second], both());
            assert_eq!(!said.is_empty(), is_found, "{said:?}");
        }
        let thrice = vec![files(1, ANN, 7), files(2, BOB, 7), files(3, BOB, 7)];
        let sold = ticket(1, ANN, "sold", Some(BOB));
        let again = ticket(3, BOB, "locked", None);
        assert_eq!(
            found(vec![sold, second("available"), again], thrice).len(),
            1,
            "twice by its buyer"
        );
        let others = vec![files(1, ANN, 7), files(2, BOB, 8)];
        assert_eq!(
            found(vec![ticket(1, ANN, "available", None), second("available")], others).len(),
            0
        );
    }

    #[test]
    fn a_file_is_its_sellers() {
        assert_eq!(found(vec![ticket(1, ANN, "available", None)], vec![files(1, BOB, 7)]).len(), 1);
        assert_eq!(found(Vec::new(), vec![files(1, ANN, 7)]).len(), 1);
    }
}
