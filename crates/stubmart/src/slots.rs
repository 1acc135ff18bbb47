//! Slots: so many for each network, and so many in total.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use stubmart_kernel::network::network;

/// How many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// For one network: an IPv4 address, or an IPv6 network of 64 bits.
    pub(crate) each: usize,
    /// For all together.
    pub(crate) total: usize,
}

/// Slots that are taken and given back.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: Most,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// A slot that is taken. Dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    network: IpAddr,
}

impl Slots {
    /// So many slots, all free.
    pub(crate) fn new(most: Most) -> Self {
        let inner = Inner { most, taken: Mutex::default() };
        Self(Arc::new(inner))
    }

    /// Takes a slot for the client at `address`; `None` when its network has all of its own, or none is free.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Slot> {
        let network = network(address);
        let mut taken = self.taken();
        let own = taken.by_network.get(&network).copied().unwrap_or(0);
        if own >= self.0.most.each || taken.total >= self.0.most.total {
            return None;
        }
        taken.total = taken.total.saturating_add(1);
        taken.by_network.insert(network, own.saturating_add(1));
        Some(Slot { slots: self.clone(), network })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.total = taken.total.saturating_sub(1);
        let own = taken.by_network.get(&self.network).copied().unwrap_or(0).saturating_sub(1);
        if own == 0 {
            taken.by_network.remove(&self.network);
        } else {
            taken.by_network.insert(self.network, own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network has so many slots, however many addresses it takes them from; the others keep theirs.
    #[test]
    fn one_network_takes_its_own_slots_only() {
        let slots = Slots::new(Most { each: 2, total: 5 });
        let take = |address: &str| slots.take(address.parse().unwrap());
        let held: Vec<_> = ["2001:db8::1", "2001:db8::2"].map(take).into_iter().flatten().collect();
        assert_eq!(held.len(), 2);
        assert!(take("2001:db8::3").is_none());
        let other = take("192.0.2.1").unwrap();
        assert!(take("::ffff:192.0.2.1").is_some_and(|_| take("192.0.2.1").is_none()));
        drop(held);
        assert!(take("2001:db8::3").is_some());
        drop(other);
        assert!(slots.taken().by_network.is_empty(), "nothing is kept of a network that has gone");
    }

    #[test]
    fn all_together_have_so_many() {
        let slots = Slots::new(Most { each: 2, total: 3 });
        let take = |last: u8| slots.take(IpAddr::from([192, 0, 2, last]));
        let held: Vec<_> = [1, 2, 3].map(take).into_iter().flatten().collect();
        assert_eq!(held.len(), 3);
        assert!(take(4).is_none());
        drop(held);
        assert!(take(4).is_some());
    }
}
