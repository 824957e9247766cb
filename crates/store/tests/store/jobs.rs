//! A job is claimed once, under a lease, and ended once.

use std::time::Duration;

use meuse_core::time::Micros;
use meuse_store::Store;
use meuse_store::records::jobs::{self, Ending, JobRow, Lane, Lease, NewJob};

use crate::support::{Place, on_both, project};

on_both!(
    a_job_is_claimed_by_one_of_many,
    projects_take_turns,
    a_long_training_keeps_no_import_waiting,
    a_late_attempt_holds_nothing,
    a_lease_that_is_kept_moves,
    a_cancelled_job_is_not_claimed,
    a_job_of_another_project_is_not_there,
    a_failure_is_told_until_its_like_has_ended_again,
);

const NOW: Micros = Micros(1_000_000_000);

fn lease(owner: &str) -> Lease<'_> {
    Lease { owner, at: NOW, until: NOW.plus(Duration::from_mins(1)) }
}

async fn queue(store: &Store, project: &str, kind: &str, at: Micros) -> JobRow {
    queue_about(store, project, kind, "credit", at).await
}

async fn queue_about(store: &Store, project: &str, kind: &str, subject: &str, at: Micros) -> JobRow {
    let mut tx = store.begin().await.expect("a transaction begins");
    let new = NewJob { project_id: project, project, kind, subject, task: "{}", by: "ana", at };
    let row = jobs::queue(&mut tx, &new).await.expect("the job is queued");
    tx.commit().await.expect("it commits");
    row
}

async fn claim(store: &Store, lane: Lane, owner: &str, at: Micros) -> Option<JobRow> {
    let mut tx = store.begin().await.expect("a transaction begins");
    let row = jobs::claim(&mut tx, lane, &Lease { at, ..lease(owner) }).await.expect("claiming works");
    tx.commit().await.expect("it commits");
    row
}

async fn a_job_is_claimed_by_one_of_many(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    let job = queue(&store, "lending", "train", NOW).await;
    let claims = (0..8).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { claim(&store, Lane::Training, &format!("home {number}"), NOW).await })
    });
    let mut claimed = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        claimed.extend(claim.await.expect("no claim panics"));
    }
    assert_eq!(claimed.len(), 1);
    assert_eq!(
        (claimed[0].id.as_str(), claimed[0].attempts, claimed[0].state.as_str()),
        (job.id.as_str(), 1, "running")
    );
}

async fn projects_take_turns(place: Place) {
    let store = place.open().await;
    project(&store, "busy").await;
    project(&store, "quiet").await;
    for number in 0..3 {
        queue(&store, "busy", "train", Micros(NOW.0 + number)).await;
    }
    queue(&store, "quiet", "train", Micros(NOW.0 + 10)).await;
    let mut order = Vec::new();
    for number in 0..4 {
        let claimed = claim(&store, Lane::Training, "home", Micros(NOW.0 + 100 + number)).await;
        order.push(claimed.expect("a job is left").project);
    }
    assert_eq!(order, ["busy", "quiet", "busy", "busy"]);
}

async fn a_long_training_keeps_no_import_waiting(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    queue(&store, "lending", "train", NOW).await;
    queue(&store, "lending", "import", Micros(NOW.0 + 1)).await;
    let import = claim(&store, Lane::Data, "home", NOW).await.expect("the import is there");
    assert_eq!(import.kind, "import");
    assert_eq!(claim(&store, Lane::Data, "home", NOW).await, None);
    assert!(jobs::any_queued(&store.db, Lane::Training).await.expect("counted"));
    assert!(!jobs::any_queued(&store.db, Lane::Data).await.expect("counted"));
}

async fn a_late_attempt_holds_nothing(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    queue(&store, "lending", "train", NOW).await;
    let first = claim(&store, Lane::Training, "one", NOW).await.expect("claimed");
    let later = NOW.plus(Duration::from_secs(61));
    let elsewhere = jobs::running_elsewhere(&store.db, "two").await.expect("listed");
    assert_eq!(elsewhere, std::slice::from_ref(&first));
    assert_eq!(jobs::running_elsewhere(&store.db, "one").await.expect("listed"), [], "it is its own");

    let mut tx = store.begin().await.expect("a transaction begins");
    let other = first.lease_until.map(|until| until - 1);
    let held = jobs::hold_abandoned(&mut tx, &first.id, 1, other).await.expect("asked");
    assert_eq!(held, None, "its lease was prolonged since");
    assert!(jobs::hold_abandoned(&mut tx, &first.id, 1, first.lease_until).await.expect("asked").is_some());
    assert!(jobs::requeue(&mut tx, &first.id, 1).await.expect("requeued"));
    tx.commit().await.expect("it commits");
    let second = claim(&store, Lane::Training, "two", later).await.expect("claimed again");
    assert_eq!((second.id.as_str(), second.attempts), (first.id.as_str(), 2));

    let mut tx = store.begin().await.expect("a transaction begins");
    assert_eq!(jobs::hold(&mut tx, &first.id, 1, "one").await.expect("asked"), None);
    assert_eq!(jobs::keep(&mut tx, &first.id, 1, &lease("one"), None).await.expect("asked"), None);
    let ending = Ending { state: "succeeded", result: Some("credit:1"), ..Ending::default() };
    assert!(!jobs::end(&mut tx, &first.id, 1, later, &ending).await.expect("asked"));
    assert!(jobs::end(&mut tx, &first.id, 2, later, &ending).await.expect("asked"));
    assert!(!jobs::end(&mut tx, &first.id, 2, later, &ending).await.expect("asked"), "a job ends once");
    tx.commit().await.expect("it commits");
}

