//! The audit trail as it is read and taken away.

use meuse_core::api::NewProject;
use serde_json::Value;

use crate::harness::TestServer;

/// A server whose trail has the first start and five projects.
async fn six() -> TestServer {
    let server = TestServer::start().await;
    let admin = server.app.access.authenticate(&server.key, None).unwrap();
    for number in 1..=5 {
        let new = NewProject { name: format!("p{number}") };
        server.app.create_project(&admin, new).await.expect("an admin makes projects");
    }
    server
}

fn numbers(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn entries_are_filtered_and_turned_as_asked() {
    let server = six().await;
    let cases = [
        ("", vec![1, 2, 3, 4, 5, 6], false),
        ("order=desc&limit=2", vec![6, 5], true),
        ("order=desc&limit=2&after=5", vec![4, 3], true),
        ("order=desc&limit=2&after=3", vec![2, 1], false),
        ("limit=4&after=2", vec![3, 4, 5, 6], false),
        ("action=project.", vec![2, 3, 4, 5, 6], false),
        ("action=project.create&subject=P3", vec![4], false),
        ("actor=meuse", vec![1], false),
        ("actor=&subject=&since=&until=", vec![1, 2, 3, 4, 5, 6], false),
        ("until=2020-01-01", vec![], false),
        ("since=2020-01-01T00:00:00Z&order=asc&limit=1", vec![1], true),
        ("since=1577836800000000&limit=1", vec![1], true),
    ];
    for (query, expected, goes_on) in cases {
        let page = server.call("GET", &format!("/api/v1/audit?{query}"), "").await.json();
        assert_eq!((numbers(&page), page["next"].is_string()), (expected, goes_on), "{query}");
    }
    for (query, field) in
        [("since=yesterday", "since"), ("until=2026", "until"), ("limit=0", "limit"), ("order=down", "query")]
    {
        let answer = server.call("GET", &format!("/api/v1/audit?{query}"), "").await;
        assert_eq!((answer.status, answer.json()["error"]["field"].as_str()), (400, Some(field)), "{query}");
    }
}

#[tokio::test]
async fn the_trail_is_taken_away_as_a_file() {
    let server = six().await;
    let csv = server.call("GET", "/api/v1/audit/export?action=project.&order=desc", "").await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"audit-default.csv\""));
    let text = csv.unchunked();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "seq,at,actor,project,action,subject,details,mac");
    assert_eq!(lines.len(), 6, "{text}");
    assert!(lines[1].starts_with("6,20") && lines[1].contains(",admin,default,project.create,p5,{},"), "{}", lines[1]);

    let jsonl = server.call("GET", "/api/v1/audit/export?format=jsonl", "").await;
    let text = jsonl.unchunked();
    let seqs: Vec<i64> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
    let answer = server.call("GET", "/api/v1/audit/export?format=xlsx", "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("csv"), "{}", answer.body);
}
