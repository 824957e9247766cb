//! The cookie that carries a session: read from a request, written into an answer.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use meuse_app::Error;

const NAME: &str = "meuse_session";

/// The token in the session's cookie.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, token)| token)
}

/// The answer's header that puts the token into the cookie, or, with an empty one, takes the cookie away.
///
/// No script reads it, no other site sends it, and when the browser came by https it goes by https only.
pub(crate) fn set(token: &str, lasts: Duration, request: &HeaderMap) -> Result<HeaderValue, Error> {
    let secure = if came_by_https(request) { "; Secure" } else { "" };
    let age = lasts.as_secs();
    let cookie = format!("{NAME}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    HeaderValue::from_str(&cookie).map_err(|_| Error::Internal("a session's token is no header".into()))
}

/// Meuse itself speaks plain HTTP; whoever puts TLS before it says so. A client that lies here harms its own cookie.
fn came_by_https(request: &HeaderMap) -> bool {
    let forwarded = request.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    forwarded.and_then(|list| list.split(',').next()).is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let cases = [
            (vec!["meuse_session=ms_1"], Some("ms_1")),
            (vec!["theme=dark; meuse_session=ms_1;lang=zh"], Some("ms_1")),
            (vec!["theme=dark", "meuse_session=ms_1"], Some("ms_1")),
            (vec!["other_meuse_session=ms_1; meuse_session", "x"], None),
            (vec![], None),
        ];
        for (lines, expected) in cases {
            let line = |line: &&'static str| (header::COOKIE, HeaderValue::from_static(line));
            let headers: HeaderMap = lines.iter().map(line).collect();
            assert_eq!(token(&headers), expected, "{lines:?}");
        }
    }
}
