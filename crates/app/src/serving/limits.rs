//! How many calls are computed at once, how many may wait for their turn, and for how long.
//!
//! Whoever finds the queue full, or waited in vain, is told when to come back: an answer after a second is worth more
//! than one after a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;

/// How many calls may wait, for each that is computed.
const WAITING_PER_PERMIT: usize = 16;
/// How long a call waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// When to come back: by then, everything that waits now has been answered or refused.
const RETRY_AFTER: Duration = LONGEST_WAIT;

/// Hands out permits to compute.
#[derive(Debug)]
pub(super) struct Limits {
    permits: Arc<Semaphore>,
    running: usize,
    waiting: AtomicUsize,
    longest_wait: Duration,
}

impl Limits {
    /// `running` calls at once.
    pub(super) fn new(running: usize) -> Self {
        let running = running.max(1);
        let permits = Arc::new(Semaphore::new(running));
        Self { permits, running, waiting: AtomicUsize::new(0), longest_wait: LONGEST_WAIT }
    }

    /// A permit to compute, perhaps after a wait; whoever holds it computes.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many wait already, or when the wait was too long.
    pub(super) async fn admit(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = self.queue()?;
        let turn = tokio::time::timeout(self.longest_wait, Arc::clone(&self.permits).acquire_owned());
        turn.await.ok().and_then(Result::ok).ok_or_else(|| self.overloaded("and none ended in time"))
    }

    fn queue(&self) -> Result<Place<'_>, Error> {
        let place = Place(&self.waiting);
        let before_us = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before_us >= self.running * WAITING_PER_PERMIT {
            return Err(self.overloaded("and as many as may are waiting"));
        }
        Ok(place)
    }

    fn overloaded(&self, why: &str) -> Error {
        let message = format!("{} calls are being computed {why}", self.running);
        Error::Overloaded { message, retry_after: RETRY_AFTER }
    }
}

/// A place among the waiting, given up when dropped: also when the caller has hung up.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_waits_for_its_turn_and_gets_it() {
        let limits = Limits::new(1);
        let first = limits.admit().await.expect("nobody else is there");
        let second = limits.admit();
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        drop(second.await.expect("the first has left"));
        assert_eq!(limits.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_told_when_to_come_back() {
        let limits = Limits::new(1);
        let _running = limits.admit().await.expect("nobody else is there");
        let mut waiting: Vec<_> = (0..WAITING_PER_PERMIT).map(|_| Box::pin(limits.admit())).collect();
        for call in &mut waiting {
            assert!(futures::poll!(call).is_pending());
        }
        let refused = limits.admit().await.expect_err("the queue is full");
        assert!(matches!(refused, Error::Overloaded { retry_after, .. } if retry_after > Duration::ZERO), "{refused}");
        drop(waiting);
        assert_eq!(limits.waiting.load(Ordering::Relaxed), 0, "those who hang up give up their place");
    }

    #[tokio::test]
    async fn who_waited_in_vain_is_told_when_to_come_back() {
        let limits = Limits { longest_wait: Duration::ZERO, ..Limits::new(1) };
        let _running = limits.admit().await.expect("nobody else is there");
        assert!(matches!(limits.admit().await, Err(Error::Overloaded { .. })));
    }
}
