//! The emulator's webhooks: signed, and sent again until they are taken.

use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::Full;
use hyper::{Method, Request, Uri};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sha2::Sha256;
use stubmart_contract::Timestamp;
use stubmart_ports::host::Host;

/// How long an endpoint may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long to wait before an event is sent again. Stripe goes on for three days.
const AGAIN: [Duration; 6] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(300),
    Duration::from_secs(3600),
];

/// Where events are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub url: Uri,
    /// What they are signed with: `whsec_…`. While a secret is replaced there are two.
    pub secrets: Vec<String>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The signature of a body, as `Stripe-Signature` carries it.
    #[must_use]
    pub fn sign(&self, body: &[u8], at: Timestamp) -> String {
        let seconds = at.millis().div_euclid(1000);
        let mut header = format!("t={seconds}");
        for secret in &self.secrets {
            if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
                mac.update(format!("{seconds}.").as_bytes());
                mac.update(body);
                let code = mac.finalize().into_bytes();
                header.push_str(",v1=");
                header.extend(code.iter().map(|byte| format!("{byte:02x}")));
            }
        }
        header
    }

    /// Sends an event until it is taken, or for about an hour.
    /// True once it is taken.
    pub(super) async fn send(self, event: Bytes, host: Host) -> bool {
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        for pause in AGAIN {
            let request = Request::builder()
                .method(Method::POST)
                .uri(self.url.clone())
                .header("content-type", "application/json; charset=utf-8")
                .header("stripe-signature", self.sign(&event, host.now()))
                .body(Full::new(event.clone()));
            let Ok(request) = request else { return false };
            let answered = host.timeout(ANSWER_MAX, client.request(request)).await;
            if answered.is_ok_and(|it| it.is_ok_and(|it| it.status().is_success())) {
                return true;
            }
            host.clock.sleep(pause).await;
        }
        false
    }
}
