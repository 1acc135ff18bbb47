//! No rule is written and never run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The sources of the rules, by file.
fn read_all(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources.extend(read_all(&path));
        } else {
            let source = fs::read_to_string(&path).unwrap();
            sources.push((path, source));
        }
    }
    sources
}

/// Every rule is in a suite's list, and its documentation begins with the rule.
#[test]
fn every_rule_is_in_a_suite_and_says_what_it_is() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let sources = read_all(&rules);
    let mut count = 0;
    for (path, source) in &sources {
        if path.file_name().is_some_and(|name| name == "mod.rs") && path.parent() == Some(&*rules) {
            continue;
        }
        let lines: Vec<_> = source.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let Some(rest) = line.strip_prefix("pub async fn ") else { continue };
            let name = rest.split('(').next().unwrap();
            count += 1;
            let listed = sources.iter().any(|(_, source)| {
                source.lines().any(|line| line.trim().trim_end_matches(',') == name)
            });
            assert!(listed, "{name} is in no suite");
            assert!(lines[number - 1].starts_with("/// "), "{name} does not say its rule");
        }
    }
    assert!(count > 100, "only {count} rules were found");
}
