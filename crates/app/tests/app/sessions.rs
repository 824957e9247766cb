//! Who is signed in to the console, and until when.

use std::time::Duration;

use meuse_app::access::{Action, Caller, SignedIn};
use meuse_app::audit::Query;
use meuse_app::{App, Error};
use meuse_core::api::{NewKey, Role};

use crate::tenants::{TestHome, give_role, join, new_key, new_project, on_both};

on_both!(
    a_session_opens_what_its_key_opens,
    a_session_ends_with_its_key,
    a_session_ends_after_twelve_hours,
    a_role_that_is_taken_away_ends_what_a_session_opens,
    signing_out_ends_the_session_at_once,
    what_changes_something_needs_the_sessions_own_word,
    ended_sessions_are_swept,
    the_oldest_of_too_many_sessions_ends,
    beginning_and_end_are_noted_in_the_keys_home,
    a_wrong_key_is_refused_without_the_database,
);

const HOUR: Duration = Duration::from_hours(1);
const INSTANT: Duration = Duration::from_micros(1);

async fn sign_in(app: &App, key: &str) -> SignedIn {
    app.sign_in(key).await.expect("the key is valid")
}

fn resume(app: &App, session: &SignedIn) -> Result<Caller, Error> {
    app.access.resume(&session.token, None)
}

fn is_over<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    let error = result.expect_err("the session has ended");
    matches!(&error, Error::Unauthenticated(message) if message.contains("sign in again"))
}

async fn a_session_opens_what_its_key_opens(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let admin = app.access.authenticate(&first, None).expect("it is valid");
    new_project(&app, &admin, &first, "lending").await;
    let ana = join(&app, &admin, "ana", Role::Scientist).await;

    let session = sign_in(&app, &ana.secret).await;
    let caller = resume(&app, &session).expect("it has begun");
    assert_eq!((caller.principal(), caller.project(), caller.role()), ("ana", "default", Role::Scientist));
    assert_eq!(session.session.me, app.me(&caller));
    let may = |action: Action| session.session.me.may.iter().any(|word| word == action.word());
    assert!(may(Action::Train) && may(Action::ReadData) && !may(Action::ReadAudit), "{:?}", session.session.me.may);
    let names: Vec<_> = session.session.projects.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["default"]);
    let hidden = app.access.resume(&session.token, Some("lending")).expect_err("she has no role there");
    assert_eq!(hidden.kind(), "not_found");

    let session = sign_in(&app, &first).await;
    let there = app.access.resume(&session.token, Some("lending")).expect("the admin made it");
    assert_eq!((there.project(), app.session(&there).expect("it goes on").me.project), ("lending", "lending".into()));
}

async fn a_session_ends_with_its_key(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Viewer).await;
    let session = sign_in(&app, &key.secret).await;
    resume(&app, &session).expect("it has begun");
    app.revoke_key(&admin, &key.key.id).await.expect("an administrator revokes keys");
    assert!(is_over(resume(&app, &session)));

    let new = NewKey { principal: None, note: "for a day".into(), expires_in_days: Some(1) };
    let key = app.create_key(&admin, new).await.expect("it is made");
    home.clock().advance(23 * HOUR);
    let session = sign_in(&app, &key.secret).await;
    assert_eq!((session.lasts, Some(session.session.expires_at)), (HOUR, key.key.expires_at));
    home.clock().advance(HOUR.saturating_sub(INSTANT));
    resume(&app, &session).expect("its key is valid until then");
    home.clock().advance(INSTANT);
    assert!(is_over(resume(&app, &session)));
    assert_eq!(app.sign_in(&key.secret).await.map(drop).expect_err("it expired").kind(), "unauthenticated");
}

async fn a_session_ends_after_twelve_hours(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Admin).await;
    let session = sign_in(&app, &key.secret).await;
    assert_eq!(session.session.expires_at, home.clock().now().plus(12 * HOUR));
    home.clock().advance((12 * HOUR).saturating_sub(INSTANT));
    let late = resume(&app, &session).expect("it lasts until then");
    home.clock().advance(INSTANT);
    assert!(is_over(resume(&app, &session)));
    // A call that began in time changes nothing any more.
    assert!(is_over(new_key(&app, &late, "ana").await));
    app.access.authenticate(&key.secret, None).expect("the key itself goes on");
}

async fn a_role_that_is_taken_away_ends_what_a_session_opens(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Scientist).await;
    let session = sign_in(&app, &key.secret).await;
    give_role(&app, &admin, "ana", Role::Viewer).await.expect("an administrator gives roles");
    let caller = resume(&app, &session).expect("she is a viewer now");
    assert!(!app.session(&caller).expect("it goes on").me.may.contains(&"train".to_owned()));
    app.remove_principal(&admin, "ana").await.expect("an administrator takes roles away");
    assert!(is_over(resume(&app, &session)));
}

