//! A small generator with a seed (SplitMix64): the demo's histories must be the same on every machine and with every
//! version of a library.

/// Not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 up to, not including, `end`; 0 for an empty range.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        let wide = (self.next() >> 32) * u64::from(end);
        u32::try_from(wide >> 32).unwrap_or(0)
    }

    pub(super) fn between(&mut self, first: u32, last: u32) -> u32 {
        first + self.below(last.saturating_sub(first) + 1)
    }

    pub(super) fn percent(&mut self, share: u32) -> bool {
        self.below(100) < share
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        items.get(self.below(u32::try_from(items.len()).unwrap_or(0)) as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_pinned() {
        let mut random = Random::new(1, 2);
        let drawn: Vec<u32> = (0..5).map(|_| random.below(1_000)).collect();
        let mut again = Random::new(1, 2);
        assert_eq!(drawn, (0..5).map(|_| again.below(1_000)).collect::<Vec<_>>());
        assert!(drawn.iter().all(|n| *n < 1_000));
        assert_ne!(
            drawn,
            (0..5)
                .map({
                    let mut other = Random::new(1, 3);
                    move |_| other.below(1_000)
                })
                .collect::<Vec<_>>()
        );
    }
}
