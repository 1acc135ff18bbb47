//! Which column has what: by the headings that brokers' systems write, or as it is told.

use std::{collections::BTreeMap, str::FromStr};

use crate::fault::FileFault;

/// What a column may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The seller's own name for the listing.
    ExternalId,
    /// What is sold, in the seller's words.
    Title,
    /// The price of the whole lot.
    Price,
    /// The price of one ticket of it.
    PricePerTicket,
    /// The currency of the price.
    Currency,
    /// The event, by its id here.
    EventId,
    /// The name of the event.
    Event,
    /// The name of the venue.
    Venue,
    /// The city of the venue.
    City,
    /// When it begins, as clocks at the venue show it: the date, or date and time.
    LocalStart,
    /// The time of that, where it has a column of its own.
    StartTime,
    /// Section.
    Section,
    /// Row.
    Row,
    /// Seats: a list or a range.
    Seats,
    /// The first seat.
    SeatFrom,
    /// The last seat.
    SeatTo,
    /// Seats in the lot.
    Quantity,
    /// How it comes to its buyer.
    DeliveryKind,
}

/// The fields with their names and the other headings that they have in brokers' files (TicketNetwork, TicketEvolution,
/// SkyBox, StubHub, points of sale), in lower case and letters and digits alone.
const FIELDS: &[(Field, &str, &[&str])] = &[
    (
        Field::ExternalId,
        "externalId",
        &[
            "externallistingid",
            "id",
            "inventoryid",
            "inventorynumber",
            "listingid",
            "posid",
            "posticketid",
            "sellerlistingid",
            "sku",
            "ticketgroupid",
            "ticketid",
            "vendorlistingid",
            "yourlistingid",
        ],
    ),
    (Field::Title, "title", &["headline", "listingtitle"]),
    (Field::Price, "price", &["lotprice", "priceoflot", "pricetotal", "totalprice"]),
    (
        Field::PricePerTicket,
        "pricePerTicket",
        &[
            "askingprice",
            "askprice",
            "listprice",
            "onlineprice",
            "priceeach",
            "priceperseat",
            "retailprice",
            "ticketprice",
            "unitlistprice",
            "unitprice",
            "unitretailprice",
        ],
    ),
    (Field::Currency, "currency", &["currencycode"]),
    (Field::EventId, "eventId", &[]),
    (Field::Event, "event", &["eventname", "eventtitle", "show", "showname"]),
    (Field::Venue, "venue", &["venuename"]),
    (Field::City, "city", &["eventcity", "venuecity"]),
    (
        Field::LocalStart,
        "localStart",
        &[
            "date",
            "datetime",
            "eventdate",
            "eventdatetime",
            "eventlocaldate",
            "eventlocaldatetime",
            "eventstart",
            "localdate",
            "performancedate",
            "showdate",
            "startdate",
        ],
    ),
    (
        Field::StartTime,
        "startTime",
        &["eventlocaltime", "eventtime", "localtime", "performancetime", "showtime", "time"],
    ),
    (Field::Section, "section", &["block", "sec", "sectionname"]),
    (Field::Row, "row", &["rowname", "rownumber"]),
    (Field::Seats, "seats", &["seat", "seatlist", "seatnumber", "seatnumbers"]),
    (
        Field::SeatFrom,
        "seatFrom",
        &["firstseat", "fromseat", "lowseat", "seatlow", "seatstart", "startingseat", "startseat"],
    ),
    (
        Field::SeatTo,
        "seatTo",
        &[
            "endingseat",
            "endseat",
            "highseat",
            "lastseat",
            "seatend",
            "seathigh",
            "seatthrough",
            "seatthru",
            "thruseat",
            "toseat",
        ],
    ),
    (
        Field::Quantity,
        "quantity",
        &[
            "availablequantity",
            "numberoftickets",
            "qty",
            "qtyavailable",
            "ticketcount",
            "ticketquantity",
            "tickets",
        ],
    ),
    (Field::DeliveryKind, "deliveryKind", &[]),
];

