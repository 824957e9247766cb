//! Damaged requests against a model that answers: each is refused or answered, none is a fault of the server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::attack::{ROW, Target};
use crate::mutate::{Random, cases, damaged, found};

/// A connection that is made anew when the server has closed it.
struct Caller<'a> {
    target: &'a Target,
    open: Option<BufReader<TcpStream>>,
}

impl<'a> Caller<'a> {
    fn new(target: &'a Target) -> Self {
        Self { target, open: None }
    }

    /// Sends a request whose answer has a length; its status and body.
    fn ask(&mut self, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let request = [head.as_bytes(), body].concat();
        if let Some(answer) = self.try_ask(&request) {
            return answer;
        }
        self.open = None;
        self.try_ask(&request).unwrap_or_else(|| panic!("no answer to {}", String::from_utf8_lossy(&request)))
    }

    fn try_ask(&mut self, request: &[u8]) -> Option<(u16, Vec<u8>)> {
        let stream = self.open.get_or_insert_with(|| BufReader::new(self.target.connect()));
        stream.get_mut().write_all(request).ok()?;
        let (mut line, mut status, mut length, mut closes) = (String::new(), 0, 0, false);
        loop {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let lower = line.trim().to_ascii_lowercase();
            if lower.starts_with("http/1.1 ") {
                status = lower[9..12].parse().ok()?;
            } else if let Some(value) = lower.strip_prefix("content-length: ") {
                length = value.parse().ok()?;
            } else if lower == "connection: close" {
                closes = true;
            } else if lower.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        if closes {
            self.open = None;
        }
        Some((status, body))
    }
}

/// Sends damaged forms of these bodies.
fn bodies(target: &Target, parser: &str, path: &str, headers: &str, usual: usize, good: &[Vec<u8>]) {
    let mut caller = Caller::new(target);
    let mut random = Random::new(parser);
    let (mut answered, mut refused) = (0, 0);
    let kept = found(parser);
    let inputs = kept.into_iter().chain(good.to_vec()).chain((0..cases(usual)).map(|_| damaged(good, &mut random)));
    for body in inputs {
        let head = target.head("POST", path, &format!("{headers}content-length: {}\r\n", body.len()));
        let (status, answer) = caller.ask(&head, &body);
        let said =
            || format!("{status} {}\nto {path}\n{}", String::from_utf8_lossy(&answer), String::from_utf8_lossy(&body));
        match status {
            200 => answered += 1,
            400 | 404 | 409 | 413 | 415 => refused += 1,
            _ => panic!("{}", said()),
        }
        assert!(
            serde_json::from_slice::<serde_json::Value>(&answer).is_ok() || headers.contains("inference"),
            "{}",
            said()
        );
    }
    eprintln!("{parser}: {answered} answered, {refused} refused");
    assert!(answered > 0 && refused > 0, "{parser}: {answered} answered, {refused} refused");
}

#[test]
fn damaged_bodies_are_refused_or_answered() {
    let target = Target::start();
    target.under("damaged bodies", 96, || {
        let rows = |text: &str| format!("{{\"rows\":[{text}]}}").into_bytes();
        let good = [rows(ROW), rows(&format!("{ROW},{ROW}")), rows(r#"{"months":null,"amount":"12.5"}"#)];
        bodies(&target, "rows", "/api/v1/models/credit/predict", "", 600, &good);

        let tensors = |text: &str| format!("{{\"id\":\"a\",\"inputs\":[{text}]}}").into_bytes();
        let one = r#"{"name":"months","shape":[1],"datatype":"INT64","data":[12]},{"name":"amount","shape":[1],"datatype":"FP64","data":[2000.5]}"#;
        let two = r#"{"name":"months","shape":[2,1],"datatype":"UINT8","data":[[12],[null]]},{"name":"amount","shape":[2],"datatype":"BF16","data":[1,2]}"#;
        bodies(&target, "tensors", "/v2/models/credit/infer", "", 600, &[tensors(one), tensors(two)]);

        let json = r#"{"inputs":[{"name":"months","shape":[2],"datatype":"INT32","parameters":{"binary_data_size":8}},{"name":"amount","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}}"#;
        let binary = [json.as_bytes(), &[12, 0, 0, 0, 24, 0, 0, 0], &[0x00, 0x3c, 0x00, 0x7e]].concat();
        let header = format!("inference-header-content-length: {}\r\n", json.len());
        bodies(&target, "binary-tensors", "/v2/models/credit/infer", &header, 600, &[binary]);

        let recipe = include_str!("../../../../examples/credit/scorecard.toml");
        let recipe = serde_json::json!({ "recipe": recipe }).to_string().into_bytes();
        bodies(&target, "recipe-bodies", "/api/v1/recipes/check", "", 200, &[recipe]);
    });
}

/// Replaces what would end a line, since that is another request.
fn in_a_line(bytes: &[u8]) -> String {
    let text = bytes.iter().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { '.' } else { *byte as char });
    text.filter(char::is_ascii).take(4000).collect()
}

#[test]
fn damaged_paths_queries_and_headers_are_refused_or_answered() {
    let target = Target::start();
    let texts = |texts: &[&str]| -> Vec<Vec<u8>> { texts.iter().map(|text| text.as_bytes().to_vec()).collect() };
    let paths = texts(&[
        "/api/v1/models/credit/versions/1",
        "/api/v1/models/credit:1",
        "/api/v1/datasets/credit/preview",
        "/api/v1/compare?versions=credit:1,credit:1",
        "/api/v1/audit?after=1&limit=10",
        "/api/v1/jobs/0199-x/events?after=1.2&follow=false",
        "/v2/models/credit@champion/ready",
        "/api/v1/datasets/%63redit/export?format=parquet",
    ]);
    let headers = texts(&[
        "meuse-project: default",
        "x-request-id: abc-1",
        "cookie: meuse_session=abc; other=\"x y\"; a=b",
        "accept: text/html;q=0.8, */*",
        "content-type: application/json; charset=utf-8",
        "expect: 100-continue",
        "if-none-match: \"abc\", W/\"d\"",
        "range: bytes=0-5",
        "inference-header-content-length: 12",
    ]);
    target.under("damaged paths and headers", 64, || {
        let (mut caller, mut random) = (Caller::new(&target), Random::new("paths"));
        for index in 0..cases(500) {
            let path = in_a_line(&damaged(&paths, &mut random)).replace(' ', "+");
            let path = if path.starts_with('/') { path } else { format!("/{path}") };
            let header = in_a_line(&damaged(&headers, &mut random));
            let header = if index % 2 == 0 && header.contains(':') { format!("{header}\r\n") } else { String::new() };
            // A head that hyper refuses itself ends the connection.
            let head = target.head("GET", &path, &format!("{header}connection: close\r\n"));
            let answer = target_answer(&mut caller, &head);
            // A server that was built without its console has no page.
            let first = path.split(['/', '?', '#']).nth(1).unwrap_or_default();
            let has_no_page = answer == 503 && !["api", "v1", "v2", "metrics", "healthz"].contains(&first);
            assert!((200..500).contains(&answer) || answer == 0 || has_no_page, "{answer} to {head}");
        }
        let keys = [target.attacker.clone().into_bytes(), b"mk_".to_vec(), b"Bearer mk_0000000000000000".to_vec()];
        let mut random = Random::new("keys");
        for _ in 0..cases(300) {
            let key = in_a_line(&damaged(&keys, &mut random));
            let head = format!(
                "GET /api/v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
            );
            let status = target_answer(&mut caller, &head);
            let is_whole = key.trim() == target.attacker;
            assert!(if is_whole { status == 200 } else { [0, 400, 401, 431].contains(&status) }, "{status} to {head}");
        }
    });
}

fn target_answer(caller: &mut Caller<'_>, head: &str) -> u16 {
    let answer = caller.try_ask(head.as_bytes());
    caller.open = None;
    answer.map_or(0, |(status, _)| status)
}
