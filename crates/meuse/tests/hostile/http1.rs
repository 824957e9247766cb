//! HTTP/1.1 as no client would write it: floods of headers, lies about lengths, two requests in one.

use std::io::Write as _;
use std::net::TcpStream;

use crate::attack::{ROW, Target, closed, connections, rest, status};

/// Writes until the server has had enough; how much it took.
fn pour(stream: &mut TcpStream, piece: &[u8], times: usize) -> usize {
    (0..times).take_while(|_| stream.write_all(piece).is_ok()).count() * piece.len()
}

#[test]
fn floods_of_headers_are_cut_short() {
    let target = Target::start();
    let line = b"GET /healthz HTTP/1.1\r\nhost: x\r\n";
    let cases: [(&str, Vec<u8>, usize); 5] = [
        ("an endless header", vec![b'y'; 64 << 10], 1000),
        ("a hundred thousand headers", b"a: b\r\n".repeat(10_000), 10),
        ("an endless name", vec![b'n'; 64 << 10], 1000),
        ("cookies without end", format!("cookie: {}\r\n", "c=d; ".repeat(1000)).into_bytes(), 1000),
        ("folded lines", b" folded\r\n".repeat(1000), 1000),
    ];
    target.under("floods of headers, twenty of each", 64, || {
        for (what, piece, times) in &cases {
            for mut stream in connections(&target, 20) {
                stream.write_all(line).expect("the server reads");
                if *what == "an endless header" {
                    stream.write_all(b"x: ").expect("the server reads");
                }
                let taken = pour(&mut stream, piece, *times);
                assert!(taken < 8 << 20, "{what}: the server took {taken} bytes of headers");
                let answer = closed(&mut stream);
                assert!([0, 400, 431].contains(&status(&answer)), "{what}: {answer}");
            }
        }
    });
    let endless = "x".repeat(1 << 20);
    target.under("a request line of a megabyte", 32, || {
        for request in [format!("GET /{endless} HTTP/1.1\r\n\r\n"), format!("{endless} / HTTP/1.1\r\n\r\n")] {
            let answer = target.send(request.as_bytes());
            assert!([0, 400, 414, 431].contains(&status(&answer)), "{answer}");
        }
    });
}

#[test]
fn a_body_ends_where_both_sides_say_it_ends_or_the_request_is_refused() {
    let target = Target::start();
    // What would be a second request, if the two lengths were read in two ways.
    let smuggled = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
    let body = format!("0\r\n\r\n{smuggled}");
    let length = body.len();
    let cases = [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
        format!("content-length: 5\r\ncontent-length: {length}\r\n"),
        format!("content-length: 5, {length}\r\n"),
        format!("content-length: +{length}\r\n"),
        "content-length: 0x10\r\n".to_owned(),
        "content-length: -1\r\n".to_owned(),
        "content-length: 99999999999999999999999\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n".to_owned(),
        "transfer-encoding : chunked\r\n".to_owned(),
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n".to_owned(),
        "x: y\rtransfer-encoding: chunked\r\n".to_owned(),
        "x: y\0\r\n".to_owned(),
    ];
    target.under("lengths that contradict each other", 32, || {
        for headers in &cases {
            let mut stream = target.connect();
            let head = target.head("POST", "/api/v1/projects", headers);
            stream.write_all(format!("{head}{body}").as_bytes()).expect("the server reads");
            let answers = rest(&mut stream);
            assert!(!answers.contains("\"openapi\""), "{headers:?}: the smuggled request was answered: {answers}");
            assert!(!answers.contains("HTTP/1.1 2"), "{headers:?}: {answers}");
        }
    });
}

#[test]
fn a_transfer_encoding_that_is_not_known_is_refused() {
    let target = Target::start();
    target.under("an unknown transfer encoding", 32, || {
        let head = target.head("POST", "/api/v1/projects", "transfer-encoding: gzip, chunked\r\nconnection: close\r\n");
        let answer = target.send(format!("{head}2\r\n{{}}\r\n0\r\n\r\n").as_bytes());
        assert_eq!(status(&answer), 501, "{answer}");
    });
}

