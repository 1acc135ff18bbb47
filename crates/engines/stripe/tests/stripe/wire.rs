//! What the adapter sends, judged by Stripe's own mock server.

use std::{
    fs::OpenOptions,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use stubmart_ports::gateway::{PaymentBooks as _, PaymentGateway as _};
use stubmart_sandbox::emulator::FaultKind;

use crate::support::{emulator, fault, host, patient, refund, request, with_patience};

/// What `scripts/install-stripe-mock.sh` installs.
pub(crate) fn installed(path: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let installed = root.join(".tools/go").join(path);
    if installed.exists() {
        return Some(installed);
    }
    let is_ci = std::env::var_os("STUBMART_EFFORT").is_some_and(|effort| effort == "ci");
    assert!(!is_ci, "scripts/install-stripe-mock.sh was not run");
    leave_out(
        "Stripe's specification: stripe-mock is not installed (scripts/install-stripe-mock.sh)",
    );
    None
}

/// Takes note that `what` is not tested, in the file that `STUBMART_LEFT_OUT` names: the test command shows
/// it at its end.
fn leave_out(what: &str) {
    if let Some(path) = std::env::var_os("STUBMART_LEFT_OUT") {
        let mut notes = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(notes, "{what}").unwrap();
    }
}

struct Mock {
    process: Child,
    address: String,
}

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Mock {
    fn start(binary: &PathBuf) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let process = Command::new(binary)
            .args(["-http-addr", &address])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mock = Self { process, address };
        let waited = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            TcpStream::connect(&mock.address).is_ok()
        });
        assert!(waited, "stripe-mock did not start");
        mock
    }

    /// Sends a request as it was recorded; the status and the answer.
    fn send(&self, method: &str, path: &str, form: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer sk_test_1\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{form}",
            form.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap();
        (status, answer)
    }
}

/// Every request that the adapter can send is accepted by stripe-mock, which checks them against Stripe's
/// own specification: parameters that do not exist are refused.
#[tokio::test]
async fn every_request_is_one_that_stripe_knows() {
    let Some(binary) = installed("bin/stripe-mock") else { return };
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = with_patience(&emulator, &host, patient());
    for card in [Some("pm_card_visa"), Some("pm_card_visa_chargeDeclined"), None] {
        let payment = stripe.authorise(&request(&host, card)).await.unwrap();
        emulator.fail(fault(FaultKind::ErrorBefore, "/capture", 1));
        stripe.capture(payment.charge_id, &payment.id).await.unwrap();
        stripe.refund(&refund(&payment)).await.unwrap();
        stripe.void(payment.charge_id, &payment.id).await.unwrap();
        stripe.payment_of(payment.charge_id).await.unwrap();
    }
    stripe.undelivered_notices(host.now()).await.unwrap();
    stripe.records().await.unwrap();
    let requests = emulator.requests();
    let mock = Mock::start(&binary);
    for (method, path, form) in &requests {
        let (status, answer) = mock.send(method, path, form);
        assert_eq!(status, 200, "{method} {path} {form}\n{answer}");
    }
    for path in ["payment_intents", "capture", "cancel", "refunds", "charges?", "events?"] {
        assert!(requests.iter().any(|(_, it, _)| it.contains(path)), "{path} was not sent");
    }
    let (status, _) = mock.send("POST", "/v1/payment_intents", "amount=5&colour=red");
    assert_eq!(status, 400, "the judge is awake");
}
