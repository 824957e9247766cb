//! All records of one instant, out of either database and into either.

use std::collections::BTreeMap;

use meuse_core::time::Micros;
use meuse_store::backup::{self, Loading, Picture, Table};
use meuse_store::records::jobs::{self, Lane, Lease};
use meuse_store::{Db, Error, Store};

use crate::support::{Place, note, on_both, project, run};

on_both!(
    a_picture_is_loaded_into_either_database_as_it_was,
    a_picture_shows_one_instant_while_others_write,
    a_database_that_is_not_empty_is_not_filled,
    what_is_dropped_before_it_is_committed_leaves_an_empty_database,
    a_row_that_names_one_that_is_not_there_is_refused,
    a_row_that_is_none_of_its_table_is_refused,
    every_blob_that_a_record_names_is_named,
    running_jobs_are_queued_again_without_a_lost_attempt,
);

/// Every kind of column with its strangest values, and keys that name each other against the order of their ids.
const ROWS: &[&str] = &[
    "INSERT INTO project (id, name, made_with, created_at) VALUES ('p', 'lending', NULL, 1), \
        ('q', 'O''Brien \"quoted\" 遗失\n\ttab \\ back', 'k1', -9223372036854775807)",
    "INSERT INTO principal (id, name, created_at) VALUES ('a', 'ana', 9223372036854775807)",
    "INSERT INTO role (project_id, principal_id, role, granted_at) VALUES ('p', 'a', 'admin', 3)",
    "INSERT INTO api_key (id, prefix, mac, principal_id, project_id, made_with, note, created_at) \
        VALUES ('k2', '2', 'm', 'a', 'p', NULL, '', 1)",
    "INSERT INTO api_key (id, prefix, mac, principal_id, project_id, made_with, note, created_at, expires_at) \
        VALUES ('k1', '1', 'm', 'a', 'p', 'k2', 'null', 1, 5)",
    "INSERT INTO job (id, project_id, project, kind, subject, task, state, cancel_requested, attempts, created_by, \
        created_at, progress) VALUES ('j1', 'p', 'lending', 'train', 's', '{}', 'failed', TRUE, 2, 'ana', 1, '')",
    "INSERT INTO job (id, project_id, project, kind, subject, task, state, cancel_requested, attempts, created_by, \
        created_at) VALUES ('J2', 'p', 'lending', 'train', 's', '{}', 'failed', FALSE, 0, 'ana', 1)",
    "INSERT INTO model (id, project_id, name, created_at) VALUES ('m', 'p', 'credit', 1)",
    "INSERT INTO model_version (model_id, version, created_at, created_by, job_id, digest, files, dataset, task, \
        algorithm, metric, validation, test) VALUES \
        ('m', 10, 1, 'ana', 'j1', 'd', '{}', 'c:1', 'binary', 'lightgbm', 'roc_auc', 0.1, 1e-300), \
        ('m', 9, 1, 'ana', 'j1', 'd', '{}', 'c:1', 'binary', 'lightgbm', 'roc_auc', -0.30000000000000004, NULL), \
        ('m', 11, 1, 'ana', 'j1', 'd', '{}', 'c:1', 'binary', 'lightgbm', 'roc_auc', 1.7976931348623157e308, 3.0)",
    "UPDATE model_revision SET value = 17",
];

async fn filled(place: &Place) -> Store {
    let store = place.open().await;
    for sql in ROWS {
        run(&store, sql).await;
    }
    for number in 0..450 {
        note(&store, &format!("credit:{number}")).await;
    }
    store
}

/// Every table's rows, as lines.
async fn taken(picture: &mut Picture) -> BTreeMap<String, (Table, Vec<String>)> {
    let mut taken = BTreeMap::new();
    for table in picture.tables().await.expect("the tables are listed") {
        let mut bytes = Vec::new();
        let rows = picture.write_rows(&table, &mut bytes).await.expect("the rows are read");
        let lines: Vec<String> = String::from_utf8(bytes).expect("text").lines().map(str::to_owned).collect();
        assert_eq!(lines.len() as u64, rows);
        taken.insert(table.name.clone(), (table, lines));
    }
    taken
}

async fn load(place: &Place, rows: &BTreeMap<String, (Table, Vec<String>)>) -> Result<(), Error> {
    let mut loading = Loading::begin(&place.config.database, backup::newest_schema()).await?;
    for table in loading.tables().await? {
        let (taken, lines) = &rows[&table.name];
        assert_eq!(&table, taken, "the columns are the same in both databases");
        loading.insert(&table, lines).await?;
    }
    loading.commit().await
}

