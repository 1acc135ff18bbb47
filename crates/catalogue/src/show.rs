//! A show: what tickets are for, as a pure state machine.

use std::{convert::Infallible, ops::Deref};

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    DomainEvent, EventId, LocalTime, TimeZone, Timestamp,
    api::{CreateEventRequest, EventStatus, FieldError, Venue},
    event::ShowState,
    names::same,
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

use crate::schedule::{schedule, usual_end, zone_or_utc};

/// Where shows are kept.
pub static SHOWS: Collection = Collection { name: "catalogue.show", indexes: INDEXES };

/// Where shows were kept while they belonged to tickets.
pub(crate) static FORMER_SHOWS: Collection = Collection { name: "tickets.event", indexes: INDEXES };

const INDEXES: &[Index] =
    &[Index { name: index::NATURAL, unique: true }, Index { name: index::ADDED, unique: false }];

/// The indexes of [`SHOWS`].
pub mod index {
    /// Name, venue and start: no two shows share all three.
    pub const NATURAL: &str = "natural";
    /// When it was added.
    pub const ADDED: &str = "added";
}

/// A stored show: what its events tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Show(ShowState);

/// A change of a show.
#[derive(Debug, Clone)]
pub enum Command {
    /// Somebody adds it.
    Add(Box<Show>),
    /// It is taken over from an earlier version's document.
    TakeOver(Box<Show>),
}

impl Aggregate for Show {
    type Id = EventId;
    type Command = Command;
    type Refusal = Infallible;

    fn id(&self) -> EventId {
        self.0.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        vec![
            (index::NATURAL, natural_key(self)),
            (index::ADDED, Key::new().time(self.0.created_at)),
        ]
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Infallible> {
        if current.is_some() {
            return Ok(Decision::Unchanged);
        }
        let show = match command {
            Command::Add(show) => Self(ShowState { created_at: now, ..show.0.clone() }),
            Command::TakeOver(show) => (**show).clone(),
        };
        let event = DomainEvent::ShowCreated(show.0.clone());
        Ok(Decision::changed(show, event))
    }
}

impl Show {
    /// A show that is to be added under `id`.
    ///
    /// # Errors
    /// The fields that do not fit together.
    pub fn new(id: EventId, asked: &CreateEventRequest) -> Result<Self, Vec<FieldError>> {
        let schedule = schedule(asked)?;
        Ok(Self(ShowState {
            id,
            name: asked.name.clone(),
            category: asked.category.clone(),
            performers: asked.performers.clone(),
            venue: schedule.venue,
            starts_at: schedule.starts_at,
            local_start: Some(schedule.local_start),
            ends_at: Some(schedule.ends_at),
            status: EventStatus::Scheduled,
            currency: asked.currency.unwrap_or_default(),
            created_at: Timestamp::EPOCH,
        }))
    }

    /// The show with its time zone and its times, which earlier versions did not keep.
    #[must_use]
    pub fn completed(mut self) -> Self {
        let zone = self.zone();
        let local_start = self.0.local_start.unwrap_or_else(|| zone.local(self.0.starts_at));
        let end = || usual_end(&zone, self.0.starts_at, local_start);
        self.0.ends_at = Some(self.0.ends_at.unwrap_or_else(end));
        self.0.local_start = Some(local_start);
        self.0.venue.time_zone = Some(zone);
        self
    }

    /// The time zone of its venue.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        zone_or_utc(&self.0.venue)
    }

    /// When it begins, by clocks at its venue.
    #[must_use]
    pub fn local_start(&self) -> LocalTime {
        self.0.local_start.unwrap_or_else(|| self.zone().local(self.0.starts_at))
    }

    /// Who performs; its own name where nobody is named.
    #[must_use]
    pub fn performers_or_name(&self) -> &[String] {
        if self.performers.is_empty() { std::slice::from_ref(&self.name) } else { &self.performers }
    }

    /// When it is over.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        let end = || usual_end(&self.zone(), self.0.starts_at, self.local_start());
        self.0.ends_at.unwrap_or_else(end)
    }

    /// Where it stands at `now`. What is cancelled stays cancelled, and what is postponed waits for its new
    /// date.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> EventStatus {
        match self.0.status {
            EventStatus::Scheduled | EventStatus::Moved if self.is_past(now) => EventStatus::Over,
            status => status,
        }
    }

    /// Whether its time is over at `now`; never that of one that is postponed.
    #[must_use]
    pub fn is_past(&self, now: Timestamp) -> bool {
        self.0.status != EventStatus::Postponed && self.ends_at() <= now
    }
}

impl Deref for Show {
    type Target = ShowState;

    fn deref(&self) -> &ShowState {
        &self.0
    }
}

impl From<ShowState> for Show {
    fn from(state: ShowState) -> Self {
        Self(state)
    }
}