async fn signing_out_ends_the_session_at_once(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Viewer).await;
    let (one, other) = (sign_in(&app, &key.secret).await, sign_in(&app, &key.secret).await);
    let caller = resume(&app, &one).expect("it has begun");
    app.sign_out(&caller).await.expect("she signs out");
    assert!(is_over(resume(&app, &one)));
    assert!(is_over(new_key(&app, &caller, "ana").await));
    app.sign_out(&caller).await.expect("again changes nothing");
    resume(&app, &other).expect("her other session goes on");
    assert_eq!(app.sign_out(&admin).await.expect_err("that was a key").kind(), "unauthenticated");
}

async fn what_changes_something_needs_the_sessions_own_word(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let (one, other) = (sign_in(&app, &first).await, sign_in(&app, &first).await);
    let caller = resume(&app, &one).expect("it has begun");
    assert!(app.access.is_csrf(&caller, &one.session.csrf));
    assert_eq!(app.session(&caller).expect("it goes on").csrf, one.session.csrf);
    for wrong in ["", "00", other.session.csrf.as_str(), one.token.as_str()] {
        assert!(!app.access.is_csrf(&caller, wrong), "{wrong}");
    }
    let with_key = app.access.authenticate(&first, None).expect("it is valid");
    assert!(!app.access.is_csrf(&with_key, &one.session.csrf));
}

async fn ended_sessions_are_swept(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Viewer).await;
    let bob = join(&app, &admin, "bob", Role::Viewer).await;
    sign_in(&app, &key.secret).await;
    home.clock().advance(HOUR);
    let lasting = sign_in(&app, &key.secret).await;
    sign_in(&app, &bob.secret).await;
    assert_eq!(app.sweep_sessions().await.expect("there is nothing to do"), 0);
    app.revoke_key(&admin, &bob.key.id).await.expect("an administrator revokes keys");
    home.clock().advance(11 * HOUR);
    assert_eq!(app.sweep_sessions().await.expect("they are removed"), 2);
    assert_eq!(app.sweep_sessions().await.expect("there is nothing to do"), 0);
    resume(&app, &lasting).expect("it has an hour left");
    assert!(app.audit_verify(&admin).await.expect("they may").intact);
}

async fn the_oldest_of_too_many_sessions_ends(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let mut sessions = Vec::new();
    for _ in 0..21 {
        sessions.push(sign_in(&app, &first).await);
        home.clock().advance(INSTANT);
    }
    assert!(is_over(resume(&app, &sessions[0])));
    for session in &sessions[1..] {
        resume(&app, session).expect("it is among the twenty newest");
    }
}

async fn beginning_and_end_are_noted_in_the_keys_home(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let admin = app.access.authenticate(&first, None).expect("it is valid");
    new_project(&app, &admin, &first, "lending").await;
    let session = sign_in(&app, &first).await;
    let elsewhere = app.access.resume(&session.token, Some("lending")).expect("the admin made it");
    app.sign_out(&elsewhere).await.expect("they sign out");
    let entries = app.audit_entries(&admin, &Query::first(100)).await.expect("they may").items;
    let noted: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.subject.as_str())).collect();
    let prefix = app.me(&admin).key_prefix;
    assert_eq!(noted[noted.len() - 2..], [("session.create", prefix.as_str()), ("session.delete", prefix.as_str())]);
    assert!(!format!("{entries:?}").contains(&session.token[12..]), "the token was noted");
    assert!(app.audit_verify(&admin).await.expect("they may").intact);
}

async fn a_wrong_key_is_refused_without_the_database(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let session = sign_in(&app, &first).await;
    app.store.close().await;
    let wrong = format!("{}{}", &first[..12], "0".repeat(64));
    for key in [wrong.as_str(), "", "mk_", &session.token] {
        let error = app.sign_in(key).await.map(drop).expect_err("it is no key");
        assert_eq!(error.kind(), "unauthenticated", "{key}: {error}");
    }
    resume(&app, &session).expect("a session needs no database either");
}

#[tokio::test]
async fn a_session_ended_elsewhere_ends_when_the_replica_looks() {
    let home = TestHome::postgres();
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Viewer).await;
    let mut config = home.config.clone();
    config.home = home.folder.path().join("replica");
    std::fs::create_dir(&config.home).expect("a second home");
    std::fs::copy(home.config.home.join("secret"), config.home.join("secret")).expect("the same secret");
    let replica = App::open(config).await.expect("the replica opens");
    let session = sign_in(&app, &key.secret).await;
    replica.access.catch_up(&replica.store).await.expect("the replica looks");
    resume(&replica, &session).expect("it began on the other one");
    app.sign_out(&resume(&app, &session).expect("it goes on")).await.expect("she signs out");
    replica.access.catch_up(&replica.store).await.expect("the replica looks");
    assert!(is_over(resume(&replica, &session)));
}
