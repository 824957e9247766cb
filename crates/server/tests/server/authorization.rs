//! Every route × who asks, against the table of permissions.
//!
//! One table says which right each route takes. From it and from `PERMISSIONS` follows what each caller is answered:
//! without a valid key 401; with too low a role 403; about another project the same 404 as about a thing that does not
//! exist; else the answer of the thing itself. A route without an entry fails the test, and so does a refusal that
//! changed anything.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use meuse_app::access::{Action, PERMISSIONS};
use meuse_core::api::Role;
use meuse_core::time::{Clock, Micros};
use meuse_server::{OPEN, ServeOptions, endpoints};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, TestServer, native, real_child};

/// What it takes to be let in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Right {
    /// No key.
    Open,
    /// Any valid key.
    Key,
    /// A role that may do this.
    May(Action),
    /// A role that may do this; to any other the thing is not there.
    SeenBy(Action),
}

/// What a project sees of another one's things.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Elsewhere {
    /// What it sees of things that do not exist.
    Absent,
    /// Things of its own.
    Own,
    /// What it brought itself, or, in a backup, the whole server: the one thing that no wall parts.
    Whole,
}
use Elsewhere::{Absent, Own, Whole};
use Right::{Key, May, Open, SeenBy};

/// One call: method, route, what it takes, what follows the route's path, the body, the status of who may, and what
/// another project sees. Words in braces are filled in.
struct Case(&'static str, &'static str, Right, &'static str, &'static str, u16, Elsewhere);

const ROWS: &str = r#"{"rows":[{"income":3,"housing":"own"}]}"#;
const TENSORS: &str = r#"{"inputs":[{"name":"income","shape":[1],"datatype":"INT64","data":[3]},
    {"name":"housing","shape":[1],"datatype":"BYTES","data":["own"]}]}"#;

/// What a page is answered with: 200, or 503 by a server that was built without its console.
const PAGE: u16 = 0;

