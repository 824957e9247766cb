//! Those who send slowly, and those who read slowly.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::attack::{Target, connections, rest, status};

/// Writes a byte to each connection in turn until the server has closed all of them; those it closed.
fn drip(streams: &mut [TcpStream], byte: &[u8]) {
    for stream in streams.iter() {
        stream.set_nonblocking(true).expect("an option");
    }
    let begin = Instant::now();
    let mut open: Vec<&mut TcpStream> = streams.iter_mut().collect();
    while !open.is_empty() {
        assert!(begin.elapsed() < Duration::from_mins(1), "{} connections are still open", open.len());
        open.retain_mut(|stream| is_open(stream) && stream.write_all(byte).is_ok());
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

fn is_open(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => false,
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

#[test]
fn headers_that_come_byte_by_byte_are_given_up() {
    let target = Target::start();
    target.under("300 senders of headers, five bytes a second", 48, || {
        let mut streams = connections(&target, 300);
        for stream in &mut streams {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: ").expect("the server reads");
        }
        drip(&mut streams, b"y");
    });
}

#[test]
fn bodies_that_come_byte_by_byte_are_given_up_and_one_principal_has_half_the_places() {
    let target = Target::start();
    let head = target.head("POST", "/api/v1/models/credit/predict", "content-length: 1000000\r\n");
    target.under("300 senders of bodies, fifty bytes a second", 64, || {
        let mut streams = connections(&target, 300);
        for stream in &mut streams {
            stream.write_all(head.as_bytes()).expect("the server reads");
        }
        drip(&mut streams, b"[[[[[[[[[[");
    });
    let (_, page) = target.server.http("GET", "/metrics", Some(&target.server.key), b"");
    for status in [408, 429] {
        let series = format!("method=\"POST\",status=\"{status}\"");
        assert!(page.contains(&series), "{series}\n{page}");
    }
}

#[test]
fn an_upload_over_a_slow_line_is_waited_for() {
    let target = Target::start_with(&[("MEUSE_SERVER__LEAST_RATE", "200")]);
    let rows = "1,2\n".repeat(2500);
    let head = target.head(
        "POST",
        "/api/v1/datasets/slow/versions?file=slow.csv",
        &format!("connection: close\r\ncontent-length: {}\r\n", 4 + rows.len()),
    );
    let mut stream = target.connect();
    stream.write_all(format!("{head}a,b\n").as_bytes()).expect("the server reads");
    // 2,500 bytes a second for four seconds: longer than the time over which the rate is measured.
    for piece in rows.as_bytes().chunks(500) {
        std::thread::park_timeout(Duration::from_millis(200));
        stream.write_all(piece).expect("the server goes on reading");
    }
    let answer = rest(&mut stream);
    assert_eq!(status(&answer), 202, "{answer}");
}

#[test]
fn answers_that_nobody_reads_are_given_up() {
    let target = Target::start();
    let openapi = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
    target.under("200 callers without a key who ask for the document 200 times and read nothing", 96, || {
        let mut streams = connections(&target, 200);
        for stream in &mut streams {
            let _ = stream.write_all(openapi.as_bytes());
        }
        until_closed(&target, &streams);
    });
    let (_, page) = target.server.http("GET", "/metrics", Some(&target.server.key), b"");
    assert!(page.contains("{reason=\"takes its answers too slowly\"}"), "{page}");
}

/// Waits, without reading, until only the connection that asks is open.
fn until_closed(target: &Target, streams: &[TcpStream]) {
    crate::support::until(&format!("{} connections are closed", streams.len()), || {
        (target.metrics()["meuse_connections_open"] <= 3.0).then_some(())
    });
}
