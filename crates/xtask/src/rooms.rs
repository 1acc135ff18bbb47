//! Which crate may depend on which: the rooms of the architecture.

use std::{path::Path, process::Command};

use serde::Deserialize;

use crate::fault::{Failure, Fault};

/// The project's own crates, as `cargo metadata --no-deps` lists them.
#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing.
    kind: Option<String>,
}

impl Workspace {
    fn read(root: &Path) -> Result<Self, Failure> {
        let metadata = ["metadata", "--format-version=1", "--locked", "--no-deps"];
        let output = Command::new(env!("CARGO")).args(metadata).current_dir(root).output()?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("cargo metadata: {error}").into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

pub(crate) const SERVICES: &[&str] = &[
    "stubmart-auth",
    "stubmart-tickets",
    "stubmart-catalogue",
    "stubmart-orders",
    "stubmart-expiration",
    "stubmart-payments",
    "stubmart-delivery",
    "stubmart-notify",
];
/// What composition may know: everything but the engines and what uses the market from outside.
const NODE: &[&str] = &[
    "stubmart-contract",
    "stubmart-kernel",
    "stubmart-keyring",
    "stubmart-ports",
    "stubmart-http-kit",
    "stubmart-auth",
    "stubmart-tickets",
    "stubmart-catalogue",
    "stubmart-orders",
    "stubmart-expiration",
    "stubmart-payments",
    "stubmart-delivery",
    "stubmart-notify",
];
const ENGINES: &[&str] = &[
    "stubmart-calls",
    "stubmart-files",
    "stubmart-jetstream",
    "stubmart-mail",
    "stubmart-memory",
    "stubmart-mongo",
    "stubmart-os",
    "stubmart-outbound",
    "stubmart-reader",
    "stubmart-redis",
    "stubmart-sandbox",
    "stubmart-sqlite",
    "stubmart-stripe",
];
/// What engines stand on, and what tests them.
const UNDER_ENGINES: &[&str] = &[
    "stubmart-contract",
    "stubmart-keyring",
    "stubmart-ports",
    "stubmart-kernel",
    "stubmart-relay",
];

/// What a crate may depend on among the project's own. A crate that is not named here is a tool or a
/// test harness: it may know everything but the engines.
const MAY_USE: &[(&[&str], &[&str])] = &[
    (&["stubmart-contract"], &[]),
    (&["stubmart-keyring"], &["stubmart-contract"]),
    (&["stubmart-ports"], &["stubmart-contract", "stubmart-keyring"]),
    (&["stubmart-kernel"], &["stubmart-contract", "stubmart-ports"]),
    (&["stubmart-letters"], &["stubmart-contract"]),
    (&["stubmart-inventory"], &["stubmart-contract"]),
    (
        SERVICES,
        &[
            "stubmart-contract",
            "stubmart-inventory",
            "stubmart-keyring",
            "stubmart-letters",
            "stubmart-ports",
            "stubmart-kernel",
            "stubmart-http-kit",
        ],
    ),
    (&["stubmart-http-kit"], &["stubmart-contract", "stubmart-ports", "stubmart-kernel"]),
    (&["stubmart-relay"], &["stubmart-contract", "stubmart-ports", "stubmart-kernel"]),
    (&["stubmart-suite"], UNDER_ENGINES),
    (ENGINES, UNDER_ENGINES),
    (&["stubmart-node"], NODE),
    (&["stubmart-client"], &["stubmart-contract", "stubmart-ports"]),
    (
        &["stubmart-web"],
        &[
            "stubmart-client",
            "stubmart-contract",
            "stubmart-inventory",
            "stubmart-ports",
            "stubmart-http-kit",
        ],
    ),
];

/// The crates that may name engines: the binary, the simulation, the market in memory that tests start, and
/// the bench, which measures engines bare.
const COMPOSES: &[&str] = &["stubmart", "stubmart-bench", "stubmart-sim", "stubmart-testkit"];

/// Dependencies that break the rules. What a crate's tests use is theirs to choose.
pub(crate) fn check(root: &Path) -> Result<Vec<Fault>, Failure> {
    let workspace = Workspace::read(root)?;
    let mut faults = Vec::new();
    for package in &workspace.packages {
        let allowed = MAY_USE.iter().find(|(crates, _)| crates.contains(&package.name.as_str()));
        for used in own(package) {
            if ENGINES.contains(&used) && !COMPOSES.contains(&package.name.as_str()) {
                faults.push(format!("{}: only {COMPOSES:?} may name {used}", package.name));
            } else if allowed.is_some_and(|(_, allowed)| !allowed.contains(&used)) {
                faults.push(format!("{}: may not depend on {used}", package.name));
            }
        }
    }
    for name in SERVICES {
        if !workspace.packages.iter().any(|package| package.name == *name) {
            faults
                .push(format!("there is no crate {name}: the rules of the rooms are out of date"));
        }
    }
    Ok(faults)
}

/// The project's own crates that a package needs outside of its tests.
fn own(package: &Package) -> impl Iterator<Item = &str> {
    let shipped = package.dependencies.iter().filter(|it| it.kind.as_deref() != Some("dev"));
    shipped.map(|it| it.name.as_str()).filter(|name| name.starts_with("stubmart"))
}
