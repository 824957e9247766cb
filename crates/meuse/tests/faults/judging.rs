//! What must hold after a strike: each version once, every blob that a record names, no other, and a whole trail.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use meuse_store::{DatabaseAddress, Digest, Secret, Store, StoreConfig};
use serde_json::Value;

use crate::story::{self, call, get};
use crate::support::{Server, until};

pub(crate) fn jobs(server: &Server) -> Vec<Value> {
    get(server, "/api/v1/jobs")["items"].as_array().expect("a list").clone()
}

/// The numbers of the versions, ascending; none when there is nothing of that name.
pub(crate) fn versions(server: &Server, path: &str) -> Vec<u64> {
    let (status, answer) = call(server, "GET", path, b"").expect("the server lives");
    if status == 404 {
        return Vec::new();
    }
    let list = if answer["items"].is_array() { &answer["items"] } else { &answer["versions"] };
    let mut numbers: Vec<u64> = list
        .as_array()
        .unwrap_or_else(|| panic!("{path}: no versions in {answer}"))
        .iter()
        .filter_map(|version| version["version"].as_u64())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// There are versions 1 to `count`, the last job has ended well in at most two attempts, and has left no folder.
pub(crate) fn is_once(server: &Server, path: &str, count: usize, point: &str) {
    assert_eq!(versions(server, path), (1..=count as u64).collect::<Vec<_>>(), "{point}");
    let last = &jobs(server)[0];
    assert_eq!(last["state"], "succeeded", "{point}: {last}");
    assert!(last["attempts"].as_u64().is_some_and(|attempts| attempts <= 2), "{point}: {last}");
    until("the work folder is empty", || is_empty(&server.path("home/work")).then_some(()));
}

pub(crate) fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a folder").next().is_none()
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Two days go by for everything in a folder.
pub(crate) fn age(folder: &Path) {
    for path in files(folder) {
        let file = std::fs::File::options().append(true).open(&path).expect("a file of ours");
        file.set_modified(SystemTime::now() - Duration::from_hours(48)).expect("its time is set");
    }
}

/// Two days later: every blob that a record names is there and whole, no other is, and no draft; the trail is whole.
pub(crate) fn is_whole(server: &mut Server) {
    story::quiet(server);
    server.stop();
    let blobs = server.path("home/blobs");
    age(&blobs);
    server.restart();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let store = runtime.block_on(Store::open(StoreConfig {
        database: DatabaseAddress::Sqlite(server.path("home/meuse.db")),
        blobs: blobs.clone(),
        audit_head: server.path("home/audit.head"),
        secret: Secret::read(&server.path("home/secret")).expect("the secret"),
    }));
    let store = store.expect("the store opens beside its server");
    let named = runtime.block_on(meuse_store::records::references::blobs(&store.db)).expect("they are read");
    let mut named: Vec<Digest> = named.into_iter().collect();
    named.sort_unstable();
    until("the blobs are swept", || {
        let mut present: Vec<Digest> = files(&blobs.join("sha256"))
            .iter()
            .map(|path| path.file_name().and_then(|name| name.to_str()?.parse().ok()).expect("a digest"))
            .collect();
        present.sort_unstable();
        (present == named && is_empty(&blobs.join("incoming"))).then_some(())
    });
    for digest in &named {
        runtime.block_on(store.blobs.read(digest)).expect("a blob that a record names is whole");
    }
    runtime.block_on(store.close());
    story::verify(server);
    assert!(is_empty(&server.path("home/work")));
}
