//! Files that cannot be imported: each is told what is wrong and where, and leaves nothing behind.

use std::io::Write as _;
use std::net::TcpStream;

use crate::support::{Server, until};

/// An import of these bytes fails with a message that holds each of the texts.
fn refused(server: &Server, name: &str, content: &[u8], texts: &[&str]) {
    let path = server.file(name, content);
    let message = server.fails(&["data", "import", "broken", path.to_str().expect("UTF-8")]);
    for text in texts {
        assert!(message.contains(text), "{name}: `{text}` is not in: {message}");
    }
}

#[test]
fn each_broken_file_is_named_and_nothing_is_left_behind() {
    let server = Server::start();
    refused(&server, "empty.csv", b"", &["empty"]);
    refused(&server, "header.csv", b"a,b,c\n", &["no rows"]);
    let mut ragged = String::from("a,b,c\n");
    for row in 0..2000 {
        ragged.push_str(if row == 1500 { "1,2\n" } else { "1,2,3\n" });
    }
    refused(&server, "ragged.csv", ragged.as_bytes(), &["1502"]);
    refused(&server, "twice.csv", b"a,b,a\n1,2,3\n4,5,6\n", &["`a`"]);
    refused(&server, "nameless.csv", b"a,,c\n1,2,3\n4,5,6\n", &["name"]);
    refused(&server, "latin.csv", b"name,age\ncaf\xe9 \x81\x20,3\nx,4\n", &["--encoding"]);
    refused(&server, "nul.csv", b"a,b\n1,2\n3,\x004\n", &["NUL"]);
    refused(&server, "cut.parquet", b"PAR1\x15\x04\x15\x10not the rest", &["Parquet"]);
    let path = server.file("cut.parquet", b"PAR1\x15\x04\x15\x10not the rest");
    let message = server.fails(&["data", "import", "broken", path.to_str().expect("UTF-8")]);
    assert!(!message.contains("/work/"), "it names no path of the server: {message}");
    let listed = server.json(&["data", "list"]);
    assert_eq!(listed["items"], serde_json::json!([]), "no dataset was made");
}

#[test]
fn a_climbing_file_name_is_refused() {
    let server = Server::start();
    let path = "/api/v1/datasets/credit/versions?file=..%2F..%2Fetc%2Fpasswd";
    let (status, body) = server.http("POST", path, Some(&server.key), b"a,b\n1,2\n");
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("file"), "{body}");
}

#[test]
fn a_body_past_the_limit_is_refused_before_it_is_read() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).expect("a connection");
    let head = format!(
        "POST /api/v1/datasets/big/versions?file=big.csv HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-length: 99999999999\r\n\r\n",
        server.key
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut answer).expect("an answer without the body");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).expect("a connection");
    let head = format!(
        "POST /api/v1/datasets/half/versions?file=half.csv HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-length: 1000000\r\n\r\na,b\n1,2\n",
        server.key
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    drop(stream);
    let work = server.path("home/work");
    until("the broken upload is swept away", || {
        let entries = std::fs::read_dir(&work).expect("the work folder").flatten().count();
        (entries == 0).then_some(())
    });
    assert_eq!(server.json(&["data", "list"])["items"], serde_json::json!([]));
    assert_eq!(server.json(&["jobs", "list"])["items"], serde_json::json!([]));
}

#[test]
fn chinese_files_are_read_as_they_are() {
    let server = Server::start();
    // 姓名,城市 / 张三,北京 / 李四,上海 in GB18030.
    let text: &[u8] =
        b"\xd0\xd5\xc3\xfb,\xb3\xc7\xca\xd0\n\xd5\xc5\xc8\xfd,\xb1\xb1\xbe\xa9\n\xc0\xee\xcb\xc4,\xc9\xcf\xba\xa3\n";
    let path = server.file("people.csv", text);
    server.run(&["data", "import", "people", path.to_str().expect("UTF-8"), "--encoding", "gb18030"]);
    let preview = server.json(&["data", "preview", "people"]);
    assert_eq!(preview["columns"], serde_json::json!(["姓名", "城市"]));
    assert_eq!(preview["rows"][0], serde_json::json!(["张三", "北京"]));

    // The same by detection, which needs a text long enough to tell.
    let long = [&text[..10], &text[10..].repeat(20)].concat();
    let path = server.file("detected.csv", long);
    server.run(&["data", "import", "detected", path.to_str().expect("UTF-8")]);
    assert_eq!(server.json(&["data", "preview", "detected"])["rows"][39], serde_json::json!(["李四", "上海"]));

    let marked = server.file("marked.csv", "\u{feff}名,数\n甲,1\n乙,2\n");
    server.run(&["data", "import", "marked", marked.to_str().expect("UTF-8")]);
    assert_eq!(server.json(&["data", "preview", "marked"])["columns"], serde_json::json!(["名", "数"]));
}
