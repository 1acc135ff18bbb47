//! The rules of the market's keys.

use std::sync::Arc;

use stubmart_keyring::Purpose;
use stubmart_ports::keys::Keys;

/// Adds a key to an adapter's keys.
pub type Rotate = Arc<dyn Fn() + Send + Sync>;

const PURPOSE: Purpose = Purpose("rules");

/// What one handle's keys sealed, another's open, and both have the same fingerprints.
pub async fn every_handle_has_the_same_keys(a: Arc<dyn Keys>, b: Arc<dyn Keys>, _: Rotate) {
    let (a, b) = (a.keyring().await.unwrap(), b.keyring().await.unwrap());
    let sealed = a.seal(PURPOSE, b"", b"secret", [1; 32].into()).unwrap();
    assert_eq!(b.open(PURPOSE, b"", &sealed).unwrap(), b"secret");
    assert_eq!(a.fingerprint(PURPOSE, b"code"), b.fingerprint(PURPOSE, b"code"));
}

/// A key that is added seals at the next call of each handle, and the old ones open as before.
pub async fn a_key_that_is_added_holds_at_once(a: Arc<dyn Keys>, b: Arc<dyn Keys>, add: Rotate) {
    let before = a.keyring().await.unwrap();
    let sealed = before.seal(PURPOSE, b"", b"secret", [1; 32].into()).unwrap();
    for round in 1..=3 {
        add();
        for handle in [&a, &b] {
            let keyring = handle.keyring().await.unwrap();
            assert_eq!(keyring.newest(), before.newest() + round);
            assert_eq!(keyring.open(PURPOSE, b"", &sealed).unwrap(), b"secret");
            let (code, was) =
                (keyring.fingerprint(PURPOSE, b"code"), before.fingerprint(PURPOSE, b"code"));
            assert_eq!(code, was);
        }
    }
}

/// Makes a test of each rule of the [`Keys`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Keys, Rotate>>`.
#[macro_export]
macro_rules! keys_suite {
    ($factory:expr) => {
        $crate::rule_tests!(
            keys,
            $factory,
            [],
            with [
                every_handle_has_the_same_keys,
                a_key_that_is_added_holds_at_once,
            ]
        );
    };
}