impl Field {
    /// Its name: that of the API where the API has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        FIELDS.iter().find(|(field, ..)| *field == self).map_or("", |(_, name, _)| name)
    }

    /// All of them, with their names.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        FIELDS.iter().map(|(field, name, _)| (*field, *name))
    }

    /// What a column with this heading usually has.
    #[must_use]
    pub fn usual(heading: &str) -> Option<Self> {
        let heading = normal(heading);
        let is_called = |name: &str, others: &[&str]| {
            name.eq_ignore_ascii_case(&heading) || others.contains(&heading.as_str())
        };
        FIELDS.iter().find(|(_, name, others)| is_called(name, others)).map(|(field, ..)| *field)
    }

    /// Whether the heading is the field's own name, as `price_per_ticket` or `pricePerTicket`.
    fn is_named(self, heading: &str) -> bool {
        self.name().eq_ignore_ascii_case(&normal(heading))
    }
}

/// A heading without what differs between systems: case, blanks, punctuation.
fn normal(heading: &str) -> String {
    heading.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Which heading has a field, as somebody said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(Vec<(Field, String)>);

/// A text that is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMapping {
    /// It has a part that is no pair.
    #[error("{0:?} must be FIELD=HEADING, such as externalId=InventoryID")]
    NoPair(String),
    /// There is no such field.
    #[error("{0:?} is no field: the fields are {fields}", fields = names())]
    NoField(String),
    /// A field is named twice.
    #[error("names {0} twice")]
    Twice(&'static str),
}

fn names() -> String {
    Field::all().map(|(_, name)| name).collect::<Vec<_>>().join(", ")
}

impl Mapping {
    /// Says that a field is under a heading.
    pub fn insert(&mut self, field: Field, heading: &str) {
        self.0.retain(|(it, _)| *it != field);
        self.0.push((field, heading.trim().to_owned()));
    }

    /// The heading that a field is said to be under.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.0.iter().find(|(it, _)| *it == field).map(|(_, heading)| heading.as_str())
    }
}

impl FromStr for Mapping {
    type Err = InvalidMapping;

    /// Reads `externalId=InventoryID,price=UnitPrice`. A pair with a comma in it stands in quotes, as in CSV.
    fn from_str(text: &str) -> Result<Self, InvalidMapping> {
        let mut mapping = Self::default();
        let mut pairs = csv::StringRecord::new();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        reader.read_record(&mut pairs).map_err(|_| InvalidMapping::NoPair(text.to_owned()))?;
        for pair in pairs.iter().map(str::trim).filter(|it| !it.is_empty()) {
            let no_pair = || InvalidMapping::NoPair(pair.to_owned());
            let (name, heading) = pair.split_once('=').ok_or_else(no_pair)?;
            if heading.trim().is_empty() {
                return Err(no_pair());
            }
            let no_field = || InvalidMapping::NoField(name.trim().to_owned());
            let is_it = |(field, _): &(Field, &str)| field.is_named(name);
            let (field, name) = Field::all().find(is_it).ok_or_else(no_field)?;
            if mapping.0.iter().any(|(it, _)| *it == field) {
                return Err(InvalidMapping::Twice(name));
            }
            mapping.insert(field, heading);
        }
        Ok(mapping)
    }
}

impl std::fmt::Display for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (field, heading)) in self.0.iter().enumerate() {
            let pair = format!("{}={heading}", field.name());
            f.write_str(if at == 0 { "" } else { "," })?;
            if pair.contains([',', '"', '\n']) {
                write!(f, "\"{}\"", pair.replace('"', "\"\""))?;
            } else {
                f.write_str(&pair)?;
            }
        }
        Ok(())
    }
}

/// The place of each field among the columns.
pub(crate) type Places = BTreeMap<Field, usize>;

