//! One at a time for each key, and only so many in the queue.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// How many may wait for one key.
const WAITING_MAX: usize = 64;

/// The queues, by their keys.
#[derive(Debug, Default)]
pub struct Turns(StdMutex<HashMap<String, Queue>>);

#[derive(Debug, Default)]
struct Queue {
    turn: Arc<Mutex<()>>,
    length: usize,
}

/// A slot in a queue; dropping it leaves the queue.
#[derive(Debug)]
struct Slot<'a> {
    turns: &'a Turns,
    key: String,
}

/// The head of a queue. The turn ends before the slot is given up.
#[derive(Debug)]
pub struct Turn<'a> {
    _turn: OwnedMutexGuard<()>,
    _slot: Slot<'a>,
}

impl Turns {
    /// Waits for the turn; `None` at once when too many wait already.
    pub async fn take(&self, key: String) -> Option<Turn<'_>> {
        let turn = {
            let mut queues = self.lock();
            let queue = queues.entry(key.clone()).or_default();
            if queue.length > WAITING_MAX {
                return None;
            }
            queue.length = queue.length.saturating_add(1);
            Arc::clone(&queue.turn)
        };
        let slot = Slot { turns: self, key };
        Some(Turn { _turn: turn.lock_owned().await, _slot: slot })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut queue) = self.turns.lock().entry(std::mem::take(&mut self.key)) {
            let length = queue.get().length.saturating_sub(1);
            if length == 0 {
                queue.remove();
            } else {
                queue.get_mut().length = length;
            }
        }
    }
}
