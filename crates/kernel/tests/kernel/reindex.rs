//! Documents of earlier versions in the indexes of today.

use stubmart_kernel::aggregate::Key;

use crate::ledger::{LENGTH, Ledger, RETIRED, World, context, number};

/// Every document of a retired index is found by the indexes of today, as it was and without an event.
/// One that cannot be read stays where it is and keeps no other from being found.
#[tokio::test]
async fn every_document_of_a_retired_index_is_brought_over() {
    let world = World::new();
    for id in 1..=3 {
        let ledger = Ledger { id: number(id), name: String::new(), entries: vec![4], due_at: None };
        let body = if id == 2 { b"{".to_vec() } else { serde_json::to_vec(&ledger).unwrap() };
        world.save_bytes(id, &body, RETIRED, Key::new().number(0)).await;
    }
    for _ in 0..2 {
        world.ledgers.reindex(&context(), RETIRED).await.unwrap();
        let ids = async |index| {
            let keys = world.ledgers.keys(world.ledgers.scan(index, &Key::new()).limit(9)).await;
            keys.unwrap().into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };
        assert_eq!(ids(LENGTH).await, [number(1), number(3)]);
        assert_eq!(ids(RETIRED).await, [number(2)]);
    }
    let first = world.ledgers.load(number(1)).await.unwrap().unwrap();
    assert_eq!((first.version, first.state.entries), (0, vec![4]));
    assert!(world.events().await.is_empty());
}
