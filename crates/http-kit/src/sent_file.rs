//! Files that requests bring.

use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use bytes::Bytes;
use futures_util::stream;
use multer::Multipart;
use stubmart_contract::Code;

use crate::{body, problem::Problem};

/// The name of the part of a form that has the file.
const PART: &str = "file";

/// How many parts of a form are read.
const PARTS_MAX: usize = 64;

/// A file: the body of the request where it is text, or the part `file` of a form (RFC 7578).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentFile {
    /// The file; nothing where a form has none.
    pub file: Option<Bytes>,
    /// The other parts of the form that are text.
    pub fields: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequest<S> for SentFile {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let bytes = body::bytes(request).await?;
        if essence.starts_with("text/") {
            return Ok(Self { file: Some(bytes), fields: Vec::new() });
        }
        let no_boundary = || Problem::new(Code::UnsupportedMediaType);
        if essence != "multipart/form-data" {
            return Err(no_boundary());
        }
        let boundary = multer::parse_boundary(&kind).map_err(|_| no_boundary())?;
        parts(bytes, boundary).await.map_err(|error| {
            Problem::invalid_field("body", format!("is no form that can be read: {error}"))
        })
    }
}

/// The parts of a form.
async fn parts(bytes: Bytes, boundary: String) -> Result<SentFile, multer::Error> {
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
    let mut form = Multipart::new(whole, boundary);
    let mut sent = SentFile::default();
    for _ in 0..PARTS_MAX {
        let Some(part) = form.next_field().await? else { break };
        let name = part.name().unwrap_or_default().to_owned();
        // A browser sends an empty part where no file was chosen.
        let is_named = part.file_name().is_some_and(|it| !it.is_empty());
        let content = part.bytes().await?;
        if name == PART {
            sent.file = Some(content).filter(|it| is_named || !it.is_empty());
        } else if let Ok(text) = String::from_utf8(content.into()) {
            sent.fields.push((name, text));
        }
    }
    Ok(sent)
}
