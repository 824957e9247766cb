//! Who is let in.

use meuse_core::api::{NewKey, NewProject};
use meuse_server::{OPEN, endpoints};
use serde_json::Value;

use crate::harness::TestServer;

/// A path of the table with something in its places.
pub(crate) fn filled(path: &str) -> String {
    path.replace("{version}", "1")
        .replace("{id}", "x")
        .replace("{name}", "ana")
        .replace("{alias}", "champion")
        .replace("{model}", "credit")
        .replace("{dataset}", "credit")
        .replace("{*file}", "index.js")
}

#[tokio::test]
async fn everything_needs_a_key_but_the_open_list() {
    let server = TestServer::start().await;
    for (method, path) in endpoints() {
        let answer = server.send(method.as_str(), &filled(path), &[], "").await;
        let is_open = OPEN.contains(&(method.clone(), path));
        assert_eq!(answer.status != 401, is_open, "{method} {path} answered {}", answer.status);
    }
    // Signing in is open, and asks for a key all the same.
    let json = [("content-type", "application/json")];
    assert_eq!(server.send("POST", "/api/v1/session", &json, "{\"key\":\"mk_wrong\"}").await.status, 401);
}

#[tokio::test]
async fn the_open_list_names_only_what_there_is() {
    let endpoints = endpoints();
    for entry in OPEN {
        assert!(endpoints.contains(&entry), "{entry:?} is no endpoint");
    }
}

#[tokio::test]
async fn a_refusal_looks_as_each_protocol_has_it() {
    let server = TestServer::start().await;
    let ours = server.send("GET", "/api/v1/models", &[], "").await;
    assert_eq!((ours.status, ours.header("www-authenticate")), (401, Some("Bearer realm=\"meuse\"")));
    assert_eq!(ours.json()["error"]["kind"], "unauthenticated");
    assert_eq!(ours.json()["error"]["request_id"].as_str(), ours.header("x-request-id"));
    let theirs = server.send("GET", "/v2/models/credit", &[], "").await;
    assert_eq!(theirs.status, 401);
    assert!(theirs.json()["error"].as_str().unwrap().contains("Authorization: Bearer"), "{}", theirs.body);
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let server = TestServer::start().await;
    let other = format!("Bearer {}x", server.key);
    let no_text = "Bearer \u{7f}";
    for header in ["Bearer", "Bearer ", "Bearer mk_wrong", "Basic YTpi", &other, no_text] {
        let answer = server.send("GET", "/api/v1/me", &[("authorization", header)], "").await;
        assert!(matches!(answer.status, 400 | 401), "{header:?} answered {}", answer.status);
    }
}

#[tokio::test]
async fn the_key_is_taken_from_either_header() {
    let server = TestServer::start().await;
    let bearer = format!("bearer {}", server.key);
    for header in [("authorization", bearer.as_str()), ("x-api-key", server.key.as_str())] {
        let answer = server.send("GET", "/api/v1/me", &[header], "").await;
        assert_eq!((answer.status, &answer.json()["principal"]), (200, &Value::from("admin")), "{header:?}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let server = TestServer::start().await;
    let admin = server.app.access.authenticate(&server.key, None).unwrap();
    let made =
        server.app.create_key(&admin, NewKey { principal: None, note: "test".into(), expires_in_days: None }).await;
    let made = made.expect("an admin makes keys");
    let bearer = format!("Bearer {}", made.secret);
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(server.send("GET", "/api/v1/me", &headers, "").await.status, 200);
    let revoked = server.call("DELETE", &format!("/api/v1/keys/{}", made.key.id), "").await;
    assert_eq!(revoked.status, 204);
    let answer = server.send("GET", "/api/v1/me", &headers, "").await;
    assert_eq!(answer.status, 401);
    assert!(answer.message().contains("revoked"), "{}", answer.body);
}

#[tokio::test]
async fn a_project_is_chosen_by_header_and_another_ones_is_not_there() {
    let server = TestServer::start().await;
    let admin = server.app.access.authenticate(&server.key, None).unwrap();
    server.app.create_project(&admin, NewProject { name: "lending".into() }).await.expect("an admin makes projects");
    let bearer = format!("Bearer {}", server.key);
    let me = |project: &'static str| [("authorization", bearer.clone()), ("meuse-project", project.to_owned())];
    let ask = async |project| {
        let headers = me(project);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        server.send("GET", "/api/v1/me", &headers, "").await
    };
    assert_eq!(ask("lending").await.json()["project"], "lending");
    assert_eq!(ask("treasury").await.status, 404);
}

#[tokio::test]
async fn metrics_need_a_key_and_tell_what_was_asked() {
    let server = TestServer::start().await;
    server.call("GET", "/api/v1/me", "").await;
    let page = server.call("GET", "/metrics", "").await;
    assert_eq!(page.status, 200);
    let line = "meuse_http_requests_total{route=\"/api/v1/me\",method=\"GET\",status=\"200\"} 1";
    assert!(page.body.contains(line), "{}", page.body);
    assert!(page.body.contains("meuse_build_info{version="), "{}", page.body);
    assert!(page.body.contains("meuse_jobs{project=\"default\",state=\"queued\"} 0"), "{}", page.body);
}