/// Every route, so ordered that what is allowed leaves what later ones need.
#[rustfmt::skip]
const CASES: &[Case] = &[
    Case("GET",    "/",                                         Open, "", "", PAGE, Own),
    Case("GET",    "/assets/{*file}",                           Open, "/assets/none.js", "", 404, Own),
    Case("POST",   "/api/v1/session",                           Open, "", r#"{"key":"{secret}"}"#, 200, Own),
    // A key is no session; see `sessions`.
    Case("GET",    "/api/v1/session",                           Key, "", "", 401, Own),
    Case("DELETE", "/api/v1/session",                           Key, "", "", 401, Own),
    Case("GET",    "/healthz",                                  Open, "", "", 200, Own),
    Case("GET",    "/api/v1/openapi.json",                      Open, "", "", 200, Own),
    Case("GET",    "/v2/health/live",                           Open, "", "", 200, Own),
    Case("GET",    "/v2/health/ready",                          Open, "", "", 200, Own),

    Case("GET",    "/metrics",                                  May(Action::ReadMetrics), "", "", 200, Own),
    Case("GET",    "/api/v1/me",                                Key, "", "", 200, Own),
    Case("GET",    "/api/v1/projects",                          Key, "", "", 200, Own),
    Case("POST",   "/api/v1/projects",                          May(Action::CreateProject), "", r#"{"name":"made-{who}"}"#, 201, Own),
    Case("GET",    "/api/v1/principals",                        May(Action::ManagePrincipals), "", "", 200, Own),
    Case("POST",   "/api/v1/principals",                        May(Action::ManagePrincipals), "", r#"{"name":"newcomer","role":"viewer"}"#, 200, Own),
    Case("GET",    "/api/v1/keys",                              May(Action::ManageOwnKeys), "", "", 200, Own),
    Case("POST",   "/api/v1/keys",                              May(Action::ManageOwnKeys), "", "{}", 201, Own),
    Case("POST",   "/api/v1/keys",                              May(Action::ManageKeys), "", r#"{"principal":"{somebody}"}"#, 201, Absent),
    Case("DELETE", "/api/v1/principals/{name}",                 May(Action::ManagePrincipals), "/api/v1/principals/gone", "", 204, Absent),
    Case("DELETE", "/api/v1/keys/{id}",                         SeenBy(Action::ManageKeys), "/api/v1/keys/{key}", "", 204, Absent),
    Case("GET",    "/api/v1/audit",                             May(Action::ReadAudit), "", "", 200, Own),
    Case("GET",    "/api/v1/audit/export",                      May(Action::ReadAudit), "/api/v1/audit/export?format=csv", "", 200, Own),
    Case("POST",   "/api/v1/audit/verify",                      May(Action::ReadAudit), "", "", 200, Own),

    Case("GET",    "/api/v1/overview",                          May(Action::ReadJobs), "", "", 200, Own),
    Case("POST",   "/api/v1/backup",                            May(Action::Backup), "", "", 200, Whole),

    Case("GET",    "/api/v1/datasets",                          May(Action::ReadData), "", "", 200, Own),
    Case("GET",    "/api/v1/datasets/{dataset}",                May(Action::ReadData), "", "", 200, Absent),
    Case("GET",    "/api/v1/datasets/{dataset}/versions",       May(Action::ReadData), "", "", 200, Absent),
    Case("POST",   "/api/v1/datasets/{dataset}/versions",       May(Action::ImportData), "/api/v1/datasets/fresh/versions?file=a.csv", "a,b\n1,2\n", 202, Own),
    Case("GET",    "/api/v1/datasets/{dataset}/version",        May(Action::ReadData), "", "", 200, Absent),
    Case("GET",    "/api/v1/datasets/{dataset}/profile",        May(Action::ReadData), "", "", 200, Absent),
    Case("GET",    "/api/v1/datasets/{dataset}/preview",        May(Action::ReadData), "", "", 200, Absent),
    Case("GET",    "/api/v1/datasets/{dataset}/export",         May(Action::ExportData), "/api/v1/datasets/{dataset}/export?format=parquet", "", 200, Absent),

    // The data set is a table, which both refuse to show as pictures; one that is not there is not found first.
    Case("GET",    "/api/v1/datasets/{dataset}/media",          May(Action::ReadData), "", "", 400, Absent),
    Case("GET",    "/api/v1/datasets/{dataset}/media/{row}",    May(Action::ReadData), "/api/v1/datasets/{dataset}/media/0", "", 400, Absent),
    Case("POST",   "/api/v1/datasets/{dataset}/augment",        May(Action::ReadData), "", "{}", 400, Absent),

    Case("GET",    "/api/v1/recipes/schema",                    Key, "", "", 200, Own),
    Case("POST",   "/api/v1/recipes/init",                      May(Action::CheckRecipe), "", r#"{"dataset":"{dataset}","target":"late"}"#, 200, Absent),
    Case("POST",   "/api/v1/recipes/read",                      May(Action::CheckRecipe), "", r#"{"recipe":"{recipe}"}"#, 200, Whole),
    Case("POST",   "/api/v1/recipes/edit",                      May(Action::CheckRecipe), "", r#"{"recipe":"","document":{"dataset":"fresh"}}"#, 200, Own),
    Case("POST",   "/api/v1/recipes/check",                     May(Action::CheckRecipe), "", r#"{"recipe":"{recipe}"}"#, 200, Absent),

    Case("POST",   "/api/v1/jobs/train",                        May(Action::Train), "", r#"{"recipe":"{recipe}","model":"fresh"}"#, 202, Absent),
    Case("GET",    "/api/v1/jobs",                              May(Action::ReadJobs), "", "", 200, Own),
    Case("GET",    "/api/v1/jobs/{id}",                         May(Action::ReadJobs), "/api/v1/jobs/{job}", "", 200, Absent),
    Case("GET",    "/api/v1/jobs/{id}/events",                  May(Action::ReadJobs), "/api/v1/jobs/{job}/events", "", 200, Absent),
    Case("POST",   "/api/v1/jobs/{id}/cancel",                  May(Action::CancelJob), "/api/v1/jobs/{queued}/cancel", "", 200, Absent),

    Case("GET",    "/api/v1/models",                            May(Action::ReadModels), "", "", 200, Own),
    Case("GET",    "/api/v1/models/{model}",                    May(Action::ReadModels), "", "", 200, Absent),
    Case("GET",    "/api/v1/models/{model}/versions/{version}", May(Action::ReadModels), "/api/v1/models/{model}/versions/1", "", 200, Absent),
    Case("GET",    "/api/v1/models/{model}/routes",             May(Action::ReadModels), "", "", 200, Absent),
    Case("GET",    "/api/v1/compare",                           May(Action::ReadModels), "/api/v1/compare?versions={model}:1,{model}:2", "", 200, Absent),
    Case("POST",   "/api/v1/models/{model}/predict",            May(Action::Predict), "", ROWS, 200, Absent),
    // It holds no words, which only who may ask is told.
    Case("GET",    "/api/v1/models/{model}/neighbours",         May(Action::Predict), "/api/v1/models/{model}/neighbours?word=own", "", 400, Absent),
    Case("POST",   "/api/v1/models/{model}/versions/{version}/predict", May(Action::Predict), "/api/v1/models/{model}/versions/1/predict", ROWS, 200, Absent),
    Case("PUT",    "/api/v1/models/{model}/aliases/{alias}",    May(Action::SetAlias), "/api/v1/models/{model}/aliases/champion", r#"{"version":1}"#, 200, Absent),
    Case("DELETE", "/api/v1/models/{model}/aliases/{alias}",    May(Action::SetAlias), "/api/v1/models/{model}/aliases/old", "", 204, Absent),
    Case("POST",   "/api/v1/models/{model}/deploy",             May(Action::Deploy), "", r#"{"version":1,"reason":"walk"}"#, 200, Absent),
    Case("POST",   "/api/v1/models/{model}/rollback",           May(Action::Deploy), "", r#"{"reason":"walk"}"#, 200, Absent),
    Case("DELETE", "/api/v1/models/{model}/versions/{version}", May(Action::DeleteModel), "/api/v1/models/{doomed}/versions/2", "", 204, Absent),
    Case("DELETE", "/api/v1/models/{model}",                    May(Action::DeleteModel), "/api/v1/models/{doomed}", "", 204, Absent),

    Case("GET",    "/v2",                                       Key, "", "", 200, Own),
    Case("GET",    "/v2/models/{model}",                        May(Action::Predict), "", "", 200, Absent),
    Case("GET",    "/v2/models/{model}/ready",                  May(Action::Predict), "", "", 200, Absent),
    Case("POST",   "/v2/models/{model}/infer",                  May(Action::Predict), "", TENSORS, 200, Absent),
    Case("GET",    "/v2/models/{model}/versions/{version}",     May(Action::Predict), "/v2/models/{model}/versions/1", "", 200, Absent),
    Case("GET",    "/v2/models/{model}/versions/{version}/ready", May(Action::Predict), "/v2/models/{model}/versions/1/ready", "", 200, Absent),
    Case("POST",   "/v2/models/{model}/versions/{version}/infer", May(Action::Predict), "/v2/models/{model}/versions/1/infer", TENSORS, 200, Absent),
    // Nothing answers for the model after this.
    Case("POST",   "/api/v1/models/{model}/undeploy",           May(Action::Deploy), "", r#"{"reason":"walk"}"#, 200, Absent),
];

const ROLES: [Role; 3] = [Role::Viewer, Role::Scientist, Role::Admin];
/// Names of the same form that nothing has.
const NOTHING: &str = "01999999-0000-7000-8000-000000000000";

impl Case {
    /// Whether a role opens this, as `PERMISSIONS` says.
    fn opens_to(&self, role: Role) -> bool {
        let (May(action) | SeenBy(action)) = self.2 else { return true };
        PERMISSIONS.iter().any(|(listed, least)| *listed == action && *least <= role)
    }

    /// Whether this is the status of those who may.
    fn answered(&self, status: u16) -> bool {
        status == self.5 || (self.5 == PAGE && [200, 503].contains(&status))
    }

    fn target(&self) -> &'static str {
        if self.3.is_empty() { self.1 } else { self.3 }
    }

    fn described(&self, who: &str) -> String {
        format!("{} {} {} by {who}", self.0, self.target(), self.4)
    }

    async fn ask(&self, server: &TestServer, who: &Who, names: &Names) -> Answer {
        let mut headers: Vec<(&str, &str)> = who.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.push(("content-type", "application/json"));
        let body = names.filled(self.4).replace("{who}", &who.name.replace(' ', "-"));
        server.send(self.0, &names.filled(self.target()), &headers, &body).await
    }
}

/// Somebody who asks.
struct Who {
    name: String,
    headers: Vec<(&'static str, String)>,
}

impl Who {
    fn of(name: impl Into<String>, key: &str) -> Self {
        Self { name: name.into(), headers: vec![("authorization", format!("Bearer {key}"))] }
    }

    fn about(mut self, project: &str) -> Self {
        self.headers.push(("meuse-project", project.to_owned()));
        self
    }
}

/// What the words in braces stand for.
#[derive(Clone)]
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn filled(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (word, name)| text.replace(&format!("{{{word}}}"), name))
    }

    /// A text without the names: what is left of two answers that differ in them only.
    fn forgotten(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (_, name)| text.replace(name, "…"))
    }

    fn of_nothing(&self) -> Self {
        let nothing = |(word, name): &(&'static str, String)| {
            let name = if name.len() == NOTHING.len() { NOTHING.to_owned() } else { format!("no-{word}") };
            (*word, if *word == "recipe" { recipe("no-dataset") } else { name })
        };
        Self(self.0.iter().map(nothing).collect())
    }
}

/// A recipe as it stands in JSON.
fn recipe(dataset: &str) -> String {
    let text = format!(
        "dataset = \"{dataset}\"\ntask = \"binary\"\ntarget = \"late\"\npositive = \"yes\"\n[split]\nmethod = \
         \"stratified\"\n[algorithm]\nname = \"logistic_regression\"\n"
    );
    json!(text).as_str().map(|text| text.replace('"', "\\\"").replace('\n', "\\n")).unwrap()
}

/// A home in which something of everything is, and the keys of everybody who asks.
struct World {
    home: TempDir,
    clock: Clock,
    names: Names,
    admin: String,
    /// Role → key, in the project that has everything.
    own: Vec<(Role, String)>,
    /// Role → key, in another project.
    other: Vec<(Role, String)>,
    revoked: String,
    expired: String,
}

impl World {
    async fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let clock = Clock::manual(Micros(1_800_000_000_000_000));
        let server = TestServer::on(home.path(), ServeOptions::default(), |config| {
            config.job_program = real_child();
            config.native = native();
            config.clock = clock.clone();
        });
        let server = server.await;
        server.app.start();
        let made = async |path: &str, body: Value| {
            let answer = server.call("POST", path, &body.to_string()).await;
            assert!(answer.status < 300, "POST {path} {body}: {}", answer.body);
            answer.json()
        };
        let ended = async |job: &Value| {
            let id = job["id"].as_str().expect("an id").to_owned();
            let events = server.call("GET", &format!("/api/v1/jobs/{id}/events?follow=true"), "").await;
            assert!(events.body.contains("\"succeeded\""), "{}", events.body);
            id
        };

        let row = |row: usize| {
            let income = row % 40;
            let late = if income + row % 7 > 22 { "no" } else { "yes" };
            format!("{income},{},{late}\n", ["own", "rent", "free"][row % 3])
        };
        let table: String = (0..240).map(row).collect();
        let path = "/api/v1/datasets/credit/versions?file=credit.csv";
        let import = server.call("POST", path, &format!("income,housing,late\n{table}")).await;
        ended(&import.json()["job"]).await;
        let recipe_text = recipe("credit").replace("\\\"", "\"").replace("\\n", "\n");
        let train =
            async |model: &str| made("/api/v1/jobs/train", json!({ "recipe": recipe_text, "model": model })).await;
        let mut job = String::new();
        for model in ["scoring", "scoring", "doomed", "doomed"] {
            job = ended(&train(model).await).await;
        }
        for version in [1, 2] {
            made("/api/v1/models/scoring/deploy", json!({ "version": version })).await;
        }
        let alias = server.call("PUT", "/api/v1/models/scoring/aliases/old", "{\"version\":1}").await;
        assert_eq!(alias.status, 200, "{}", alias.body);

        let key_of = async |project: &str, name: &str, role: Role, days: Option<u32>| {
            let post = async |path: &str, body: Value| {
                let admin = Who::of("admin", &server.key).about(project);
                let headers: Vec<(&str, &str)> =
                    admin.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let answer = server.send("POST", path, &headers, &body.to_string()).await;
                assert!(answer.status < 300, "POST {path} {body}: {}", answer.body);
                answer.json()
            };
            post("/api/v1/principals", json!({ "name": name, "role": role })).await;
            post("/api/v1/keys", json!({ "principal": name, "expires_in_days": days })).await
        };
        let secret = |key: &Value| key["secret"].as_str().expect("a secret").to_owned();
        made("/api/v1/projects", json!({ "name": "elsewhere" })).await;
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for role in ROLES {
            own.push((role, secret(&key_of("default", &format!("own-{}", role.word()), role, None).await)));
            other.push((role, secret(&key_of("elsewhere", &format!("other-{}", role.word()), role, None).await)));
        }
        let victim = key_of("default", "somebody", Role::Viewer, None).await;
        let revoked = key_of("default", "gone", Role::Admin, None).await;
        let path = format!("/api/v1/keys/{}", revoked["key"]["id"].as_str().expect("an id"));
        assert_eq!(server.call("DELETE", &path, "").await.status, 204);
        let expired = secret(&key_of("default", "late", Role::Admin, Some(1)).await);
        let id = |key: &Value| key["key"]["id"].as_str().expect("an id").to_owned();

        // No child works from here on: what is queued stays so.
        let admin = server.key.clone();
        server.stop();
        server.ended().await;
        clock.advance(Duration::from_hours(48));
        let mut world = Self {
            names: Names(vec![
                ("recipe", recipe("credit")),
                ("dataset", "credit".into()),
                ("model", "scoring".into()),
                ("doomed", "doomed".into()),
                ("job", job),
                ("key", id(&victim)),
                ("somebody", "somebody".into()),
                ("secret", own[0].1.clone()),
            ]),
            home,
            clock,
            admin,
            own,
            other,
            revoked: secret(&revoked),
            expired,
        };
        let server = world.server(world.home.path()).await;
        let body = json!({ "recipe": recipe_text, "model": "waiting" }).to_string();
        let queued =
            server.send("POST", "/api/v1/jobs/train", &[("x-api-key", world.admin.as_str())], &body).await.json();
        world.names.0.push(("queued", queued["id"].as_str().expect("an id").to_owned()));
        server.stop();
        server.ended().await;
        world
    }

    /// A server on this home whose jobs nobody works on.
    async fn server(&self, home: &Path) -> TestServer {
        TestServer::on(home, ServeOptions::default(), |config| {
            config.native = native();
            config.clock = self.clock.clone();
        })
        .await
    }

    /// A server on a copy of the home, which goes with it.
    async fn copy(&self) -> (TestServer, TempDir) {
        let copy = tempfile::tempdir().expect("a temporary folder");
        let done = Command::new("cp").arg("-a").arg(self.home.path().join(".")).arg(copy.path()).status();
        assert!(done.expect("cp runs").success());
        (self.server(copy.path()).await, copy)
    }

    /// All that a project has, as its administrator sees it.
    async fn everything(&self, server: &TestServer) -> String {
        let lists = ["projects", "principals", "keys", "audit?limit=1000", "datasets", "jobs", "models"];
        let mut seen = String::new();
        for project in ["default", "elsewhere"] {
            for list in lists {
                let headers = [("x-api-key", self.admin.as_str()), ("meuse-project", project)];
                let answer = server.send("GET", &format!("/api/v1/{list}"), &headers, "").await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                seen.push_str(&answer.body);
            }
        }
        seen
    }
}

/// The body without what differs from call to call.
fn essence(answer: &Answer) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(&answer.body) else { return answer.body.clone() };
    if let Some(error) = body.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("request_id");
    }
    body.to_string()
}

#[test]
fn every_route_has_its_entry() {
    for (method, path) in endpoints() {
        let entries = CASES.iter().filter(|case| case.0 == method.as_str() && case.1 == path);
        let entries: Vec<&Case> = entries.collect();
        assert!(!entries.is_empty(), "{method} {path} has no entry: say in the table which right it takes");
        let is_open = OPEN.contains(&(method.clone(), path));
        assert!(entries.iter().all(|case| (case.2 == Open) == is_open), "{method} {path}: open or not?");
    }
    for case in CASES {
        let is_there = endpoints().iter().any(|(method, path)| method.as_str() == case.0 && *path == case.1);
        assert!(is_there, "{} {} is no route", case.0, case.1);
    }
    for (action, _) in PERMISSIONS {
        let is_walked = CASES.iter().any(|case| case.2 == May(*action) || case.2 == SeenBy(*action));
        assert!(is_walked, "no route of the table takes {action:?}");
    }
}

#[tokio::test]
async fn every_route_answers_each_caller_as_the_permission_table_says() {
    let world = World::new().await;
    let (server, _copy) = world.copy().await;
    let before = world.everything(&server).await;
    let calls = refusals(&world, &server).await + strangers(&world, &server).await;
    assert_eq!(world.everything(&server).await, before, "a refused call changed something");
    let calls = calls + sessions(&world, &server).await;
    drop(server);
    let allowed = allowances(&world).await;
    let own = at_home_elsewhere(&world).await;
    // Each route is refused to four strangers and three roles of another project; the rest depends on the table.
    assert!(calls >= CASES.len() * 7 && allowed >= CASES.len() && own > 0, "{calls} {allowed} {own}");
}

/// Those without a valid key, and those whose role is too low. None of this may change anything.
async fn refusals(world: &World, server: &TestServer) -> usize {
    let mut calls = 0;
    let unknown = format!("{}x", &world.admin[..world.admin.len() - 1]);
    let strangers = [
        Who { name: "nobody".into(), headers: vec![] },
        Who::of("an unknown key", &unknown),
        Who::of("a revoked key", &world.revoked),
        Who::of("an expired key", &world.expired),
    ];
    for case in CASES.iter().filter(|case| case.2 != Open) {
        for who in &strangers {
            let answer = case.ask(server, who, &world.names).await;
            assert_eq!(answer.status, 401, "{}: {}", case.described(&who.name), answer.body);
            calls += 1;
        }
        for (role, key) in &world.own {
            if case.opens_to(*role) {
                continue;
            }
            let who = Who::of(role.word(), key);
            let answer = case.ask(server, &who, &world.names).await;
            let expected = if matches!(case.2, SeenBy(_)) { 404 } else { 403 };
            assert_eq!(answer.status, expected, "{}: {}", case.described(&who.name), answer.body);
            calls += 1;
        }
    }
    calls
}

/// Those who have a role elsewhere and name the project that is not theirs: it is not there, like one that is not.
async fn strangers(world: &World, server: &TestServer) -> usize {
    let mut calls = 0;
    for case in CASES.iter().filter(|case| case.2 != Open) {
        for (role, key) in &world.other {
            let name = format!("{} of another project", role.word());
            let hidden = case.ask(server, &Who::of(&name, key).about("default"), &world.names).await;
            let absent = case.ask(server, &Who::of(&name, key).about("nowhere"), &world.names).await;
            let described = case.described(&name);
            assert_eq!(hidden.status, 404, "{described}: {}", hidden.body);
            assert_eq!(essence(&hidden).replace("default", "nowhere"), essence(&absent), "{described}");
            calls += 1;
        }
    }
    calls
}

/// Those who may: the answer is that of the thing itself. Each role has a copy of the home to itself.
async fn allowances(world: &World) -> usize {
    let mut calls = 0;
    for (role, key) in &world.own {
        let (server, _copy) = world.copy().await;
        for case in CASES.iter().filter(|case| case.opens_to(*role)) {
            let who = Who::of(role.word(), key);
            let answer = case.ask(&server, &who, &world.names).await;
            assert!(case.answered(answer.status), "{}: {} {}", case.described(&who.name), answer.status, answer.body);
            calls += 1;
        }
    }
    calls
}

/// Those who signed in to the console: they see what their key sees, and change nothing without their CSRF header.
async fn sessions(world: &World, server: &TestServer) -> usize {
    let mut calls = 0;
    for (role, key) in &world.own {
        let json = [("content-type", "application/json")];
        let signed_in = server.send("POST", "/api/v1/session", &json, &json!({ "key": key }).to_string()).await;
        let cookie = signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
        let headers = vec![("cookie", cookie.to_owned())];
        let who = Who { name: format!("a session of {}", role.word()), headers: headers.clone() };
        let forged = [headers.as_slice(), &[("meuse-csrf", "0".repeat(64))]].concat();
        let forged = Who { name: format!("a forged call of {}", role.word()), headers: forged };
        let before = world.everything(server).await;
        for case in CASES.iter().filter(|case| case.2 != Open) {
            let answer = case.ask(server, &who, &world.names).await;
            let described = case.described(&who.name);
            if case.0 != "GET" {
                assert_eq!(answer.status, 403, "{described}: {}", answer.body);
                assert_eq!(case.ask(server, &forged, &world.names).await.status, 403, "{described}, forged");
            } else if !case.opens_to(*role) {
                assert_eq!(answer.status, 403, "{described}: {}", answer.body);
            } else {
                assert!(answer.status == 200 || case.answered(answer.status), "{described}: {}", answer.body);
            }
            calls += 1;
        }
        assert_eq!(world.everything(server).await, before, "a session changed something without its header");
        let csrf = signed_in.json()["csrf"].as_str().expect("a token").to_owned();
        let real = [("cookie", cookie), ("meuse-csrf", csrf.as_str())];
        assert_eq!(server.send("DELETE", "/api/v1/session", &real, "").await.status, 204);
        assert_eq!(server.send("GET", "/api/v1/me", &real, "").await.status, 401, "the session has ended");
    }
    calls
}

/// Those who have a role elsewhere and stay there: what the other project has is, for them, what does not exist.
async fn at_home_elsewhere(world: &World) -> usize {
    let (server, _copy) = world.copy().await;
    let nothing = world.names.of_nothing();
    let mut calls = 0;
    for case in CASES {
        for (role, key) in &world.other {
            let who = Who::of(format!("{} at home elsewhere", role.word()), key);
            let described = case.described(&who.name);
            let answer = case.ask(&server, &who, &world.names).await;
            // A backup is of all projects, and so for administrators of the one that the server began with.
            if !case.opens_to(*role) || case.2 == May(Action::Backup) {
                let expected = if matches!(case.2, SeenBy(_)) { 404 } else { 403 };
                assert_eq!(answer.status, expected, "{described}: {}", answer.body);
            } else if case.6 == Absent {
                let absent = case.ask(&server, &who, &nothing).await;
                assert_eq!(answer.status, absent.status, "{described}: {} {}", answer.body, absent.body);
                let (answer, absent) = (world.names.forgotten(&essence(&answer)), nothing.forgotten(&essence(&absent)));
                assert_eq!(answer, absent, "{described}");
            } else {
                assert!(case.answered(answer.status), "{described}: {} {}", answer.status, answer.body);
                let tells = if case.6 == Whole { "" } else { answer.body.as_str() };
                for name in ["credit", "scoring", "doomed", "own-admin"] {
                    assert!(!tells.contains(&format!("\"{name}\"")), "{described} tells of {name}: {}", answer.body);
                }
            }
            calls += 1;
        }
    }
    calls
}
