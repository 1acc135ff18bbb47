//! A small HTTP/1.1 client for load: one kept-alive connection, one request at a time, and little work
//! for each, since it shares the cores with the server.

use std::{io::Write as _, net::SocketAddr};

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::failure::Failure;

/// Room for the answers that the load asks for.
const BUFFER: usize = 64 * 1024;

/// An answer. It lies in the buffer of its connection.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) head: &'a str,
    pub(crate) body: &'a [u8],
}

/// The part of every created resource that a load needs.
#[derive(Deserialize)]
struct Created {
    id: String,
}

impl Answer<'_> {
    /// The id of the resource that the answer shows.
    pub(crate) fn id(&self) -> Result<String, Failure> {
        match serde_json::from_slice::<Created>(self.body) {
            Ok(created) if (200..300).contains(&self.status) => Ok(created.id),
            _ => Err(self.unexpected()),
        }
    }

    /// The session token that the answer set.
    pub(crate) fn session(&self) -> Result<String, Failure> {
        let token = self.head.split_once("stubmart_session=").map(|(_, rest)| rest);
        let token = token.and_then(|rest| rest.split(';').next());
        token.map(ToOwned::to_owned).ok_or_else(|| self.unexpected())
    }

    fn unexpected(&self) -> Failure {
        let body = String::from_utf8_lossy(self.body);
        format!("unexpected answer: {} {body}", self.status).into()
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    request: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(BUFFER), request: Vec::new() })
    }

    /// Gets `path` as the user of the session `token`, or as nobody when it is empty.
    pub(crate) async fn get(&mut self, path: &str, token: &str) -> Result<Answer<'_>, Failure> {
        self.send("GET", path, token, "").await
    }

    /// Posts the JSON text `body` as the user of the session `token`, or as nobody when it is empty.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        token: &str,
        body: &str,
    ) -> Result<Answer<'_>, Failure> {
        self.send("POST", path, token, body).await
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> Result<Answer<'_>, Failure> {
        self.request.clear();
        write!(self.request, "{method} {path} HTTP/1.1\r\nhost: bench\r\n")?;
        if !token.is_empty() {
            write!(self.request, "authorization: Bearer {token}\r\n")?;
        }
        if !body.is_empty() {
            let length = body.len();
            write!(self.request, "content-type: application/json\r\ncontent-length: {length}\r\n")?;
        }
        write!(self.request, "\r\n{body}")?;
        self.stream.write_all(&self.request).await?;
        self.receive().await
    }

    async fn receive(&mut self) -> Result<Answer<'_>, Failure> {
        self.buffer.clear();
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            self.read().await?;
        };
        let head = std::str::from_utf8(self.buffer.get(..end).unwrap_or_default())?;
        let length: usize = header(head, "content-length").unwrap_or("0").parse()?;
        let body = end + 4..end + 4 + length;
        while self.buffer.len() < body.end {
            self.read().await?;
        }
        let head = std::str::from_utf8(self.buffer.get(..end).unwrap_or_default())?;
        let status = head.get(9..12).ok_or("an answer without a status")?.parse()?;
        Ok(Answer { status, head, body: self.buffer.get(body).unwrap_or_default() })
    }

    async fn read(&mut self) -> Result<(), Failure> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
