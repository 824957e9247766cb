//! How many requests are answered at once. Connections are limited in `connections.rs`, bodies in `body.rs` and
//! `memory.rs`, computing in `app/src/serving/limits.rs`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use meuse_app::Error;
use meuse_app::access::Caller;
use parking_lot::Mutex;

use crate::auth;
use crate::connections::Line;
use crate::failure::Failure;
use crate::state::ServerState;

/// When to come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How many may sign in at once.
pub(crate) const DOORS: usize = 32;

/// Lets a request in when there is a place for it. Health checks and pages need none: a full server is not a dead one;
/// signing in, which anyone may try, has places of its own. A place is held until the answer's head is ready, so that
/// a stream of events does not keep one; so is the memory that the request's body takes.
pub(crate) async fn admit(State(state): State<ServerState>, mut request: Request, next: Next) -> Response {
    let holding = state.memory.request();
    request.extensions_mut().insert(Arc::clone(&holding));
    if auth::is_open(&request) {
        if request.method().is_safe() {
            return next.run(request).await;
        }
        let Ok(_place) = state.doors.try_acquire() else {
            return overloaded(format!("{DOORS} callers without a key are being answered already"));
        };
        return next.run(request).await;
    }
    let Ok(_place) = state.places.try_acquire() else {
        return overloaded(format!("{} requests are being answered already", state.options.max_requests));
    };
    let response = next.run(request).await;
    drop(holding);
    response
}

/// Lets a caller in whose principal has fewer than half of the places, so that nobody keeps out everybody else.
pub(crate) async fn share_fairly(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Arc<Caller>>() else { return next.run(request).await };
    if let Some(line) = request.extensions().get::<Arc<Line>>() {
        line.showed_key();
    }
    let Some(_share) = state.shares.take(caller.principal()) else {
        let message = format!("{} requests of yours are being answered already", state.shares.most);
        return overloaded(message);
    };
    next.run(request).await
}

fn overloaded(message: String) -> Response {
    Failure::from(Error::Overloaded { message, retry_after: RETRY_AFTER }).into_response()
}

/// How many requests of each principal are being answered.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    most: usize,
    present: Arc<Mutex<HashMap<String, usize>>>,
}

impl Shares {
    /// Half of these places for each.
    pub(crate) fn new(places: usize) -> Self {
        Self { most: places.div_ceil(2).max(1), present: Arc::default() }
    }

    fn take(&self, principal: &str) -> Option<Share> {
        let mut present = self.present.lock();
        match present.get_mut(principal) {
            Some(count) if *count >= self.most => return None,
            Some(count) => *count += 1,
            None => {
                present.insert(principal.to_owned(), 1);
            }
        }
        Some(Share { principal: principal.to_owned(), present: Arc::clone(&self.present) })
    }
}

/// One request of a principal, until it is dropped.
struct Share {
    principal: String,
    present: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut present = self.present.lock();
        match present.get_mut(&self.principal) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                present.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_principal_has_half_of_the_places_and_gives_them_back() {
        let shares = Shares::new(4);
        let held = [shares.take("ana"), shares.take("ana")];
        assert!(held.iter().all(Option::is_some));
        assert!(shares.take("ana").is_none());
        assert!(shares.take("bo").is_some(), "others have their own");
        drop(held);
        assert!(shares.take("ana").is_some());
        assert!(shares.present.lock().is_empty(), "whoever has nothing is not remembered");
    }
}
