//! Places that are held while something goes on: so many for all, and so many for one, so that nobody takes them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::identity::PrincipalId;
use tokio::sync::watch;

/// Clones share them.
#[derive(Clone)]
pub(super) struct Places {
    held: Arc<Mutex<HashMap<PrincipalId, usize>>>,
    count: Arc<watch::Sender<usize>>,
    of_one_max: usize,
    max: usize,
}

/// One of them, until it is dropped.
pub struct Held {
    places: Places,
    principal: PrincipalId,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.places.lock();
        if let Some(count) = held.get_mut(&self.principal) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.principal);
            }
        }
        self.places.count.send_modify(|count| *count -= 1);
    }
}

impl Places {
    pub(super) fn new(of_one_max: usize, max: usize) -> Self {
        Self { held: Arc::default(), count: Arc::new(watch::channel(0).0), of_one_max, max }
    }

    /// None if there are too many already.
    pub(super) fn take(&self, principal: PrincipalId) -> Option<Held> {
        let mut held = self.lock();
        let of_one = held.get(&principal).copied().unwrap_or_default();
        if self.of_one_max <= of_one || self.max <= *self.count.borrow() {
            return None;
        }
        held.insert(principal, of_one + 1);
        self.count.send_modify(|count| *count += 1);
        Some(Held { places: self.clone(), principal })
    }

    /// How many are held.
    pub(super) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PrincipalId, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_and_what_is_given_back_is_free() {
        let places = Places::new(2, 3);
        let [one, other] = [1, 2].map(|n| PrincipalId(uuid::Uuid::from_u128(n)));
        let first = places.take(one);
        let second = places.take(one);
        assert!(first.is_some() && second.is_some() && places.take(one).is_none());
        let third = places.take(other);
        assert!(third.is_some() && places.take(other).is_none(), "three of all");
        drop(first);
        assert_eq!(*places.count().borrow(), 2);
        assert!(places.take(other).is_some());
        drop((second, third));
        assert_eq!(*places.count().borrow(), 0);
        assert!(places.lock().is_empty(), "nobody is kept in mind who holds none");
    }
}