async fn a_picture_is_loaded_into_either_database_as_it_was(place: Place) {
    let store = filled(&place).await;
    let mut picture = Picture::of(&store).await.expect("a picture");
    let head = picture.head().await.expect("a head");
    let rows = taken(&mut picture).await;
    picture.close().await;
    assert_eq!(rows["audit_entry"].1.len(), 450);
    assert!(rows["model_version"].1[0].contains("-0.30000000000000004"), "{:?}", rows["model_version"].1);
    for target in [Place::sqlite(), Place::postgres()] {
        load(&target, &rows).await.expect("it loads");
        let mut again = Picture::apart(&target.config.database).await.expect("a picture of what was loaded");
        let mut found = taken(&mut again).await;
        if matches!(store_of(&target).await.db, Db::Postgres(_)) {
            let meta = &mut found.get_mut("meta").expect("the table meta").1;
            meta.retain(|line| !line.contains("restore_unfinished"));
        }
        assert_eq!(found, rows);
        assert_eq!(again.head().await.expect("a head"), head);
        again.close().await;
        // References hold again as they did, and the trail goes on from its head.
        let opened = store_of(&target).await;
        note(&opened, "after").await;
        let orphan = "INSERT INTO role (project_id, principal_id, role, granted_at) VALUES ('none', 'a', 'admin', 3)";
        assert!(try_run(&opened, orphan).await.is_err(), "a row that names nothing is refused");
    }
}

async fn store_of(place: &Place) -> Store {
    place.open().await
}

async fn try_run(store: &Store, sql: &'static str) -> Result<(), sqlx::Error> {
    match &store.db {
        Db::Sqlite(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop),
        Db::Postgres(pool) => sqlx::raw_sql(sql).execute(pool).await.map(drop),
    }
}

async fn a_picture_shows_one_instant_while_others_write(place: Place) {
    let store = filled(&place).await;
    let mut picture = Picture::of(&store).await.expect("a picture");
    let head = picture.head().await.expect("a head");
    note(&store, "later").await;
    project(&store, "later").await;
    let rows = taken(&mut picture).await;
    assert_eq!(rows["audit_entry"].1.len() as i64, head.seq);
    assert_eq!(rows["project"].1.len(), 2);
    picture.close().await;
}

#[tokio::test]
async fn a_picture_holds_every_table_but_who_is_signed_in() {
    const TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let place = Place::sqlite();
    let store = place.open().await;
    let Db::Sqlite(pool) = &store.db else { unreachable!("the place is of SQLite") };
    let mut there: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(pool).await.expect("the tables");
    there.retain(|table| table != "session");
    let mut picture = Picture::of(&store).await.expect("a picture");
    let mut taken: Vec<String> =
        picture.tables().await.expect("the tables").into_iter().map(|table| table.name).collect();
    there.sort();
    taken.sort();
    assert_eq!(taken, there);
}

async fn a_database_that_is_not_empty_is_not_filled(place: Place) {
    let store = filled(&place).await;
    store.close().await;
    let error = Loading::begin(&place.config.database, backup::newest_schema()).await.err().expect("it is refused");
    assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
    let rows = taken(&mut Picture::apart(&place.config.database).await.expect("a picture")).await;
    assert_eq!(rows["project"].1.len(), 2, "all is as it was");
}

