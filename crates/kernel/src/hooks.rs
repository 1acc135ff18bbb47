//! Hooks for the simulation, which tests the tests: marks that a rare situation was met, and deliberate
//! mistakes (mutants) that its checks have to notice.
//!
//! Without the feature `hooks`, which only the simulation asks for, [`mark!`](crate::mark) is nothing
//! and [`mutant!`](crate::mutant) is `false`, so that no code is left of either.

#[cfg(feature = "hooks")]
mod active {
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeMap,
    };

    thread_local! {
        static MUTANT: Cell<Option<&'static str>> = const { Cell::new(None) };
        static MARKS: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Makes one mistake on this thread from now on, or none.
    pub fn set_mutant(name: Option<&'static str>) {
        MUTANT.set(name);
    }

    /// Whether this mistake is to be made.
    #[must_use]
    pub fn is_mutant(name: &str) -> bool {
        MUTANT.get() == Some(name)
    }

    /// Notes that a situation was met.
    pub fn note(name: &'static str) {
        MARKS.with_borrow_mut(|marks| *marks.entry(name).or_default() += 1);
    }

    /// Takes what was met on this thread since the last time, and how often.
    #[must_use]
    pub fn take_marks() -> BTreeMap<&'static str, u64> {
        MARKS.take()
    }
}

#[cfg(feature = "hooks")]
pub use active::{is_mutant, note, set_mutant, take_marks};

/// Whether the named deliberate mistake is to be made here. False outside of the simulation.
#[cfg(feature = "hooks")]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        $crate::hooks::is_mutant($name)
    };
}

/// Whether the named deliberate mistake is to be made here. False outside of the simulation.
#[cfg(not(feature = "hooks"))]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
}

/// Notes for the simulation that the named rare situation was met. Nothing outside of it.
#[cfg(feature = "hooks")]
#[macro_export]
macro_rules! mark {
    ($name:literal) => {
        $crate::hooks::note($name)
    };
}

/// Notes for the simulation that the named rare situation was met. Nothing outside of it.
#[cfg(not(feature = "hooks"))]
#[macro_export]
macro_rules! mark {
    ($name:literal) => {};
}

pub use mark;
pub use mutant;
