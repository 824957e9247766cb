//! Bodies that are meant to hurt whoever parses them.

use crate::attack::{ROW, Target};

const PREDICT: &str = "/api/v1/models/credit/predict";
const INFER: &str = "/v2/models/credit/infer";
const MIB: usize = 1 << 20;

#[test]
fn deep_and_wide_bodies_cost_no_more_than_their_share_of_memory() {
    let target = Target::start_with(&[("MEUSE_SERVER__BODIES_MEMORY_MIB", "96")]);
    target.under("100 MB of nesting, with and without its length", 220, || {
        let deep = "[".repeat(100 * MIB);
        let (status, body) = target.post(PREDICT, "", deep.as_bytes());
        assert_eq!(status, 413, "{body}");
        let head = target.head("POST", PREDICT, "transfer-encoding: chunked\r\n");
        let chunked = format!("{head}{:x}\r\n{deep}\r\n0\r\n\r\n", deep.len());
        assert_eq!(crate::attack::status(&target.send(chunked.as_bytes())), 413);
    });
    let full = 16 * MIB - 64;
    let shapes: [(&str, String); 6] = [
        ("objects in objects", "{\"a\":".repeat(full / 5)),
        ("a row of lists", format!("{{\"rows\":[{{\"a\":{}", "[".repeat(full - 20))),
        ("rows of nothing", format!("{{\"rows\":[{}{{}}]}}", "{},".repeat(full / 3 - 10))),
        ("rows of one", format!("{{\"rows\":[{}{{}}]}}", "{\"a\":0},".repeat(full / 8 - 10))),
        ("a list of numbers", format!("{{\"rows\":[{{\"a\":[{}0]}}]}}", "0,".repeat(full / 2 - 20))),
        ("one long text", format!("{{\"rows\":[{{\"a\":\"{}\"}}]}}", "x".repeat(full - 30))),
    ];
    for (what, body) in &shapes {
        target.under(&format!("eight bodies of 16 MB, {what}"), 256, || {
            let send = |path: &str| {
                let (status, answer) = target.post(path, "", body.as_bytes());
                assert!([400, 413, 429].contains(&status), "{what} to {path}: {status} {answer}");
            };
            std::thread::scope(|scope| {
                for index in 0..8 {
                    scope.spawn(move || send([PREDICT, INFER][index % 2]));
                }
            });
        });
    }
}

#[test]
fn small_bodies_of_many_values_are_weighed_as_well() {
    let target = Target::start_with(&[("MEUSE_SERVER__BODIES_MEMORY_MIB", "64")]);
    let nest = format!("{{\"rows\":[{}{{}}]}}", "{\"a\":0},".repeat(7000));
    target.under("100 bodies of 56 kB that become 5 MB each", 160, || {
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let (status, answer) = target.post(PREDICT, "", nest.as_bytes());
                        assert!([400, 429].contains(&status), "{status} {answer}");
                    }
                });
            }
        });
    });
}

#[test]
fn what_is_no_json_or_no_value_is_refused_with_its_place() {
    let target = Target::start();
    let row = |cell: &str| format!("{{\"rows\":[{{\"months\":{cell},\"amount\":2000}}]}}").into_bytes();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a key twice", row("1,\"months\":2"), "comes twice"),
        ("1e400", row("1e400"), "number out of range"),
        ("-1e400", row("-1e400"), "number out of range"),
        ("NaN", row("NaN"), "NaN is not JSON"),
        ("Infinity", row("-Infinity"), "-Infinity is not JSON"),
        ("a lone high surrogate", row("\"\\ud800\""), "hex escape"),
        ("a lone low surrogate", row("\"\\udc00\""), "hex escape"),
        ("half a pair", row("\"\\ud800\\u0041\""), "hex escape"),
        ("a surrogate in a key", b"{\"rows\":[{\"\\ud800\":1}]}".to_vec(), "hex escape"),
        ("invalid UTF-8", [b"{\"rows\":[{\"months\":\"".as_slice(), b"\xff\xfe", b"\"}]}"].concat(), "unicode"),
        ("a cut sequence", [b"{\"rows\":[{\"a\":\"".as_slice(), b"\xe8\xaf", b"\"}]}"].concat(), "unicode"),
        ("an overlong sequence", [b"{\"rows\":[{\"a\":\"".as_slice(), b"\xc0\xaf", b"\"}]}"].concat(), "unicode"),
        ("a raw NUL", [b"{\"rows\":[{\"a\":\"".as_slice(), b"\0", b"\"}]}"].concat(), "control character"),
        ("a NUL as a name", b"{\"rows\":[{\"\\u0000\":1}]}".to_vec(), "rows[0]"),
        ("a nest past the depth", row(&"[".repeat(200)), "recursion limit"),
        ("a list as a cell", row("[1]"), "rows[0].months"),
        ("an object as a cell", row("{}"), "rows[0].months"),
        ("a number past i128", row(&"9".repeat(400)), "number out of range"),
        ("a text as a number", row(&format!("\"{}\"", "9".repeat(100_000))), "rows[0].months"),
        ("nothing", Vec::new(), "is empty"),
        ("only blanks", vec![b' '; 100_000], "is empty"),
        ("two documents", b"{\"rows\":[]}{\"rows\":[]}".to_vec(), "trailing characters"),
        ("UTF-16", "{\"rows\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect(), "line 1"),
    ];
    target.under("what is no JSON", 32, || {
        for (what, body, expected) in &cases {
            let (status, answer) = target.post(PREDICT, "", body);
            assert_eq!(status, 400, "{what}: {answer}");
            assert!(answer.contains(expected), "{what}: {expected:?} is not in {answer}");
            assert!(answer.len() < 10_000, "{what}: an error does not send everything back");
        }
    });
}

#[test]
fn a_key_twice_is_refused_wherever_a_body_is_read() {
    let target = Target::start();
    let cases = [
        ("/api/v1/projects", r#"{"name":"a","name":"b"}"#),
        ("/api/v1/keys", r#"{"note":"a","note":"b"}"#),
        ("/api/v1/models/credit/deploy", r#"{"version":1,"version":2}"#),
        ("/api/v1/jobs/train", r#"{"recipe":"","recipe":"","model":"a"}"#),
        (INFER, r#"{"inputs":[],"inputs":[]}"#),
        (INFER, r#"{"inputs":[{"name":"a","name":"b","shape":[1],"datatype":"FP64","data":[1]}]}"#),
    ];
    target.under("keys that come twice", 32, || {
        for (path, body) in cases {
            let (status, answer) = target.post(path, "", body.as_bytes());
            assert_eq!(status, 400, "{path} {body}: {answer}");
            assert!(answer.contains("duplicate field"), "{path} {body}: {answer}");
        }
    });
}

#[test]
fn a_compressed_body_is_refused_in_words() {
    let target = Target::start();
    let body = format!("{{\"rows\":[{ROW}]}}");
    target.under("bodies that are compressed", 32, || {
        for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip", "\u{7f}"] {
            for path in [PREDICT, INFER, "/api/v1/datasets/a/versions?file=a.csv"] {
                let (status, answer) = target.post(path, &format!("content-encoding: {encoding}\r\n"), body.as_bytes());
                assert!([400, 415].contains(&status), "{encoding} to {path}: {answer}");
            }
        }
        let plain = target.post(PREDICT, "content-encoding: identity\r\n", body.as_bytes());
        assert_eq!(plain.0, 200, "{}", plain.1);
    });
}