/// Which column has what. What is told comes first, then headings that are a field's own name, then usual ones.
///
/// # Errors
/// [`FileFault`]: a field that has to be there is not, or could be in several columns.
pub(crate) fn places(headings: &[String], mapping: &Mapping) -> Result<Places, FileFault> {
    let mut places = Places::new();
    for (field, heading) in &mapping.0 {
        let at = position(headings, heading).ok_or_else(|| FileFault::NoSuchHeading {
            heading: heading.clone(),
            headings: listed(headings),
        })?;
        // A heading that says it is one ticket's price is not the lot's.
        let is_each =
            *field == Field::Price && Field::usual(heading) == Some(Field::PricePerTicket);
        places.insert(if is_each { Field::PricePerTicket } else { *field }, at);
    }
    let told: Vec<usize> = places.values().copied().collect();
    let has_price = |places: &Places| {
        places.contains_key(&Field::Price) || places.contains_key(&Field::PricePerTicket)
    };
    let price_is_told = has_price(&places);
    let is_free = |(at, _): &(usize, &String)| !told.contains(at);
    for (field, _) in Field::all() {
        let is_price = matches!(field, Field::Price | Field::PricePerTicket);
        if places.contains_key(&field) || (is_price && price_is_told) {
            continue;
        }
        let named = headings.iter().enumerate().filter(is_free).find(|(_, it)| field.is_named(it));
        if let Some((at, _)) = named {
            places.insert(field, at);
            continue;
        }
        let mut usual = headings
            .iter()
            .enumerate()
            .filter(is_free)
            .filter(|(_, it)| Field::usual(it) == Some(field));
        if let Some((at, first)) = usual.next() {
            if let Some((_, second)) = usual.next() {
                let (first, second) = (first.clone(), second.clone());
                return Err(FileFault::Twice { field: field.name(), first, second });
            }
            places.insert(field, at);
        }
    }
    which_price(headings, &mut places, price_is_told)?;
    required(headings, &places)?;
    Ok(places)
}

/// A column called `price` alone has the lot's price in a file whose every other column is called as here. Brokers'
/// systems mean one ticket's by it, mostly.
fn which_price(headings: &[String], places: &mut Places, is_told: bool) -> Result<(), FileFault> {
    let Some(price) = places.get(&Field::Price).copied() else { return Ok(()) };
    if is_told {
        return Ok(());
    }
    if places.contains_key(&Field::PricePerTicket) {
        // Both are there: what is the price of one ticket is certain.
        places.remove(&Field::Price);
        return Ok(());
    }
    let heading = headings.get(price).cloned().unwrap_or_default();
    let is_own =
        |(field, at): (&Field, &usize)| headings.get(*at).is_some_and(|it| field.is_named(it));
    if Field::Price.is_named(&heading) && !places.iter().all(is_own) {
        return Err(FileFault::WhichPrice { heading });
    }
    Ok(())
}

fn required(headings: &[String], places: &Places) -> Result<(), FileFault> {
    let has = |field: &Field| places.contains_key(field);
    let missing = |what, field: Field| {
        Err(FileFault::Missing { what, example: field.name(), headings: listed(headings) })
    };
    let has_event = has(&Field::EventId) || has(&Field::Title);
    if !has(&Field::ExternalId) {
        return missing("your own id of each listing", Field::ExternalId);
    }
    if !has(&Field::Price) && !has(&Field::PricePerTicket) {
        return missing("the price of one ticket, or of the lot (price)", Field::PricePerTicket);
    }
    for (field, what) in [
        (Field::Event, "the event"),
        (Field::Venue, "the venue"),
        (Field::LocalStart, "the date of the event"),
    ] {
        if !has_event && !has(&field) {
            return missing(what, field);
        }
    }
    Ok(())
}

fn position(headings: &[String], heading: &str) -> Option<usize> {
    let exact = headings.iter().position(|it| it.eq_ignore_ascii_case(heading));
    exact.or_else(|| headings.iter().position(|it| normal(it) == normal(heading)))
}

