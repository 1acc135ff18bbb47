//! How settings are defined and read: flags over environment over file over defaults. From the name of a
//! setting come its flag, its environment variable and its key in the file.
//!
//! By hand, because clap and figment stop at the first value that is wrong; here every fault of all three
//! places is reported at once, with the place it stands in.

use std::{
    collections::{BTreeMap, HashMap},
    net::{SocketAddr, ToSocketAddrs as _},
};

use clap::{Arg, ArgMatches};
use serde::de::DeserializeOwned;

/// What the command line and the environment give, by the names of the settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given(HashMap<String, String>);

impl Given {
    /// What of `args` was given. An environment variable that is empty counts as unset.
    pub(crate) fn of(args: &[Arg], matches: &ArgMatches) -> Self {
        let names = args.iter().map(|arg| arg.get_id().as_str());
        let given = names.filter_map(|name| Some((name, matches.get_one::<String>(name)?)));
        given.map(|(name, text)| (name.to_owned(), text.clone())).collect()
    }

    /// The text of a setting that is given and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl FromIterator<(String, String)> for Given {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(settings: I) -> Self {
        Self(settings.into_iter().collect())
    }
}

/// What a setting may be.
pub(crate) struct Kind<T> {
    /// How `--help` calls a value.
    pub(crate) value: &'static str,
    /// Reads a value, or says what it must be.
    pub(crate) parse: fn(&str) -> Result<T, String>,
    /// Writes a value, as `--help` shows the default.
    pub(crate) show: fn(&T) -> String,
}

/// The settings as they were given, and what is wrong with those that were read.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    given: Given,
    /// What of the file was not read yet: the value, and how a fault names it.
    file: BTreeMap<String, (toml::Value, String)>,
    /// The file.
    path: Option<String>,
    args: Vec<Arg>,
    faults: Vec<String>,
}

impl Settings {
    /// What is given, and what stands in the file that the setting `config` names.
    pub(crate) fn new(given: Given) -> Self {
        let mut settings = Self { given, ..Self::default() };
        settings.define(
            "config",
            "FILE",
            "A TOML file with settings, named like the flags with _ for -",
        );
        if let Some(path) = settings.given.get("config").map(ToOwned::to_owned) {
            settings.read_file(&path);
        }
        settings
    }

    /// A setting with a default.
    pub(crate) fn get<T>(
        &mut self,
        name: &'static str,
        help: &str,
        kind: &Kind<T>,
        default: T,
    ) -> T {
        self.define(name, kind.value, &format!("{help} [default: {}]", (kind.show)(&default)));
        self.value(name, kind.parse).unwrap_or(default)
    }

    /// A setting that can be left out.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        help: &str,
        kind: &Kind<T>,
    ) -> Option<T> {
        self.define(name, kind.value, help);
        self.value(name, kind.parse)
    }

    /// A table, which only the file can give.
    pub(crate) fn table<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let (value, _) = self.file.remove(&key(name))?;
        let table = value.try_into();
        table.map_err(|error| self.fault(name, error.to_string().trim_end())).ok()
    }

    /// A fault of a table.
    pub(crate) fn fault(&mut self, name: &str, message: &str) {
        let path = self.path.as_deref().unwrap_or("the settings");
        self.faults.push(format!("{path}: {name}: {message}"));
    }

    /// Reports that a setting does not go together with others.
    pub(crate) fn refuse(&mut self, name: &str, message: &str) {
        self.faults.push(format!("{}: {message}", flag(name)));
    }

    /// Reports that a setting is missing, unless it was given and is reported as wrong.
    pub(crate) fn miss(&mut self, name: &str, message: &str) {
        if !self.is_faulty(name) {
            self.refuse(name, message);
        }
    }

    /// Whether a setting was reported.
    pub(crate) fn is_faulty(&self, name: &str) -> bool {
        let in_file = self.path.as_ref().map(|path| format!("{path}: {}: ", key(name)));
        let origins: Vec<_> = in_file.into_iter().chain([flag(name)]).collect();
        self.faults
            .iter()
            .any(|fault| origins.iter().any(|origin| fault.starts_with(origin.as_str())))
    }

    /// Every setting that was defined, as clap takes them.
    pub(crate) fn into_args(self) -> Vec<Arg> {
        self.args
    }

    /// Everything that is wrong, after all settings were read.
    pub(crate) fn into_faults(self) -> Vec<String> {
        let unknown = self.file.into_values();
        let unknown = unknown.map(|(_, origin)| format!("{origin}: there is no such setting"));
        self.faults.into_iter().chain(unknown).collect()
    }

    fn define(&mut self, name: &'static str, value: &'static str, help: &str) {
        let arg = Arg::new(name).long(name).global(true).value_name(value).help(help.to_owned());
        // The help must not show values: some are secrets.
        self.args.push(arg.env(variable(name)).hide_env_values(true));
    }

    fn value<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let in_file = self.file.remove(&key(name));
        let given = self.given.get(name).map(|text| (Some(text.to_owned()), flag(name)));
        let in_file = in_file.map(|(value, origin)| (plain(&value), origin));
        let (text, origin) = given.or(in_file)?;
        let Some(text) = text else {
            self.faults.push(format!("{origin}: must be a text, a number or a switch"));
            return None;
        };
        parse(&text).map_err(|message| self.faults.push(format!("{origin}: {message}"))).ok()
    }

    /// Takes the settings of a TOML file.
    fn read_file(&mut self, path: &str) {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        let table = text.and_then(|text| {
            let table = text.parse::<toml::Table>();
            table.map_err(|error| error.to_string().trim_end().replace('\n', "\n    "))
        });
        match table {
            Ok(table) => {
                for (key, value) in table {
                    let origin = format!("{path}: {key}");
                    self.file.insert(key, (value, origin));
                }
                self.path = Some(path.to_owned());
            }
            Err(message) => self.faults.push(format!("{}: {path}: {message}", flag("config"))),
        }
    }
}

/// How a fault names what a flag or a variable gave.
fn flag(name: &str) -> String {
    format!("--{name} ({})", variable(name))
}

/// The environment variable of a setting.
fn variable(name: &str) -> String {
    format!("STUBMART_{}", key(name).to_uppercase())
}

/// The name of a setting in the file.
fn key(name: &str) -> String {
    name.replace('-', "_")
}

/// A value of the file as the text that a flag would give.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        toml::Value::Array(values) => {
            values.iter().map(plain).collect::<Option<Vec<_>>>().map(|values| values.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// The address of a listener.
pub(crate) const ADDRESS: Kind<SocketAddr> =
    Kind { value: "ADDRESS", parse: address, show: ToString::to_string };

/// An address and a port; the address may be a name, such as `localhost`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &str| format!("must be an address and a port, such as 127.0.0.1:8080{why}");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>().is_ok());
    if port != Some(true) {
        return Err(wrong(""));
    }
    let found: Vec<_> =
        text.to_socket_addrs().map_err(|error| wrong(&format!(" ({error})")))?.collect();
    // Where a name has both kinds, clients try this one too.
    let found = found.iter().find(|address| address.is_ipv4()).or(found.first());
    found.copied().ok_or_else(|| wrong(""))
}
