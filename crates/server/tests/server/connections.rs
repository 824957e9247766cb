//! Connections: slow ones, silent ones, too many of them, and the end of the server.

use std::time::{Duration, Instant};

use meuse_server::ServeOptions;

use crate::harness::{Answer, TestServer};

const SOON: Duration = Duration::from_millis(100);

async fn impatient() -> TestServer {
    TestServer::with(ServeOptions { header_timeout: SOON, body_timeout: SOON, ..ServeOptions::default() }).await
}

#[tokio::test]
async fn headers_that_do_not_come_close_the_connection() {
    let server = impatient().await;
    // Nothing; half a request; and the beginning of HTTP/2's greeting, which could be either protocol.
    for beginning in ["", "GET /healthz HTTP/1.1\r\nhost: ", "PR"] {
        let mut connection = server.connect().await;
        connection.write(beginning).await;
        let answer = connection.rest().await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{beginning:?} was answered {answer}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let server = impatient().await;
    let mut connection = server.connect().await;
    connection.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(Answer::parse(&connection.rest().await).status, 200);
}

#[tokio::test]
async fn a_body_that_falls_silent_is_given_up() {
    let server = impatient().await;
    let mut connection = server.connect().await;
    let head = format!("POST /api/v1/projects HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n", server.key);
    connection.write(&format!("{head}content-length: 10\r\n\r\n{{")).await;
    let answer = Answer::parse(&connection.some().await);
    assert_eq!(answer.status, 408);
}

#[tokio::test]
async fn headers_past_the_limit_are_refused() {
    let server = TestServer::with(ServeOptions { max_header_bytes: 8 << 10, ..ServeOptions::default() }).await;
    let mut connection = server.connect().await;
    connection.write(&format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(10 << 10))).await;
    assert_eq!(connection.answer().await.status, 431);
}

#[tokio::test]
async fn more_requests_than_allowed_are_told_when_to_come_back() {
    let server = TestServer::with(ServeOptions { max_requests: 1, ..ServeOptions::default() }).await;
    let mut first = server.connect().await;
    let head =
        format!("POST /api/v1/projects HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\nexpect: 100-continue\r\n", server.key);
    first.write(&format!("{head}connection: close\r\ncontent-length: 2\r\n\r\n")).await;
    // The handler asks for the body now, so the first request is in.
    assert!(first.some().await.starts_with("HTTP/1.1 100"));
    let second = server.call("GET", "/api/v1/me", "").await;
    assert_eq!((second.status, second.header("retry-after")), (429, Some("1")));
    assert_eq!(server.send("GET", "/healthz", &[], "").await.status, 200, "a full server is not a dead one");
    first.write("{}").await;
    assert_eq!(first.answer().await.status, 400);
    assert_eq!(server.call("GET", "/api/v1/me", "").await.status, 200);
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let server = TestServer::with(ServeOptions { max_connections: 1, ..ServeOptions::default() }).await;
    let mut first = server.connect().await;
    first.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(Answer::parse(&first.some().await).status, 200);
    let mut second = server.connect().await;
    second.write("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}

#[tokio::test]
async fn a_connection_that_only_sits_goes_for_a_new_one() {
    let server = TestServer::with(ServeOptions { max_connections: 2, ..ServeOptions::default() }).await;
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.write(&format!("GET /api/v1/me HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n\r\n", server.key)).await;
    assert_eq!(Answer::parse(&idle.some().await).status, 200);
    assert_eq!(server.call("GET", "/api/v1/me", "").await.status, 200);
    assert_eq!(silent.rest().await, "", "whoever showed no key goes first");
    idle.write("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 200, "whoever showed one stays");
}

#[tokio::test]
async fn one_principal_has_half_of_the_places() {
    let server = TestServer::with(ServeOptions { max_requests: 2, ..ServeOptions::default() }).await;
    let head =
        format!("POST /api/v1/projects HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\nexpect: 100-continue\r\n", server.key);
    let mut first = server.connect().await;
    first.write(&format!("{head}connection: close\r\ncontent-length: 2\r\n\r\n")).await;
    assert!(first.some().await.starts_with("HTTP/1.1 100"));
    let second = server.call("GET", "/api/v1/me", "").await;
    assert_eq!((second.status, second.header("retry-after")), (429, Some("1")));
    assert!(second.message().contains("of yours"), "{}", second.body);
    first.write("{}").await;
    assert_eq!(first.answer().await.status, 400);
    assert_eq!(server.call("GET", "/api/v1/me", "").await.status, 200);
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up_and_one_that_is_slow_is_not() {
    let options = ServeOptions { body_timeout: SOON * 4, least_rate: 100, ..ServeOptions::default() };
    let server = TestServer::with(options).await;
    let mut answers = (0, 0);
    for _ in 0..10 {
        let pause = trickle_and_write_slowly(&server, &mut answers).await;
        // Where this machine stood still for half of the time that a body has, no server could tell the two apart.
        if pause < SOON * 2 {
            break;
        }
    }
    assert_eq!(answers, (408, 400), "a body of blanks is read to its end");
}

/// Sends two bodies of 1,000 bytes, of which one trickles; gives what they were answered, and the longest pause of the
/// other one.
async fn trickle_and_write_slowly(server: &TestServer, answers: &mut (u16, u16)) -> Duration {
    let head = format!(
        "POST /api/v1/projects HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n",
        server.key
    );
    let mut trickle = server.connect().await;
    trickle.write(&head).await;
    let mut slow = server.connect().await;
    slow.write(&head).await;
    let (mut written, mut longest) = (Instant::now(), Duration::ZERO);
    for _ in 0..20 {
        // Either may be closed already; that is what the answers tell.
        let _ = tokio::time::timeout(SOON, trickle.try_write(" ")).await;
        let _ = tokio::time::timeout(SOON, slow.try_write(&" ".repeat(50))).await;
        longest = longest.max(written.elapsed());
        written = Instant::now();
        tokio::time::sleep(SOON / 2).await;
    }
    *answers = (trickle.answer().await.status, slow.answer().await.status);
    longest
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_it_has_begun() {
    let server = TestServer::start().await;
    let mut request = server.connect().await;
    let head =
        format!("POST /api/v1/projects HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\nexpect: 100-continue\r\n", server.key);
    request.write(&format!("{head}content-length: 18\r\n\r\n")).await;
    assert!(request.some().await.starts_with("HTTP/1.1 100"));
    server.stop();
    request.write("{\"name\":\"lending\"}").await;
    assert_eq!(request.answer().await.status, 201);
    server.ended().await;
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_ever() {
    let server = TestServer::with(ServeOptions { grace: SOON, ..ServeOptions::default() }).await;
    let mut request = server.connect().await;
    let head =
        format!("POST /api/v1/projects HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\nexpect: 100-continue\r\n", server.key);
    request.write(&format!("{head}content-length: 18\r\n\r\n")).await;
    assert!(request.some().await.starts_with("HTTP/1.1 100"));
    server.stop();
    server.ended().await;
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_a_server_that_stops() {
    let server = TestServer::start().await;
    let mut idle = server.connect().await;
    idle.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(Answer::parse(&idle.some().await).status, 200);
    server.stop();
    assert_eq!(idle.rest().await, "");
    server.ended().await;
}
