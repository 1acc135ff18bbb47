//! How an amount is shared out.

/// The parts of `amount` that fall to each of `weights`, by the largest remainder: each gets its share
/// rounded down, and what is left over goes, one minor unit each, to those whose share was cut the most, and
/// among equals to the first. The parts sum to `amount`, and none is more than its weight, if `amount` is
/// not more than the weights together and no weight is negative.
#[must_use]
pub(crate) fn share(amount: i64, weights: &[i64]) -> Vec<i64> {
    let whole = weights.iter().map(|it| i128::from(*it)).sum::<i128>().max(1);
    let exact = |weight: i64| i128::from(amount) * i128::from(weight);
    let mut parts: Vec<i128> = weights.iter().map(|it| exact(*it) / whole).collect();
    let rest = i128::from(amount) - parts.iter().sum::<i128>();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|place| weights.get(*place).map(|it| -(exact(*it) % whole)));
    for place in by_remainder.into_iter().take(usize::try_from(rest).unwrap_or(0)) {
        if let Some(part) = parts.get_mut(place) {
            *part += 1;
        }
    }
    parts.into_iter().map(|part| i64::try_from(part).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_over_goes_to_those_whose_share_was_cut_the_most() {
        for (amount, weights, expected) in [
            (100, [9_500, 1_260, 240], [86, 12, 2]),
            (1, [9_500, 1_260, 240], [1, 0, 0]),
            (1, [1, 1, 1], [1, 0, 0]),
            (2, [1, 1, 1], [1, 1, 0]),
            (11_000, [9_500, 1_260, 240], [9_500, 1_260, 240]),
            (0, [0, 0, 0], [0, 0, 0]),
        ] {
            assert_eq!(share(amount, &weights), expected, "{amount} of {weights:?}");
        }
    }

    /// Whatever is given back in whatever parts, the parts sum to it, and nobody gives more than they have.
    #[test]
    fn parts_sum_to_the_amount_and_take_no_more_than_there_is() {
        let mut state = 7_u64;
        let mut below = |bound: i64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from(state >> 33).unwrap() % bound
        };
        for _ in 0..2_000 {
            let mut left = [below(1_000_000), below(50_000), below(9_000)];
            while left.iter().sum::<i64>() > 0 {
                let whole = left.iter().sum::<i64>();
                let amount = 1 + below(whole);
                let parts = share(amount, &left);
                assert_eq!(parts.iter().sum::<i64>(), amount);
                for (has, part) in left.iter_mut().zip(parts) {
                    assert!((0..=*has).contains(&part), "{part} of {has}, of {amount} of {whole}");
                    *has -= part;
                }
            }
        }
    }
}
