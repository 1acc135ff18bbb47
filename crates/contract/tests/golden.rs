//! Events are kept for ever, so what was once written must be read for ever.
//!
//! `golden` holds examples as they were written: `TYPE.json`, and `TYPE.WHAT-CHANGED.json` from the day
//! a payload changed. An example is never edited or removed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use stubmart_contract::{DomainEvent, Envelope, EventType, event::DecodeError};

/// The examples by file name, without the extension.
fn examples() -> BTreeMap<String, Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn every_stored_example_decodes_to_the_event_it_is_named_after() {
    for (name, bytes) in examples() {
        let envelope = Envelope::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(Some(envelope.event.event_type().as_str()), name.split('.').next(), "{name}");
    }
}

/// A payload that has changed needs an example of its new form beside the old one.
#[test]
fn every_kind_of_event_has_an_example_of_the_form_it_is_written_in_today() {
    let examples = examples();
    for kind in EventType::ALL {
        let mut of_kind =
            examples.iter().filter(|(name, _)| name.split('.').next() == Some(kind.as_str()));
        let is_todays_form = |bytes: &[u8]| {
            let written = Envelope::decode(bytes).unwrap().encode().unwrap();
            let [stored, written] =
                [bytes, &written].map(|it| serde_json::from_slice::<Value>(it).unwrap());
            stored == written && stored["schema"] == kind.schema()
        };
        let found = of_kind.any(|(_, bytes)| is_todays_form(bytes));
        assert!(found, "{}: no example of today's form in tests/golden", kind.as_str());
    }
}

#[test]
fn the_lock_that_an_old_order_expired_was_about_is_read_as_what_it_was() {
    let [old, new] = ["ORDER_EXPIRED", "ORDER_EXPIRED.order"]
        .map(|name| Envelope::decode(&examples()[name]).unwrap().event);
    assert!(matches!(old, DomainEvent::LockExpired(_)), "{old:?}");
    assert!(matches!(new, DomainEvent::OrderExpired(_)), "{new:?}");
}

#[test]
fn an_event_of_a_newer_schema_is_refused() {
    let bytes = &examples()["ORDER_EXPIRED.order"];
    let mut event: Value = serde_json::from_slice(bytes).unwrap();
    event["schema"] = (EventType::OrderExpired.schema() + 1).into();
    let decoded = Envelope::decode(event.to_string().as_bytes());
    assert!(matches!(decoded, Err(DecodeError::NewerSchema(3))), "{decoded:?}");
}
