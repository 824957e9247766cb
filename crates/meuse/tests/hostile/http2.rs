//! HTTP/2 against its own rules: resets, floods of frames, windows that never open.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::attack::{ROW, Target, connections};
use crate::http2_frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, connect, frame, header, remembered, request, setting,
};
use crate::support::until;

/// Writes frames until the server has had enough, or all are written; whether it had enough.
fn pour(stream: &mut TcpStream, frames: impl Iterator<Item = Vec<u8>>) -> bool {
    stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut frames = frames;
    !frames.all(|bytes| stream.write_all(&bytes).is_ok())
}

/// Reads and throws away what comes, on a thread of its own, so that the server can go on writing.
fn drain(stream: &TcpStream) -> std::thread::JoinHandle<usize> {
    let mut reader = stream.try_clone().expect("a second handle");
    std::thread::spawn(move || {
        let (mut buffer, mut read) = (vec![0; 64 << 10], 0);
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            read += length;
        }
        read
    })
}

#[test]
fn rapid_resets_end_the_connection() {
    let target = Target::start();
    let body = format!("{{\"rows\":[{ROW}]}}");
    let call = request("POST", "/api/v1/models/credit/predict", &target.attacker);
    target.under("200,000 streams that are reset at once, on ten connections", 96, || {
        for _ in 0..10 {
            let mut stream = connect(&target, &[]);
            let reader = drain(&stream);
            let frames = (0..20_000_u32).map(|index| {
                let id = index * 2 + 1;
                let cancel = 8_u32.to_be_bytes();
                [
                    frame(HEADERS, END_HEADERS, id, &call),
                    frame(DATA, END_STREAM, id, body.as_bytes()),
                    frame(RST_STREAM, 0, id, &cancel),
                ]
                .concat()
            });
            let had_enough = pour(&mut stream, frames);
            drop(stream);
            reader.join().expect("the reader ends");
            assert!(had_enough, "the server took all resets and said nothing");
        }
    });
}

#[test]
fn floods_of_frames_are_not_kept() {
    let target = Target::start();
    target.under("CONTINUATION without an end", 64, || {
        for _ in 0..5 {
            let mut stream = connect(&target, &[]);
            let piece = header("x", &"y".repeat(16_000));
            let first = frame(HEADERS, END_STREAM, 1, &request("GET", "/healthz", "x"));
            stream.write_all(&first).expect("the server reads");
            let had_enough = pour(&mut stream, (0..4000).map(|_| frame(CONTINUATION, 0, 1, &piece)));
            assert!(had_enough, "64 MB of headers were taken");
        }
    });
    target.under("empty CONTINUATION without an end", 64, || {
        let mut stream = connect(&target, &[]);
        let first = frame(HEADERS, END_STREAM, 1, &request("GET", "/healthz", "x"));
        stream.write_all(&first).expect("the server reads");
        let many = frame(CONTINUATION, 0, 1, &[]).repeat(1000);
        assert!(pour(&mut stream, (0..1000).map(|_| many.clone())), "a million empty frames were taken");
    });
    target.under("SETTINGS and PING that nobody reads the answers to", 64, || {
        let settings = frame(SETTINGS, 0, 0, &setting(INITIAL_WINDOW_SIZE, 65_535)).repeat(1000);
        let pings = frame(PING, 0, 0, &[7; 8]).repeat(1000);
        for many in [settings, pings] {
            let mut stream = connect(&target, &[]);
            // Ten million frames: the server stops reading, or closes, when its answers are not taken.
            assert!(pour(&mut stream, (0..10_000).map(|_| many.clone())), "all frames were taken");
        }
    });
    target.under("a header that is told once and meant a thousand times", 64, || {
        let mut stream = connect(&target, &[]);
        let bomb =
            [request("GET", "/healthz", "x"), remembered("bomb", &"b".repeat(4000)), vec![0xbe; 12_000]].concat();
        for index in 0..50_u32 {
            if stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, index * 2 + 1, &bomb)).is_err() {
                break;
            }
        }
        drop(stream);
    });
}

#[test]
fn windows_that_never_open_are_given_up() {
    let target = Target::start();
    let document = request("GET", "/api/v1/openapi.json", &target.attacker);
    for window in [0, 1] {
        target.under(&format!("20 × 100 answers into a window of {window}"), 128, || {
            let streams: Vec<TcpStream> = (0..20)
                .map(|_| {
                    let mut stream = connect(&target, &setting(INITIAL_WINDOW_SIZE, window));
                    for index in 0..100_u32 {
                        let opened = frame(HEADERS, END_HEADERS | END_STREAM, index * 2 + 1, &document);
                        stream.write_all(&opened).expect("the server reads");
                    }
                    stream
                })
                .collect();
            until("the server has closed them", || (target.metrics()["meuse_connections_open"] <= 3.0).then_some(()));
            drop(streams);
        });
    }
}

#[test]
fn windows_that_open_by_a_byte_are_given_up() {
    let target = Target::start();
    let document = request("GET", "/api/v1/openapi.json", &target.attacker);
    target.under("an answer taken by ten bytes a second", 64, || {
        let mut stream = connect(&target, &setting(INITIAL_WINDOW_SIZE, 1));
        let reader = drain(&stream);
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &document)).expect("the server reads");
        let frames = (0..300).map(|_| {
            std::thread::park_timeout(Duration::from_millis(100));
            frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())
        });
        assert!(pour(&mut stream, frames), "half a minute of single bytes was served");
        drop(stream);
        reader.join().expect("the reader ends");
    });
}

#[test]
fn more_streams_than_allowed_and_bodies_that_do_not_come_are_given_up() {
    let target = Target::start();
    let call = request("POST", "/api/v1/models/credit/predict", &target.attacker);
    target.under("20 × 1,000 streams whose bodies do not come", 96, || {
        let streams: Vec<TcpStream> = (0..20)
            .map(|_| {
                let mut stream = connect(&target, &[]);
                for index in 0..1000_u32 {
                    if stream.write_all(&frame(HEADERS, END_HEADERS, index * 2 + 1, &call)).is_err() {
                        break;
                    }
                }
                stream
            })
            .collect();
        until("the server has closed them", || (target.metrics()["meuse_connections_open"] <= 3.0).then_some(()));
        drop(streams);
    });
}

#[test]
fn broken_frames_end_the_connection() {
    let target = Target::start();
    let long = vec![0; 70_000];
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("a frame past the size", frame(DATA, 0, 1, &long)),
        ("data of no stream", frame(DATA, 0, 7, b"x")),
        ("an even stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, &request("GET", "/healthz", "x"))),
        ("broken HPACK", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 100])),
        ("a table size past the setting", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x3f, 0xff, 0xff, 0xff, 0x7f])),
        ("a window past its size", frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes())),
        ("a window of nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a setting past its size", frame(SETTINGS, 0, 0, &setting(INITIAL_WINDOW_SIZE, u32::MAX))),
        ("a setting cut short", frame(SETTINGS, 0, 0, &[0; 5])),
        ("a ping cut short", frame(PING, 0, 0, &[0; 3])),
        ("an unknown kind", frame(0xfe, 0xff, 0x7fff_ffff, &[1; 100])),
    ];
    target.under("broken frames", 32, || {
        for (what, bytes) in &broken {
            let mut stream = connect(&target, &[]);
            let reader = drain(&stream);
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            reader.join().unwrap_or_else(|_| panic!("{what}: the server closes"));
        }
    });
    drop(connections(&target, 1));
}
