//! A database is brought to this program's schema, or refused.

use meuse_store::{Error, Secret, Store, StoreConfig};

use crate::support::{Place, note, on_both, run};

on_both!(
    a_database_opens_again,
    several_starts_at_once_make_one_schema,
    a_database_of_a_newer_meuse_is_refused,
    a_database_of_another_home_is_refused,
);

async fn a_database_opens_again(place: Place) {
    let store = place.open().await;
    note(&store, "credit:1").await;
    store.close().await;
    note(&place.open().await, "credit:2").await;
}

async fn several_starts_at_once_make_one_schema(place: Place) {
    let starts = (0..6).map(|number| tokio::spawn(Store::open(place.replica(&format!("head-{number}")))));
    for start in starts.collect::<Vec<_>>() {
        start.await.expect("the task ends").expect("the store opens");
    }
}

async fn a_database_of_a_newer_meuse_is_refused(place: Place) {
    let store = place.open().await;
    run(&store, "INSERT INTO meuse_schema (version, meuse) VALUES (99, '9.8.7')").await;
    store.close().await;
    let error = Store::open(place.config.clone()).await.expect_err("it is newer");
    let message = error.to_string();
    assert!(matches!(error, Error::Newer { found: 99, .. }), "{message}");
    for part in ["schema 99", "meuse 9.8.7", concat!("meuse ", env!("CARGO_PKG_VERSION")), "backup"] {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

async fn a_database_of_another_home_is_refused(place: Place) {
    place.open().await.close().await;
    let config = StoreConfig { secret: Secret::new([8; 32]), ..place.config.clone() };
    let error = Store::open(config).await.expect_err("the secret is another one");
    assert!(matches!(error, Error::OtherSecret), "{error}");
}

#[tokio::test]
async fn what_is_no_database_is_named() {
    let place = Place::sqlite();
    let path = place.folder.path().join("meuse.db");
    std::fs::write(&path, "this is a letter and not a database, and it is long enough to be read as a page")
        .expect("written");
    let error = Store::open(place.config.clone()).await.expect_err("it is no database").to_string();
    assert!(error.contains("meuse.db") && error.contains("not a database"), "{error}");
}

#[tokio::test]
async fn a_secret_is_made_once_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::sqlite();
    let path = place.folder.path().join("secret");
    let made = Secret::open(&path).expect("made");
    assert!(Secret::open(&path).expect("read") == made);
    let mode = path.metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(&path, "12").expect("written");
    let error = Secret::open(&path).expect_err("it is cut short").to_string();
    assert!(error.contains("secret") && error.contains("64 hexadecimal digits"), "{error}");
}
