//! Which stretches of time contain an instant, from a plain B-tree: the relational interval tree of Kriegel, Pötke and
//! Seidl (VLDB 2000). Hours are the nodes of a binary tree that nobody stores. A stretch is kept under the topmost node
//! that lies in it; the stretches that contain an instant are kept under the nodes on the way from the root to its hour.
//! So the board as of any instant reads what was open then, however much has been closed before or since.

/// In microseconds.
const HOUR: i64 = 3_600_000_000;
/// Up to 2^24 hours from 1970: some nineteen centuries. What lies beyond is kept at the edge.
const LEVELS: u32 = 24;
/// Of stretches that have no end yet.
pub(crate) const OPEN: i64 = i64::MAX;

fn hour(at: i64) -> i64 {
    let edge = (1 << LEVELS) - 1;
    at.div_euclid(HOUR).clamp(-edge, edge)
}

/// The node of a stretch from an instant to before another; none if it is empty.
pub(crate) fn node(from: i64, until: i64) -> Option<i64> {
    if until <= from {
        return None;
    }
    // Of the hours of the stretch, the one with the most zeros at its end.
    let (before, last) = (hour(from) - 1, hour(until - 1));
    let highest = i64::BITS - 1 - (before ^ last).leading_zeros();
    Some((last >> highest) << highest)
}

/// The nodes under which a stretch may be kept that contains an instant, [`OPEN`] among them.
pub(crate) fn nodes_over(at: i64) -> Vec<i64> {
    let hour = hour(at);
    let mut nodes: Vec<i64> = (0..=LEVELS).map(|level| ((hour >> level) | 1) << level).collect();
    nodes.extend([0, OPEN]);
    nodes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stretch_is_found_from_every_instant_in_it(
            from in -2_000_000_000_000_000_i64..4_000_000_000_000_000,
            exponent in 0_u32..52,
            fraction in 0.0_f64..1.0,
        ) {
            let until = from + 1 + (1_i64 << exponent);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any instant will do")]
            let within = from + ((until - 1 - from) as f64 * fraction) as i64;
            let node = node(from, until).unwrap();
            for at in [from, within, until - 1] {
                prop_assert!(nodes_over(at).contains(&node), "{from} {until} {at} {node}");
            }
        }

        #[test]
        fn no_instant_is_beyond_the_tree(from: i64, until: i64) {
            if let Some(node) = node(from, until) {
                prop_assert!(nodes_over(from).contains(&node) && nodes_over(until - 1).contains(&node));
            }
        }
    }

    #[test]
    fn a_stretch_without_length_is_nowhere() {
        assert_eq!((node(5, 5), node(5, 4)), (None, None));
    }

    #[test]
    fn few_nodes_are_looked_at() {
        assert_eq!(nodes_over(1_714_000_000_000_000).len(), 27);
    }
}
