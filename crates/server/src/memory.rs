//! How much memory bodies may take, all requests together.
//!
//! A body counts as what was read of it, and a JSON body, once it is whole, as what its values will take: a nest of
//! small objects takes ninety times its text. Large bodies wait a moment for their share and are then told when to
//! come back; small ones have a part of their own, so that those who send much do not keep out those who ask one row.

use std::sync::Arc;
use std::time::Duration;

use meuse_app::Error;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is shared out.
const UNIT: usize = 1 << 10;
/// Up to this size a body is small.
const SMALL: usize = 64 << 10;
/// In which steps a small body asks for memory.
const SMALL_STEP: usize = 4 << 10;
/// In which steps a large one does.
const LARGE_STEP: usize = 256 << 10;
/// How long a body waits for its share.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The memory for bodies.
#[derive(Debug)]
pub(crate) struct Memory {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    large_units: u32,
    held: Gauge,
    longest_wait: Duration,
}

impl Memory {
    /// So many bytes, of which a quarter is for small bodies; `held` shows what is in use.
    pub(crate) fn new(bytes: usize, held: Gauge) -> Self {
        let units = units(bytes).max(8);
        let (small_units, large_units) = (units / 4, units - units / 4);
        Self {
            small: Arc::new(Semaphore::new(small_units as usize)),
            large: Arc::new(Semaphore::new(large_units as usize)),
            large_units,
            held,
            longest_wait: LONGEST_WAIT,
        }
    }

    /// The memory of one request, of which nothing is held yet.
    pub(crate) fn request(self: &Arc<Self>) -> Arc<Holding> {
        Arc::new(Holding { memory: Arc::clone(self), shares: Mutex::default() })
    }

    /// Memory for something that is there already, such as an answer; nothing when it is small.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub(crate) fn share(&self, bytes: usize) -> Result<Option<Share>, Error> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let wanted = units(bytes).min(self.large_units);
        let permit = Arc::clone(&self.large).try_acquire_many_owned(wanted).map_err(|_| overloaded())?;
        Ok(Some(self.shared(permit)))
    }

    /// `more` bytes for a request that will then hold `total`.
    async fn acquire(&self, more: usize, total: usize) -> Result<Share, Error> {
        if units(total) > self.large_units {
            return Err(too_large(total, self.large_units));
        }
        if total <= SMALL
            && let Ok(permit) = Arc::clone(&self.small).try_acquire_many_owned(units(more))
        {
            return Ok(self.shared(permit));
        }
        let permit = Arc::clone(&self.large).acquire_many_owned(units(more));
        let permit = tokio::time::timeout(self.longest_wait, permit).await;
        permit.ok().and_then(Result::ok).map(|permit| self.shared(permit)).ok_or_else(overloaded)
    }

    fn shared(&self, permit: OwnedSemaphorePermit) -> Share {
        self.held.inc_by(permit.num_permits() as i64 * UNIT as i64);
        Share(Arc::new(Held { permit, held: self.held.clone() }))
    }
}

/// Memory that is held until the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Share(Arc<Held>);

impl Share {
    fn bytes(&self) -> usize {
        self.0.permit.num_permits() * UNIT
    }
}

#[derive(Debug)]
struct Held {
    permit: OwnedSemaphorePermit,
    held: Gauge,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.dec_by(self.permit.num_permits() as i64 * UNIT as i64);
    }
}

/// The memory of one request, held until it is dropped: it travels in the request's extensions.
#[derive(Debug)]
pub(crate) struct Holding {
    memory: Arc<Memory>,
    shares: Mutex<Vec<Share>>,
}

impl Holding {
    /// Holds at least so many bytes from now on.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when others hold too much; [`Error::TooLarge`] for what could never be held.
    pub(crate) async fn grow(&self, bytes: usize) -> Result<(), Error> {
        let held: usize = self.shares.lock().iter().map(Share::bytes).sum();
        if bytes <= held {
            return Ok(());
        }
        // In steps, so that a body that comes in small pieces asks seldom.
        let step = if bytes <= SMALL { SMALL_STEP } else { LARGE_STEP };
        let total = bytes.next_multiple_of(step);
        let more = self.memory.acquire(total - held, total).await?;
        self.shares.lock().push(more);
        Ok(())
    }
}

/// About how many bytes the values of a JSON text take: a value, a list and an object cost what `serde_json` makes of
/// them, and the text itself is copied once.
pub(crate) fn weight(text: &[u8]) -> usize {
    const VALUE: usize = 40;
    const LIST: usize = 160;
    const OBJECT: usize = 680;
    let weigh = |sum: usize, byte: &u8| match byte {
        b',' => sum + VALUE,
        b'[' => sum + LIST,
        b'{' => sum + OBJECT,
        _ => sum,
    };
    text.iter().fold(text.len() * 2, weigh)
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4)
}

fn overloaded() -> Error {
    let message = "other requests hold all the memory for bodies".to_owned();
    Error::Overloaded { message, retry_after: LONGEST_WAIT }
}

fn too_large(bytes: usize, large_units: u32) -> Error {
    let limit = (large_units as usize * UNIT) >> 20;
    Error::TooLarge(format!(
        "read, the body would take {} MiB of memory, and {limit} MiB are the most that one may take: send less at once, \
         as in fewer rows per call",
        bytes >> 20
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(bytes: usize) -> (Arc<Memory>, Gauge) {
        let gauge = Gauge::default();
        let memory = Memory { longest_wait: Duration::ZERO, ..Memory::new(bytes, gauge.clone()) };
        (Arc::new(memory), gauge)
    }

    #[tokio::test]
    async fn what_was_held_is_free_again_when_the_request_is_gone() {
        let (memory, held) = memory(8 << 20);
        let request = memory.request();
        for bytes in [1, 5000, 100_000, 3 << 20] {
            request.grow(bytes).await.expect("nobody else is there");
            assert!(held.get() as usize >= bytes, "{bytes}");
        }
        request.grow(100).await.expect("more is held already");
        drop(request);
        assert_eq!(held.get(), 0);
    }

    #[tokio::test]
    async fn the_large_wait_and_are_refused_while_the_small_go_on() {
        let (memory, _) = memory(8 << 20);
        let first = memory.request();
        first.grow(6 << 20).await.expect("nobody else is there");
        let second = memory.request();
        assert!(matches!(second.grow(1 << 20).await, Err(Error::Overloaded { .. })));
        memory.request().grow(1000).await.expect("small bodies have a part of their own");
        drop(first);
        second.grow(1 << 20).await.expect("the first has gone");
    }

    #[tokio::test]
    async fn what_could_never_be_held_is_too_large() {
        let (memory, _) = memory(8 << 20);
        assert!(matches!(memory.request().grow(7 << 20).await, Err(Error::TooLarge(_))));
    }

    /// The bytes that are really allocated would need an allocator of our own; the suite in `crates/meuse/tests`
    /// looks at the process instead.
    #[test]
    fn a_nest_of_objects_weighs_much_more_than_its_text() {
        let flat = format!("[{}1]", "1,".repeat(1000));
        let nest = format!("[{}1]", "{},".repeat(1000));
        assert!(weight(flat.as_bytes()) > 40 * 1000);
        assert!(weight(nest.as_bytes()) > 700 * 1000);
    }
}
