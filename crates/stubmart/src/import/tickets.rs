//! `stubmart import tickets`: a seller's inventory.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use stubmart_contract::api::{BulkMode, ImportResult};
use stubmart_inventory::{How, Inventory, report};
use stubmart_ports::{Cause, host::Host};
use stubmart_tickets::{
    ImportError,
    bulk::{Bulk, BulkError},
};

use super::{Shop, bar};
use crate::{cli::ImportTickets, config::Config, output};

/// What to import, and how.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file.
    pub(crate) file: PathBuf,
    /// The email of the account whose tickets these are.
    pub(crate) seller: String,
    /// How the file is read where it does not say so itself.
    pub(crate) how: How,
    /// What becomes of the seller's other listings.
    pub(crate) mode: BulkMode,
    /// Only say what would be done.
    pub(crate) dry_run: bool,
    /// Where the report goes.
    pub(crate) report: Option<PathBuf>,
}

impl From<ImportTickets> for Source {
    fn from(asked: ImportTickets) -> Self {
        let ImportTickets { file, seller, columns, currency, dates, replace, dry_run, report } =
            asked;
        Self {
            file,
            seller,
            how: How { columns, currency, dates },
            mode: if replace { BulkMode::Replace } else { BulkMode::Upsert },
            dry_run,
            report,
        }
    }
}

/// Imports a seller's tickets and prints what became of them. The answer is whether each line was done.
///
/// # Errors
/// The cause: the file cannot be read, nobody is the seller, or the store fails. Where lines may be done already, it
/// says so.
pub(crate) async fn import(config: &Config, host: Host, source: Source) -> Result<bool, Cause> {
    let inventory = read(&source.file, &source.how)?;
    config.require()?;
    // Where the report cannot be written is found out before anything is done.
    let report_file = source.report.as_deref().map(|it| create(it, &source.file)).transpose()?;
    let shop = Shop::open(config, host).await?;
    let imported = import_into(&shop, &source, inventory).await;
    let closed = shop.opened.close().await;
    let result = imported?;
    if let (Some(mut file), Some(path)) = (report_file, &source.report) {
        file.write_all(report(&result).as_bytes()).map_err(|error| {
            format!("the import is done, but {} cannot be written: {error}", path.display())
        })?;
    }
    output::say(&summary(&result))?;
    closed?;
    Ok(result.counts.refused == 0)
}

fn read(file: &Path, how: &How) -> Result<Inventory, Cause> {
    let cannot = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", file.display());
    let bytes = std::fs::read(file).map_err(|error| cannot(&error))?;
    let inventory = stubmart_inventory::read(&bytes, how);
    Ok(inventory.map_err(|fault| format!("{} {fault}", file.display()))?)
}

fn create(report: &Path, inventory: &Path) -> Result<File, Cause> {
    let is_same = match (report.canonicalize(), inventory.canonicalize()) {
        (Ok(report), Ok(inventory)) => report == inventory,
        _ => false,
    };
    if is_same {
        return Err("the report would be written over the file: give --report another name".into());
    }
    let created = File::create(report);
    Ok(created.map_err(|error| format!("cannot write {}: {error}", report.display()))?)
}

async fn import_into(
    shop: &Shop,
    source: &Source,
    inventory: Inventory,
) -> Result<ImportResult, Cause> {
    let (auth, seller) = (&shop.market.auth, &source.seller);
    let seller = auth
        .user_by_email(&shop.context, seller)
        .await?
        .ok_or_else(|| format!("nobody has signed up as {seller}"))?;
    // The operator vouches for the seller.
    let how = Bulk { mode: source.mode, dry_run: source.dry_run, is_established: true };
    let bar = bar(inventory.lines.len());
    let noted = || bar.inc(1);
    let imported = shop.market.tickets.import(&shop.context, seller, how, inventory, &noted).await;
    bar.finish_and_clear();
    imported.map_err(stopped)
}

fn stopped(error: ImportError) -> Cause {
    let again = |cause: &dyn std::fmt::Display| {
        format!("stopped: {cause}; import the file again to go on: what is done stays done").into()
    };
    match error {
        ImportError::Nameless { line } => format!(
            "line {line} has no id that can be read, so that nothing can be replaced: mend the line, or leave \
             --replace out; nothing was done"
        )
        .into(),
        ImportError::Bulk(BulkError::Nameless(item)) => {
            format!("entry {item} has no id, so that nothing can be replaced; nothing was done").into()
        }
        ImportError::Bulk(BulkError::Call(error)) => format!("{error}; nothing was done").into(),
        ImportError::Bulk(BulkError::SellerDeleted) => {
            "the seller's account was deleted meanwhile: what was listed is withdrawn".into()
        }
        ImportError::Bulk(BulkError::Limits(error)) => again(&error),
        ImportError::Bulk(BulkError::Repository(error)) => again(&error),
    }
}

/// A line for each refusal, and one with the counts.
fn summary(result: &ImportResult) -> String {
    let refusal = |it: &stubmart_contract::api::ImportLine| {
        let reason = it.reason()?;
        let name = it.external_id.as_deref().unwrap_or("without an id");
        Some(match it.line {
            Some(line) => format!("line {line} ({name}): {reason}"),
            None => format!("not withdrawn ({name}): {reason}"),
        })
    };
    let mut lines: Vec<String> = result.lines.iter().filter_map(refusal).collect();
    let counts = &result.counts;
    let read = result.lines.iter().filter(|it| it.line.is_some()).count();
    let tried = if result.dry_run { " (dry run: nothing was saved)" } else { "" };
    lines.push(format!(
        "tickets: {read} read, {} created, {} changed, {} unchanged, {} withdrawn, {} refused{tried}",
        counts.created, counts.changed, counts.unchanged, counts.withdrawn, counts.refused,
    ));
    lines.join("\n")
}
