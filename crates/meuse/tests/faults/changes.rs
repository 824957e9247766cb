//! The server is killed before and after the commit of each change that a person asks for and sees.

use serde_json::Value;

use crate::judging::{is_whole, versions};
use crate::story::{self, call, get};
use crate::striking::{Left, after, before, strike_server};
use crate::support::Server;

/// One change that a person asks for and sees.
pub(crate) struct Change {
    pub(crate) action: &'static str,
    ask: fn(&Server) -> Option<(u16, Value)>,
    is_seen: fn(&Server) -> bool,
}

pub(crate) const CHANGES: [Change; 14] = [
    Change {
        action: "project.create",
        ask: |server| call(server, "POST", "/api/v1/projects", br#"{"name":"another"}"#),
        is_seen: |server| names(server, "/api/v1/projects").contains(&"another".to_owned()),
    },
    Change {
        action: "role.set",
        ask: |server| call(server, "POST", "/api/v1/principals", br#"{"name":"ana","role":"viewer"}"#),
        is_seen: |server| names(server, "/api/v1/principals").contains(&"ana".to_owned()),
    },
    Change {
        action: "role.remove",
        ask: |server| call(server, "DELETE", "/api/v1/principals/ana", b""),
        is_seen: |server| !names(server, "/api/v1/principals").contains(&"ana".to_owned()),
    },
    Change {
        action: "key.create",
        ask: |server| call(server, "POST", "/api/v1/keys", br#"{"note":"struck"}"#),
        is_seen: |server| struck_key(server).is_some(),
    },
    Change {
        action: "key.revoke",
        ask: |server| {
            let id = struck_key(server)?["id"].as_str()?.to_owned();
            call(server, "DELETE", &format!("/api/v1/keys/{id}"), b"")
        },
        is_seen: |server| struck_key(server).is_some_and(|key| key["revoked_at"].is_string()),
    },
    Change {
        action: "session.create",
        ask: |server| story::sign_in(server).map(|_| (200, Value::Null)),
        is_seen: |server| noted(server, "session.create"),
    },
    Change {
        action: "session.delete",
        ask: |server| {
            let session = story::sign_in(server)?;
            story::call_with(server, "DELETE", "/api/v1/session", b"", &session)
        },
        is_seen: |server| noted(server, "session.delete"),
    },
    Change {
        action: "model.deploy",
        ask: |server| call(server, "POST", "/api/v1/models/trees/deploy", br#"{"version":2,"reason":"struck"}"#),
        is_seen: |server| last_route(server)["version"] == 2,
    },
    Change {
        action: "model.rollback",
        ask: |server| call(server, "POST", "/api/v1/models/trees/rollback", br#"{"reason":"struck"}"#),
        is_seen: |server| last_route(server)["action"] == "rollback" && last_route(server)["version"] == 1,
    },
    Change {
        action: "model.alias",
        ask: |server| call(server, "PUT", "/api/v1/models/trees/aliases/champion", br#"{"version":2}"#),
        is_seen: |server| get(server, "/api/v1/models/trees").to_string().contains("champion"),
    },
    Change {
        action: "model.unalias",
        ask: |server| call(server, "DELETE", "/api/v1/models/trees/aliases/champion", b""),
        is_seen: |server| !get(server, "/api/v1/models/trees").to_string().contains("champion"),
    },
    Change {
        action: "model.delete",
        ask: |server| call(server, "DELETE", "/api/v1/models/trees/versions/2", b""),
        is_seen: |server| versions(server, "/api/v1/models/trees") == [1],
    },
    Change {
        action: "server.backup",
        ask: |server| call(server, "POST", "/api/v1/backup", b""),
        is_seen: |server| noted(server, "server.backup"),
    },
    // The last one: nothing answers afterwards.
    Change {
        action: "model.undeploy",
        ask: |server| call(server, "POST", "/api/v1/models/trees/undeploy", br#"{"reason":"struck"}"#),
        is_seen: |server| last_route(server)["action"] == "undeploy",
    },
];

#[test]
fn a_change_is_made_or_not_made() {
    let mut server = Server::start();
    story::import(&server, "credit", 1);
    story::model(&server, "trees");
    let second = story::train(&server, "trees").expect("the server lives");
    assert_eq!(story::ended(&server, &second)["state"], "succeeded");
    for change in CHANGES {
        for (point, left) in [(before(change.action), Left::Nothing), (after(change.action), Left::All)] {
            strike_server(&mut server, &point, change.ask);
            assert_eq!((change.is_seen)(&server), left == Left::All, "{point}");
            let answers = story::predict(&server, "trees").0 == 200;
            assert_eq!(answers, point != "commit.after/model.undeploy", "{point}");
        }
    }
    is_whole(&mut server);
}

fn names(server: &Server, path: &str) -> Vec<String> {
    let items = get(server, path);
    let items = items["items"].as_array().expect("a list");
    items.iter().filter_map(|item| Some(item["name"].as_str()?.to_owned())).collect()
}

fn last_route(server: &Server) -> Value {
    let routes = get(server, "/api/v1/models/trees/routes");
    routes["items"].as_array().and_then(|routes| routes.last().cloned()).unwrap_or_default()
}

fn noted(server: &Server, action: &str) -> bool {
    get(server, "/api/v1/audit?limit=1000").to_string().contains(&format!("\"{action}\""))
}

fn struck_key(server: &Server) -> Option<Value> {
    let keys = get(server, "/api/v1/keys");
    keys["items"].as_array()?.iter().find(|key| key["note"] == "struck").cloned()
}
