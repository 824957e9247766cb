//! Connections that send nothing, or stop after their first request.

use std::io::{ErrorKind, Read as _, Write as _};

use crate::attack::{Target, connections, raise_file_limit, rest};

#[test]
fn two_thousand_silent_connections_lock_nobody_out() {
    raise_file_limit();
    // So few places that connections are displaced even where opening all of them takes longer than silence may.
    let target = Target::start_with(&[("MEUSE_SERVER__MAX_CONNECTIONS", "256")]);
    target.under("2,000 connections that send nothing", 64, || {
        let mut silent = connections(&target, 2000);
        // Each is closed by the server: displaced, or silent for too long.
        for stream in &mut silent {
            let mut nothing = [0; 1];
            let read = stream.read(&mut nothing);
            let is_closed = read.as_ref().map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |read| *read == 0);
            assert!(is_closed, "whoever asks nothing is answered nothing: {read:?}");
        }
    });
    let (_, page) = target.server.http("GET", "/metrics", Some(&target.server.key), b"");
    assert!(page.contains("meuse_connections_closed_total{reason=\"displaced\"}"), "{page}");
}

#[test]
fn idle_connections_go_first_and_calls_in_progress_stay() {
    let target = Target::start_with(&[("MEUSE_SERVER__MAX_CONNECTIONS", "64"), ("MEUSE_SERVER__BODY_TIMEOUT_S", "30")]);
    let upload = b"a,b\n1,2\n";
    let head = target.head(
        "POST",
        "/api/v1/datasets/slow/versions?file=slow.csv",
        &format!("connection: close\r\ncontent-length: {}\r\n", upload.len()),
    );
    let mut working = target.connect();
    working.write_all(head.as_bytes()).expect("the server reads");
    working.write_all(&upload[..4]).expect("the server reads");
    target.under("a flood of connections beside an upload", 32, || {
        for _ in 0..10 {
            drop(connections(&target, 100));
        }
        let mut idle = connections(&target, 100);
        for stream in &mut idle {
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
        }
        working.write_all(&upload[4..]).expect("the upload was not cut off");
        let answer = rest(&mut working);
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    });
}