fn listed(headings: &[String]) -> String {
    let headings: Vec<&str> =
        headings.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    headings.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(headings: &str, mapping: &str) -> Result<Vec<(&'static str, usize)>, FileFault> {
        let headings: Vec<String> = headings.split(',').map(ToOwned::to_owned).collect();
        let places = places(&headings, &mapping.parse().unwrap())?;
        Ok(places.into_iter().map(|(field, at)| (field.name(), at)).collect())
    }

    /// FOUND F: the columns of real brokers' files.
    #[test]
    fn the_columns_of_brokers_systems_are_recognised() {
        for headings in [
            "external_id,event_name,event_date,event_time,venue,section,row,low_seat,high_seat,quantity,cost,list_price,\
             in_hand_date,split_type,barcodes,notes",
            "TicketID,Event,Venue,Date,Time,Section,Row,SeatFrom,SeatThru,Qty,Cost,RetailPrice",
            "Inventory ID,Event Name,Event Date,Venue Name,Section,Row,Seat Numbers,Ticket Quantity,Unit List Price",
            "Listing ID,Event,Event Date,Event Time,Venue,City,Section,Row,Seats,Quantity,Price Per Ticket",
        ] {
            let told = told(headings, "").unwrap();
            let names: Vec<_> = told.iter().map(|(name, _)| *name).collect();
            for name in ["externalId", "pricePerTicket", "event", "venue", "localStart", "quantity"]
            {
                assert!(names.contains(&name), "{headings}: {name} is not among {names:?}");
            }
        }
    }

    #[test]
    fn what_is_told_comes_first() {
        let headings = "Ref,Event,Venue,Date,UnitPrice,Cost";
        assert!(matches!(
            told(headings, ""),
            Err(FileFault::Missing { example: "externalId", .. })
        ));
        let told = told(headings, "externalId=ref,price=UnitPrice").unwrap();
        assert!(told.contains(&("externalId", 0)), "{told:?}");
        assert!(told.contains(&("pricePerTicket", 4)), "the heading says one ticket's: {told:?}");
    }

    #[test]
    fn what_could_be_two_things_is_asked_for() {
        let both = "InventoryID,TicketID,Event,Venue,Date,UnitPrice";
        let fault = told(both, "").unwrap_err();
        assert!(fault.to_string().contains("externalId=InventoryID"), "{fault}");
        assert!(told(both, "externalId=TicketID").is_ok());
        assert!(
            told("external_id,TicketID,Event,Venue,Date,UnitPrice", "").is_ok(),
            "its own name"
        );
        let which = told("TicketID,Event,Venue,Date,Qty,Price", "").unwrap_err();
        assert_eq!(which, FileFault::WhichPrice { heading: "Price".to_owned() });
        assert!(told("TicketID,Event,Venue,Date,Qty,Price", "pricePerTicket=Price").is_ok());
        let own = told("external_id,event_id,section,row,seats,quantity,price,Cost", "").unwrap();
        assert!(own.contains(&("price", 6)), "{own:?}");
        let fault = told("id,title,price", "row=Reihe").unwrap_err();
        assert!(matches!(fault, FileFault::NoSuchHeading { .. }), "{fault}");
    }

    #[test]
    fn a_mapping_is_read_and_written() {
        let mapping: Mapping = " externalId = Inventory ID,price_per_ticket=Ask ".parse().unwrap();
        assert_eq!(mapping.to_string(), "externalId=Inventory ID,pricePerTicket=Ask");
        assert_eq!(mapping.get(Field::PricePerTicket), Some("Ask"));
        let mut odd = Mapping::default();
        odd.insert(Field::Price, "Price, \"net\"");
        odd.insert(Field::Row, "Row");
        assert_eq!(odd.to_string().parse(), Ok(odd));
        assert_eq!(Mapping::from_str(""), Ok(Mapping::default()));
        for wrong in ["externalId", "externalId=", "colour=Red", "row=A,row=B"] {
            assert!(Mapping::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
