//! The console: its built files, which the build script puts into the binary, and the rules a browser is given for them.
//!
//! They say nothing about anyone, so they need no key. A path that is neither a file nor a protocol's is a page of the
//! console, whose own router knows it: `/models/credit:1`.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use meuse_app::Error;

use crate::failure::Failure;

include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// One file, as the build script wrote it down.
struct File {
    /// Its path, as in `/assets/index-4f2a.js`.
    path: &'static str,
    content_type: &'static str,
    /// Weak, since the same content is sent plain and compressed.
    etag: &'static str,
    plain: &'static [u8],
    /// Compressed, where that makes it smaller.
    gzip: Option<&'static [u8]>,
}

/// What every page of the console is.
const INDEX: &str = "/index.html";
/// Names in this folder carry a hash of the content: what was fetched once is never asked for again.
const ASSETS: &str = "/assets/";
/// The first parts of the paths that belong to protocols. A slip there is answered as the protocol answers, never with a
/// page.
const PROTOCOLS: [&str; 5] = ["api", "v1", "v2", "metrics", "healthz"];

/// Scripts, styles and calls from and to here alone; no frame around it; nothing written inside the page runs.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Meuse</title>\
    <h1>Meuse is serving</h1>\
    <p>This binary was built without its console. Build it with <code>scripts/setup</code>, then build the server again \
    with <code>cargo build</code>. The command line and the API work as they are: <code>meuse --help</code>.</p></html>\n";

/// Whether this is a question for the console: of a browser, for a page, outside the protocols; or for one of its files.
pub(crate) fn owns(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    let is_read = method == Method::GET || method == Method::HEAD;
    if !is_read || PROTOCOLS.contains(&first) {
        return false;
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    find(FILES, path).is_some() || accept.is_some_and(|accept| accept.contains("text/html"))
}

/// `GET /` and whatever else is a page or a file of the console.
pub(crate) async fn page(uri: Uri, headers: HeaderMap) -> Response {
    page_of(FILES, uri.path(), &headers)
}

/// `GET /assets/{file}`
pub(crate) async fn asset(uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let file = find(FILES, uri.path()).ok_or_else(|| {
        Error::not_found(format!("there is no {} in this version of the console", uri.path()), "load the page again")
    })?;
    Ok(send(file, &headers))
}

fn find(files: &'static [File], path: &str) -> Option<&'static File> {
    files.iter().find(|file| file.path == path)
}

fn page_of(files: &'static [File], path: &str, headers: &HeaderMap) -> Response {
    if let Some(file) = find(files, path).or_else(|| find(files, INDEX)) {
        return send(file, headers);
    }
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    (StatusCode::SERVICE_UNAVAILABLE, rules(), [kind], NOT_BUILT).into_response()
}

/// The file, or that the browser has it already.
fn send(file: &'static File, request: &HeaderMap) -> Response {
    let is_kept = file.path.starts_with(ASSETS);
    let cache = if is_kept { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = rules();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::ETAG, HeaderValue::from_static(file.etag));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if lists(request, &header::IF_NONE_MATCH, file.etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    match file.gzip.filter(|_| lists(request, &header::ACCEPT_ENCODING, "gzip")) {
        Some(gzip) => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            (headers, gzip).into_response()
        }
        None => (headers, file.plain).into_response(),
    }
}

/// What a browser may do with anything of the console.
fn rules() -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ])
}

/// Whether a list in a header has this entry, and does not say that it is unwanted.
fn lists(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|entry| {
        let (entry, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let is_unwanted = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        entry.trim() == wanted && !is_unwanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    static BUILT: &[File] = &[
        File {
            path: "/index.html",
            content_type: "text/html; charset=utf-8",
            etag: "W/\"1\"",
            plain: b"<html>",
            gzip: None,
        },
        File {
            path: "/assets/index-4f2a.js",
            content_type: "text/javascript; charset=utf-8",
            etag: "W/\"2\"",
            plain: b"plain",
            gzip: Some(b"small"),
        },
    ];

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    async fn body(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), 1 << 10).await.expect("it is whole").to_vec()
    }

    #[tokio::test]
    async fn every_page_is_the_index_and_is_asked_for_again() {
        for path in ["/", "/index.html", "/models/credit:1", "/sign-in"] {
            let answer = page_of(BUILT, path, &HeaderMap::new());
            assert_eq!(
                (answer.status(), &answer.headers()["cache-control"]),
                (StatusCode::OK, &"no-cache".parse().expect("a header"))
            );
            assert_eq!(answer.headers()["content-security-policy"], POLICY, "{path}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
            assert_eq!(body(answer).await, b"<html>", "{path}");
        }
    }

    #[tokio::test]
    async fn a_file_goes_as_small_as_the_browser_takes_it() {
        let file = find(BUILT, "/assets/index-4f2a.js").expect("it is there");
        for (accepted, expected) in [("br, gzip;q=0.8", "small"), ("gzip;q=0", "plain"), ("br", "plain")] {
            let answer = send(file, &headers(&[(header::ACCEPT_ENCODING, accepted)]));
            assert_eq!(answer.headers().contains_key("content-encoding"), expected == "small", "{accepted}");
            assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8");
            assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
            assert_eq!(body(answer).await, expected.as_bytes(), "{accepted}");
        }
    }

    #[tokio::test]
    async fn what_the_browser_has_is_not_sent_again() {
        let asks = headers(&[(header::IF_NONE_MATCH, "W/\"9\", W/\"1\"")]);
        let answer = page_of(BUILT, "/data", &asks);
        assert_eq!(
            (answer.status(), &answer.headers()["etag"]),
            (StatusCode::NOT_MODIFIED, &"W/\"1\"".parse().expect("a header"))
        );
        assert_eq!(answer.headers()["content-security-policy"], POLICY);
        assert!(body(answer).await.is_empty());
    }

    #[tokio::test]
    async fn a_binary_without_the_console_says_how_to_build_it() {
        let answer = page_of(&[], "/", &HeaderMap::new());
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = String::from_utf8(body(answer).await).expect("text");
        assert!(text.contains("scripts/setup") && text.contains("cargo build"), "{text}");
    }

    #[test]
    fn what_was_built_has_a_page_to_begin_with() {
        assert!(FILES.is_empty() || find(FILES, INDEX).is_some());
        for file in FILES {
            assert!(file.gzip.is_none_or(|gzip| gzip.len() < file.plain.len()), "{}", file.path);
        }
    }

    #[test]
    fn no_path_of_a_protocol_is_a_page() {
        let browser = headers(&[(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")]);
        let own = ["/", "/assets/{*file}"];
        for (_, path) in crate::endpoints() {
            let below = format!("{}/nothing", path.trim_end_matches('/'));
            if !own.contains(&path) {
                assert!(!owns(&Method::GET, path, &browser) && !owns(&Method::GET, &below, &browser), "{path}");
            }
        }
        for path in ["/models", "/models/credit:1", "/data/credit/1", "/nothing"] {
            assert!(owns(&Method::GET, path, &browser), "{path}");
            assert!(!owns(&Method::POST, path, &browser), "{path}");
            assert!(!owns(&Method::GET, path, &headers(&[(header::ACCEPT, "application/json")])), "{path}");
            assert!(!owns(&Method::GET, path, &HeaderMap::new()), "{path}");
        }
    }
}