#[test]
fn chunks_that_lie_are_refused() {
    let target = Target::start();
    let head = target.head("POST", "/api/v1/projects", "transfer-encoding: chunked\r\nconnection: close\r\n");
    let extension = "e".repeat(1 << 20);
    let trailers = "t: u\r\n".repeat(100_000);
    let cases: [(&str, String); 9] = [
        ("a size past 64 bits", "fffffffffffffffff\r\n{}\r\n".to_owned()),
        ("a size that is negative", "-1\r\n{}\r\n".to_owned()),
        ("a size in words", "two\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("a size too small", "1\r\n{}\r\n0\r\n\r\n".to_owned()),
        ("a size without an end", "1".repeat(1 << 16)),
        ("an endless extension", format!("2;{extension}\r\n{{}}\r\n0\r\n\r\n")),
        ("endless trailers", format!("2\r\n{{}}\r\n0\r\n{trailers}\r\n")),
        ("an end that does not come", "2\r\n{}\r\n".to_owned()),
        ("the largest size", "ffffffffffffffff\r\n{}".to_owned()),
    ];
    target.under("chunks that lie", 32, || {
        for (what, body) in &cases {
            let mut stream = target.connect();
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
            let answer = rest(&mut stream);
            assert!(!answer.contains("HTTP/1.1 2"), "{what}: {answer}");
        }
        let honest = target.send(format!("{head}1;a=b\r\n{{\r\n1\r\n}}\r\n0\r\nt: u\r\n\r\n").as_bytes());
        assert_eq!(status(&honest), 400, "an honest body is read to its end: {honest}");
        assert!(honest.contains("missing field `name`"), "{honest}");
    });
}

#[test]
fn many_requests_at_once_on_one_connection_are_answered_in_their_order() {
    let target = Target::start();
    let body = format!("{{\"rows\":[{ROW}]}}");
    target.under("four pipelines of five hundred calls", 64, || {
        for mut stream in connections(&target, 4) {
            let mut writer = stream.try_clone().expect("a second handle");
            let answers = std::thread::scope(|scope| {
                scope.spawn(|| {
                    for number in 0..500 {
                        let close = if number == 499 { "connection: close\r\n" } else { "" };
                        let headers = format!("x-request-id: n{number}\r\n{close}content-length: {}\r\n", body.len());
                        let head = target.head("POST", "/api/v1/models/credit/predict", &headers);
                        writer.write_all(format!("{head}{body}").as_bytes()).expect("the server reads on");
                    }
                });
                rest(&mut stream)
            });
            let ids = answers.lines().filter_map(|line| line.strip_prefix("x-request-id: "));
            assert!(ids.eq((0..500).map(|number| format!("n{number}"))), "the answers are out of order");
            assert_eq!(answers.matches("HTTP/1.1 200").count(), 500);
        }
    });
}

#[test]
fn what_is_no_request_is_no_harm() {
    let target = Target::start();
    let noise: Vec<u8> = (0..65_536_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: [&[u8]; 9] = [
        b"\r\n\r\n\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/3.0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        &noise,
    ];
    target.under("what is no request", 32, || {
        for bytes in cases {
            let answer = closed_after(&target, bytes);
            assert!(!answer.contains("HTTP/1.1 2") && !answer.contains("HTTP/1.1 5"), "{answer}");
        }
        let paths = [
            "/api/v1/models/%00",
            "/api/v1/models/%ff%fe",
            "/api/v1/models/..%2f..%2fsecret",
            "/%2e%2e/secret",
            "/api/v1/models/credit%0d%0ax:y",
            "/api/v1/jobs/%F0%9F%98%80",
            "//api/v1/me",
            "/api/v1/keys/%",
            "/api/v1/jobs/'%20OR%201=1--",
        ];
        for path in paths {
            let answer = target.send(target.head("GET", path, "connection: close\r\n").as_bytes());
            assert!([400, 404, 405].contains(&status(&answer)), "{path}: {answer}");
        }
    });
}

fn closed_after(target: &Target, bytes: &[u8]) -> String {
    let mut stream = target.connect();
    let _ = stream.write_all(bytes);
    closed(&mut stream)
}
