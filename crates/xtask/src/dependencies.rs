//! What is built on: licences, where crates come from, and crates that are there twice. The rules are in
//! `deny.toml`, so that `cargo deny check licenses bans sources` goes by the same ones.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
    process::Command,
};

use serde::Deserialize;

use crate::{Failure, Fault, licence};

/// What `cargo metadata` tells.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    workspace_members: HashSet<String>,
    resolve: Resolve,
}

/// A crate.
#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    /// Its name.
    pub(crate) name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    /// What it asks for.
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a crate asks for.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// The crate.
    pub(crate) name: String,
    /// `dev`, `build`, or nothing.
    pub(crate) kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Metadata {
    /// Asks cargo, for the machine this runs on.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let cargo = env!("CARGO");
        let host = host(cargo)?;
        let asked = ["metadata", "--format-version=1", "--locked", "--filter-platform", &host];
        let told = Command::new(cargo).args(asked).current_dir(root).output()?;
        if !told.status.success() {
            let said = String::from_utf8_lossy(&told.stderr).into_owned();
            return Err(format!("cargo metadata: {said}").into());
        }
        Ok(serde_json::from_slice(&told.stdout)?)
    }

    /// The project's own crates.
    pub(crate) fn workspace(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The crates that the project is built with, outside of its tests and of the crates in `exclude`.
    fn shipped(&self, exclude: &[String]) -> Vec<&Package> {
        let nodes: HashMap<_, _> =
            self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let roots = self.workspace().filter(|package| !exclude.contains(&package.name));
        let mut waiting: Vec<_> = roots.map(|package| package.id.as_str()).collect();
        let mut seen: HashSet<_> = waiting.iter().copied().collect();
        while let Some(id) = waiting.pop() {
            for edge in nodes.get(id).into_iter().flat_map(|node| &node.deps) {
                let ships = edge.dep_kinds.iter().any(|it| it.kind.as_deref() != Some("dev"));
                if ships && seen.insert(&edge.pkg) {
                    waiting.push(&edge.pkg);
                }
            }
        }
        self.packages.iter().filter(|package| seen.contains(package.id.as_str())).collect()
    }
}

fn host(cargo: &str) -> Result<String, Failure> {
    let told = Command::new(cargo).args(["version", "--verbose"]).output()?;
    let told = String::from_utf8(told.stdout)?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("cargo does not tell its host")?.to_owned())
}

/// The parts of `deny.toml` that are read here.
#[derive(Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    #[serde(default)]
    exclude: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    #[serde(default)]
    skip: Vec<Skip>,
}

#[derive(Deserialize)]
struct Skip {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// Dependencies that `deny.toml` does not allow.
pub(crate) fn check(metadata: &Metadata, root: &Path) -> Result<Vec<Fault>, Failure> {
    let rules = std::fs::read_to_string(root.join("deny.toml"))
        .map_err(|error| format!("deny.toml: {error}"))?;
    let rules: Rules = toml::from_str(&rules)?;
    let mut faults = Vec::new();
    let shipped = metadata.shipped(&rules.graph.exclude);
    for package in &shipped {
        let licence = package.license.as_deref().unwrap_or("");
        if !licence::is_allowed(licence, &rules.licenses.allow) {
            faults.push(format!(
                "{} {}: licence {licence:?} is not among deny.toml's",
                package.name, package.version
            ));
        }
        let source = package.source.as_deref().map(|it| it.trim_start_matches("registry+"));
        if source
            .is_some_and(|it| !rules.sources.allow_registry.iter().any(|allowed| allowed == it))
        {
            faults.push(format!("{} {}: comes from {source:?}", package.name, package.version));
        }
    }
    faults.extend(duplicates(&shipped, &rules.bans));
    Ok(faults)
}

/// Crates that are built in more than one version without `deny.toml` saying why, and words there about
/// ones that no longer are.
fn duplicates(shipped: &[&Package], bans: &Bans) -> Vec<Fault> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in shipped {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let mut faults = Vec::new();
    let skipped: Vec<_> =
        bans.skip.iter().map(|skip| skip.name.split('@').next().unwrap_or("")).collect();
    for (name, versions) in &versions {
        if !skipped.contains(name) {
            faults.push(format!(
                "{name} is built in the versions {versions:?}: deny.toml tells no reason"
            ));
        }
    }
    for name in skipped.iter().filter(|name| !versions.contains_key(*name)) {
        faults.push(format!("deny.toml skips {name}, which is there once only"));
    }
    faults
}