async fn a_lease_that_is_kept_moves(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    queue(&store, "lending", "train", NOW).await;
    let job = claim(&store, Lane::Training, "one", NOW).await.expect("claimed");
    let later = NOW.plus(Duration::from_secs(50));
    let longer = Lease { owner: "one", at: later, until: later.plus(Duration::from_mins(1)) };
    let mut tx = store.begin().await.expect("a transaction begins");
    let kept = jobs::keep(&mut tx, &job.id, 1, &longer, Some("{\"stage\":\"fit\"}")).await;
    assert_eq!(kept.expect("kept"), Some(false));
    tx.commit().await.expect("it commits");
    let elsewhere = jobs::running_elsewhere(&store.db, "two").await.expect("listed");
    assert_eq!(elsewhere.first().and_then(|job| job.lease_until), Some(longer.until.0));
    let mut tx = store.begin().await.expect("a transaction begins");
    assert_eq!(jobs::hold_abandoned(&mut tx, &job.id, 1, job.lease_until).await.expect("asked"), None);
    drop(tx);
    let found = jobs::get(&store.db, &job.id).await.expect("read").expect("there");
    assert_eq!(found.progress.as_deref(), Some("{\"stage\":\"fit\"}"));
    end(&store, &job, 1, "succeeded", later).await;
    let found = jobs::get(&store.db, &job.id).await.expect("read").expect("there");
    assert_eq!((found.state.as_str(), found.progress), ("succeeded", None), "what has ended is on no way any more");
}

async fn end(store: &Store, job: &JobRow, attempt: i64, state: &str, at: Micros) {
    let mut tx = store.begin().await.expect("a transaction begins");
    let ending = Ending { state, ..Ending::default() };
    assert!(jobs::end(&mut tx, &job.id, attempt, at, &ending).await.expect("it ends"));
    tx.commit().await.expect("it commits");
}

async fn a_failure_is_told_until_its_like_has_ended_again(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    project(&store, "cards").await;
    let second = |number: u64| NOW.plus(Duration::from_secs(number));
    let told = async || -> Vec<String> {
        let rows = jobs::failures(&store.db, "lending", second(1)).await.expect("listed");
        rows.into_iter().map(|row| format!("{} {}", row.kind, row.subject)).collect()
    };
    let endings = [
        ("lending", "train", "old", "failed", 0),
        ("lending", "train", "trees", "failed", 1),
        ("lending", "train", "trees", "failed", 2),
        ("lending", "import", "trees", "failed", 3),
        ("cards", "train", "trees", "succeeded", 4),
        ("lending", "import", "trees", "cancelled", 5),
    ];
    for (owner, kind, subject, state, at) in endings {
        let job = queue_about(&store, owner, kind, subject, NOW).await;
        end(&store, &job, 0, state, second(at)).await;
    }
    assert_eq!(told().await, ["import trees", "train trees"]);
    let open = queue_about(&store, "lending", "train", "trees", NOW).await;
    assert_eq!(told().await, ["import trees", "train trees"]);
    let listed = jobs::open(&store.db, "lending").await.expect("listed");
    assert_eq!(listed.as_slice(), std::slice::from_ref(&open));
    end(&store, &open, 0, "succeeded", second(6)).await;
    assert_eq!(told().await, ["import trees"]);
    assert_eq!(jobs::count(&store.db, "lending").await.expect("counted"), 6);
}

async fn a_cancelled_job_is_not_claimed(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    let queued = queue(&store, "lending", "train", NOW).await;
    let mut tx = store.begin().await.expect("a transaction begins");
    let row = jobs::request_cancel(&mut tx, "lending", &queued.id, NOW, None).await.expect("asked");
    assert_eq!(row.map(|row| row.state).as_deref(), Some("cancelled"));
    assert_eq!(jobs::request_cancel(&mut tx, "lending", &queued.id, NOW, None).await.expect("asked"), None);
    tx.commit().await.expect("it commits");
    assert_eq!(claim(&store, Lane::Training, "one", NOW).await, None);

    queue(&store, "lending", "train", NOW).await;
    let running = claim(&store, Lane::Training, "one", NOW).await.expect("claimed");
    let mut tx = store.begin().await.expect("a transaction begins");
    let row = jobs::request_cancel(&mut tx, "lending", &running.id, NOW, None).await.expect("asked");
    assert_eq!(row.map(|row| row.state).as_deref(), Some("running"));
    assert_eq!(jobs::keep(&mut tx, &running.id, 1, &lease("one"), None).await.expect("kept"), Some(true));
}

async fn a_job_of_another_project_is_not_there(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    project(&store, "other").await;
    let job = queue(&store, "lending", "import", NOW).await;
    assert!(jobs::find(&store.db, "lending", &job.id).await.expect("read").is_some());
    assert_eq!(jobs::find(&store.db, "other", &job.id).await.expect("read"), None);
    assert_eq!(jobs::list(&store.db, "other", 10).await.expect("read"), []);
    let open = jobs::open_of_subject(&store.db, "lending", "import", "credit").await.expect("read");
    assert_eq!(open.map(|open| open.id), Some(job.id.clone()));
    let mut tx = store.begin().await.expect("a transaction begins");
    assert_eq!(jobs::request_cancel(&mut tx, "other", &job.id, NOW, None).await.expect("asked"), None);
}
