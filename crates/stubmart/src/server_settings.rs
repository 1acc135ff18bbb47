//! Where an operator keeps the market: in a file, or on servers.

use std::fmt;

use crate::settings::{Kind, Settings};

/// Where the servers are.
#[derive(Clone, PartialEq, Eq)]
pub struct Servers {
    /// MongoDB's URL, in which `{service}` stands for the name of the service.
    pub mongodb: String,
    /// NATS's URLs, with commas between them.
    pub nats: String,
    /// Redis's URL.
    pub redis: String,
    /// What the names of databases, of the stream and of keys begin with.
    pub namespace: String,
}

/// The URLs have passwords in them.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").finish_non_exhaustive()
    }
}

impl Servers {
    /// Defines and reads the settings: all three or none. A bus in a file cannot follow documents on a
    /// server, and timers in a file would be one process's.
    pub(crate) fn read(it: &mut Settings) -> Option<Self> {
        let mongodb = it.optional(
            MONGODB,
            "MongoDB, to keep the market on servers instead of a file; {service} in it stands for the \
             name of the service",
            &Kind {
                value: "URL",
                parse: |text| url(text, &["mongodb", "mongodb+srv"]),
                show: Clone::clone,
            },
        );
        let nats = it.optional(
            NATS,
            "NATS JetStream (2.10 or later), with MongoDB",
            &Kind { value: "URL", parse: |text| url(text, &["nats", "tls"]), show: Clone::clone },
        );
        let redis = it.optional(
            REDIS,
            "Redis or Valkey, with MongoDB",
            &Kind {
                value: "URL",
                parse: |text| url(text, &["redis", "rediss"]),
                show: Clone::clone,
            },
        );
        let namespace = it.get(
            "namespace",
            "What the names of databases, of the stream and of keys on the servers begin with, so that \
             several markets can share them",
            &Kind { value: "NAME", parse: namespace, show: Clone::clone },
            "stubmart".to_owned(),
        );
        let given =
            [(MONGODB, mongodb.is_some()), (NATS, nats.is_some()), (REDIS, redis.is_some())];
        if given.iter().any(|(_, is_given)| *is_given) {
            for (name, is_given) in given {
                if !is_given {
                    it.miss(name, "is needed too: MongoDB, NATS and Redis go together");
                }
            }
        }
        Some(Self { mongodb: mongodb?, nats: nats?, redis: redis?, namespace })
    }

    /// Whether one of them was given and is wrong, so that it is not known where the market is.
    pub(crate) fn are_faulty(it: &Settings) -> bool {
        [MONGODB, NATS, REDIS].into_iter().any(|name| it.is_faulty(name))
    }
}

const MONGODB: &str = "mongodb-url";
const NATS: &str = "nats-url";
const REDIS: &str = "redis-url";

/// A name that MongoDB, NATS and Redis all take.
fn namespace(text: &str) -> Result<String, String> {
    let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if (1..=40).contains(&text.len()) && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 40 of a to z, 0 to 9 and -".to_owned())
}

/// The URL of a server. What is wrong with the rest of it is not repeated: it has a password.
fn url(text: &str, schemes: &[&str]) -> Result<String, String> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| schemes.contains(&scheme)) {
        return Ok(text.to_owned());
    }
    Err(format!("must be a URL that begins with {}://", schemes.join(":// or ")))
}
