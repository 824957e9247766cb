//! Who may do what, and what is noted of it.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use meuse_app::access::{Caller, PERMISSIONS};
use meuse_app::audit::{Filter, Order, Query};
use meuse_app::{App, Error, audit};
use meuse_core::api::{NewKey, NewPrincipal, NewProject, Role};
use meuse_core::time::Micros;
use meuse_store::records::audit::{NewEntry, append};

use crate::tenants::{TestHome, give_role, join, new_key, new_project, on_both};

on_both!(
    the_first_start_makes_one_key,
    a_key_that_was_altered_is_refused,
    a_key_stops_when_it_expires,
    a_revoked_key_stops_at_once,
    an_unknown_project_and_a_hidden_one_look_the_same,
    a_key_reaches_no_further_than_its_maker,
    a_key_follows_its_maker_where_they_are_both_at_home,
    what_lies_behind_the_wall_is_neither_listed_nor_touched,
    keys_of_others_are_for_administrators,
    nobody_lifts_themselves,
    a_role_that_was_lost_since_the_call_counts,
    a_project_keeps_an_administrator_with_a_key,
    one_of_two_administrators_who_demote_each_other_stays,
    who_is_removed_has_no_role_here_any_more,
    a_key_that_ends_soon_is_told_to_those_who_manage_keys,
    an_export_has_every_entry_of_the_project,
    bad_input_is_named,
    each_change_is_noted_and_no_key_is,
);

const DAY: Duration = Duration::from_hours(24);

fn enter(app: &App, key: &str, project: Option<&str>) -> Result<Caller, Error> {
    app.access.authenticate(key, project)
}

/// The kind of an error, with its message for when it is another one than expected.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (&'static str, String) {
    let error = result.expect_err("it is refused");
    (error.kind(), error.to_string())
}

async fn the_first_start_makes_one_key(home: TestHome) {
    let (app, admin) = home.first_start().await;
    assert_eq!((admin.principal(), admin.project(), admin.role()), ("admin", "default", Role::Admin));
    assert_eq!(app.take_first_key(), None);
    let me = app.me(&admin);
    assert_eq!(me.key_prefix.len(), 8);
    app.shutdown().await;
    drop(app);
    assert_eq!(home.open().await.take_first_key(), None);
}

async fn a_key_that_was_altered_is_refused(home: TestHome) {
    let app = home.open().await;
    let key = app.take_first_key().expect("the first start makes a key");
    let last = if key.ends_with('0') { "1" } else { "0" };
    let altered = format!("{}{last}", &key[..key.len() - 1]);
    let other_prefix = format!("mk_00000000{}", &key[11..]);
    for wrong in [&altered, &other_prefix, "", "mk_", "Bearer", &key[..20], &format!("{key} ")] {
        let (kind, message) = refusal(enter(&app, wrong, None));
        assert_eq!(kind, "unauthenticated", "{wrong}: {message}");
    }
    enter(&app, &key, None).expect("the key itself is valid");
}

async fn a_key_stops_when_it_expires(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let new = NewKey { principal: None, note: "for a day".into(), expires_in_days: Some(1) };
    let key = app.create_key(&admin, new).await.expect("it is made");
    home.clock().advance(DAY.saturating_sub(Duration::from_micros(1)));
    let early = enter(&app, &key.secret, None).expect("it is valid until then");
    home.clock().advance(Duration::from_micros(1));
    let (kind, message) = refusal(enter(&app, &key.secret, None));
    assert_eq!(kind, "unauthenticated");
    assert!(message.contains("expired at 20") && message.contains(&key.key.prefix), "{message}");
    // A call that began in time changes nothing any more.
    assert_eq!(refusal(new_key(&app, &early, "admin").await).0, "unauthenticated");
}

async fn a_revoked_key_stops_at_once(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Scientist).await;
    let ana = enter(&app, &key.secret, None).expect("it is valid");
    let revoked = app.revoke_key(&ana, &key.key.id).await.expect("ana revokes her key");
    assert!(revoked.revoked_at.is_some());
    let (kind, message) = refusal(enter(&app, &key.secret, None));
    assert!(kind == "unauthenticated" && message.contains("was revoked at"), "{message}");
    let again = app.revoke_key(&admin, &key.key.id).await.expect("revoking again changes nothing");
    assert_eq!(again.revoked_at, revoked.revoked_at);
}

