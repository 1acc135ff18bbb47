//! Problems and shared headers in the API's document.

use std::collections::BTreeMap;

#[doc(hidden)]
pub use stubmart_contract::Code;
use stubmart_contract::api::ProblemBody;
#[doc(hidden)]
pub use utoipa::IntoResponses;
use utoipa::{
    IntoParams, ToSchema as _,
    openapi::{
        Content, Ref, RefOr, Required, Response, ResponseBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{Object, ObjectBuilder, Type},
    },
};

use crate::{
    conditional::IfMatch,
    once::{IdempotencyKey, KEY_MAX},
};

/// Names sets of problems for the responses of operations, each by its codes and, where the code alone
/// does not say it, when it comes:
///
/// ```
/// stubmart_http_kit::problems! {
///     CreateOrderProblems: [NotSignedIn, NotFound "no such ticket, or no longer offered", TicketSold];
/// }
/// ```
#[macro_export]
macro_rules! problems {
    ($($name:ident: [$($code:ident $($when:literal)?),+ $(,)?];)+) => {$(
        struct $name;

        impl $crate::responses::IntoResponses for $name {
            fn responses() -> $crate::responses::Responses {
                $crate::responses::of(&[$(($crate::responses::Code::$code, concat!($($when)?)),)+])
            }
        }
    )+};
}

/// Responses by their status.
pub type Responses = BTreeMap<String, RefOr<Response>>;

/// The responses of problems with these codes, each with when it comes where that is worth a word.
#[must_use]
pub fn of(problems: &[(Code, &str)]) -> Responses {
    let mut descriptions: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for (code, when) in problems {
        let when = if when.is_empty() { String::new() } else { format!(": {when}") };
        let description = format!("`{}`{when}", code.word());
        descriptions.entry(code.status()).or_default().push(description);
    }
    let response =
        |(status, codes): (u16, Vec<String>)| (status.to_string(), problem(codes.join(", ")));
    descriptions.into_iter().map(response).collect()
}

/// A response that is a problem.
#[must_use]
pub fn problem(description: impl Into<String>) -> RefOr<Response> {
    let schema = RefOr::Ref(Ref::from_schema_name(ProblemBody::name()));
    let content = Content::builder().schema(Some(schema)).build();
    let response = ResponseBuilder::new().description(description);
    RefOr::T(response.content("application/problem+json", content).build())
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = text().pattern(Some("^(\\*|\"[0-9]+\")$")).build();
        vec![header("If-Match", "The ETag of the version that is meant, or `*`", schema)]
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = text().min_length(Some(1)).max_length(Some(KEY_MAX)).pattern(Some("^[!-~]+$"));
        let description = "The same key and body replays the first answer; kept for 24 hours";
        vec![header("Idempotency-Key", description, schema.build())]
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A header that may be left out.
fn header(name: &str, description: &str, schema: Object) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
