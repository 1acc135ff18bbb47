//! Files that requests bring: as they are, or in a form.

use axum::{
    body::Body,
    extract::{FromRequest as _, Request},
};
use stubmart_http_kit::SentFile;

async fn sent(kind: &str, body: &'static [u8]) -> Result<SentFile, u16> {
    let request = Request::builder().header("content-type", kind).body(Body::from(body)).unwrap();
    SentFile::from_request(request, &()).await.map_err(|problem| problem.status().as_u16())
}

#[tokio::test]
async fn a_file_is_the_body_or_a_part_of_a_form() {
    let plain = sent("text/csv; charset=windows-1252", b"id,price\xe9").await.unwrap();
    assert_eq!(plain.file.as_deref(), Some(&b"id,price\xe9"[..]));
    let form = b"--x\r\nContent-Disposition: form-data; name=\"mode\"\r\n\r\nreplace\r\n--x\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\nid\n1\r\n\
        --x--\r\n";
    let form = sent("multipart/form-data; boundary=x", form).await.unwrap();
    assert_eq!(form.file.as_deref(), Some(&b"id\n1"[..]));
    assert_eq!(form.fields, [("mode".to_owned(), "replace".to_owned())]);
    let none =
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x--\r\n";
    assert_eq!(sent("multipart/form-data; boundary=x", none).await.unwrap().file, None);
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    assert_eq!(sent("application/json", b"{}").await, Err(415));
    assert_eq!(sent("multipart/form-data", b"--x--").await, Err(415));
    assert_eq!(sent("multipart/form-data; boundary=x", b"--x\r\nbroken").await, Err(400));
}