#[tokio::test]
async fn a_key_revoked_elsewhere_stops_when_the_replica_looks() {
    let home = TestHome::postgres();
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Viewer).await;
    let mut config = home.config.clone();
    config.home = home.folder.path().join("replica");
    std::fs::create_dir(&config.home).expect("a second home");
    std::fs::copy(home.config.home.join("secret"), config.home.join("secret")).expect("the same secret");
    let replica = App::open(config).await.expect("the replica opens");
    assert_eq!(replica.take_first_key(), None);
    enter(&replica, &key.secret, None).expect("it is valid");
    app.revoke_key(&admin, &key.key.id).await.expect("it is revoked");
    replica.access.catch_up(&replica.store).await.expect("the replica looks");
    assert_eq!(refusal(enter(&replica, &key.secret, None)).0, "unauthenticated");
}

async fn an_unknown_project_and_a_hidden_one_look_the_same(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let admin = enter(&app, &first, None).expect("it is valid");
    let lending = new_project(&app, &admin, &first, "lending").await;
    let eve = join(&app, &lending, "eve", Role::Admin).await;
    let caller = enter(&app, &eve.secret, None).expect("it is valid");
    assert_eq!(caller.project(), "lending");
    assert_eq!(
        app.projects(&caller).expect("she may").iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["lending"]
    );
    let hidden = enter(&app, &eve.secret, Some("default")).expect_err("she has no role there");
    let unknown = enter(&app, &eve.secret, Some("nowhere")).expect_err("there is none");
    assert_eq!(hidden.kind(), "not_found");
    assert_eq!(hidden.to_string().replace("default", "nowhere"), unknown.to_string());
    assert_eq!(hidden.hint(), unknown.hint());
    let names: Vec<String> = app.projects(&admin).expect("they may").into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["default", "lending"]);
}

/// Whoever makes keys in one project cannot make one for a colleague and walk into the colleague's other projects.
async fn a_key_reaches_no_further_than_its_maker(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let admin = enter(&app, &first, None).expect("it is valid");
    let eve_key = join(&app, &admin, "eve", Role::Admin).await;
    let lending = new_project(&app, &admin, &first, "lending").await;
    let in_lending = join(&app, &lending, "bob", Role::Scientist).await;
    join(&app, &admin, "bob", Role::Viewer).await;

    let eve = enter(&app, &eve_key.secret, None).expect("it is valid");
    let for_bob = new_key(&app, &eve, "bob").await.expect("eve administers this project");
    enter(&app, &for_bob.secret, None).expect("bob may be here");
    assert_eq!(refusal(enter(&app, &for_bob.secret, Some("lending"))).0, "not_found");
    // Nor by way of one more key.
    let as_bob = enter(&app, &for_bob.secret, None).expect("it is valid");
    let another = new_key(&app, &as_bob, "bob").await.expect("a key of his own");
    assert_eq!(refusal(enter(&app, &another.secret, Some("lending"))).0, "not_found");
    // His own key of that project does, and it reaches both, since an administrator of both made it.
    assert_eq!(enter(&app, &in_lending.secret, None).expect("it is valid").role(), Role::Scientist);
    assert_eq!(enter(&app, &in_lending.secret, Some("default")).expect("it is valid").role(), Role::Viewer);
}

/// A person who was invited, and then makes a project, may use it with the key that they have.
async fn a_key_follows_its_maker_where_they_are_both_at_home(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Admin).await;
    let ana = enter(&app, &key.secret, None).expect("it is valid");
    let research = new_project(&app, &ana, &key.secret, "research").await;
    assert_eq!(research.role(), Role::Admin);
    let another = new_key(&app, &ana, "ana").await.expect("a key of her own");
    assert_eq!(enter(&app, &another.secret, Some("research")).expect("it is hers").role(), Role::Admin);
    // The administrator who made her first key is nobody there.
    let second = new_key(&app, &admin, "admin").await.expect("a key");
    assert_eq!(refusal(enter(&app, &second.secret, Some("research"))).0, "not_found");
    let for_ana = new_key(&app, &admin, "ana").await.expect("an administrator makes keys");
    assert_eq!(refusal(enter(&app, &for_ana.secret, Some("research"))).0, "not_found");
}

