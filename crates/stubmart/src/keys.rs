//! `stubmart keys`: the keys that ticket files are sealed with.

use std::collections::BTreeMap;

use stubmart_delivery::files::{FILES, Files};
use stubmart_files::FileKeys;
use stubmart_ports::{Cause, host::Host, keys::Keys as _};

use crate::{config::Config, output, whole::Whole};

/// Makes the file of keys, if it is not there.
///
/// # Errors
/// The cause: it cannot be made.
pub(crate) fn create(config: &Config, host: &Host) -> Result<(), Cause> {
    let path = config.keys();
    let shown = path.display();
    if FileKeys::create(host, &path)? {
        return output::say(&format!("made {shown}: keep a copy of it, apart from the market's"));
    }
    output::say(&format!("there are keys in {shown} already: they stay as they are"))
}

/// Adds a key, which seals from now on.
///
/// # Errors
/// The cause: there are no keys, or the file cannot be written. The keys are as they were.
pub(crate) fn rotate(config: &Config, host: &Host) -> Result<(), Cause> {
    let version = FileKeys::rotate(host, &config.keys())?;
    output::say(&format!(
        "key {version} seals from now on; what older keys have sealed is sealed with it within a minute, or after the \
         next start: see `stubmart keys list`"
    ))
}

/// Prints the keys, and how many ticket files are sealed with each.
///
/// # Errors
/// The cause: there are no keys, or the market cannot be read.
pub(crate) async fn list(config: &Config, host: &Host) -> Result<(), Cause> {
    let keyring = FileKeys::open(host.clone(), config.keys())?.keyring().await?;
    let mut sealed: BTreeMap<u32, usize> = BTreeMap::new();
    if config.require().is_ok() {
        let files: Vec<Files> = Whole::of(config, host).await?.all(&FILES).await?;
        for file in files.into_iter().filter_map(|it| it.file) {
            *sealed.entry(file.key.version()).or_default() += 1;
        }
    }
    let line = |(version, made_at)| {
        let files = match sealed.remove(&version).unwrap_or_default() {
            1 => "1 ticket file".to_owned(),
            count => format!("{count} ticket files"),
        };
        let seals = if version == keyring.newest() { ", seals" } else { "" };
        format!("key {version}, made {made_at}: {files}{seals}")
    };
    let mut lines: Vec<String> = keyring.versions().map(line).collect();
    let missing = sealed.into_iter();
    lines.extend(
        missing.map(|(version, count)| format!("key {version} is missing: {count} ticket files")),
    );
    output::say(&lines.join("\n"))
}
