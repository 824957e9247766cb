//! Who is connected, who leaves when there is no place for somebody new, and who leaves in any case.
//!
//! A place is worth most to whoever comes next, so a connection that only sits is closed for a new one: first those
//! that never showed a valid key, then those with a key that ask nothing, then those that leave their answer
//! unread, and of each the one that has sat longest. A call of somebody with a key is never cut off for a newcomer.
//! Apart from that, one watch looks at all connections together, so that none needs timers of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::ServeOptions;
use crate::metrics::Metrics;

/// How long a newcomer waits until somebody may have become free to go.
const NEXT_LOOK: Duration = Duration::from_millis(50);
/// How long a request without a key, or an answer that is not taken, is let be.
const COURTESY: Duration = Duration::from_secs(2);
/// How long a newcomer has to send its request before it can be sent away for the next one: without it, a flood would
/// push out those who came honestly before they were heard.
const FIRST_WORD: Duration = Duration::from_millis(250);
/// The longest pause between two looks of the watch.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// All connections.
pub(crate) struct Connections {
    places: Arc<Semaphore>,
    lines: Mutex<BTreeMap<u64, Arc<Line>>>,
    next: AtomicU64,
    options: Arc<ServeOptions>,
    metrics: Arc<Metrics>,
    begin: Instant,
}

impl Connections {
    /// Nobody is connected.
    pub(crate) fn new(options: Arc<ServeOptions>, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(options.max_connections.max(1))),
            lines: Mutex::default(),
            next: AtomicU64::new(0),
            options,
            metrics,
            begin: Instant::now(),
        })
    }

    /// A place for a connection, made free by sending somebody away when there is none.
    pub(crate) async fn place(self: &Arc<Self>) -> Place {
        loop {
            if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
                return self.enter(permit);
            }
            self.make_room();
            let permit = Arc::clone(&self.places).acquire_owned();
            // It cannot be closed, since nobody closes it.
            if let Ok(Ok(permit)) = tokio::time::timeout(NEXT_LOOK, permit).await {
                return self.enter(permit);
            }
        }
    }

    fn enter(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Place {
        let line = Arc::new(Line::new(self.begin));
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lines.lock().insert(number, Arc::clone(&line));
        self.metrics.connections.inc();
        Place { connections: Arc::clone(self), number, line, _permit: permit }
    }

    fn make_room(&self) {
        let lines = self.lines.lock();
        let now = millis(self.begin.elapsed());
        let first = lines
            .values()
            .filter_map(|line| line.turn_to_leave(now).map(|turn| (turn, line)))
            .min_by_key(|(turn, _)| *turn);
        let Some((turn, line)) = first else { return };
        // The next look comes soon; until then nobody who showed a key has to go for somebody who has not.
        let has_just_come = turn.0 == 0 && turn.1 + millis(FIRST_WORD) > now;
        if !has_just_come {
            self.send_away(line, "displaced");
        }
    }

    fn send_away(&self, line: &Line, reason: &'static str) {
        if !line.is_leaving.swap(true, Ordering::Relaxed) {
            self.metrics.closed_connection(reason);
            line.leave.notify_one();
        }
    }

    /// Looks after all connections, for as long as it is polled.
    pub(crate) async fn watch(&self) {
        let timeouts = [self.options.header_timeout, self.options.body_timeout, self.options.idle_timeout];
        let shortest = timeouts.into_iter().min().unwrap_or(LONGEST_PAUSE);
        let pause = (shortest / 4).clamp(Duration::from_millis(5), LONGEST_PAUSE);
        loop {
            tokio::time::sleep(pause).await;
            let now = millis(self.begin.elapsed());
            for line in self.lines.lock().values() {
                if let Some(reason) = line.overdue(now, &self.options) {
                    self.send_away(line, reason);
                }
            }
        }
    }
}

/// A connection's place, given up when dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: u64,
    /// What is known about the connection.
    pub(crate) line: Arc<Line>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lines.lock().remove(&self.number);
        self.connections.metrics.connections.dec();
    }
}

