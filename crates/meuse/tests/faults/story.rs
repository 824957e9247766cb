//! A small story that each fault interrupts: data, a model, a route. Told by plain HTTP, since whoever is asked may die.

use std::fmt::Write as _;
use std::io::Read as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Server, until};

/// How long an answer may take; whoever is killed gives none.
const PATIENCE: Duration = Duration::from_mins(1);

/// Learns in a moment.
pub(crate) const RECIPE: &str = r#"dataset = "credit"
task = "binary"
target = "bad"
positive = "yes"

[split]
method = "stratified"

[algorithm]
name = "logistic_regression"
"#;

/// A table of 120 rows; another number makes another one.
pub(crate) fn table(number: usize) -> String {
    let mut text = format!("income,months,bad\n{number},1,no\n");
    for row in 0..119 {
        let bad = if (row * 7 + number).is_multiple_of(3) { "yes" } else { "no" };
        writeln!(text, "{},{},{bad}", 1000 + row * 13 + number, row % 24).expect("a text can be written to");
    }
    text
}

/// One call with the admin's key; `None` when the server died before it answered.
pub(crate) fn call(server: &Server, method: &str, path: &str, body: &[u8]) -> Option<(u16, Value)> {
    call_with(server, method, path, body, &[("authorization", format!("Bearer {}", server.key))])
}

/// As [`call`], with other headers.
pub(crate) fn call_with(
    server: &Server,
    method: &str,
    path: &str,
    body: &[u8],
    headers: &[(&'static str, String)],
) -> Option<(u16, Value)> {
    let response = respond(server, method, path, body, headers)?;
    let status = response.status().as_u16();
    let mut text = String::new();
    response.into_body().into_reader().read_to_string(&mut text).ok()?;
    let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
    Some((status, value))
}

fn respond(
    server: &Server,
    method: &str,
    path: &str,
    body: &[u8],
    headers: &[(&'static str, String)],
) -> Option<ureq::http::Response<ureq::Body>> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", server.url))
        .header("content-type", "application/json")
        .header("content-length", body.len().to_string());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let mut reader = body;
    let request = request.body(ureq::SendBody::from_reader(&mut reader)).expect("a request");
    config.new_agent().run(request).ok()
}

/// Signs in to the console: the headers of a session, unless the server died.
pub(crate) fn sign_in(server: &Server) -> Option<[(&'static str, String); 2]> {
    let body = json!({ "key": server.key }).to_string();
    let response = respond(server, "POST", "/api/v1/session", body.as_bytes(), &[])?;
    let cookie = response.headers().get("set-cookie")?.to_str().ok()?.split(';').next()?.to_owned();
    let mut text = String::new();
    response.into_body().into_reader().read_to_string(&mut text).ok()?;
    let session: Value = serde_json::from_str(&text).ok()?;
    Some([("cookie", cookie), ("meuse-csrf", session["csrf"].as_str()?.to_owned())])
}

/// One call that must be answered well.
pub(crate) fn ask(server: &Server, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = call(server, method, path, body.as_bytes());
    let (status, value) = answer.unwrap_or_else(|| panic!("{method} {path} was not answered\n{}", server.log()));
    assert!((200..300).contains(&status), "{method} {path}: {status} {value}");
    value
}

pub(crate) fn get(server: &Server, path: &str) -> Value {
    ask(server, "GET", path, Value::Null)
}

/// Sends a table; the job's id, unless the server died.
pub(crate) fn send(server: &Server, dataset: &str, text: &str) -> Option<String> {
    let path = format!("/api/v1/datasets/{dataset}/versions?file=table.csv");
    let (status, answer) = call(server, "POST", &path, text.as_bytes())?;
    assert!((200..300).contains(&status), "{status} {answer}");
    answer["job"]["id"].as_str().map(str::to_owned)
}

/// Asks for a training; the job's id, unless the server died.
pub(crate) fn train(server: &Server, model: &str) -> Option<String> {
    let body = json!({ "recipe": RECIPE, "model": model }).to_string();
    let (status, answer) = call(server, "POST", "/api/v1/jobs/train", body.as_bytes())?;
    assert!((200..300).contains(&status), "{status} {answer}");
    answer["id"].as_str().map(str::to_owned)
}

/// The job as it has ended.
pub(crate) fn ended(server: &Server, job: &str) -> Value {
    until("the job has ended", || {
        let job = get(server, &format!("/api/v1/jobs/{job}"));
        ["succeeded", "failed", "cancelled"].contains(&job["state"].as_str()?).then_some(job)
    })
}

/// A dataset version that is registered when this returns.
pub(crate) fn import(server: &Server, dataset: &str, number: usize) {
    let job = send(server, dataset, &table(number)).expect("the server lives");
    let job = ended(server, &job);
    assert_eq!(job["state"], "succeeded", "{job}\n{}", server.log());
}

/// A deployed version of a model of this name.
pub(crate) fn model(server: &Server, name: &str) {
    let job = train(server, name).expect("the server lives");
    let job = ended(server, &job);
    assert_eq!(job["state"], "succeeded", "{job}\n{}", server.log());
    let version: u64 =
        job["result"].as_str().and_then(|made| made.rsplit(':').next()?.parse().ok()).expect("a version");
    ask(server, "POST", &format!("/api/v1/models/{name}/deploy"), json!({ "version": version, "reason": "story" }));
}

/// What a model answers about one row.
pub(crate) fn predict(server: &Server, model: &str) -> (u16, Value) {
    let body = json!({ "rows": [{ "income": 1300, "months": 7 }] }).to_string();
    let path = format!("/api/v1/models/{model}/predict");
    call(server, "POST", &path, body.as_bytes()).expect("the server lives")
}

/// The trail is whole.
pub(crate) fn verify(server: &Server) {
    let verification = ask(server, "POST", "/api/v1/audit/verify", Value::Null);
    assert_eq!(verification["intact"], true, "{verification}");
}

/// No job waits or runs any more.
pub(crate) fn quiet(server: &Server) {
    until("no job is open", || {
        let jobs = get(server, "/api/v1/jobs");
        let open = |job: &Value| ["queued", "running"].contains(&job["state"].as_str().unwrap_or_default());
        (!jobs["items"].as_array().expect("a list").iter().any(open)).then_some(())
    });
}
