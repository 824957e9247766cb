//! What crashes left of blobs goes; what a record names, and what is just being put, stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use meuse_core::time::Micros;
use meuse_store::blobs::KEPT_FOR;
use meuse_store::records::jobs::{self, NewJob};
use meuse_store::records::{datasets, models};
use meuse_store::{Digest, Error, Store, Swept};

use crate::support::{Place, note, on_both, project};

on_both!(
    what_no_record_names_goes_once_it_is_old,
    what_any_record_names_stays,
    what_was_put_again_stays,
    what_this_process_put_of_late_stays_whatever_the_clock_says,
    nothing_goes_while_the_database_may_be_older_than_the_blobs,
    a_put_and_a_sweep_at_once_lose_nothing,
);

fn file(place: &Place, digest: Digest) -> PathBuf {
    let name = digest.to_string();
    place.config.blobs.join("sha256").join(&name[..2]).join(name)
}

fn age(path: &Path) {
    let file = fs::File::options().append(true).open(path).expect("it is there");
    file.set_modified(SystemTime::now() - KEPT_FOR - Duration::from_mins(1)).expect("its time is set");
}

/// A blob that an earlier process put long ago.
fn left(place: &Place, content: &str) -> Digest {
    let digest = Digest::of(content.as_bytes());
    let path = file(place, digest);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    let header = [b"MEUB\x01\0\0\0".as_slice(), &(content.len() as u64).to_le_bytes()].concat();
    fs::write(&path, [header.as_slice(), content.as_bytes()].concat()).expect("written");
    age(&path);
    digest
}

async fn sweep(store: &Store) -> Swept {
    store.sweep().await.expect("swept")
}

async fn what_no_record_names_goes_once_it_is_old(place: Place) {
    let store = place.open().await;
    let old = left(&place, "old");
    let young = left(&place, "young");
    fs::File::options()
        .append(true)
        .open(file(&place, young))
        .and_then(|file| file.set_modified(SystemTime::now()))
        .expect("set");
    let [old_draft, young_draft] = ["old", "young"].map(|name| place.config.blobs.join("incoming").join(name));
    fs::write(&old_draft, "half").expect("written");
    fs::write(&young_draft, "half").expect("written");
    age(&old_draft);
    let stranger = file(&place, old).with_file_name("README");
    fs::write(&stranger, "not ours").expect("written");
    age(&stranger);
    assert_eq!(sweep(&store).await, Swept { blobs: 1, drafts: 1, bytes: 16 + 3 + 4 });
    assert!(!file(&place, old).exists() && !old_draft.exists());
    assert!(file(&place, young).exists() && young_draft.exists() && stranger.exists());
    assert_eq!(sweep(&store).await, Swept::default());
}

async fn what_any_record_names_stays(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    let blob = |content: &str| left(&place, content);
    let (data, schema, profile, preview) = (blob("data"), blob("schema"), blob("profile"), blob("preview"));
    let (source, csv, model, told) = (blob("source"), blob("csv"), blob("model"), blob("events"));
    let (waiting, failed) = (blob("waiting"), blob("failed"));
    let (index, packs) = (blob("index"), vec![blob("first pack"), blob("second pack")]);
    let media = datasets::Media { index, packs: packs.clone() };
    let at = Micros(1);
    let mut tx = store.begin().await.expect("a transaction begins");
    let contents = datasets::Contents { rows: 1, bytes: 1, data, schema, profile, preview, media: Some(media) };
    let row = datasets::SourceRow { file: "f".into(), sha256: source.to_string(), bytes: 1, options: "{}".into() };
    let new = datasets::NewVersion {
        project: "lending",
        dataset: "credit",
        at,
        by: "ana",
        job: "j",
        contents: &contents,
        source: &row,
    };
    datasets::register(&mut tx, &new).await.expect("registered");
    datasets::note_csv(&mut tx, "lending", "credit", 1, &csv).await.expect("noted");
    let files = format!("{{\"model.onnx\":\"{model}\"}}");
    let new = models::NewVersion {
        project: "lending",
        model: "trees",
        at,
        by: "ana",
        job: "j",
        digest: "d",
        files: &files,
        dataset: "credit:1",
        task: "binary",
        algorithm: "lightgbm",
        metric: "auc",
        validation: None,
        test: None,
    };
    models::register(&mut tx, &new).await.expect("registered");
    for (task, ends) in [(waiting, None), (failed, Some("failed"))] {
        let task = format!("{{\"kind\":\"import\",\"bytes\":1,\"source\":\"{task}\"}}");
        let new = NewJob {
            project_id: "lending",
            project: "lending",
            kind: "import",
            subject: "credit",
            task: &task,
            by: "ana",
            at,
        };
        let job = jobs::queue(&mut tx, &new).await.expect("queued");
        if let Some(state) = ends {
            let events = told.to_string();
            let ending = jobs::Ending { state, events: Some(&events), ..jobs::Ending::default() };
            assert!(jobs::end(&mut tx, &job.id, 0, at, &ending).await.expect("ended"));
        }
    }
    tx.commit().await.expect("committed");
    assert_eq!(sweep(&store).await.blobs, 1, "what a failed import came from");
    assert!(!file(&place, failed).exists());
    let named = [data, schema, profile, preview, source, csv, model, told, waiting, index];
    for digest in named.into_iter().chain(packs) {
        store.blobs.read(&digest).await.expect("it is whole");
    }
}

async fn what_was_put_again_stays(place: Place) {
    let store = place.open().await;
    let again = left(&place, "again");
    assert_eq!(
        Store::open(place.replica("other.head")).await.expect("opens").blobs.put_bytes("again").await.expect("put"),
        again
    );
    assert_eq!(sweep(&store).await, Swept::default(), "another process has put it a moment ago");
}

async fn what_this_process_put_of_late_stays_whatever_the_clock_says(place: Place) {
    let store = place.open().await;
    let digest = store.blobs.put_bytes("just now").await.expect("put");
    age(&file(&place, digest));
    assert_eq!(sweep(&store).await, Swept::default(), "the clock was set forward after it was put");
    let other = Store::open(place.replica("other.head")).await.expect("opens");
    assert_eq!(sweep(&other).await.blobs, 1, "for any other process it is a day old");
}

async fn nothing_goes_while_the_database_may_be_older_than_the_blobs(place: Place) {
    let store = place.open().await;
    note(&store, "credit:1").await;
    fs::write(&place.config.audit_head, format!("7 {}\n", "0".repeat(64))).expect("written");
    let store = Store::open(place.config.clone()).await.expect("it opens");
    let digest = left(&place, "of a lost record");
    let refused = store.sweep().await.expect_err("it may be needed");
    assert!(matches!(refused, Error::Older), "{refused}");
    assert!(file(&place, digest).exists());
}

async fn a_put_and_a_sweep_at_once_lose_nothing(place: Place) {
    let store = place.open().await;
    let other = Store::open(place.replica("other.head")).await.expect("opens");
    for round in 0..100 {
        let content = format!("{round}");
        let digest = left(&place, &content);
        // Two processes: the one that sweeps does not know what the other one puts.
        let putting = tokio::spawn({
            let blobs = other.blobs.clone();
            async move { blobs.put_bytes(content).await.expect("put") }
        });
        let swept = sweep(&store).await;
        assert!(swept.blobs <= 1);
        assert_eq!(putting.await.expect("it ends"), digest);
        store.blobs.read(&digest).await.expect("what was put is there, whoever came first");
    }
}
