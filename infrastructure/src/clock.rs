//! The only place that asks what time it is.

use std::sync::{Arc, Mutex, PoisonError};

use domain::time::{Instant, truncate};

/// Where the time comes from. Tests and the demo inject it; the server takes the machine's.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    Fixed(Arc<Mutex<Instant>>),
}

impl Clock {
    pub fn fixed(at: Instant) -> Self {
        Self::Fixed(Arc::new(Mutex::new(truncate(at))))
    }

    /// Now, in whole microseconds.
    pub fn now(&self) -> Instant {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
            Self::System => truncate(chrono::Utc::now()),
            Self::Fixed(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a fixed clock; the machine's clock is not ours to move.
    pub fn set(&self, to: Instant) {
        if let Self::Fixed(at) = self {
            *at.lock().unwrap_or_else(PoisonError::into_inner) = truncate(to);
        }
    }
}
