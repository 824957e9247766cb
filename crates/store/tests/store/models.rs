//! Numbers of versions and routes never mean two things, and replicas see that something has changed.

use meuse_core::time::Micros;
use meuse_store::records::models::{self, ModelRow, NewRoute, NewVersion};
use meuse_store::{Error, Store};

use crate::support::{Place, on_both, project};

on_both!(
    a_deleted_number_is_not_given_again,
    trainings_that_end_at_once_get_numbers_of_their_own,
    routes_are_numbered_in_their_order,
    an_alias_points_to_one_version_that_is_there,
    every_change_moves_the_revision,
    a_model_of_another_project_is_not_there,
);

const NOW: Micros = Micros(7);

async fn register(store: &Store, project: &str, model: &str) -> u32 {
    let new = NewVersion {
        project,
        model,
        at: NOW,
        by: "ana",
        job: "job",
        digest: "d1",
        files: "{}",
        dataset: "credit:1",
        task: "binary",
        algorithm: "scorecard",
        metric: "roc_auc",
        validation: Some(0.8),
        test: None,
    };
    let mut tx = store.begin().await.expect("a transaction begins");
    let version = models::register(&mut tx, &new).await.expect("registered");
    tx.commit().await.expect("it commits");
    version
}

async fn model(store: &Store, name: &str) -> ModelRow {
    models::find(&store.db, "lending", name).await.expect("read").expect("the model is there")
}

async fn deploy(store: &Store, model: &str, version: u32) -> Result<i64, Error> {
    let mut tx = store.begin().await?;
    let new = NewRoute { model, version, at: NOW, by: "ana", reason: "better", action: "deploy" };
    let route = models::append_route(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(route.number)
}

async fn a_deleted_number_is_not_given_again(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    assert_eq!(register(&store, "lending", "credit").await, 1);
    assert_eq!(register(&store, "lending", "credit").await, 2);
    let row = model(&store, "credit").await;
    let mut tx = store.begin().await.expect("a transaction begins");
    models::delete_version(&mut tx, &row.id, 2, NOW).await.expect("deleted");
    tx.commit().await.expect("it commits");
    let left = models::versions(&store.db, &row.id).await.expect("read");
    assert_eq!(left.iter().map(|version| version.version).collect::<Vec<_>>(), [1]);
    assert_eq!(register(&store, "lending", "credit").await, 3);

    let mut tx = store.begin().await.expect("a transaction begins");
    models::delete_model(&mut tx, &row.id, NOW).await.expect("deleted");
    tx.commit().await.expect("it commits");
    assert_eq!(models::find(&store.db, "lending", "credit").await.expect("read"), None);
    assert_eq!(models::everything(&store.db).await.expect("read").versions, []);
    assert_eq!(register(&store, "lending", "credit").await, 4);
}

async fn trainings_that_end_at_once_get_numbers_of_their_own(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    let registered = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { register(&store, "lending", "credit").await })
    });
    let mut numbers = Vec::new();
    for registered in registered.collect::<Vec<_>>() {
        numbers.push(registered.await.expect("no registration panics"));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
}

async fn routes_are_numbered_in_their_order(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    register(&store, "lending", "credit").await;
    register(&store, "lending", "credit").await;
    let row = model(&store, "credit").await;
    assert_eq!(deploy(&store, &row.id, 1).await.expect("deployed"), 1);
    assert_eq!(deploy(&store, &row.id, 2).await.expect("deployed"), 2);
    assert!(matches!(deploy(&store, &row.id, 9).await, Err(Error::Referenced(_))), "there is no version 9");
    let routes = models::routes(&store.db, &row.id).await.expect("read");
    let routes: Vec<_> = routes.iter().map(|route| (route.number, route.version, route.reason.as_str())).collect();
    assert_eq!(routes, [(1, 1, "better"), (2, 2, "better")]);
    let last = models::everything(&store.db).await.expect("read").routes;
    assert_eq!(last.iter().map(|route| route.version).collect::<Vec<_>>(), [2]);
}

async fn an_alias_points_to_one_version_that_is_there(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    register(&store, "lending", "credit").await;
    register(&store, "lending", "credit").await;
    let row = model(&store, "credit").await;
    let mut tx = store.begin().await.expect("a transaction begins");
    models::set_alias(&mut tx, &row.id, "champion", 1).await.expect("set");
    models::set_alias(&mut tx, &row.id, "champion", 2).await.expect("set again");
    assert!(!models::remove_alias(&mut tx, &row.id, "nobody").await.expect("asked"));
    tx.commit().await.expect("it commits");
    let aliases = models::aliases(&store.db, &row.id).await.expect("read");
    assert_eq!(aliases.iter().map(|alias| (alias.name.as_str(), alias.version)).collect::<Vec<_>>(), [("champion", 2)]);
    let mut tx = store.begin().await.expect("a transaction begins");
    assert!(models::set_alias(&mut tx, &row.id, "champion", 9).await.is_err(), "there is no version 9");
    drop(tx);
    let mut tx = store.begin().await.expect("a transaction begins");
    assert!(models::remove_alias(&mut tx, &row.id, "champion").await.expect("removed"));
}

async fn every_change_moves_the_revision(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    let mut last = models::revision(&store.db).await.expect("read");
    register(&store, "lending", "credit").await;
    let row = model(&store, "credit").await;
    let mut moved = async |what: &str| {
        let now = models::revision(&store.db).await.expect("read");
        assert!(now > last, "{what}: {last} to {now}");
        last = now;
    };
    moved("register").await;
    deploy(&store, &row.id, 1).await.expect("deployed");
    moved("deploy").await;
    let mut tx = store.begin().await.expect("a transaction begins");
    models::set_alias(&mut tx, &row.id, "champion", 1).await.expect("set");
    tx.commit().await.expect("it commits");
    moved("set alias").await;
    let mut tx = store.begin().await.expect("a transaction begins");
    models::delete_model(&mut tx, &row.id, NOW).await.expect("deleted");
    tx.commit().await.expect("it commits");
    moved("delete").await;
}

async fn a_model_of_another_project_is_not_there(place: Place) {
    let store = place.open().await;
    project(&store, "lending").await;
    project(&store, "other").await;
    register(&store, "lending", "credit").await;
    assert_eq!(models::find(&store.db, "other", "credit").await.expect("read"), None);
    assert_eq!(models::list(&store.db, "other").await.expect("read"), []);
    let mut tx = store.begin().await.expect("a transaction begins");
    assert_eq!(models::hold(&mut tx, "other", "credit").await.expect("asked"), None);
}
