//! A blob that is damaged anywhere is found when it is read, and named: its digest, its file, and what it belongs to.
//! What else is deployed goes on answering, and the file from a backup mends it without a restart.

use std::path::{Path, PathBuf};

use meuse_store::{DatabaseAddress, Secret, Store, StoreConfig};
use serde_json::Value;

use crate::story::{self, call, ended, predict};
use crate::support::Server;

const HEADER: usize = 16;

/// What happens to a blob's file.
type Damage = fn(&mut Vec<u8>);

const REGIONS: [(&str, Damage); 9] = [
    ("the magic", |bytes| bytes[0] ^= 1),
    ("the version", |bytes| bytes[4] += 1),
    ("the reserved bytes", |bytes| bytes[6] = 1),
    ("the length", |bytes| bytes[8] ^= 1),
    ("the beginning", |bytes| bytes[HEADER] ^= 1),
    ("the middle", |bytes| {
        let middle = usize::midpoint(HEADER, bytes.len());
        bytes[middle] ^= 0x80;
    }),
    ("the end", |bytes| {
        let end = bytes.len() - 1;
        bytes[end] ^= 1;
    }),
    ("cut short", |bytes| {
        bytes.pop();
    }),
    ("made longer", |bytes| bytes.push(0)),
];

/// The digests that the home's records name: of the model's file `model.onnx`, and of the data of `credit:1`.
fn digests(server: &Server) -> (String, String) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config = StoreConfig {
            database: DatabaseAddress::Sqlite(server.path("home/meuse.db")),
            blobs: server.path("home/blobs"),
            audit_head: server.path("home/audit.head"),
            secret: Secret::read(&server.path("home/secret")).expect("the secret"),
        };
        let store = Store::open(config).await.expect("the store opens");
        let everything = meuse_store::records::models::everything(&store.db).await.expect("the models");
        let of_second = everything.models.iter().find(|model| model.name == "second").expect("it is there");
        let version = everything.versions.iter().find(|version| version.model_id == of_second.id).expect("a version");
        let files: Value = serde_json::from_str(&version.files).expect("JSON");
        let project = &of_second.project_id;
        let data = meuse_store::records::datasets::version(&store.db, project, "credit", None).await.expect("read");
        let digests = (files["model.onnx"].as_str().expect("a digest").to_owned(), data.expect("there").contents.data);
        store.close().await;
        (digests.0, digests.1.to_string())
    })
}

fn file(server: &Server, digest: &str) -> PathBuf {
    server.path("home/blobs/sha256").join(&digest[..2]).join(digest)
}

fn damage(path: &Path, whole: &[u8], damage: Damage) {
    let mut bytes = whole.to_vec();
    damage(&mut bytes);
    std::fs::write(path, bytes).expect("a file of ours");
}

fn names(text: &str, parts: &[&str], region: &str) {
    for part in parts {
        assert!(text.contains(part), "{region}: `{part}` is not in {text}");
    }
}

/// A server with a dataset and two models, the second of which is another recipe's.
fn server() -> Server {
    let mut server = Server::start();
    server.expects_warnings = true;
    story::import(&server, "credit", 1);
    story::model(&server, "first");
    // Other data, so that the two models share no file.
    story::import(&server, "credit", 2);
    story::model(&server, "second");
    server
}

#[test]
fn a_damaged_model_is_found_at_load_and_named_and_the_other_one_answers() {
    let mut server = server();
    let (digest, _) = digests(&server);
    let path = file(&server, &digest);
    let whole = std::fs::read(&path).expect("the blob");
    for (region, how) in REGIONS {
        server.stop();
        damage(&path, &whole, how);
        server.restart();
        let (status, answer) = predict(&server, "second");
        assert_eq!(status, 503, "{region}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        names(message, &[&digest, &path.display().to_string(), "`second:1`", "model.onnx", "backup"], region);
        let deploy = br#"{"version":1,"reason":"again"}"#;
        let (status, answer) = call(&server, "POST", "/api/v1/models/second/deploy", deploy).expect("the server lives");
        assert_eq!(status, 503, "{region}: what cannot answer is not deployed: {answer}");
        assert_eq!(predict(&server, "first").0, 200, "{region}: the other one answers");
        std::fs::write(&path, &whole).expect("a file of ours");
        assert_eq!(predict(&server, "second").0, 200, "{region}: it is mended without a restart");
    }
    std::fs::remove_file(&path).expect("a file of ours");
    server.stop();
    server.restart();
    let (_, answer) = predict(&server, "second");
    names(&answer.to_string(), &[&digest, "`second:1`", "backup"], "removed");
    assert_eq!(predict(&server, "first").0, 200);
}

#[test]
fn damaged_data_is_found_when_it_is_read_and_named() {
    let server = server();
    let (_, digest) = digests(&server);
    let path = file(&server, &digest);
    let whole = std::fs::read(&path).expect("the blob");
    for (region, how) in REGIONS {
        damage(&path, &whole, how);
        let job = story::train(&server, "third").expect("the server lives");
        let job = ended(&server, &job);
        assert_eq!((&job["state"], &job["attempts"]), (&"failed".into(), &1.into()), "{region}: {job}");
        let message = job["failure"]["message"].as_str().unwrap_or_default();
        names(message, &[&digest, &path.display().to_string(), "credit:2", "backup"], region);
        assert_eq!(predict(&server, "second").0, 200, "{region}: what is deployed answers");
    }
    let (status, answer) = call(&server, "GET", "/api/v1/datasets/credit/export", b"").expect("the server lives");
    assert!(status >= 400, "{answer}");
    names(&answer.to_string(), &[&digest, "credit:2"], "an export");
    std::fs::write(&path, &whole).expect("a file of ours");
    let job = story::train(&server, "third").expect("the server lives");
    assert_eq!(ended(&server, &job)["state"], "succeeded", "it is mended");
}
