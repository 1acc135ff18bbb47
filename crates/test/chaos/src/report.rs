//! Figures of a run.

use std::{fmt, time::Duration};

/// Durations that were measured.
#[derive(Debug, Clone, Default)]
pub struct Durations(Vec<Duration>);

impl Durations {
    /// Adds a measurement.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// Adds all measurements of another.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many were measured.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest duration that `percent` of a hundred do not exceed (nearest rank); zero when
    /// nothing was measured.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = sorted.len().saturating_mul(percent).div_ceil(100).max(1);
        sorted.get(rank - 1).or(sorted.last()).copied().unwrap_or_default()
    }
}

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = [50, 99, 100].map(|percent| self.percentile(percent));
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?} of {}", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let mut durations = Durations::default();
        assert_eq!(durations.percentile(99), Duration::ZERO);
        for ms in (1..=200).rev() {
            durations.add(Duration::from_millis(ms));
        }
        assert_eq!(durations.percentile(50), Duration::from_millis(100));
        assert_eq!(durations.percentile(99), Duration::from_millis(198));
        assert_eq!(durations.percentile(100), Duration::from_millis(200));
    }
}
