//! Calls as the fault of the moment has them.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_ports::Cause;

use super::plan::{Call, Fault, Faults};

/// The cause that injected failures give.
#[must_use]
pub fn injected() -> Cause {
    "an injected fault".into()
}

/// The errors of a port for a call that was not made, and for one whose answer was lost.
pub(super) type Errors<E> = (fn(Cause) -> E, fn(Cause) -> E);

/// Makes a call that changes something, as the fault of the moment has it.
pub(super) async fn change<T, E>(
    faults: &Arc<dyn Faults>,
    call: Call,
    errors: Errors<E>,
    make: impl Fn() -> BoxFuture<'static, Result<T, E>> + Send,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let fault = faults.begin(call).await;
    let answer = change_with(fault, faults, call, errors, make).await;
    faults.end(call).await;
    answer
}

/// Makes a call that changes something, as this fault has it.
pub(super) async fn change_with<T, E>(
    fault: Fault,
    faults: &Arc<dyn Faults>,
    call: Call,
    (fail, lost): Errors<E>,
    make: impl Fn() -> BoxFuture<'static, Result<T, E>> + Send,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    match fault {
        Fault::None | Fault::Forget => make().await,
        Fault::Fail => Err(fail(injected())),
        Fault::LoseAnswer => {
            drop(make().await);
            Err(lost(injected()))
        }
        Fault::Late => {
            faults.later(call, make().map(drop).boxed());
            Err(lost(injected()))
        }
        Fault::Twice => {
            let answer = make().await;
            drop(make().await);
            answer
        }
    }
}

/// Makes a call that changes nothing: it is answered, or it fails.
pub(super) async fn ask<T, E>(
    faults: &Arc<dyn Faults>,
    call: Call,
    fail: fn(Cause) -> E,
    make: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, E>
where
    T: Send,
    E: Send,
{
    let answer = match faults.begin(call).await {
        Fault::None | Fault::Twice | Fault::Forget => make.await,
        Fault::Fail | Fault::LoseAnswer | Fault::Late => Err(fail(injected())),
    };
    faults.end(call).await;
    answer
}
