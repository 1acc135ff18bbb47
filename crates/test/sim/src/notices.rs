//! The provider's signed notices, which come early, late, twice, shuffled, forged or never.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use stubmart_contract::Timestamp;
use stubmart_node::Service;
use stubmart_ports::gateway::{BadNotice, Notice};
use uuid::Uuid;

use crate::{
    check::Violation,
    exec::WORLD,
    http::{Request, signature},
    scenario::Kind,
    world::World,
};

/// How old a notice's signature may be.
const TOLERANCE: Duration = Duration::from_secs(300);

/// What signs the notices.
const SECRET: &str = "whsec_simulated";

/// Sends a notice about a payment, as well as it can.
pub(crate) fn tell(world: &Arc<World>, id: &str) {
    if !world.scenario.notices {
        return;
    }
    let number = world.provider.number_notice();
    let charge_id = world.provider.charge_of(id);
    let body = json!({ "id": format!("evt_{number}"), "intent": id, "charge": charge_id });
    let mut copies = 1;
    let mut bound = Duration::from_millis(500);
    if world.happens(Kind::Notice, "notice") {
        match world.below(4) {
            0 => return,
            1 => bound = Duration::from_secs(1200),
            2 => copies = 3,
            _ => forge(world, &body),
        }
    }
    for _ in 0..copies {
        send(world, world.time_below(bound), body.clone(), 0);
    }
}

/// Sends a notice that nobody signed, which must be refused, and one about somebody else's payment, which
/// must be taken.
fn forge(world: &Arc<World>, body: &Value) {
    let payment = json!({ "id": "evt_x", "intent": "pi_x", "charge": Uuid::from_u128(7) });
    let signed = Request::new("POST", "/api/payments/webhook").signed(payment, world.now(), SECRET);
    let forged = Request::new("POST", "/api/payments/webhook").signed(
        body.clone(),
        world.now(),
        "whsec_guessed",
    );
    let world = Arc::clone(world);
    world.exec.clone().spawn(WORLD, async move {
        for (request, right) in [(forged, 400), (signed, 200)] {
            let answer = world.request(Service::Payments, request).await;
            let status = answer.map_or(right, |answer| answer.status);
            if status != right && status != 503 {
                let text = format!("a notice that must be answered {right} was answered {status}");
                world.violate(Violation { invariant: "PAY-2", text, documents: Vec::new() });
            }
        }
    });
}

/// Sends a notice, and again while it is not taken.
fn send(world: &Arc<World>, delay: Duration, body: Value, tries: u32) {
    world.later(delay, move |world| {
        let sender = Arc::clone(world);
        world.exec.spawn(WORLD, async move {
            let request = Request::new("POST", "/api/payments/webhook").signed(
                body.clone(),
                sender.now(),
                SECRET,
            );
            let answer = sender.request(Service::Payments, request).await;
            let taken = answer.is_some_and(|answer| answer.status < 300);
            if !taken && tries < 4 {
                send(&sender, Duration::from_secs(10 << tries), body, tries + 1);
            }
        });
    });
}

/// Checks and reads a notice.
pub(crate) fn read(given: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice> {
    let at = given.split('.').next().and_then(|millis| millis.parse().ok());
    let at = Timestamp::from_millis(at.ok_or(BadNotice::Signature)?);
    if signature(body, at, SECRET) != given
        || now.since(at) > TOLERANCE
        || at.since(now) > TOLERANCE
    {
        return Err(BadNotice::Signature);
    }
    let body: Value =
        serde_json::from_slice(body).map_err(|error| BadNotice::Malformed(error.to_string()))?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    Ok(Notice {
        id: text("id").unwrap_or_default(),
        kind: "payment_intent.updated".to_owned(),
        at,
        payment_id: text("intent"),
        charge_id: text("charge").and_then(|id| id.parse().ok()),
    })
}
