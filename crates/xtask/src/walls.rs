//! The walls inside a service: HTTP ends at its routes, and a state machine knows no port.

use crate::{
    fault::Fault,
    rooms::SERVICES,
    sources::{calls, is_shipped},
    tree::{File, Tree},
};

/// What only routes may name.
const HTTP: &[&str] = &["axum::", "stubmart_http_kit"];

/// What a state machine may not name: everything of the project but the contract and the kernel, and what
/// waits, logs or talks.
const OUTSIDE: &[&str] =
    &["axum::", "stubmart_http_kit", "stubmart_ports", "tokio::", "tracing::", "async fn"];

/// Files that reach over a wall.
pub(crate) fn check(tree: &Tree) -> Vec<Fault> {
    let shipped = tree.files.iter().filter(|file| file.is_rust() && is_shipped(file));
    let of_services = shipped.filter_map(|file| Some((file, service(file)?)));
    of_services.flat_map(|(file, service)| over_a_wall(file, service)).collect()
}

/// The service that a file belongs to.
fn service(file: &File) -> Option<&str> {
    let (name, _) = file.path.strip_prefix("crates/")?.split_once("/src/")?;
    SERVICES.iter().any(|it| it.strip_prefix("stubmart-") == Some(name)).then_some(name)
}

fn over_a_wall(file: &File, service: &str) -> Vec<Fault> {
    let within = file.path.strip_prefix(&format!("crates/{service}/src/")).unwrap_or(&file.path);
    let mut faults = Vec::new();
    if within != "http.rs" && !within.starts_with("http/") {
        faults.extend(calls(file, HTTP, "only routes may name"));
    }
    if file.text.contains("impl Aggregate for ") {
        faults.extend(calls(file, OUTSIDE, "a state machine may not name"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        service(&file).map_or(0, |service| over_a_wall(&file, service).len())
    }

    #[test]
    fn only_routes_name_http() {
        let use_axum = "use axum::Json;\nuse stubmart_http_kit::{Problem, Valid};";
        assert_eq!(faults("crates/auth/src/log_in.rs", use_axum), 2);
        assert_eq!(faults("crates/auth/src/http.rs", use_axum), 0);
        assert_eq!(faults("crates/auth/src/http/outcomes.rs", use_axum), 0);
        assert_eq!(faults("crates/web/src/lib.rs", use_axum), 0);
        assert_eq!(faults("crates/auth/src/log_in.rs", "// axum::Json\nlet maxaxum::x;"), 0);
    }

    #[test]
    fn a_state_machine_names_the_contract_and_the_kernel_alone() {
        let pure = "use stubmart_contract::UserId;\nuse stubmart_kernel::Aggregate;\n\
            impl Aggregate for User {}";
        assert_eq!(faults("crates/auth/src/user.rs", pure), 0);
        let port = format!("use stubmart_ports::mailer::Mail;\n{pure}\nasync fn send() {{}}");
        assert_eq!(faults("crates/auth/src/user.rs", &port), 2);
        assert_eq!(faults("crates/auth/src/notice.rs", "use stubmart_ports::mailer::Mail;"), 0);
    }
}
