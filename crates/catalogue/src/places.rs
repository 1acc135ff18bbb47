//! Where cities are: the time zone that clocks there follow, and the names that people have for a city.
//!
//! The tables hold the countries of the world, the regions of countries with several time zones, and cities with
//! many shows, each with the names that people type. Where the tables give no zone, adding an event asks for it:
//! a question is better than a wrong time.

use std::{collections::HashMap, sync::LazyLock};

use stubmart_contract::{TimeZone, api::Venue, names::plain};

const COUNTRIES: &str = include_str!("places/countries.txt");
const REGIONS: &str = include_str!("places/regions.txt");
const CITIES: &str = include_str!("places/cities.txt");

/// Stands for the time zone of a country that has several.
const SEVERAL: &str = "-";

static PLACES: LazyLock<Places> = LazyLock::new(Places::read);

/// The tables, by plain names.
#[derive(Debug, Default)]
struct Places {
    countries: HashMap<String, Place>,
    /// By name, at most one in each country.
    regions: HashMap<String, Vec<Place>>,
    cities: HashMap<String, City>,
    /// The names of each city, its own first.
    names: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    country: &'static str,
    zone: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct City {
    place: Place,
    /// Its position among the names.
    names: usize,
}

/// The time zone of a venue by its city, region and country; `None` where they do not tell.
pub(crate) fn zone(venue: &Venue) -> Option<TimeZone> {
    PLACES.zone(venue)?.parse().ok()
}

/// All names of a city, its own first; none where it has no more than one.
pub(crate) fn names(city: &str) -> &'static [String] {
    let city = PLACES.cities.get(&plain(city));
    city.and_then(|it| PLACES.names.get(it.names)).map_or(&[], Vec::as_slice)
}

/// By what a city is compared: the same for all its names, in any spelling.
pub(crate) fn city_key(city: &str) -> String {
    names(city).first().map_or_else(|| plain(city), |own| plain(own))
}

impl Places {
    fn read() -> Self {
        let mut places = Self::default();
        for [country, zone, names] in lines(COUNTRIES) {
            for name in names.split(';').chain([country]) {
                places.countries.insert(plain(name), Place { country, zone });
            }
        }
        for [country, zone, regions] in lines(REGIONS) {
            for name in regions.split([';', ',']) {
                places.regions.entry(plain(name)).or_default().push(Place { country, zone });
            }
        }
        for [country, zone, cities] in lines(CITIES) {
            for names in cities.split(';').map(|city| city.split(',').map(ToOwned::to_owned)) {
                let names: Vec<String> = names.collect();
                let city = City { place: Place { country, zone }, names: places.names.len() };
                for name in &names {
                    places.cities.entry(plain(name)).or_insert(city);
                }
                places.names.push(names);
            }
        }
        places
    }

    fn zone(&self, venue: &Venue) -> Option<&'static str> {
        // `Milan, Italy` in one field.
        let (city, rest) = venue.city.split_once(',').unwrap_or((&venue.city, ""));
        let region = venue.region.as_deref().filter(|it| !it.is_empty()).unwrap_or(rest);
        let (city, region) = (plain(city), plain(region));
        let country = venue.country.as_deref().and_then(|name| self.country(&plain(name)));
        // A region can be split, as Texas is at El Paso, and a city have a famous namesake.
        let split = self.cities.get(&format!("{city} {region}"));
        let city = split.or_else(|| self.cities.get(&city)).map(|it| it.place);
        let Some(country) = country else { return self.zone_in_some_country(city, &region) };
        let is_there = |it: &Place| it.country == country.country;
        if let Some(split) = split.map(|it| it.place).filter(is_there) {
            return Some(split.zone);
        }
        let region = self.region(&region, is_there);
        let place = region.or_else(|| city.filter(is_there)).unwrap_or(country);
        Some(place.zone).filter(|zone| *zone != SEVERAL)
    }

    /// The time zone of a place whose country is not told, or is told as its region.
    fn zone_in_some_country(&self, city: Option<Place>, region: &str) -> Option<&'static str> {
        let Some(city) = city else {
            let place = self.region(region, |_| true).or_else(|| self.country(region))?;
            return Some(place.zone).filter(|zone| *zone != SEVERAL);
        };
        let is_there = |it: &Place| it.country == city.country;
        // A region that is elsewhere says nothing: the city is the one that everybody knows.
        Some(self.region(region, is_there).unwrap_or(city).zone)
    }

    fn country(&self, name: &str) -> Option<Place> {
        self.countries.get(name).copied()
    }

    fn region(&self, name: &str, is_there: impl Fn(&Place) -> bool) -> Option<Place> {
        self.regions.get(name)?.iter().copied().find(is_there)
    }
}