async fn what_lies_behind_the_wall_is_neither_listed_nor_touched(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let admin = enter(&app, &first, None).expect("it is valid");
    let lending = new_project(&app, &admin, &first, "lending").await;
    let eve = join(&app, &lending, "eve", Role::Admin).await;
    let caller = enter(&app, &eve.secret, None).expect("it is valid");
    let there = join(&app, &admin, "ana", Role::Viewer).await;

    let keys: Vec<String> = app.keys(&caller).expect("she may").into_iter().map(|key| key.id).collect();
    assert_eq!(keys, [eve.key.id]);
    let people: Vec<String> = app.principals(&caller).expect("she may").into_iter().map(|who| who.name).collect();
    assert_eq!(people, ["admin", "eve"]);
    let (kind, message) = refusal(app.revoke_key(&caller, &there.key.id).await);
    let (_, unknown) = refusal(app.revoke_key(&caller, "none").await);
    assert_eq!((kind, message.replace(&there.key.id, "none")), ("not_found", unknown));
    assert_eq!(refusal(new_key(&app, &caller, "ana").await).0, "not_found");
    let entries = app.audit_entries(&caller, &Query::first(100)).await.expect("she may").items;
    assert!(entries.iter().all(|entry| entry.project == "lending") && entries.len() == 2, "{entries:?}");
}

async fn keys_of_others_are_for_administrators(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let ana_key = join(&app, &admin, "ana", Role::Scientist).await;
    let bob_key = join(&app, &admin, "bob", Role::Viewer).await;
    let ana = enter(&app, &ana_key.secret, None).expect("it is valid");
    assert_eq!(refusal(new_key(&app, &ana, "bob").await).0, "forbidden");
    assert_eq!(refusal(app.revoke_key(&ana, &bob_key.key.id).await).0, "not_found");
    assert!(app.keys(&ana).expect("she may").iter().all(|key| key.principal == "ana"));
    let own = new_key(&app, &ana, "ana").await.expect("her own");
    app.revoke_key(&ana, &own.key.id).await.expect("her own");
    assert_eq!(app.keys(&admin).expect("they may").len(), 4);
    app.revoke_key(&admin, &bob_key.key.id).await.expect("an administrator revokes keys");
}

async fn nobody_lifts_themselves(home: TestHome) {
    let (app, admin) = home.first_start().await;
    for role in [Role::Viewer, Role::Scientist] {
        let key = join(&app, &admin, "ana", role).await;
        let ana = enter(&app, &key.secret, None).expect("it is valid");
        assert_eq!(refusal(give_role(&app, &ana, "ana", Role::Admin).await).0, "forbidden");
        assert_eq!(refusal(new_key(&app, &ana, "admin").await).0, "forbidden");
        assert_eq!(refusal(app.create_project(&ana, NewProject { name: "hers".into() }).await).0, "forbidden");
        let own = new_key(&app, &ana, "ana").await.expect("a key of her own");
        assert_eq!(enter(&app, &own.secret, None).expect("it is valid").role(), role);
    }
}

async fn a_role_that_was_lost_since_the_call_counts(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Admin).await;
    let ana = enter(&app, &key.secret, None).expect("it is valid");
    give_role(&app, &admin, "ana", Role::Viewer).await.expect("an administrator gives roles");
    let (kind, message) = refusal(give_role(&app, &ana, "bob", Role::Viewer).await);
    assert!(kind == "forbidden" && message.contains("viewer") && message.contains("admin"), "{message}");
    assert_eq!(enter(&app, &key.secret, None).expect("it is valid").role(), Role::Viewer);
}

async fn a_project_keeps_an_administrator_with_a_key(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let first = app.keys(&admin).expect("they may")[0].id.clone();
    let last_role = refusal(give_role(&app, &admin, "admin", Role::Viewer).await);
    let last_key = refusal(app.revoke_key(&admin, &first).await);
    for (kind, message) in [last_role, last_key] {
        assert!(kind == "conflict" && message.contains("`default`"), "{message}");
    }
    // An administrator without a valid key does not count.
    give_role(&app, &admin, "ana", Role::Admin).await.expect("an administrator gives roles");
    let new = NewKey { principal: Some("ana".into()), note: String::new(), expires_in_days: Some(1) };
    app.create_key(&admin, new).await.expect("a key for a day");
    home.clock().advance(DAY);
    assert_eq!(refusal(app.revoke_key(&admin, &first).await).0, "conflict");
    new_key(&app, &admin, "ana").await.expect("a key that stays");
    app.revoke_key(&admin, &first).await.expect("ana can take over");
}

async fn one_of_two_administrators_who_demote_each_other_stays(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = join(&app, &admin, "ana", Role::Admin).await;
    let ana = enter(&app, &key.secret, None).expect("it is valid");
    let (one, other) =
        tokio::join!(give_role(&app, &admin, "ana", Role::Viewer), give_role(&app, &ana, "admin", Role::Viewer));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
}

