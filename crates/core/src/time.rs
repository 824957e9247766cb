//! Instants as microseconds since 1970, and the clock that tests move by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// An instant in UTC, in microseconds since 1970-01-01. JSON shows it as RFC 3339 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// This instant and `duration` more.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this instant; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} µs since 1970", self.0),
        }
    }
}

impl std::str::FromStr for Micros {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_microsecond()))
    }
}

impl Serialize for Micros {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Micros {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}
impl utoipa::ToSchema for Micros {}

/// Where the time comes from. A test holds a [`Clock::manual`] and moves it; everything else reads the machine's.
///
/// It tells two times: [`Clock::now`], which people read and which an administrator or a time server may set back, and
/// [`Clock::monotonic`], by which waiting is judged.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<Manual>>);

#[derive(Debug)]
struct Manual {
    now: AtomicI64,
    begin: Instant,
    elapsed: AtomicI64,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until it is advanced.
    pub fn manual(start: Micros) -> Self {
        let (now, elapsed) = (AtomicI64::new(start.0), AtomicI64::new(0));
        Self(Some(Arc::new(Manual { now, begin: Instant::now(), elapsed })))
    }

    /// The present instant.
    pub fn now(&self) -> Micros {
        match &self.0 {
            Some(manual) => Micros(manual.now.load(Ordering::SeqCst)),
            None => Micros(jiff::Timestamp::now().as_microsecond()),
        }
    }

    /// The present instant for whoever waits: whatever is done to the time of day, it goes on evenly.
    pub fn monotonic(&self) -> Instant {
        match &self.0 {
            Some(manual) => manual.begin + Duration::from_micros(manual.elapsed.load(Ordering::SeqCst).unsigned_abs()),
            None => Instant::now(),
        }
    }

    /// Lets time pass on a manual clock; the machine's clock cannot be moved.
    pub fn advance(&self, duration: Duration) {
        if let Some(manual) = &self.0 {
            let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
            manual.now.fetch_add(micros, Ordering::SeqCst);
            manual.elapsed.fetch_add(micros, Ordering::SeqCst);
        }
    }

    /// Sets a manual clock back (or, with a negative number, forward) as an administrator would: no time passes.
    pub fn set_back(&self, micros: i64) {
        if let Some(manual) = &self.0 {
            manual.now.fetch_sub(micros, Ordering::SeqCst);
        }
    }
}

/// The instant that a person or program means: microseconds since 1970, RFC 3339 text, or a date, which is its midnight in
/// UTC. A number that is no time of any computer, such as a year, is none.
pub fn instant(text: &str) -> Option<Micros> {
    if let Ok(micros) = text.parse::<i64>() {
        return (micros == 0 || micros >= 1_000_000_000_000).then_some(Micros(micros));
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() <= 10
    {
        let midnight = date.to_datetime(jiff::civil::Time::midnight());
        let timestamp = jiff::tz::Offset::UTC.to_timestamp(midnight).ok()?;
        return Some(Micros(timestamp.as_microsecond()));
    }
    text.parse().ok()
}

/// Days since 1970-01-01 of a date such as `2026-11-23`; with a time of day, the fraction of the day as well (UTC).
/// This is the number that a model sees for a date or timestamp column.
pub fn days_since_epoch(text: &str) -> Option<f64> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() <= 10
    {
        return days(date.to_datetime(jiff::civil::Time::midnight()));
    }
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(timestamp.as_microsecond() as f64 / 86_400e6);
    }
    days(text.parse::<jiff::civil::DateTime>().ok()?)
}

fn days(datetime: jiff::civil::DateTime) -> Option<f64> {
    let timestamp = jiff::tz::Offset::UTC.to_timestamp(datetime).ok()?;
    Some(timestamp.as_microsecond() as f64 / 86_400e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_people_and_programs_write_it() {
        let noon = Micros(1_795_435_200_000_000);
        for text in ["1795435200000000", "2026-11-23T12:00:00Z", "2026-11-23T20:00:00+08:00"] {
            assert_eq!(instant(text), Some(noon), "{text}");
        }
        assert_eq!(instant("2026-11-23"), Some(Micros(noon.0 - 12 * 3_600_000_000)));
        for text in ["", "yesterday", "2026", "2026-13-01", "2026-11-23T12:00:00"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn dates_become_days() {
        assert_eq!(days_since_epoch("1970-01-02"), Some(1.0));
        assert_eq!(days_since_epoch("1970-01-02T12:00:00"), Some(1.5));
        assert_eq!(days_since_epoch("1970-01-02 06:00:00"), Some(1.25));
        assert_eq!(days_since_epoch("1970-01-02T12:00:00Z"), Some(1.5));
        assert_eq!(days_since_epoch("yesterday"), None);
    }
}