/// The lines of a table.
fn lines(table: &'static str) -> impl Iterator<Item = [&'static str; 3]> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| <[&str; 3]>::try_from(line.split('|').collect::<Vec<_>>()).ok())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn found(city: &str, region: &str, country: &str) -> Option<String> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (region, country) = (some(region), some(country));
        let venue = Venue { region, country, ..Venue::new("Hall", city) };
        zone(&venue).map(|zone| zone.name().to_owned())
    }

    #[test]
    fn the_zone_of_a_venue_is_found_by_its_city_region_and_country() {
        for (city, region, country, expected) in [
            ("London", "", "", "Europe/London"),
            ("LONDON", "", "United Kingdom", "Europe/London"),
            ("London", "ON", "CA", "America/Toronto"),
            ("London", "Ontario", "", "America/Toronto"),
            ("London", "CA", "", "Europe/London"),
            ("munich", "Bavaria", "", "Europe/Berlin"),
            ("Unterhaching", "", "Deutschland", "Europe/Berlin"),
            ("Los Angeles", "CA", "", "America/Los_Angeles"),
            ("Seatle", "WA", "", "America/Los_Angeles"),
            ("Perth", "WA", "", "Australia/Perth"),
            ("Portland", "ME", "", "America/New_York"),
            ("El Paso", "TX", "US", "America/Denver"),
            ("Waco", "TX", "", "America/Chicago"),
            ("東京", "", "", "Asia/Tokyo"),
            ("Washington", "D.C.", "", "America/New_York"),
            ("Bath", "England", "", "Europe/London"),
            ("Milan, Italy", "", "", "Europe/Rome"),
            ("Milano", "MI", "", "Europe/Rome"),
            ("Berlin", "DE", "", "Europe/Berlin"),
            ("Las Palmas", "", "ES", "Atlantic/Canary"),
            ("Soria", "", "España", "Europe/Madrid"),
        ] {
            assert_eq!(found(city, region, country).as_deref(), Some(expected), "{city} {region}");
        }
    }

    #[test]
    fn what_a_place_does_not_tell_is_not_guessed() {
        for (city, region, country) in [
            ("Springfield", "", ""),
            ("Springfield", "", "USA"),
            ("Vladivostok", "", "Russia"),
            ("", "", ""),
        ] {
            assert_eq!(found(city, region, country), None, "{city} {region} {country}");
        }
    }

    #[test]
    fn a_city_has_one_key_by_all_its_names() {
        for (one, other) in [
            ("nyc", "New York City"),
            ("zurich", "Zürich"),
            ("Munich", "MÜNCHEN"),
            ("St. Louis", "saint louis"),
            ("Tokyo", "東京"),
            ("springfield", "Springfield"),
        ] {
            assert_eq!(city_key(one), city_key(other));
        }
        assert_ne!(city_key("Paris"), city_key("London"));
    }

    #[test]
    fn every_line_of_the_tables_is_read_and_every_zone_is_one() {
        for table in [COUNTRIES, REGIONS, CITIES] {
            let wanted = table.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(lines(table).count(), wanted);
            for [country, zone, _] in lines(table) {
                assert!(zone == SEVERAL || zone.parse::<TimeZone>().is_ok(), "{country} {zone}");
                assert!(PLACES.country(&plain(country)).is_some(), "{country}");
            }
        }
        let mut seen = HashSet::new();
        for [_, _, cities] in lines(CITIES) {
            for city in cities.split(';') {
                let names: HashSet<String> = city.split(',').map(plain).collect();
                for name in names {
                    assert!(!name.is_empty() && seen.insert(name.clone()), "{name} twice");
                }
            }
        }
    }
}