async fn who_is_removed_has_no_role_here_any_more(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let admin = enter(&app, &first, None).expect("it is valid");
    let lending = new_project(&app, &admin, &first, "lending").await;
    let key = join(&app, &admin, "ana", Role::Scientist).await;
    give_role(&app, &lending, "ana", Role::Viewer).await.expect("an administrator gives roles");
    let ana = enter(&app, &key.secret, None).expect("it is valid");
    assert_eq!(refusal(app.remove_principal(&ana, "admin").await).0, "forbidden");
    app.remove_principal(&admin, "ana").await.expect("an administrator takes roles away");
    assert_eq!(refusal(enter(&app, &key.secret, None)).0, "not_found");
    assert_eq!(enter(&app, &key.secret, Some("lending")).expect("her other role stays").role(), Role::Viewer);
    assert_eq!(refusal(new_key(&app, &ana, "ana").await).0, "not_found");
    for nobody in ["ana", "nobody"] {
        let (kind, message) = refusal(app.remove_principal(&admin, nobody).await);
        assert!(kind == "not_found" && message.contains(nobody), "{message}");
    }
    let (kind, message) = refusal(app.remove_principal(&admin, "admin").await);
    assert!(kind == "conflict" && message.contains("`default`"), "{message}");
    let entries = app.audit_entries(&admin, &Query::first(100)).await.expect("they may").items;
    let last = entries.last().expect("there are some");
    assert_eq!(
        (last.action.as_str(), last.subject.as_str(), &last.details["before"]),
        ("role.remove", "ana", &"scientist".into())
    );
}

async fn a_key_that_ends_soon_is_told_to_those_who_manage_keys(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let ana = join(&app, &admin, "ana", Role::Viewer).await;
    let ana = enter(&app, &ana.secret, None).expect("it is valid");
    for days in [13, 15] {
        let new = NewKey { principal: Some("ana".into()), note: String::new(), expires_in_days: Some(days) };
        app.create_key(&admin, new).await.expect("an administrator makes keys");
    }
    let told = async |who: &Caller| {
        let attention = app.overview(who).await.expect("they may look").attention;
        attention
            .into_iter()
            .filter(|entry| entry.kind == "key_expires")
            .map(|entry| (entry.subject, entry.at))
            .collect()
    };
    let soon: Vec<(String, Option<Micros>)> = told(&admin).await;
    assert_eq!(soon, [("ana".to_owned(), Some(home.clock().now().plus(13 * DAY)))]);
    assert_eq!(told(&ana).await, []);
    home.clock().advance(13 * DAY);
    assert_eq!(told(&admin).await.len(), 1, "the first has ended, the second ends in two days");
}

async fn an_export_has_every_entry_of_the_project(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let mut tx = app.store.begin().await.expect("a transaction begins");
    for number in 0..2100 {
        let project = if number % 3 == 0 { "other" } else { "default" };
        let entry = NewEntry {
            at: home.clock().now(),
            actor: "ana".into(),
            project: project.into(),
            action: "model.deploy".into(),
            subject: format!("credit:{number}"),
            details: serde_json::json!({}),
        };
        append(&mut tx, entry);
    }
    tx.commit().await.expect("it commits");
    let (app, admin) = (app, Arc::new(admin));
    for (order, action, count) in [(Order::OldestFirst, None, 1401), (Order::NewestFirst, Some("model."), 1400)] {
        let filter = Filter { action: action.map(str::to_owned), ..Filter::default() };
        let pages = app.audit_export(&admin, filter, order).await.expect("they may");
        let pages: Vec<Vec<_>> = pages.try_collect().await.expect("they are read");
        let numbers: Vec<i64> = pages.concat().into_iter().map(|entry| entry.seq).collect();
        assert_eq!((numbers.len(), pages.len()), (count, 2));
        assert!(numbers.is_sorted_by(|one, next| (one < next) == (order == Order::OldestFirst)));
    }
}