/// The natural key of a show: name, venue (its name, city and region) and start, in any spelling.
#[must_use]
pub fn natural_key(show: &ShowState) -> Key {
    let Venue { name, city, region, .. } = &show.venue;
    Key::new()
        .text(&same(&show.name))
        .text(&same(name))
        .text(&same(city))
        .text(&same(region.as_deref().unwrap_or_default()))
        .time(show.starts_at)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(fields: &Value) -> CreateEventRequest {
        let mut body = json!({"name": "Hamlet", "category": "Plays",
            "venue": {"name": "Globe", "city": "London"}});
        let venue = fields.get("venue").cloned().unwrap_or_default();
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        if !venue.is_null() {
            body["venue"] = json!({"name": "Hall", "city": "Here"});
            for (name, value) in venue.as_object().unwrap() {
                body["venue"][name] = value.clone();
            }
        }
        serde_json::from_value(body).unwrap()
    }

    fn show(fields: &Value) -> Show {
        Show::new(EventId(uuid::Uuid::nil()), &asked(fields)).unwrap()
    }

    fn refused(fields: &Value) -> Vec<String> {
        let refused = Show::new(EventId(uuid::Uuid::nil()), &asked(fields)).unwrap_err();
        refused.into_iter().map(|it| it.field).collect()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_start_is_given_as_a_moment_or_as_clocks_at_the_venue_show_it() {
        let la = json!({"city": "Los Angeles"});
        let local = show(&json!({"venue": la, "localStart": "2026-07-02T19:30"}));
        let moment = show(&json!({"venue": la, "startsAt": "2026-07-02T19:30:00-07:00"}));
        assert_eq!(local, moment);
        assert_eq!(local.starts_at, at("2026-07-03T02:30:00Z"));
        assert_eq!(local.zone().name(), "America/Los_Angeles");
        assert_eq!(local.ends_at(), at("2026-07-03T05:30:00Z"), "three hours");
        let ends =
            show(&json!({"localStart": "2026-07-02T19:30", "endsAt": "2026-07-05T00:00:00Z"}));
        assert_eq!(ends.ends_at(), at("2026-07-05T00:00:00Z"));
    }

    #[test]
    fn a_start_whose_time_is_not_known_is_a_day_at_the_venue() {
        let day = show(&json!({"venue": {"city": "Tokyo"}, "localStart": "2027-03-01"}));
        assert!(!day.local_start().has_time());
        assert_eq!(day.starts_at, at("2027-02-28T15:00:00Z"));
        assert_eq!(day.ends_at(), at("2027-03-01T18:00:00Z"), "three hours after the day");
    }

    #[test]
    fn what_does_not_fit_together_is_refused_field_by_field() {
        let nowhere = json!({"city": "Springfield"});
        let moment = "2027-03-01T20:00:00Z";
        assert_eq!(refused(&json!({})), ["startsAt"]);
        assert_eq!(refused(&json!({"venue": nowhere})), ["startsAt", "venue.timeZone"]);
        assert_eq!(
            refused(&json!({"startsAt": moment, "localStart": "2027-03-01"})),
            ["localStart"]
        );
        assert_eq!(refused(&json!({"startsAt": moment, "endsAt": moment})), ["endsAt"]);
        assert_eq!(refused(&json!({"startsAt": "1850-01-01T00:00:00Z"})), ["startsAt"]);
        assert_eq!(refused(&json!({"startsAt": "0000-01-01T00:00:00Z"})), ["startsAt"]);
        let told = json!({"city": "Springfield", "timeZone": "America/Chicago"});
        assert_eq!(
            show(&json!({"venue": told, "startsAt": moment})).zone().name(),
            "America/Chicago"
        );
    }

    #[test]
    fn the_same_show_has_one_key_in_any_spelling() {
        let start = "2027-03-01T20:00:00Z";
        let one = show(&json!({"name": "Les Mise\u{301}rables", "startsAt": start}));
        for name in ["Les Misérables", "LES MIS\u{c9}RABLES", " les  mis\u{e9}rables"] {
            let other = show(&json!({"name": name, "localStart": "2027-03-01T20:00"}));
            assert_eq!(natural_key(&one), natural_key(&other), "{name}");
        }
        let later = show(&json!({"name": "Les Misérables", "localStart": "2027-03-01T20:30"}));
        assert_ne!(natural_key(&one), natural_key(&later));
    }

    #[test]
    fn a_show_is_over_when_it_has_ended_unless_it_never_took_place() {
        let mut show = show(&json!({"startsAt": "2027-03-01T20:00:00Z"}));
        let status = |show: &Show, time: &str| show.status_at(at(time));
        assert_eq!(status(&show, "2027-03-01T22:59:59Z"), EventStatus::Scheduled);
        assert_eq!(status(&show, "2027-03-01T23:00:00Z"), EventStatus::Over);
        show.0.status = EventStatus::Moved;
        assert_eq!(status(&show, "2027-03-01T23:00:00Z"), EventStatus::Over);
        for stays in [EventStatus::Cancelled, EventStatus::Postponed] {
            show.0.status = stays;
            assert_eq!(status(&show, "2027-03-01T23:00:00Z"), stays);
        }
    }

    /// Documents of versions that knew no time zones.
    #[test]
    fn an_old_show_gets_its_zone_by_its_city_and_utc_where_that_does_not_tell() {
        for (city, zone, local) in [
            ("New York City", "America/New_York", "2020-01-25T09:30"),
            ("Springfield", "UTC", "2020-01-25T14:30"),
        ] {
            let old: Show = serde_json::from_value(json!({
                "id": uuid::Uuid::nil(), "name": "Hamlet", "category": "Plays",
                "venue": {"name": "Globe", "city": city, "region": null},
                "startsAt": "2020-01-25T14:30:00.000Z", "createdAt": "2020-01-01T00:00:00.000Z",
            }))
            .unwrap();
            let show = old.clone().completed();
            assert_eq!(
                (show.zone().name(), show.local_start().to_string().as_str()),
                (zone, local)
            );
            assert_eq!(show.ends_at(), at("2020-01-25T17:30:00Z"));
            assert_eq!((show.currency.as_str(), show.status), ("usd", EventStatus::Scheduled));
            assert_eq!(natural_key(&show), natural_key(&old));
        }
    }
}
