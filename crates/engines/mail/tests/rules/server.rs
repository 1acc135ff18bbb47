//! A small mail server (RFC 5321) that keeps what it is given.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use stubmart_ports::mailer::Mail;
use stubmart_suite::rules::mailer::Outbox;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What a server does with the next mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// It takes them.
    #[default]
    Takes,
    /// It answers a recipient with this code.
    Refuses(u16),
    /// It takes them and closes the connection before it has said so.
    HangsUp,
}

#[derive(Debug, Default)]
struct State {
    mood: Mood,
    mails: Vec<Vec<u8>>,
    /// The commands, without what belongs to them.
    commands: Vec<String>,
}

/// A mail server on this machine. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl MailServer {
    /// A server that runs as long as the test's runtime.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that hangs up ends its own connection.
                let serving = serving.clone();
                tokio::spawn(async move { drop(serving.serve(stream).await) });
            }
        });
        server
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// The commands that came, in capitals.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.state.lock().unwrap().commands.clone()
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 mail.example ESMTP\r\n").await?;
        loop {
            let Some(line) = line(&mut stream).await? else { return Ok(()) };
            let line = String::from_utf8_lossy(&line).into_owned();
            let command = line.split_whitespace().next().unwrap_or_default().to_uppercase();
            self.state.lock().unwrap().commands.push(command.clone());
            let mood = self.state.lock().unwrap().mood;
            let answer = match (command.as_str(), mood) {
                ("EHLO", _) => {
                    "250-mail.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN".to_owned()
                }
                ("AUTH", _) if line.ends_with(" AGFubgBzZWNyZXQ=") => "235 Welcome".to_owned(),
                ("AUTH", _) => "535 Wrong".to_owned(),
                ("RCPT", Mood::Refuses(code)) => format!("{code} <ann@example.org>: no"),
                ("MAIL" | "RCPT" | "RSET" | "NOOP", _) => "250 Fine".to_owned(),
                ("DATA", _) => {
                    stream.write_all(b"354 Go on\r\n").await?;
                    let mail = data(&mut stream).await?;
                    self.state.lock().unwrap().mails.push(mail);
                    if mood == Mood::HangsUp {
                        return Ok(());
                    }
                    "250 Taken".to_owned()
                }
                ("QUIT", _) => "221 Bye".to_owned(),
                _ => "502 Unknown".to_owned(),
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    Ok(line.strip_suffix(b"\r\n").map(<[u8]>::to_vec))
}

/// A message, up to the dot that ends it.
async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let line = line(stream).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        if line == b"." {
            return Ok(mail);
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        mail.extend_from_slice(b"\r\n");
    }
}

impl Outbox for MailServer {
    fn mails(&self) -> Vec<Mail> {
        self.state.lock().unwrap().mails.iter().map(|mail| crate::read(mail)).collect()
    }
}
