//! Things that are costly to make and good for reuse, but only by one thread at a time.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How many idle things a pool keeps. More threads than this at once still work, and make some of theirs anew.
const MAX_IDLE: usize = 32;

/// Holds what is idle at the moment. There are never more than were in use at the same time.
///
/// Whoever panics while using a thing does not put it back, so that nothing half-used is ever reused.
pub(crate) struct Pool<T> {
    idle: Mutex<Vec<T>>,
}

impl<T> Pool<T> {
    /// The thing last put back, whose memory is the most likely to be in a cache still.
    pub(crate) fn take(&self) -> Option<T> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(crate) fn put_back(&self, thing: T) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(thing);
        }
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { idle: Mutex::default() }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
