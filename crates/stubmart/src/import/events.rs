//! `stubmart import events`.

use std::path::{Path, PathBuf};

use stubmart_contract::{EventId, Timestamp, api::CreateEventRequest};
use stubmart_ports::{Cause, host::Host};

use super::{
    Outcome, Report, Shop,
    file::{self, Line},
    persist,
    show::{Words, moved, show},
    table::{self, Columns, Row},
    tickit,
};
use crate::config::Config;

/// What to import.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file, or the directory of a TICKIT catalogue.
    pub(crate) file: PathBuf,
    /// TICKIT venues.
    pub(crate) venues: Option<PathBuf>,
    /// TICKIT categories.
    pub(crate) categories: Option<PathBuf>,
    /// Whether to move dates that have passed.
    pub(crate) upcoming: bool,
}

/// Imports events and prints the report.
///
/// # Errors
/// The cause: the file cannot be read, or the store fails; the report says what was done before.
pub(crate) async fn import(config: &Config, host: Host, source: Source) -> Result<(), Cause> {
    let lines = read(source, host.now())?;
    let shop = Shop::open(config, host).await?;
    let mut report = Report::on(lines.len());
    let mut good = Vec::with_capacity(lines.len());
    for Line { number, content } in lines {
        match content {
            Ok(new) => good.push((number, new)),
            Err(reason) => report.note(number, Outcome::Refused(reason)),
        }
    }
    let saved = report.save(good, async |new| save(&shop, new).await).await;
    report.print("events")?;
    let closed = shop.opened.close().await;
    saved.and(closed)
}

async fn save(shop: &Shop, new: CreateEventRequest) -> Result<Outcome, Cause> {
    let host = &shop.opened.engines.host;
    let id = EventId(host.uuid());
    persist(host, async || {
        let added = shop.market.catalogue.add_show(&shop.context, id, &new).await?;
        Ok(if added.is_new { Outcome::Created } else { Outcome::Present })
    })
    .await
}

fn read(source: Source, now: Timestamp) -> Result<Vec<Line<CreateEventRequest>>, Cause> {
    let directory = source.file.is_dir();
    let file = if directory { source.file.join("allevents_pipe.txt") } else { source.file };
    let lines = file::read(&file)?;
    let upcoming = source.upcoming.then_some(now);
    let has_tables = source.venues.is_some() || source.categories.is_some();
    if directory || has_tables || tickit::is_tickit(&lines) {
        let beside = file.parent().unwrap_or(Path::new("."));
        let venues = source.venues.unwrap_or_else(|| beside.join("venue_pipe.txt"));
        let categories = source.categories.unwrap_or_else(|| beside.join("category_pipe.txt"));
        return tickit::read(lines, &tickit::Files { venues, categories }, upcoming);
    }
    read_csv(lines, upcoming)
}

const COLUMNS: Columns = Columns {
    required: &["name", "category", "venue", "city"],
    optional: &[
        "region",
        "country",
        "time_zone",
        "starts_at",
        "local_start",
        "ends_at",
        "currency",
    ],
};

fn read_csv(
    lines: Vec<Line<String>>,
    upcoming: Option<Timestamp>,
) -> Result<Vec<Line<CreateEventRequest>>, Cause> {
    table::read(lines, &COLUMNS, |row: &Row| {
        show(&Words {
            name: row.get("name"),
            category: row.get("category"),
            venue: row.get("venue"),
            city: row.get("city"),
            region: row.get("region"),
            country: row.get("country"),
            time_zone: row.get("time_zone"),
            starts_at: row.get("starts_at"),
            local_start: row.get("local_start"),
            ends_at: row.get("ends_at"),
            currency: row.get("currency"),
        })
        .map(|new| moved(new, upcoming))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_costs_that_line_only_and_is_named() {
        let text = "name,category,venue,city,region,starts_at\n\
                    Hamlet,Plays,Globe,London,,2027-01-01T19:30:00Z\n\
                    ,Plays,Globe,London,,2027-01-01T19:30:00Z\n\
                    Faust,Opera,Garnier,Paris,IDF,next week\n\
                    Tosca,Opera\n\
                    \"Carmen, again\",Opera,Scala,Milano,MI,2027-02-01T19:30:00+01:00\n";
        let lines = read_csv(file::lines(text.as_bytes()).unwrap(), None).unwrap();
        let refused: Vec<_> =
            lines.iter().filter(|line| line.content.is_err()).map(|line| line.number).collect();
        assert_eq!(refused, [3, 4, 5]);
        let names: Vec<_> =
            lines.into_iter().filter_map(|line| line.content.ok()).map(|new| new.name).collect();
        assert_eq!(names, ["Hamlet", "Carmen, again"]);
    }
}