/// What is known about one connection. Times are milliseconds since the server began.
#[derive(Debug)]
pub(crate) struct Line {
    begin: Instant,
    /// When it came, or when its last request came or was answered.
    since: AtomicU64,
    was_asked: AtomicBool,
    has_key: AtomicBool,
    /// Requests whose answer's head is not ready.
    working: AtomicUsize,
    /// Answers that are being sent.
    sending: AtomicUsize,
    /// Pieces of answers that wait for the client to take them.
    owed: AtomicUsize,
    /// How often nothing was owed any more.
    settled: AtomicU64,
    /// Bytes that the client's side took.
    taken: AtomicU64,
    seen: Mutex<Seen>,
    is_leaving: AtomicBool,
    leave: Notify,
}

/// What the watch saw when it last found the client not behind.
#[derive(Debug, Default)]
struct Seen {
    at: u64,
    settled: u64,
    taken: u64,
}

impl Line {
    fn new(begin: Instant) -> Self {
        Self {
            begin,
            since: AtomicU64::new(millis(begin.elapsed())),
            was_asked: AtomicBool::new(false),
            has_key: AtomicBool::new(false),
            working: AtomicUsize::new(0),
            sending: AtomicUsize::new(0),
            owed: AtomicUsize::new(0),
            settled: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            seen: Mutex::default(),
            is_leaving: AtomicBool::new(false),
            leave: Notify::new(),
        }
    }

    /// Returns once the connection shall be closed.
    pub(crate) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }

    /// A valid key was shown on this connection.
    pub(crate) fn showed_key(&self) {
        self.has_key.store(true, Ordering::Relaxed);
    }

    /// The client's side took bytes.
    pub(crate) fn took(&self, bytes: usize) {
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A request came; it is being answered until the guard is dropped.
    pub(crate) fn request(self: &Arc<Self>) -> Working {
        self.was_asked.store(true, Ordering::Relaxed);
        self.touch();
        self.working.fetch_add(1, Ordering::Relaxed);
        Working(Arc::clone(self))
    }

    /// An answer is being sent until the guard is dropped.
    pub(crate) fn answer(self: &Arc<Self>) -> Sending {
        self.sending.fetch_add(1, Ordering::Relaxed);
        Sending(Arc::clone(self))
    }

    /// A piece of an answer waits for the client until the guard is dropped.
    pub(crate) fn owe(self: &Arc<Self>) -> Owed {
        self.owed.fetch_add(1, Ordering::Relaxed);
        Owed(Arc::clone(self))
    }

    fn touch(&self) {
        self.since.store(millis(self.begin.elapsed()), Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.working.load(Ordering::Relaxed) == 0 && self.sending.load(Ordering::Relaxed) == 0
    }

    /// Who leaves first: the lowest. Nothing for who stays.
    fn turn_to_leave(&self, now: u64) -> Option<(u8, u64)> {
        if self.is_leaving.load(Ordering::Relaxed) {
            return None;
        }
        let since = self.since.load(Ordering::Relaxed);
        let is_idle = self.is_idle();
        if !self.has_key.load(Ordering::Relaxed) {
            let has_sat = is_idle || since + millis(COURTESY) <= now;
            return has_sat.then_some((0, since));
        }
        if is_idle {
            return Some((1, since));
        }
        let is_behind = self.working.load(Ordering::Relaxed) == 0 && self.owed.load(Ordering::Relaxed) > 0;
        let seen = self.seen.lock();
        let is_behind = is_behind && seen.settled == self.settled.load(Ordering::Relaxed);
        (is_behind && seen.at + millis(COURTESY) <= now).then_some((2, seen.at))
    }

    /// Why the connection shall be closed whether or not others wait, if it shall.
    fn overdue(&self, now: u64, options: &ServeOptions) -> Option<&'static str> {
        let sat = Duration::from_millis(now.saturating_sub(self.since.load(Ordering::Relaxed)));
        // Hyper's own header timeout begins after the bytes that tell HTTP/1 from HTTP/2.
        if !self.was_asked.load(Ordering::Relaxed) && sat >= options.header_timeout {
            return Some("asked nothing");
        }
        if self.is_idle() && sat >= options.idle_timeout {
            return Some("idle");
        }
        self.is_too_slow(now, options).then_some("takes its answers too slowly")
    }

    /// Whether, over a whole `body_timeout` in which something was always owed, less than the least rate was taken.
    fn is_too_slow(&self, now: u64, options: &ServeOptions) -> bool {
        let present =
            Seen { at: now, settled: self.settled.load(Ordering::Relaxed), taken: self.taken.load(Ordering::Relaxed) };
        let mut seen = self.seen.lock();
        if self.owed.load(Ordering::Relaxed) == 0 || seen.settled != present.settled || seen.at == 0 {
            *seen = present;
            return false;
        }
        let behind = Duration::from_millis(now.saturating_sub(seen.at));
        if behind < options.body_timeout {
            return false;
        }
        let least = options.least_bytes(behind);
        let is_too_slow = present.taken.saturating_sub(seen.taken) < least;
        *seen = present;
        is_too_slow
    }
}

