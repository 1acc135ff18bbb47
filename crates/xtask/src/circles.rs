//! No two files of a crate use each other, be it through others: a reader can begin at the bottom.
//!
//! A file uses another when it names a path into its module. The root of a crate and a folder's `mod.rs`
//! are files like any other, so a type that many use does not belong in them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    fault::Fault,
    tree::{File, Tree},
};

/// A file's module, from the root of its crate: empty for the root itself.
type Module = Vec<String>;

/// Crates whose files use each other in a circle.
pub(crate) fn check(tree: &Tree) -> Vec<Fault> {
    let mut crates: BTreeMap<&str, Vec<(Module, String)>> = BTreeMap::new();
    // Beside a library, main.rs is a crate of its own.
    let is_binary = |path: &str| {
        let library = path.strip_suffix("main.rs").map(|folder| format!("{folder}lib.rs"));
        library.is_some_and(|library| tree.files.iter().any(|file| file.path == library))
    };
    let files = tree.files.iter().filter(|file| file.is_rust() && !is_binary(&file.path));
    for file in files {
        if let Some((name, module)) = place(file) {
            crates.entry(name).or_default().push((module, code(&file.text)));
        }
    }
    let mut faults = Vec::new();
    for (name, files) in &crates {
        let circle = circle(&uses(files));
        let shown = |module: &&Module| match module.as_slice() {
            [] => "the root".to_owned(),
            names => names.join("::"),
        };
        let names: Vec<_> = circle.iter().map(shown).collect();
        if !names.is_empty() {
            faults.push(format!("crates/{name}: a circle of files: {}", names.join(", ")));
        }
    }
    faults
}

/// The crate that a file belongs to, by its path below `crates`, and the file's module.
fn place(file: &File) -> Option<(&str, Module)> {
    let path = file.path.strip_prefix("crates/")?;
    let (name, within) = path.split_once("/src/")?;
    let is_test = within.ends_with("tests.rs") || within.split('/').any(|part| part == "tests");
    if is_test || within.starts_with("bin/") {
        return None;
    }
    let mut module: Module =
        within.strip_suffix(".rs")?.split('/').map(ToOwned::to_owned).collect();
    if module.last().is_some_and(|last| matches!(last.as_str(), "lib" | "main" | "mod")) {
        module.pop();
    }
    Some((name, module))
}

/// The code of a file without comments and without the tests at its foot.
fn code(text: &str) -> String {
    let shipped = text.split_once("\n#[cfg(test)]\nmod tests {").map_or(text, |(code, _)| code);
    let lines = shipped.lines().map(|line| line.split("//").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Which modules each module uses.
fn uses(files: &[(Module, String)]) -> BTreeMap<&Module, BTreeSet<&Module>> {
    let modules: BTreeSet<&Module> = files.iter().map(|(module, _)| module).collect();
    let mut uses = BTreeMap::new();
    for (module, code) in files {
        let named = paths(code).into_iter().filter_map(|path| {
            let (first, rest) = path.split_first()?;
            let mut full: Module = match first.as_str() {
                "crate" => Vec::new(),
                "self" => module.clone(),
                "super" => module.split_last().map(|(_, outer)| outer.to_vec())?,
                // A bare name is a child, if there is one.
                child => module.iter().cloned().chain([child.to_owned()]).collect(),
            };
            if !matches!(first.as_str(), "crate" | "self" | "super") && !modules.contains(&full) {
                return None;
            }
            full.extend(rest.iter().cloned());
            // The longest beginning of the path that is a module.
            while !modules.contains(&full) {
                full.pop()?;
            }
            modules.get(&full).copied()
        });
        uses.insert(module, named.filter(|used| *used != module).collect());
    }
    uses
}

/// The paths in a piece of code, those of a group one by one.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut outer: Vec<Vec<String>> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut rest = code;
    // Whether the last token was `::`, so that a name or a group goes on with the path.
    let mut goes_on = false;
    while let Some(letter) = rest.chars().next() {
        let name_end = rest.find(|it: char| !it.is_alphanumeric() && it != '_');
        let name = rest.get(..name_end.unwrap_or(rest.len())).unwrap_or_default();
        if !name.is_empty() {
            if !goes_on {
                paths.push(std::mem::replace(&mut path, outer.last().cloned().unwrap_or_default()));
            }
            path.push(name.to_owned());
            goes_on = false;
            rest = rest.get(name.len()..).unwrap_or_default();
        } else if let Some(behind) = rest.strip_prefix("::") {
            goes_on = true;
            rest = behind;
        } else {
            if letter == '{' && goes_on {
                outer.push(path.clone());
                path.clear();
            } else if letter == '{' {
                outer.push(Vec::new());
            } else if letter == '}' {
                paths.push(std::mem::take(&mut path));
                outer.pop();
            }
            if !letter.is_whitespace() {
                goes_on = false;
            }
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    paths.push(path);
    paths.retain(|path| path.len() > 1);
    paths
}

/// The modules that are used by a module that they use; empty when there are none.
fn circle<'a>(uses: &BTreeMap<&'a Module, BTreeSet<&'a Module>>) -> BTreeSet<&'a Module> {
    let mut left: BTreeMap<_, _> =
        uses.iter().map(|(module, used)| (*module, used.clone())).collect();
    // What uses nothing is in no circle, and neither is what nothing uses: they are taken away until
    // none is left but circles and the paths between them.
    loop {
        let used: BTreeSet<_> = left.values().flatten().copied().collect();
        let known: BTreeSet<_> = left.keys().copied().collect();
        let before = left.len();
        for targets in left.values_mut() {
            targets.retain(|target| known.contains(target));
        }
        left.retain(|module, targets| !targets.is_empty() && used.contains(module));
        if left.len() == before {
            return left.into_keys().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File {
            path: format!("crates/a/src/{path}"),
            text: (*text).to_owned(),
        };
        Tree::of(files.iter().map(file).collect())
    }

    #[test]
    fn files_that_use_each_other_are_a_circle() {
        let direct = [("b.rs", "use crate::c::C;"), ("c.rs", "fn f() { crate::b::g() }")];
        assert_eq!(check(&tree(&direct)), ["crates/a: a circle of files: b, c"]);
        let group = [
            ("b.rs", "use crate::{\n    d::{E, F},\n    c::C,\n};"),
            ("c.rs", "use super::d;"),
            ("d.rs", "use crate::b;\nb::x();"),
        ];
        assert_eq!(check(&tree(&group)).len(), 1);
        let binary = [("main.rs", ""), ("lib.rs", "use b::B;"), ("b.rs", "use crate::A;")];
        assert_eq!(check(&tree(&binary)).len(), 1, "the binary does not hide the library");
        let root = [("lib.rs", "mod b;\npub use b::B;\npub struct A;"), ("b.rs", "use crate::A;")];
        assert_eq!(check(&tree(&root)).len(), 1);
    }

    #[test]
    fn files_in_an_order_are_none() {
        let order = [
            ("lib.rs", "mod b;\nmod c;\npub use c::C;"),
            ("b.rs", "use crate::c::C;\n// crate::d\nuse serde::de;"),
            ("c.rs", "use std::b::X;\nstruct C;\n#[cfg(test)]\nmod tests { use crate::b; }"),
            ("tests.rs", "use crate::b;"),
        ];
        assert_eq!(check(&tree(&order)), Vec::<Fault>::new());
    }
}
