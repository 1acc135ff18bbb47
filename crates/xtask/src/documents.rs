//! What the documents say must be so: the paths they name are there, and the table of error codes is the
//! code's.

use std::path::Path;

use stubmart_contract::Code;

use crate::{
    fault::{Failure, Fault},
    tree::{File, Tree},
};

const ERRORS: &str = "docs/errors.md";

/// Documents that say what is not so.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Fault>, Failure> {
    let mut faults = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (number, line) in file.lines() {
            let missing = paths(file, line).into_iter().filter(|path| !tree.has(path));
            let missing = missing.chain(sources(line).filter(|path| !tree.has_source(path)));
            faults
                .extend(missing.map(|path| format!("{}:{number}: there is no {path}", file.path)));
        }
    }
    let written = tree.files.iter().find(|file| file.path == ERRORS);
    if written.is_none_or(|file| file.text != errors()) {
        faults.push(format!("{ERRORS} is not what the code table says: run `xtask errors`"));
    }
    Ok(faults)
}

/// The paths that a line names: where links lead, and code that begins with a directory of ours.
fn paths(file: &File, line: &str) -> Vec<String> {
    let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links = links
        .map(|link| link.split('#').next().unwrap_or(""))
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
        .map(|link| Path::new(directory).join(link).to_string_lossy().into_owned());
    let code =
        line.split('`').skip(1).step_by(2).filter(|code| is_path(code)).map(ToOwned::to_owned);
    links.chain(code).collect()
}

/// The source files that a line names in code, each by the end of its path.
fn sources(line: &str) -> impl Iterator<Item = String> {
    let code = line.split('`').skip(1).step_by(2);
    code.filter(|code| code.ends_with(".rs") && code.chars().all(is_plain)).map(ToOwned::to_owned)
}

/// Whether the letter stands for itself in a path, and is not part of a pattern or a command.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "/._-".contains(letter)
}

/// Whether a piece of code is a path from the root, and not a pattern or a command.
fn is_path(code: &str) -> bool {
    let ours = ["crates/", "docs/", "scripts/", "bench/", ".ci/"];
    ours.iter().any(|start| code.starts_with(start)) && code.chars().all(is_plain)
}

/// Writes the table of error codes.
pub(crate) fn write_errors(root: &Path) -> Result<(), Failure> {
    Ok(std::fs::write(root.join(ERRORS), errors())?)
}

fn errors() -> String {
    let mut text = "# Error codes\n\n\
        Every error of the API is `application/problem+json` (RFC 9457) with one of these codes. A program\n\
        switches on `code`; `title` is the same for every occurrence, `detail` says what happened this time.\n\
        A code never changes its meaning; new ones may come. Written by `cargo run -p stubmart-xtask -- errors`.\n\n\
        | status | code | title |\n|---|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        text += &format!("| {} | `{}` | {} |\n", code.status(), code.word(), code.title());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_paths_in_code_are_found_and_commands_are_not() {
        let file = File { path: "docs/testing.md".to_owned(), text: String::new() };
        let line = "see [x](errors.md#a), [y](https://z), `crates/test/sim/src`, `crates/*/src` and `cargo test`";
        assert_eq!(paths(&file, line), ["docs/errors.md", "crates/test/sim/src"]);
    }

    #[test]
    fn source_files_in_code_are_found_by_the_end_of_their_path() {
        let line = "`ticket.rs`, `charge/rules.rs`, `*.rs`, `cargo test a.rs`, `crates/test/sim` and other.rs";
        assert_eq!(sources(line).collect::<Vec<_>>(), ["ticket.rs", "charge/rules.rs"]);
        let source = |path: &str| File { path: path.to_owned(), text: String::new() };
        let tree = Tree::of(vec![source("crates/payments/src/charge/rules.rs")]);
        assert!(tree.has_source("charge/rules.rs"));
        assert!(!tree.has_source("ules.rs"));
        assert!(!tree.has_source("charge/tests.rs"));
    }
}
