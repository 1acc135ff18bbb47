//! The pipe-separated TICKIT form: events, with venues and categories in files of their own.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use stubmart_contract::{
    LocalTime, Timestamp,
    api::{CreateEventRequest, Venue},
};
use stubmart_ports::Cause;

use super::{
    file::{self, Line},
    show::{Words, moved, show},
};

/// The files that a TICKIT events file refers to.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) venues: PathBuf,
    pub(crate) categories: PathBuf,
}

/// How many lines tell of which form a file is; more than one, since a line may be bad.
const TELLING: usize = 5;

/// Whether one of the first lines is of this form: six fields, the first a number.
pub(crate) fn is_tickit(lines: &[Line<String>]) -> bool {
    lines.iter().take(TELLING).filter_map(|line| line.content.as_ref().ok()).any(|line| {
        let mut fields = line.split('|');
        fields.next().is_some_and(|id| id.trim().parse::<u64>().is_ok()) && fields.count() == 5
    })
}

/// Reads the events of a catalogue; `upcoming` holds the present time when dates that have passed are
/// to be moved.
pub(crate) fn read(
    lines: Vec<Line<String>>,
    files: &Files,
    upcoming: Option<Timestamp>,
) -> Result<Vec<Line<CreateEventRequest>>, Cause> {
    let venues = table(&files.venues, "--venues", |fields| match fields {
        [id, name, city, region, ..] => Some((id.clone(), venue(name, city, region))),
        _ => None,
    })?;
    let categories = table(&files.categories, "--categories", |fields| match fields {
        [id, _group, name, ..] => Some((id.clone(), name.clone())),
        _ => None,
    })?;
    let event = |line: String| event(&line, &venues, &categories, upcoming);
    Ok(lines
        .into_iter()
        .map(|line| Line { number: line.number, content: line.content.and_then(event) })
        .collect())
}

fn venue(name: &str, city: &str, region: &str) -> Venue {
    let region = Some(region.to_owned()).filter(|region| !region.is_empty());
    Venue { region, ..Venue::new(name, city) }
}

fn event(
    line: &str,
    venues: &HashMap<String, Venue>,
    categories: &HashMap<String, String>,
    upcoming: Option<Timestamp>,
) -> Result<CreateEventRequest, String> {
    let fields: Vec<_> = line.split('|').map(str::trim).collect();
    let [_, venue, category, _, name, starts_at] = fields.as_slice() else {
        return Err(format!("has {} fields instead of 6", fields.len()));
    };
    let venue = venues.get(*venue).ok_or_else(|| format!("there is no venue {venue}"))?;
    let category =
        categories.get(*category).ok_or_else(|| format!("there is no category {category}"))?;
    // Its times are those of clocks at the venue.
    let local = starts_at.replace(' ', "T");
    if !local.parse::<LocalTime>().is_ok_and(LocalTime::has_time) {
        return Err(format!("{starts_at:?} is no date such as 2020-01-25 14:30:00"));
    }
    let new = show(&Words {
        name: Some(*name),
        category: Some(category),
        venue: Some(&venue.name),
        city: Some(&venue.city),
        region: venue.region.as_deref(),
        local_start: Some(&local),
        ..Words::default()
    })?;
    Ok(moved(new, upcoming))
}

/// Reads a file of lines into a map. Lines that do not fit are no use to any event, and the events
/// that miss them are reported.
fn table<T>(
    path: &Path,
    flag: &str,
    entry: impl Fn(&[String]) -> Option<(String, T)>,
) -> Result<HashMap<String, T>, Cause> {
    let lines = file::read(path).map_err(|error| format!("{error} ({flag} names another file)"))?;
    let fields =
        |line: String| line.split('|').map(|field| field.trim().to_owned()).collect::<Vec<_>>();
    let lines = lines.into_iter().filter_map(|line| line.content.ok());
    Ok(lines.filter_map(|line| entry(&fields(line))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_first_line_does_not_hide_the_form_of_a_file() {
        let is = |text: &str| is_tickit(&file::lines(text.as_bytes()).unwrap());
        assert!(is("1|305|8|1851|Gotterdammerung|2008-01-25 14:30:00\n"));
        assert!(is("\n# events\n1|305|8|1851|Gotterdammerung|2008-01-25 14:30:00\n"));
        assert!(!is("name,category,venue,city,starts_at\nA|B,C,D,E,F\n"));
    }
}