/// A request that is being answered.
pub(crate) struct Working(Arc<Line>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.touch();
        self.0.working.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer that is being sent.
pub(crate) struct Sending(Arc<Line>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.touch();
        self.0.sending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A piece of an answer that waits for the client.
pub(crate) struct Owed(Arc<Line>);

impl Drop for Owed {
    fn drop(&mut self) {
        if self.0.owed.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.settled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(has_key: bool, since: u64) -> Arc<Line> {
        let line = Arc::new(Line::new(Instant::now()));
        line.has_key.store(has_key, Ordering::Relaxed);
        line.was_asked.store(true, Ordering::Relaxed);
        line.since.store(since, Ordering::Relaxed);
        line
    }

    #[test]
    fn those_without_a_key_leave_first_and_the_longest_silent_of_them() {
        let turns = [line(false, 5), line(false, 9), line(true, 1)].map(|line| line.turn_to_leave(10));
        assert!(turns[0] < turns[1] && turns[1] < turns[2], "{turns:?}");
    }

    #[test]
    fn a_call_with_a_key_is_not_cut_off_and_one_without_has_its_courtesy() {
        let now = 60_000;
        let (stranger, known) = (line(false, 0), line(true, 0));
        let _work = [stranger.request(), known.request()];
        for line in [&stranger, &known] {
            line.since.store(now - 1, Ordering::Relaxed);
            assert_eq!(line.turn_to_leave(now), None);
            line.since.store(0, Ordering::Relaxed);
        }
        assert_eq!(stranger.turn_to_leave(now), Some((0, 0)));
        assert_eq!(known.turn_to_leave(now), None);
    }

    #[test]
    fn who_takes_an_answer_too_slowly_is_overdue_and_who_takes_it_slowly_is_not() {
        let options = ServeOptions::default();
        let window = millis(options.body_timeout);
        for (taken, expected) in [(1 << 20, None), (10, Some("takes its answers too slowly"))] {
            let line = line(true, 1);
            let _sending = line.answer();
            let _owed = line.owe();
            assert_eq!(line.overdue(1, &options), None);
            line.took(taken);
            assert_eq!(line.overdue(window, &options), None, "a whole window has not passed");
            assert_eq!(line.overdue(window + 1, &options), expected);
        }
    }

    #[test]
    fn who_was_settled_meanwhile_begins_anew() {
        let options = ServeOptions::default();
        let line = line(true, 1);
        let _sending = line.answer();
        let owed = line.owe();
        assert_eq!(line.overdue(1, &options), None);
        drop(owed);
        let _owed = line.owe();
        assert_eq!(line.overdue(millis(options.body_timeout) + 1, &options), None);
    }
}
