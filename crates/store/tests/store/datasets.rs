//! A dataset's versions are numbered from 1, and the same bytes read in the same way are one.

use meuse_core::time::Micros;
use meuse_store::records::datasets::{self, Contents, NewVersion, SourceRow};
use meuse_store::{Digest, Store};

use crate::support::{Place, on_both, project};

on_both!(
    versions_are_numbered_from_one,
    the_same_bytes_read_in_the_same_way_are_one_version,
    two_at_once_register_one_version,
    a_dataset_of_another_project_is_not_there,
    a_csv_is_noted_with_its_version,
);

fn source(bytes: &str, options: &str) -> SourceRow {
    let sha256 = Digest::of(bytes.as_bytes()).to_string();
    SourceRow { file: "credit.csv".into(), sha256, bytes: bytes.len() as u64, options: options.into() }
}

async fn register(store: &Store, project: &str, dataset: &str, source: &SourceRow) -> u32 {
    let contents = Contents {
        rows: 3,
        bytes: 100,
        data: Digest::of(b"data"),
        schema: Digest::of(b"schema"),
        profile: Digest::of(b"profile"),
        preview: Digest::of(b"preview"),
        media: None,
    };
    let (at, by, job) = (Micros(7), "ana", "job");
    let mut tx = store.begin().await.expect("a transaction begins");
    let new = NewVersion { project, dataset, at, by, job, contents: &contents, source };
    let version = datasets::register(&mut tx, &new).await.expect("registered");
    tx.commit().await.expect("it commits");
    version
}

async fn versions_are_numbered_from_one(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    assert_eq!(register(&store, "lending", "credit", &source("a", "{}")).await, 1);
    assert_eq!(register(&store, "lending", "credit", &source("b", "{}")).await, 2);
    assert_eq!(register(&store, "lending", "debit", &source("a", "{}")).await, 1);
    let version = |number| datasets::version(&store.db, "lending", "credit", number);
    let found = version(Some(1)).await.expect("read").expect("there");
    assert_eq!((found.dataset.as_str(), found.version, found.source), ("credit", 1, source("a", "{}")));
    assert_eq!((found.contents.rows, found.contents.data), (3, Digest::of(b"data")));
    assert_eq!(version(None).await.expect("read").map(|version| version.version), Some(2));
    assert_eq!(version(Some(3)).await.expect("read"), None);
    let all = datasets::versions(&store.db, "lending", "credit").await.expect("read");
    assert_eq!(all.iter().map(|version| version.version).collect::<Vec<_>>(), [2, 1]);
    let newest = datasets::newest_versions(&store.db, "lending").await.expect("read");
    let newest: Vec<_> = newest.iter().map(|version| (version.dataset.as_str(), version.version)).collect();
    assert_eq!(newest, [("credit", 2), ("debit", 1)]);
}

async fn the_same_bytes_read_in_the_same_way_are_one_version(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    assert_eq!(register(&store, "lending", "credit", &source("a", "{}")).await, 1);
    assert_eq!(register(&store, "lending", "credit", &source("a", "{\"delimiter\":\";\"}")).await, 2);
    assert_eq!(register(&store, "lending", "credit", &source("a", "{}")).await, 1);
    let known = datasets::version_of_source(&store.db, "lending", "credit", &source("a", "{}")).await;
    assert_eq!(known.expect("read").map(|version| version.version), Some(1));
    let unknown = datasets::version_of_source(&store.db, "lending", "credit", &source("b", "{}")).await;
    assert_eq!(unknown.expect("read"), None);
}

async fn two_at_once_register_one_version(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    let registered = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { register(&store, "lending", "credit", &source("a", "{}")).await })
    });
    for registered in registered.collect::<Vec<_>>() {
        assert_eq!(registered.await.expect("no registration panics"), 1);
    }
    let all = datasets::versions(&store.db, "lending", "credit").await.expect("read");
    assert_eq!(all.len(), 1);
}

async fn a_dataset_of_another_project_is_not_there(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    project(&store, "other").await;
    register(&store, "lending", "credit", &source("a", "{}")).await;
    assert_eq!(datasets::list(&store.db, "other").await.expect("read"), []);
    assert_eq!(datasets::find(&store.db, "other", "credit").await.expect("read"), None);
    assert_eq!(datasets::version(&store.db, "other", "credit", None).await.expect("read"), None);
    assert_eq!(datasets::newest_versions(&store.db, "other").await.expect("read"), []);
    assert_eq!(register(&store, "other", "credit", &source("a", "{}")).await, 1);
}

async fn a_csv_is_noted_with_its_version(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    register(&store, "lending", "credit", &source("a", "{}")).await;
    register(&store, "lending", "credit", &source("b", "{}")).await;
    let mut tx = store.begin().await.expect("a transaction begins");
    datasets::note_csv(&mut tx, "lending", "credit", 1, &Digest::of(b"csv")).await.expect("noted");
    tx.commit().await.expect("it commits");
    let all = datasets::versions(&store.db, "lending", "credit").await.expect("read");
    assert_eq!(all.into_iter().map(|version| version.csv).collect::<Vec<_>>(), [None, Some(Digest::of(b"csv"))]);
}