async fn bad_input_is_named(home: TestHome) {
    let (app, admin) = home.first_start().await;
    let key = |note: &str, days| NewKey { principal: None, note: note.into(), expires_in_days: days };
    let principal = NewPrincipal { name: "Ana Maria".into(), role: Role::Viewer };
    let by = |actor: &str| Query {
        filter: Filter { actor: Some(actor.to_owned()), ..Filter::default() },
        ..Query::first(10)
    };
    let refusals = [
        ("name", app.put_principal(&admin, principal).await.map(drop)),
        ("name", app.create_project(&admin, NewProject { name: "../x".into() }).await.map(drop)),
        ("expires_in_days", app.create_key(&admin, key("", Some(0))).await.map(drop)),
        ("expires_in_days", app.create_key(&admin, key("", Some(u32::MAX))).await.map(drop)),
        ("note", app.create_key(&admin, key(&"n".repeat(201), None)).await.map(drop)),
        ("limit", app.audit_entries(&admin, &Query::first(0)).await.map(drop)),
        ("limit", app.audit_entries(&admin, &Query::first(1001)).await.map(drop)),
        ("actor", app.audit_entries(&admin, &by(&"x".repeat(501))).await.map(drop)),
        ("actor", app.audit_entries(&admin, &by("a\0")).await.map(drop)),
    ];
    for (field, result) in refusals {
        let error = result.expect_err(field);
        assert_eq!((error.kind(), error.field()), ("invalid", Some(field)), "{error}");
        assert!(error.hint().is_some(), "{error} has no hint");
    }
    let taken = app.create_project(&admin, NewProject { name: "default".into() }).await;
    assert_eq!(refusal(taken).0, "already_exists");
    assert_eq!(refusal(new_key(&app, &admin, "nobody").await).0, "not_found");
    // Nothing of it was done.
    assert_eq!(app.audit_entries(&admin, &Query::first(100)).await.expect("they may").items.len(), 1);
}

async fn each_change_is_noted_and_no_key_is(home: TestHome) {
    let app = home.open().await;
    let first = app.take_first_key().expect("the first start makes a key");
    let admin = enter(&app, &first, None).expect("it is valid");
    let key = join(&app, &admin, "ana", Role::Viewer).await;
    give_role(&app, &admin, "ana", Role::Viewer).await.expect("what changes nothing is not noted");
    give_role(&app, &admin, "ana", Role::Scientist).await.expect("an administrator gives roles");
    app.revoke_key(&admin, &key.key.id).await.expect("an administrator revokes keys");
    app.create_project(&admin, NewProject { name: "lending".into() }).await.expect("an administrator makes projects");

    let entries = app.audit_entries(&admin, &Query::first(100)).await.expect("they may").items;
    let noted: Vec<String> =
        entries.iter().map(|entry| format!("{} {} {}", entry.actor, entry.action, entry.subject)).collect();
    let prefix = &key.key.prefix;
    let expected = [
        "meuse server.first_start default".to_owned(),
        "admin role.set ana".to_owned(),
        format!("admin key.create {prefix}"),
        "admin role.set ana".to_owned(),
        format!("admin key.revoke {prefix}"),
        "admin project.create lending".to_owned(),
    ];
    assert_eq!(noted, expected);
    let text = format!("{entries:?}");
    assert!(!text.contains(&first[12..]) && !text.contains(&key.secret[12..]), "a key was noted");
    let verification = app.audit_verify(&admin).await.expect("they may");
    assert!(verification.intact && verification.entries == 6, "{verification:?}");
}

#[tokio::test]
async fn no_file_of_a_home_holds_a_key_and_its_trail_can_be_verified_without_a_server() {
    let home = TestHome::sqlite();
    let app = home.open().await;
    let key = app.take_first_key().expect("the first start makes a key");
    app.shutdown().await;
    drop(app);
    let secret = &key.as_bytes()[12..];
    for entry in std::fs::read_dir(&home.config.home).expect("the home is there").flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{:?} holds the key", entry.path());
    }
    let verification = audit::verify_home(&home.config.home).await.expect("the trail is read");
    assert!(verification.intact && verification.entries == 1, "{verification:?}");
    let message = refusal(audit::verify_home(home.folder.path()).await).1;
    assert!(message.contains("secret"), "{message}");
}

#[test]
fn the_table_of_permissions_is_this() {
    let mut table = String::new();
    for role in [Role::Viewer, Role::Scientist, Role::Admin] {
        let actions = PERMISSIONS.iter().filter(|(_, least)| *least == role);
        let actions: Vec<&str> = actions.map(|(action, _)| action.words()).collect();
        table.extend([role.word(), ": ", &actions.join(", "), "\n"]);
    }
    let expected = "\
viewer: see datasets, export datasets, check recipes, see jobs, see models, call models, see metrics, manage keys of their own
scientist: import data, train models, cancel jobs, deploy models or roll them back, set aliases
admin: delete models, manage principals, manage keys of others, make projects, read the audit trail, take backups of the server
";
    assert_eq!(table, expected);
    for (number, (action, least)) in PERMISSIONS.iter().enumerate() {
        assert!(PERMISSIONS[..number].iter().all(|(other, _)| other != action), "{action:?} is listed twice");
        assert_eq!(action.least_role(), *least);
    }
}
