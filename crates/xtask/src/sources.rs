//! What a source file may not say.

use crate::{
    fault::Fault,
    tree::{File, Tree},
};

/// The one place that reads clocks and randomness and starts tasks.
const MACHINE: &[&str] = &["crates/engines/os/src/system.rs"];

/// The one place that reads settings.
const SETTINGS: &[&str] = &["crates/stubmart/src/cli.rs", "crates/stubmart/src/config.rs"];

/// Crates that test, measure or check the market from outside.
const TOOLS: &[&str] = &[
    "crates/test/bench/",
    "crates/test/browser/",
    "crates/test/chaos/",
    "crates/test/suite/",
    "crates/test/sim/",
    "crates/test/testkit/",
    "crates/xtask/",
];

/// What only the machine's adapter may call.
const MACHINE_CALLS: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "tokio::time",
    "tokio::spawn",
    "task::spawn",
    "thread::sleep",
    "getrandom::",
    "rand::",
    "Uuid::now_v7",
    "Uuid::new_v4",
    "Timestamp::now",
];

/// What only the configuration may call. `env!` is read by the compiler and is no setting.
const SETTING_CALLS: &[&str] = &["env::var", "env::vars", "env::args"];

/// What must not be left behind anywhere. Written in two halves, so that this file does not hold them.
const LEFTOVERS: &[(&str, &str)] = &[("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("#[ig", "nore")];

/// Lines that say what they may not.
pub(crate) fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust()) {
        if is_shipped(file) {
            if !MACHINE.contains(&file.path.as_str()) {
                faults.extend(calls(file, MACHINE_CALLS, "only the machine's adapter may call"));
            }
            if !SETTINGS.contains(&file.path.as_str()) {
                faults.extend(calls(file, SETTING_CALLS, "only the configuration may call"));
            }
        }
        for (number, line) in file.lines() {
            let left = LEFTOVERS.iter().map(|(start, end)| format!("{start}{end}"));
            let left = left.filter(|word| says(line, word));
            faults.extend(left.map(|word| format!("{}:{number}: a leftover: {word}", file.path)));
        }
    }
    faults
}

/// Whether the file is part of what people run, not of a test or a tool.
pub(crate) fn is_shipped(file: &File) -> bool {
    let is_test = |part: &str| matches!(part, "tests" | "benches" | "examples" | "tests.rs");
    let path = file.path.as_str();
    !TOOLS.iter().any(|tool| path.starts_with(tool))
        && !path.split('/').any(is_test)
        && !path.ends_with("_tests.rs")
}

pub(crate) fn calls(file: &File, calls: &[&str], rule: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in file.lines() {
        // The module of tests stands at the foot of a file. Behind anything else for tests alone, what ships
        // goes on.
        if line == "#[cfg(test)]" && item_behind(file, number).starts_with("mod ") {
            break;
        }
        let code = line.split("//").next().unwrap_or(line);
        for call in calls.iter().filter(|call| says(code, call)) {
            faults.push(format!("{}:{number}: {rule} {call}", file.path));
        }
    }
    faults
}

/// The first line behind line `number` that is no attribute.
fn item_behind(file: &File, number: usize) -> &str {
    let mut lines = file.text.lines().skip(number);
    lines.find(|line| !line.starts_with("#[")).unwrap_or_default()
}

/// Whether `code` holds `call` as a word of its own, not as the end of another.
fn says(code: &str, call: &str) -> bool {
    code.match_indices(call).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_call_is_found_where_it_ships_and_not_in_tests_or_comments() {
        let rule = |file: &File| calls(file, MACHINE_CALLS, "no").len();
        assert_eq!(rule(&file("crates/auth/src/a.rs", "let at = Instant::now();")), 1);
        assert_eq!(rule(&file("crates/auth/src/a.rs", "// Instant::now is not used")), 0);
        assert_eq!(rule(&file("crates/auth/src/a.rs", "MyInstant::now();\noperand::x()")), 0);
        assert_eq!(
            rule(&file("crates/auth/src/a.rs", "#[cfg(test)]\nmod t { Instant::now(); }")),
            0
        );
        let inner = "impl A {\n    #[cfg(test)]\n    fn t() {}\n    fn a() { Instant::now(); }\n}";
        assert_eq!(rule(&file("crates/auth/src/a.rs", inner)), 1);
        let import = "#[cfg(test)]\nuse x::Y;\nfn a() { Instant::now(); }";
        assert_eq!(rule(&file("crates/auth/src/a.rs", import)), 1);
        assert!(!is_shipped(&file("crates/auth/tests/api.rs", "")));
        assert!(!is_shipped(&file("crates/test/sim/src/a.rs", "")));
        assert!(is_shipped(&file("crates/auth/src/a.rs", "")));
    }
}
