//! What the log says about a request.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::harness::TestServer;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_request_is_one_line() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    // The runtime of this test has one thread, so everything that the server does is seen here.
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::start().await;
    let key = server.key.clone();
    server.send("GET", "/api/v1/me", &[("x-api-key", &key), ("x-request-id", "seven")], "").await;
    server.send("GET", "/api/v1/nowhere", &[("x-request-id", "eight")], "").await;

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains(&key), "a key is in the log");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    let requests: Vec<Value> = lines.filter(|line| line["fields"]["message"] == "request").collect();
    assert_eq!(requests.len(), 2, "{text}");
    let fields = &requests[0]["fields"];
    assert_eq!(requests[0]["level"], "INFO");
    assert_eq!(fields["request.id"], "seven");
    assert_eq!((&fields["method"], &fields["route"]), (&"GET".into(), &"/api/v1/me".into()));
    assert_eq!((&fields["status"], &fields["caller"]), (&200.into(), &"admin".into()));
    assert!(fields["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0));
    assert_eq!((&requests[1]["fields"]["route"], &requests[1]["fields"]["status"]), (&"(none)".into(), &404.into()));
}
