//! The console's door: signing in and out by cookie, and the pages.

use meuse_app::access::PERMISSIONS;
use meuse_core::api::{NewKey, NewProject};
use meuse_server::{OPEN, endpoints};

use crate::access::filled;
use crate::harness::{Answer, TestServer};

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A browser that has signed in.
struct Browser<'a> {
    server: &'a TestServer,
    cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    async fn sign_in(server: &'a TestServer, key: &str) -> Self {
        let answer = sign_in(server, key, &[JSON]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { server, cookie, csrf: answer.json()["csrf"].as_str().unwrap().to_owned() }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("cookie", self.cookie.as_str())];
        all.extend(headers);
        self.server.send(method, path, &all, "").await
    }
}

async fn sign_in(server: &TestServer, key: &str, headers: &[(&str, &str)]) -> Answer {
    server.send("POST", "/api/v1/session", headers, &format!("{{\"key\":\"{key}\"}}")).await
}

#[tokio::test]
async fn a_key_is_exchanged_for_a_cookie_that_no_script_reads_and_no_other_site_sends() {
    let server = TestServer::start().await;
    let answer = sign_in(&server, &server.key, &[JSON]).await;
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("meuse_session=ms_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{cookie}");
    assert!(!answer.body.contains("ms_"), "the token is in the body too: {}", answer.body);
    let session = answer.json();
    assert_eq!((session["me"]["principal"].as_str(), session["me"]["role"].as_str()), (Some("admin"), Some("admin")));
    assert_eq!(session["me"]["may"].as_array().map(Vec::len), Some(PERMISSIONS.len()));
    assert_eq!(session["projects"][0]["name"], "default");
    let behind_tls = sign_in(&server, &server.key, &[JSON, ("x-forwarded-proto", "https")]).await;
    assert!(behind_tls.header("set-cookie").unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn signing_in_refuses_what_is_wrong_and_sets_no_cookie() {
    let server = TestServer::start().await;
    let path = "/api/v1/session";
    let key = format!("{{\"key\":\"{}\"}}", server.key);
    let long = format!("{{\"key\":\"{}\"}}", "x".repeat(5000));
    let cases = [
        ("{\"key\":\"mk_wrong\"}", JSON, 401, "not known here"),
        ("{\"key\":\"\"}", JSON, 401, "not known here"),
        ("{}", JSON, 400, "missing field `key`"),
        (key.as_str(), ("content-type", "text/plain"), 400, "application/json"),
        (key.as_str(), ("x-no", "type"), 400, "application/json"),
        (long.as_str(), JSON, 413, "4096 bytes"),
    ];
    for (body, header, status, message) in cases {
        let answer = server.send("POST", path, &[header], body).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (status, None), "{body}: {}", answer.body);
        assert!(answer.message().contains(message), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_session_reads_without_and_changes_nothing_without_its_csrf_header() {
    let server = TestServer::start().await;
    let browser = Browser::sign_in(&server, &server.key).await;
    let other = Browser::sign_in(&server, &server.key).await;
    let mut changing = 0;
    for (method, path) in endpoints() {
        let is_safe = method == "GET" || OPEN.contains(&(method.clone(), path));
        let wrong = [("meuse-csrf", other.csrf.as_str())];
        for headers in [&[][..], &wrong[..], &[("meuse-csrf", "")][..]] {
            let answer = browser.ask(method.as_str(), &filled(path), headers).await;
            let is_refused = answer.status == 403 && answer.body.contains("Meuse-CSRF");
            assert_eq!(is_refused, !is_safe, "{method} {path} {headers:?} answered {} {}", answer.status, answer.body);
        }
        changing += usize::from(!is_safe);
    }
    assert!(changing > 15, "the walk met {changing} endpoints that change something");
    let answer = browser.ask("POST", "/api/v1/audit/verify", &[("meuse-csrf", &browser.csrf)]).await;
    assert_eq!((answer.status, &answer.json()["intact"]), (200, &true.into()));
}

#[tokio::test]
async fn a_key_in_a_header_goes_before_the_cookie() {
    let server = TestServer::start().await;
    let browser = Browser::sign_in(&server, &server.key).await;
    let bearer = format!("Bearer {}", server.key);
    let answer = browser.ask("POST", "/api/v1/audit/verify", &[("authorization", &bearer)]).await;
    assert_eq!(answer.status, 200, "a key needs no header against forgery: {}", answer.body);
    for header in [("authorization", "Bearer mk_wrong"), ("authorization", "Basic YTpi"), ("x-api-key", "mk_wrong")] {
        assert_eq!(browser.ask("GET", "/api/v1/me", &[header]).await.status, 401, "{header:?}");
    }
    assert_eq!(browser.ask("GET", "/api/v1/session", &[("authorization", &bearer)]).await.status, 401);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_takes_the_cookie_away() {
    let server = TestServer::start().await;
    let browser = Browser::sign_in(&server, &server.key).await;
    let session = browser.ask("GET", "/api/v1/session", &[]).await.json();
    assert_eq!(session["csrf"].as_str(), Some(browser.csrf.as_str()));
    let answer = browser.ask("DELETE", "/api/v1/session", &[("meuse-csrf", &browser.csrf)]).await;
    assert_eq!(answer.status, 204);
    let cookie = answer.header("set-cookie").expect("the cookie is taken away");
    assert!(cookie.starts_with("meuse_session=;") && cookie.contains("Max-Age=0"), "{cookie}");
    for path in ["/api/v1/session", "/api/v1/me", "/api/v1/models", "/v2/models/credit"] {
        assert_eq!(browser.ask("GET", path, &[]).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_session_ends_when_its_key_is_revoked() {
    let server = TestServer::start().await;
    let admin = server.app.access.authenticate(&server.key, None).unwrap();
    let new = NewKey { principal: None, note: "test".into(), expires_in_days: None };
    let made = server.app.create_key(&admin, new).await.expect("an admin makes keys");
    let browser = Browser::sign_in(&server, &made.secret).await;
    assert_eq!(browser.ask("GET", "/api/v1/me", &[]).await.status, 200);
    let path = format!("/api/v1/keys/{}", made.key.id);
    let revoked = browser.ask("DELETE", &path, &[("meuse-csrf", &browser.csrf)]).await;
    assert_eq!(revoked.status, 204);
    let answer = browser.ask("GET", "/api/v1/me", &[]).await;
    assert_eq!(answer.status, 401);
    assert!(answer.message().contains("sign in again"), "{}", answer.body);
}

#[tokio::test]
async fn a_session_chooses_a_project_as_a_key_does() {
    let server = TestServer::start().await;
    let admin = server.app.access.authenticate(&server.key, None).unwrap();
    server.app.create_project(&admin, NewProject { name: "lending".into() }).await.expect("an admin makes projects");
    let browser = Browser::sign_in(&server, &server.key).await;
    let session = browser.ask("GET", "/api/v1/session", &[("meuse-project", "lending")]).await.json();
    assert_eq!(session["me"]["project"], "lending");
    assert_eq!(session["projects"].as_array().map(Vec::len), Some(2));
    assert_eq!(browser.ask("GET", "/api/v1/session", &[("meuse-project", "treasury")]).await.status, 404);
}

#[tokio::test]
async fn every_page_has_its_rules_and_needs_no_key() {
    let server = TestServer::start().await;
    for path in ["/", "/sign-in", "/models/credit:1", "/compare?versions=a:1,b:2"] {
        let answer = server.send("GET", path, &[BROWSER], "").await;
        // 503 is the page of a binary that was built without its console.
        assert!(matches!(answer.status, 200 | 503), "{path} answered {}", answer.status);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'self'; ") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
}

#[tokio::test]
async fn no_path_of_a_protocol_is_swallowed_by_the_pages() {
    let server = TestServer::start().await;
    for path in ["/api/v1/model", "/api", "/api/v2/models", "/v1/models", "/v2/health", "/metrics/x", "/healthz/x"] {
        let answer = server.send("GET", path, &[BROWSER], "").await;
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json")), "{path}");
    }
    // Nor does a client that asks for no page get one.
    for (method, path) in [("GET", "/models"), ("POST", "/models"), ("DELETE", "/data/credit"), ("GET", "/assets/x.js")]
    {
        let answer = server.send(method, path, &[("accept", "*/*")], "").await;
        assert_eq!((answer.status, answer.json()["error"]["kind"].as_str()), (404, Some("not_found")), "{path}");
    }
    assert_eq!(server.send("GET", "/assets/x.js", &[BROWSER], "").await.status, 404);
}
