//! Lists, page by page, and the parameters of queries.

use axum::{Json, Router, routing::get as route};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stubmart_contract::api::OrderStatus;
use stubmart_http_kit::{Paged, Problem, ValidQuery};
use stubmart_kernel::page::{Cursor, Page, PageError, PageRequest};
use stubmart_suite::host::manual;
use utoipa::IntoParams;

use crate::kit::{get, served};

#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    status: Option<OrderStatus>,
    #[param(minimum = 0)]
    min_price: Option<u64>,
    #[param(style = Form, explode = false)]
    states: Option<Vec<OrderStatus>>,
    #[param(max_length = 5)]
    words: Option<String>,
    flag: Option<bool>,
    from: Option<String>,
}

/// The numbers up to ten.
async fn numbers(Paged { page, list, .. }: Paged) -> Result<Json<serde_json::Value>, Problem> {
    let PageRequest { limit, cursor } = page;
    let start = match cursor {
        None => 0,
        Some(cursor) => match cursor.key() {
            [last] => last.saturating_add(1),
            _ => return Err(PageError::ForeignCursor.into()),
        },
    };
    let rows: Vec<[u8; 1]> =
        (start..10).take(limit.saturating_add(1)).map(|number| [number]).collect();
    let page = Page::of(limit, rows, |row| row, |[number]| number);
    Ok(Json(json!(list.answer(page, u32::from))))
}

fn app() -> Router {
    let router = Router::new()
        .route("/numbers", route(numbers))
        .route("/filter", route(async |ValidQuery(filter): ValidQuery<Filter>| Json(filter)))
        .route(
            "/filtered",
            route(async |it: Paged<Filter>| Json(json!([it.filter, it.page.limit]))),
        );
    served(router, &manual(1).0)
}

/// Its pages make up the whole list, and the last has no cursor.
#[tokio::test]
async fn pages_follow_each_other_by_their_cursors() {
    let (mut numbers, mut path) = (Vec::new(), "/numbers?limit=4".to_owned());
    for _ in 0..3 {
        let page = get(&app(), &path, &[]).await.json();
        numbers.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/numbers?limit=4&cursor={cursor}");
    }
    assert_eq!(json!(numbers), json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    let whole = get(&app(), "/numbers?limit=10", &[]).await.json();
    assert_eq!(whole["nextCursor"], json!(null), "exactly full is the last too");
}

/// A text that is no cursor, and one of another list, are the client's fault.
#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let foreign = Cursor::behind(vec![1, 2]).encode();
    for wrong in ["%21", &foreign] {
        let answer = get(&app(), &format!("/numbers?cursor={wrong}"), &[]).await;
        let message = "must be the nextCursor of the page before".to_owned();
        assert_eq!(answer.faults(), [("cursor".to_owned(), message)], "{wrong}");
    }
}

/// A cursor fits the list that it came from: the same path, filters and order, in whatever spelling. How
/// many items are asked for is no part of that, and neither is a beginning that moves with the clock.
#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    async fn list(Paged { page, list, .. }: Paged<Filter>) -> Json<serde_json::Value> {
        let next = Cursor::behind(vec![u8::from(page.cursor.is_some())]);
        Json(json!(list.answer(Page { items: vec![0], next: Some(next) }, |item: u32| item)))
    }
    let router = Router::new().route("/a", route(list)).route("/b", route(list));
    let app = served(router, &manual(1).0);
    let cursor_of = async |path: &str| {
        let page = get(&app, path, &[]).await.json();
        page["nextCursor"].as_str().unwrap().to_owned()
    };
    let first = "/a?status=created&states=created,completed";
    let cursor = cursor_of(first).await;
    for same in [
        "/a?states=created,completed&status=created",
        "/a?states=created&status=created&states=completed",
        "/a?states=created,completed&status=created&limit=7",
        "/a?states=created,completed&status=created&words=",
        "/a?states=created,completed&status=created&from=2026-11-28",
    ] {
        let answer = get(&app, &format!("{same}&cursor={cursor}"), &[]).await;
        assert_eq!(answer.status, 200, "{same}: {}", answer.text);
        assert_eq!(cursor_of(&format!("{same}&cursor={cursor}")).await.len(), cursor.len());
    }
    for other in [
        "/b?status=created&states=created,completed",
        "/a?status=created",
        "/a?states=created,completed",
        "/a?status=completed&states=created,completed",
        "/a?status=created&states=created,completed&flag=true",
        "/a?status=created&states=created,completed&words=x",
        "/a?",
    ] {
        let answer = get(&app, &format!("{other}&cursor={cursor}"), &[]).await;
        assert_eq!(answer.bad_fields(), ["cursor"], "{other}");
    }
}

#[tokio::test]
async fn every_bad_parameter_is_named_at_once() {
    let query =
        "/filtered?limit=201&cursor=%21&status=up&minPrice=x&colour=red&words=abcdef&flag=1";
    let bad = ["colour", "cursor", "flag", "limit", "minPrice", "status", "words"];
    let answer = get(&app(), query, &[]).await;
    assert_eq!(answer.bad_fields(), bad, "{}", answer.text);
    for wrong in ["0", "201", "-1", "+1", "1.0", "99999999999999999999"] {
        let answer = get(&app(), &format!("/filtered?limit={wrong}"), &[]).await;
        assert_eq!(answer.bad_fields(), ["limit"], "{wrong}");
    }
    let twice = get(&app(), "/filtered?limit=1&limit=2&minPrice=1&minPrice=1", &[]).await;
    let message = || "is given twice".to_owned();
    let both = [("limit".to_owned(), message()), ("minPrice".to_owned(), message())];
    assert_eq!(twice.faults(), both);
}

/// An empty parameter is as good as none; several values of one are repeated, or stand with commas between.
#[tokio::test]
async fn a_parameter_is_read_as_its_type() {
    let query = "/filter?status=&minPrice=7&states=created,completed&flag=true";
    let read = get(&app(), query, &[]).await.json();
    assert_eq!(read["states"], json!(["created", "completed"]));
    assert_eq!((&read["status"], &read["minPrice"]), (&json!(null), &json!(7)));
    assert_eq!(read["flag"], json!(true));
    for several in ["states=created&states=completed", "states=created&states=&states=completed"] {
        let read = get(&app(), &format!("/filter?{several}"), &[]).await.json();
        assert_eq!(read["states"], json!(["created", "completed"]), "{several}");
    }
    for wrong in ["states=created,up", "states=created&states=up", "states=created,"] {
        let wrong = get(&app(), &format!("/filter?{wrong}"), &[]).await;
        assert_eq!(wrong.bad_fields(), ["states"]);
    }
    assert_eq!(get(&app(), "/filtered?limit=7", &[]).await.json()[1], 7);
    assert_eq!(get(&app(), "/filtered", &[]).await.json()[1], 50);
}
