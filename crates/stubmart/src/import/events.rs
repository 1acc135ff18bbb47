//! `stubmart import events`.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use stubmart_contract::{Timestamp, api::Venue};
use stubmart_ports::{Cause, host::Host};
use stubmart_tickets::NewShow;

use super::{IN_FLIGHT, Line, Outcome, Report, Shop, progress, tickit};
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
pub(crate) async fn import(config: &Config, host: Host, source: Source) -> Result<(), Cause> {
    let lines = read(source, host.now())?;
    let shop = Shop::open(config, host).await?;
    let bar = progress(lines.len());
    let mut report = Report::default();
    let mut saved = stream::iter(lines)
        .map(|line| {
            let shop = &shop;
            async move { (line.number, save(shop, line).await) }
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some((number, outcome)) = saved.next().await {
        report.note(number, outcome);
        bar.inc(1);
    }
    drop(saved);
    bar.finish_and_clear();
    shop.database.close().await?;
    report.print("events");
    Ok(())
}

async fn save(shop: &Shop, line: Line<NewShow>) -> Outcome {
    let new = match line.content {
        Ok(new) => new,
        Err(reason) => return Outcome::Refused(reason),
    };
    match shop.tickets.add_show(shop.host.uuid(), new).await {
        Ok((_, true)) => Outcome::Created,
        Ok((_, false)) => Outcome::Present,
        Err(problem) => {
            let cause = problem.cause().map(ToString::to_string).unwrap_or_default();
            Outcome::Refused(format!("{} {cause}", problem.code()))
        }
    }
}

fn read(source: Source, now: Timestamp) -> Result<Vec<Line<NewShow>>, Cause> {
    let directory = source.file.is_dir();
    let file = if directory { source.file.join("allevents_pipe.txt") } else { source.file };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| format!("can not read {}: {error}", file.display()))?;
    let upcoming = source.upcoming.then_some(now);
    if tickit::is_tickit(&text) {
        let beside = file.parent().unwrap_or(Path::new("."));
        let venues = source.venues.unwrap_or_else(|| beside.join("venue_pipe.txt"));
        let categories = source.categories.unwrap_or_else(|| beside.join("category_pipe.txt"));
        return tickit::read(&text, &tickit::Files { venues, categories }, upcoming);
    }
    read_csv(&text, upcoming)
}

/// A row of an events CSV.
#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    category: String,
    venue: String,
    city: String,
    #[serde(default)]
    region: Option<String>,
    starts_at: String,
}

fn read_csv(text: &str, upcoming: Option<Timestamp>) -> Result<Vec<Line<NewShow>>, Cause> {
    const REQUIRED: &[&str] = &["name", "category", "venue", "city", "starts_at"];
    super::read_csv(text, REQUIRED, "name, category, venue, city, region, starts_at", |row| {
        show(row, upcoming)
    })
}

fn show(row: Row, upcoming: Option<Timestamp>) -> Result<NewShow, String> {
    let text = |name: &str, value: String, max: usize| {
        let length = value.chars().count();
        if length == 0 || length > max || value.chars().any(char::is_control) {
            return Err(format!("{name} must be 1 to {max} characters"));
        }
        Ok(value)
    };
    let starts_at: Timestamp =
        row.starts_at.parse().map_err(|error| format!("starts_at: {error}"))?;
    Ok(NewShow {
        name: text("name", row.name, 200)?,
        category: text("category", row.category, 100)?,
        venue: Venue {
            name: text("venue", row.venue, 200)?,
            city: text("city", row.city, 100)?,
            region: row
                .region
                .filter(|region| !region.is_empty())
                .map(|region| text("region", region, 100))
                .transpose()?,
        },
        starts_at: upcoming.map_or(starts_at, |now| tickit::moved_behind(starts_at, now)),
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
        let lines = read_csv(text, None).unwrap();
        let refused: Vec<_> =
            lines.iter().filter(|line| line.content.is_err()).map(|line| line.number).collect();
        assert_eq!(refused, [3, 4, 5]);
        let names: Vec<_> =
            lines.into_iter().filter_map(|line| line.content.ok()).map(|new| new.name).collect();
        assert_eq!(names, ["Hamlet", "Carmen, again"]);
    }

    #[test]
    fn a_file_without_the_columns_is_refused_whole() {
        let error = read_csv("title,price\nx,1\n", None).unwrap_err().to_string();
        assert!(error.contains("name, category, venue"), "{error}");
    }
}
