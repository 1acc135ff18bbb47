//! `If-Match`.

use axum::{Json, Router, routing::get as route};
use stubmart_http_kit::{IfMatch, Problem};
use stubmart_kernel::{ApplyError, Precondition};
use stubmart_suite::host::manual;

use crate::kit::{get, served};

/// The versions that the header means, or the problem.
async fn read(IfMatch(precondition): IfMatch) -> Json<Option<Vec<u64>>> {
    Json(match precondition {
        Precondition::None => None,
        Precondition::OneOf(versions) => Some(versions),
    })
}

fn app() -> Router {
    served(Router::new().route("/", route(read)), &manual(1).0)
}

#[tokio::test]
async fn if_match_names_versions_or_any() {
    for (header, versions) in [
        ("\"3\"", "[3]"),
        ("\"3\", \"4\"", "[3,4]"),
        ("*", "null"),
        ("\"3\", *", "null"),
        // Weak tags, foreign ones and other spellings are tags that no version has.
        ("W/\"3\"", "[]"),
        ("\"abc\"", "[]"),
        ("\"03\", \"\"", "[]"),
        ("\"18446744073709551616\"", "[]"),
    ] {
        let answer = get(&app(), "/", &[("if-match", header)]).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, versions), "{header}");
    }
    assert_eq!(get(&app(), "/", &[]).await.text, "null");
    let two = [("if-match", "\"3\""), ("if-match", "\"5\"")];
    assert_eq!(get(&app(), "/", &two).await.text, "[3,5]");
}

/// A client that means a version and names none must not change another.
#[tokio::test]
async fn a_header_that_names_no_etag_is_refused() {
    for wrong in ["3", "", "\"3", "\"3\" \"4\"", "\"3\",", "**", "\"a\"b\""] {
        let answer = get(&app(), "/", &[("if-match", wrong)]).await;
        assert_eq!(answer.code(), (412, "version_mismatch".to_owned()), "{wrong:?}");
    }
}

/// The answer to a change of another version says the present one.
#[tokio::test]
async fn a_stale_change_is_answered_with_the_present_etag() {
    let stale = async || -> Result<(), Problem> {
        let error = ApplyError::<()>::Stale { version: 7 };
        Err(Problem::not_applied(error, |()| Problem::not_found()))
    };
    let app = served(Router::new().route("/", route(stale)), &manual(1).0);
    let answer = get(&app, "/", &[]).await;
    assert_eq!(answer.code(), (412, "version_mismatch".to_owned()));
    assert!(answer.json()["detail"].as_str().unwrap().ends_with("the present ETag is \"7\""));
}
