//! Use case: a show by what it is called, for files and programs that do not know its id.

use stubmart_contract::{
    EventId, LocalTime,
    calls::{NotFoundByName, ShowByName},
    names::same,
};
use stubmart_kernel::{RepositoryError, aggregate::Key};

use crate::{service::Catalogue, show::index};

/// How many shows are read at once.
const ROWS: usize = 200;

impl Catalogue {
    /// The one show with this name, at this venue, at this time.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn find_by_name(
        &self,
        asked: &ShowByName,
    ) -> Result<Result<EventId, NotFoundByName>, RepositoryError> {
        let named = Key::new().text(&same(&asked.name)).text(&same(&asked.venue));
        let named = match &asked.city {
            Some(city) => named.text(&same(city)),
            None => named,
        };
        let mut scan = self.shows().scan(index::NATURAL, &named).limit(ROWS);
        let mut fitting = Err(NotFoundByName::Unknown);
        loop {
            let found = self.shows().find(scan.clone()).await?;
            let Some(last) = found.last() else { return Ok(fitting) };
            scan = scan.behind(&last.key);
            for show in found.into_iter().map(|row| row.found.state) {
                if !fits(asked.local_start, show.local_start()) {
                    continue;
                }
                if fitting.is_ok() {
                    return Ok(Err(NotFoundByName::Several));
                }
                fitting = Ok(show.id);
            }
        }
    }
}

/// Whether a show begins then. Where one of the two is a day alone, the day decides.
fn fits(asked: LocalTime, start: LocalTime) -> bool {
    let both_have_times = asked.has_time() && start.has_time();
    if both_have_times { asked == start } else { asked.day() == start.day() }
}
