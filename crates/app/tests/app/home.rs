//! A home folder belongs to one server at a time.

use meuse_app::{App, Error};
use meuse_core::time::Clock;

use crate::world::{World, child, config};

#[tokio::test]
async fn a_second_server_on_one_home_is_refused_and_names_the_first() {
    let world = World::open(child("done")).await;
    let again = config(world.home(), child("done"), &Clock::system());
    let error = App::open(again.clone()).await.err().expect("the home is taken");
    let Error::Conflict(message) = &error else { panic!("{error:?}") };
    assert!(message.contains(&format!("pid {}", std::process::id())), "{message}");
    world.app.shutdown().await;
    App::open(again).await.expect("the home is free again");
}

#[tokio::test]
async fn what_is_secret_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = folder.path().join("deep/home");
    let app = App::open(config(&home, child("done"), &Clock::system())).await.expect("the home is made");
    let mode = |name: &str| std::fs::metadata(home.join(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode("."), mode("secret"), mode("work")), (0o700, 0o600, 0o700));
    app.shutdown().await;
}
