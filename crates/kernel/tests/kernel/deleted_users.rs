//! Users whose account was deleted.

use std::sync::Arc;

use stubmart_contract::UserId;
use stubmart_kernel::{aggregate::Collection, deleted_users::DeletedUsers};

use crate::ledger::{World, context, number};

static DELETED: Collection = Collection { name: "test.deleted-user", indexes: &[] };

/// A deleted user is remembered for ever, by every instance, however often the event comes; nobody else
/// is taken for deleted.
#[tokio::test]
async fn a_deleted_user_is_remembered() {
    let world = World::new();
    let instance =
        || DeletedUsers::new(&DELETED, Arc::new(world.store.clone()), world.host.clone());
    let [deleted, other] = [1, 2].map(|id| UserId(number(id)));
    assert!(!instance().contains(deleted).await.unwrap());
    for _ in 0..2 {
        instance().add(&context(), deleted).await.unwrap();
        assert!(instance().contains(deleted).await.unwrap());
    }
    assert!(!instance().contains(other).await.unwrap());
}