async fn what_is_dropped_before_it_is_committed_leaves_an_empty_database(place: Place) {
    let source = Place::sqlite();
    let store = filled(&source).await;
    let rows = taken(&mut Picture::of(&store).await.expect("a picture")).await;
    let mut loading =
        Loading::begin(&place.config.database, backup::newest_schema()).await.expect("the database is empty");
    let tables = loading.tables().await.expect("the tables");
    loading.insert(&tables[0], &rows[&tables[0].name].1).await.expect("rows go in");
    drop(loading);
    load(&place, &rows).await.expect("it is as empty as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_cut_off_after_its_commit_is_done_again_and_a_finished_one_is_not() {
    let (source, target) = (Place::sqlite(), Place::postgres());
    let store = filled(&source).await;
    let rows = taken(&mut Picture::of(&store).await.expect("a picture")).await;
    load(&target, &rows).await.expect("it loads");
    load(&target, &rows).await.expect("and again, since nobody has finished it");
    backup::finish(&target.config.database).await.expect("it is finished");
    let error = load(&target, &rows).await.expect_err("now somebody may live there");
    assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
}

async fn a_row_that_names_one_that_is_not_there_is_refused(place: Place) {
    let source = Place::sqlite();
    let store = filled(&source).await;
    let mut rows = taken(&mut Picture::of(&store).await.expect("a picture")).await;
    rows.get_mut("principal").expect("a table").1.clear();
    let error = load(&place, &rows).await.expect_err("roles and keys name nobody");
    assert!(matches!(error, Error::Referenced(_)), "{error}");
}

async fn a_row_that_is_none_of_its_table_is_refused(place: Place) {
    let cases = ["[]", "[1,2]", "{}", "no JSON", "[\"m\",1,null]", "[null,null]", "[\"x\",{\"a\":1}]"];
    for line in cases {
        let mut loading =
            Loading::begin(&place.config.database, backup::newest_schema()).await.expect("the database is empty");
        let tables = loading.tables().await.expect("the tables");
        let meta = tables.iter().find(|table| table.name == "meta").expect("the table meta");
        let refused = loading.insert(meta, &[line.to_owned()]).await;
        assert!(refused.is_err(), "{line}");
    }
}

async fn every_blob_that_a_record_names_is_named(place: Place) {
    let store = filled(&place).await;
    let put = async |text: &str| store.blobs.put_bytes(text.to_owned().into_bytes()).await.expect("a blob").to_string();
    let mut expected = Vec::new();
    for name in
        ["data", "schema", "profile", "preview", "csv", "events", "file", "deleted", "source", "old", "index", "pack"]
    {
        expected.push(put(name).await);
    }
    let all = expected.clone();
    let [data, schema, profile, preview, csv, events, file, deleted, source, old, index, pack] = &all[..] else {
        unreachable!("as many as names")
    };
    run(&store, "INSERT INTO dataset (id, project_id, name, created_at) VALUES ('d', 'p', 'credit', 1)").await;
    let media = format!("{{\"index\": \"{index}\", \"packs\": [\"{pack}\"]}}");
    let version = format!(
        "INSERT INTO dataset_version VALUES ('d', 1, 1, 'ana', 'j1', 1, 1, '{data}', '{schema}', '{profile}', \
         '{preview}', '{csv}', 'f', '{old}', 1, '{{}}', '{media}')"
    );
    run(&store, &version).await;
    run(&store, &format!("UPDATE job SET events_blob = '{events}' WHERE id = 'j1'")).await;
    run(&store, &format!("UPDATE model_version SET files = '{{\"model.onnx\": \"{file}\"}}' WHERE version = 9")).await;
    let gone = format!(
        "UPDATE model_version SET files = '{{\"model.onnx\": \"{deleted}\"}}', deleted_at = 1 WHERE version = 10"
    );
    run(&store, &gone).await;
    let task = |source: &str| format!("{{\"kind\": \"import\", \"source\": \"{source}\", \"bytes\": 1}}");
    run(&store, &format!("UPDATE job SET state = 'queued', task = '{}' WHERE id = 'J2'", task(source))).await;
    run(&store, &format!("UPDATE job SET task = '{}' WHERE id = 'j1'", task(old))).await;
    let mut named: Vec<String> = Picture::of(&store)
        .await
        .expect("a picture")
        .blobs()
        .await
        .expect("blobs")
        .into_iter()
        .map(|digest| digest.to_string())
        .collect();
    expected.sort();
    named.sort();
    assert_eq!(named, expected);
}

async fn running_jobs_are_queued_again_without_a_lost_attempt(place: Place) {
    let store = filled(&place).await;
    run(&store, "UPDATE job SET state = 'queued' WHERE id = 'J2'").await;
    let mut tx = store.begin().await.expect("a transaction");
    let lease = Lease { owner: "elsewhere", at: Micros(5), until: Micros(6) };
    let claimed = jobs::claim(&mut tx, Lane::Training, &lease).await.expect("claimed").expect("there is one");
    assert_eq!((claimed.state.as_str(), claimed.attempts), ("running", 1));
    assert_eq!(jobs::requeue_all(&mut tx).await.expect("requeued"), 1);
    tx.commit().await.expect("it commits");
    let job = jobs::get(&store.db, "J2").await.expect("read").expect("there");
    assert_eq!((job.state.as_str(), job.attempts, job.lease_owner), ("queued", 0, None));
    let ended = jobs::get(&store.db, "j1").await.expect("read").expect("there");
    assert_eq!(ended.state, "failed");
}
