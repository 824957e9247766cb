//! The walk that the README describes, and what its calls are told when they are wrong.

use serde_json::{Value, json};

use crate::support::{Server, checkout};

/// A server with the German credit data, a scorecard that is deployed, and trees that are not.
fn walked() -> Server {
    let server = Server::start();
    server.import_credit();
    for (recipe, model) in [("scorecard", "credit-scorecard"), ("trees", "credit-trees")] {
        let path = checkout().join(format!("examples/credit/{recipe}.toml"));
        server.run(&["train", path.to_str().expect("UTF-8"), "--model", model, "--follow"]);
    }
    server.run(&["models", "deploy", "credit-scorecard:1", "--reason", "the first one"]);
    server
}

fn applicants() -> Vec<Value> {
    let text = std::fs::read_to_string(checkout().join("examples/credit/applicants.json")).expect("the example");
    serde_json::from_str(&text).expect("a list of rows")
}

#[test]
fn from_a_file_to_an_answered_call() {
    let server = walked();
    the_same_bytes_make_no_new_version(&server);
    the_record_of_a_version_is_whole(&server);
    the_answer_has_everything(&server);
    routes_are_appended_and_rolled_back(&server);
    every_command_answers_in_json(&server);
    what_serves_cannot_be_deleted(&server);
    wrong_calls_are_told_what_is_wrong(&server);
    strangers_see_nothing(&server);
    the_trail_is_whole_until_someone_touches_it(server);
}

fn the_same_bytes_make_no_new_version(server: &Server) {
    let path = checkout().join("examples/credit/germancredit.csv");
    let again = server.json(&["data", "import", "credit", path.to_str().expect("UTF-8")]);
    assert_eq!((&again["outcome"], &again["version"]["version"]), (&json!("unchanged"), &json!(1)));
    let other = server.json(&["data", "import", "credit", path.to_str().expect("UTF-8"), "--missing", "none"]);
    assert_eq!(other["version"], 2, "other options make another version: {other}");
    let profile = server.json(&["data", "profile", "credit:1"]);
    assert_eq!((&profile["rows"], profile["columns"].as_array().map(Vec::len)), (&json!(1000), Some(21)));
    let exported = server.path("back.csv");
    server.run(&["data", "export", "credit:1", "--out", exported.to_str().expect("UTF-8")]);
    let rows = |path| std::fs::read_to_string(path).expect("CSV").replace("\r\n", "\n");
    assert_eq!(rows(exported), rows(path), "what goes in comes out");
}

fn the_record_of_a_version_is_whole(server: &Server) {
    for model in ["credit-scorecard:1", "credit-trees:1"] {
        let version = server.json(&["models", "show", model]);
        let auc = version["evaluation"]["metrics"]["roc_auc"]["value"].as_f64().expect("a test AUC");
        assert!((0.7..0.9).contains(&auc), "{model}: {auc}");
        let interval = &version["evaluation"]["metrics"]["roc_auc"];
        assert!(
            interval["low"].as_f64() < interval["value"].as_f64()
                && interval["value"].as_f64() < interval["high"].as_f64()
        );
        assert_eq!(version["manifest"]["lineage"]["dataset"]["version"], 1);
        assert_eq!(version["manifest"]["labels"], json!(["good", "bad"]));
        assert!(server.run(&["models", "show", model]).contains("roc_auc"));
    }
    let card = server.json(&["models", "show", "credit-scorecard:1"])["explanation"]["scorecard"].clone();
    assert!(card["columns"].as_array().is_some_and(|columns| columns.len() > 5), "{card}");
    let comparison = server.json(&["models", "compare", "credit-scorecard:1", "credit-trees:1"]);
    assert!(comparison["best"].as_str().is_some_and(|best| best.ends_with(":1")), "{comparison}");
}

fn the_answer_has_everything(server: &Server) {
    let mut rows = applicants();
    rows[1]["housing"] = Value::Null;
    rows[2]["purpose"] = json!("a rocket");
    let text = serde_json::to_string(&rows).expect("JSON");
    let answer = server.json(&["predict", "credit-scorecard", "--rows", &text]);
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["predictions"].as_array().map(Vec::len), Some(3));
    assert!(answer["timings_ms"]["compute"].as_f64().is_some_and(|compute| compute > 0.0));
    for prediction in answer["predictions"].as_array().expect("a list") {
        let probability = prediction["probability"].as_f64().expect("a probability");
        assert_eq!(prediction["label"], if probability >= 0.5 { "bad" } else { "good" });
        assert!(prediction["points"].is_i64(), "{prediction}");
    }
    assert_eq!(answer["predictions"][1]["notes"][0]["kind"], "missing");
    assert_eq!(answer["predictions"][2]["notes"][0]["field"], "purpose");
    assert_eq!(answer["predictions"][2]["notes"][0]["kind"], "unknown_category");
    let trees = server.json(&["predict", "credit-trees:1", "--rows", &text]);
    assert!(trees["predictions"][0]["points"].is_null());
}

fn routes_are_appended_and_rolled_back(server: &Server) {
    let lonely = server.fails(&["models", "rollback", "credit-scorecard"]);
    assert!(lonely.contains("error:"), "{lonely}");
    let recipe = checkout().join("examples/credit/scorecard.toml");
    let text = std::fs::read_to_string(recipe).expect("the example").replace("seed = 42", "seed = 7");
    let other = server.file("seed.toml", text);
    server.run(&["train", other.to_str().expect("UTF-8"), "--model", "credit-scorecard", "--follow"]);
    server.run(&["models", "deploy", "credit-scorecard:2", "--reason", "another seed"]);
    let rows = serde_json::to_string(&applicants()).expect("JSON");
    assert_eq!(server.json(&["predict", "credit-scorecard", "--rows", &rows])["version"], 2);
    server.run(&["models", "rollback", "credit-scorecard", "--reason", "worse"]);
    assert_eq!(server.json(&["predict", "credit-scorecard", "--rows", &rows])["version"], 1);
    let routes = server.json(&["models", "routes", "credit-scorecard"]);
    let said: Vec<_> = routes["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|route| {
            (route["version"].as_u64(), route["action"].as_str(), route["reason"].as_str(), route["by"].as_str())
        })
        .collect();
    let expected = [(1, "deploy", "the first one"), (2, "deploy", "another seed"), (1, "rollback", "worse")];
    for (version, action, reason) in expected {
        assert!(said.contains(&(Some(version), Some(action), Some(reason), Some("admin"))), "{said:?}");
    }
    server.run(&["models", "alias", "credit-scorecard:2", "challenger"]);
    assert_eq!(server.json(&["predict", "credit-scorecard@challenger", "--rows", &rows])["version"], 2);
    server.run(&["models", "unalias", "credit-scorecard", "challenger"]);
}

fn every_command_answers_in_json(server: &Server) {
    let recipe = checkout().join("examples/credit/scorecard.toml");
    let (recipe, out) = (recipe.to_str().expect("UTF-8"), server.path("out.csv"));
    let rows = serde_json::to_string(&applicants()).expect("JSON");
    server.run(&["models", "alias", "credit-trees:1", "spare"]);
    let commands: [&[&str]; 23] = [
        &["doctor"],
        &["config", "show"],
        &["whoami"],
        &["data", "list"],
        &["data", "show", "credit"],
        &["data", "preview", "credit"],
        &["data", "profile", "credit", "--column", "age_in_years"],
        &["data", "export", "credit", "--out", out.to_str().expect("UTF-8")],
        &["recipe", "schema"],
        &["recipe", "check", recipe],
        &["recipe", "init", "--dataset", "credit", "--target", "creditability"],
        &["jobs", "list"],
        &["models", "list"],
        &["models", "show", "credit-trees"],
        &["models", "show", "credit-trees@spare"],
        &["models", "unalias", "credit-trees", "spare"],
        &["predict", "credit-scorecard", "--rows", &rows],
        &["projects", "list"],
        &["principals", "list"],
        &["keys", "list"],
        &["audit", "list"],
        &[
            "audit",
            "list",
            "--newest",
            "--actor",
            "admin",
            "--action",
            "model.",
            "--subject",
            "credit",
            "--since",
            "2020-01-01",
        ],
        &["audit", "verify"],
    ];
    for command in commands {
        server.json(command);
    }
    let output = server.command(&["--json", "models", "show", "nothing:1"]).output().expect("meuse runs");
    let error: Value = serde_json::from_slice(&output.stdout).expect("errors are JSON too");
    assert_eq!((&error["error"]["kind"], output.status.code()), (&json!("not_found"), Some(1)));
}

fn what_serves_cannot_be_deleted(server: &Server) {
    let message = server.fails(&["models", "delete", "credit-scorecard:1"]);
    assert!(message.contains("answers calls"), "{message}");
    server.run(&["models", "delete", "credit-scorecard:2"]);
    let gone = server.fails(&["models", "show", "credit-scorecard:2"]);
    assert!(gone.contains("error:"), "{gone}");
}

fn wrong_calls_are_told_what_is_wrong(server: &Server) {
    let path = "/api/v1/models/credit-scorecard/predict";
    let row = applicants()[0].clone();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut rows = vec![row.clone(); 4];
        change(&mut rows[3]);
        json!({ "rows": rows }).to_string()
    };
    let cases: [(String, u16, &[&str]); 10] = [
        (
            with(&|row| row["age_in_years"] = json!("abc")),
            400,
            &["rows[3].age_in_years", "\\\"abc\\\" is not a number"],
        ),
        (
            with(&|row| {
                row.as_object_mut().map(|row| row.remove("housing"));
            }),
            400,
            &["rows[3].housing", "missing"],
        ),
        (with(&|row| row["hosing"] = json!("own")), 400, &["rows[3].hosing", "housing"]),
        (with(&|row| row["housing"] = json!(7)), 400, &["rows[3].housing"]),
        ("{\"rows\": [}".to_owned(), 400, &["column 11"]),
        ("{\"rows\": [{\"age_in_years\": NaN}]}".to_owned(), 400, &["line 1"]),
        ("{\"rows\": []}".to_owned(), 400, &["rows"]),
        ("{\"row\": []}".to_owned(), 400, &["rows"]),
        (format!("{{\"rows\": [{}]}}", vec!["{}"; 20_000].join(",")), 413, &["10000"]),
        (format!("{{\"rows\": [{}]}}", vec!["{}"; 1_000_000].join(",")), 413, &["fewer rows per call"]),
    ];
    for (body, status, texts) in cases {
        let (got, answer) = server.http("POST", path, Some(&server.key), body.as_bytes());
        let start: String = body.chars().take(80).collect();
        assert_eq!(got, status, "{start}: {answer}");
        for text in texts {
            assert!(answer.contains(text), "{start}: `{text}` is not in {answer}");
        }
        let body: Value = serde_json::from_str(&answer).expect("errors are JSON");
        assert!(body["error"]["request_id"].is_string(), "{answer}");
    }
    for path in ["/api/v1/models/nothing/predict", "/api/v1/models/credit-scorecard/versions/99/predict"] {
        let (status, answer) = server.http("POST", path, Some(&server.key), b"{\"rows\": [{}]}");
        assert_eq!(status, 404, "{answer}");
    }
    let many = vec!["credit-scorecard:1"; 21].join(",");
    let (status, answer) = server.http("GET", &format!("/api/v1/compare?versions={many}"), Some(&server.key), b"");
    assert_eq!(status, 400, "{answer}");
    let long = format!("{{\"version\": 1, \"reason\": \"{}\"}}", "x".repeat(1001));
    let deploy = "/api/v1/models/credit-scorecard/deploy";
    let (status, answer) = server.http("POST", deploy, Some(&server.key), long.as_bytes());
    assert!(status == 400 && answer.contains("reason"), "{answer}");
    let wanted = r#"{"inputs": [], "outputs": [{"name": "label"}, {"name": "label"}]}"#;
    let infer = "/v2/models/credit-scorecard/infer";
    let (status, answer) = server.http("POST", infer, Some(&server.key), wanted.as_bytes());
    assert!(status == 400 && answer.contains("wanted twice"), "{answer}");
    let (status, answer) = server.http("POST", path, None, b"{}");
    assert_eq!(status, 401, "{answer}");
    let (status, answer) = server.http("POST", path, Some("mk_wrong_key"), b"{}");
    assert_eq!(status, 401, "{answer}");
}

fn strangers_see_nothing(server: &Server) {
    server.run(&["projects", "create", "other"]);
    let mut command = server.command(&["--project", "other", "--json", "keys", "create"]);
    let output = command.output().expect("meuse runs");
    let created: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let home = created["key"]["project"].as_str();
    assert_eq!(home, Some("other"), "{created}");
    server.run(&["principals", "add", "eve", "--role", "viewer"]);
    let eve = server.json(&["keys", "create", "--principal", "eve", "--note", "a test"]);
    let eve_key = eve["secret"].as_str().expect("a key");
    let denied = server.command_as(eve_key, &["models", "deploy", "credit-trees:1"]).output().expect("meuse runs");
    assert!(!denied.status.success(), "a viewer deploys nothing");
    let other_key = created["secret"].as_str().expect("a key");
    let path = "/api/v1/models/credit-scorecard/predict";
    let (theirs, body) = server.http("POST", path, Some(other_key), b"{\"rows\": [{}]}");
    let nothing = "/api/v1/models/never-was-here/predict";
    let (none, nobody) = server.http("POST", nothing, Some(other_key), b"{\"rows\": [{}]}");
    assert_eq!((theirs, none), (404, 404));
    let message = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["error"]["message"].to_string();
    assert_eq!(message(&body).replace("credit-scorecard", "X"), message(&nobody).replace("never-was-here", "X"));
    let id = eve["key"]["id"].as_str().expect("an id");
    assert!(server.command_as(eve_key, &["whoami"]).output().expect("meuse runs").status.success());
    server.run(&["keys", "revoke", id]);
    assert!(!server.command_as(eve_key, &["whoami"]).output().expect("meuse runs").status.success());
    server.run(&["principals", "remove", "eve"]);
    let left = server.run(&["principals", "list"]);
    assert!(left.contains("admin") && !left.contains("eve"), "{left}");
    let message = server.fails(&["principals", "remove", "admin"]);
    assert!(message.contains("administrator"), "{message}");
}

fn the_trail_is_whole_until_someone_touches_it(mut server: Server) {
    let entries = server.json(&["audit", "list", "--limit", "1000"]);
    let actions: Vec<&str> =
        entries["items"].as_array().expect("a list").iter().filter_map(|entry| entry["action"].as_str()).collect();
    for action in ["model.deploy", "model.rollback", "key.create", "key.revoke"] {
        assert!(actions.contains(&action), "{action} is not in {actions:?}");
    }
    let newest = server.json(&["audit", "list", "--newest", "--limit", "1", "--action", "role."]);
    let found = &newest["items"][0];
    assert_eq!((&found["action"], &found["subject"]), (&json!("role.remove"), &json!("eve")));
    let (csv, lines) = (server.path("audit.csv"), server.path("deployments.jsonl"));
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    server.run(&["audit", "export", &path(&csv)]);
    let csv = std::fs::read_to_string(csv).expect("it is written");
    assert_eq!(csv.lines().count(), entries["items"].as_array().map_or(0, Vec::len) + 1, "{csv}");
    server.run(&["audit", "export", &path(&lines), "--action", "model.deploy"]);
    let lines = std::fs::read_to_string(lines).expect("it is written");
    assert!(!lines.is_empty() && lines.lines().all(|line| line.contains("\"model.deploy\"")), "{lines}");
    assert!(server.fails(&["audit", "list", "--since", "yesterday"]).contains("is not an instant"));
    assert!(server.run(&["audit", "verify"]).contains("intact"));
    server.stop();
    let home = server.path("home");
    let verify = || {
        let mut command = crate::support::meuse(server.scratch.path());
        command.args(["--json", "audit", "verify", "--home"]).arg(&home);
        let output = command.output().expect("meuse runs");
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{}", crate::support::told(&output)))
    };
    assert_eq!(verify()["intact"], true);
}

#[test]
fn a_model_that_is_taken_out_of_service_answers_no_more_until_it_comes_back_or_goes() {
    let release = crate::homes::Release::first();
    let key = release.expected()["admin"].as_str().expect("a key").to_owned();
    let server = Server::open(release.unpack(), &key, None);
    let rows = serde_json::to_string(&applicants()).expect("JSON");
    let said = server.fails(&["models", "delete", "credit-trees"]);
    assert!(said.contains("meuse models undeploy credit-trees"), "{said}");
    server.run(&["models", "undeploy", "credit-trees", "--reason", "retired"]);
    let said = server.fails(&["predict", "credit-trees", "--rows", &rows]);
    assert!(said.contains("no version of model `credit-trees` is deployed"), "{said}");
    server.run(&["predict", "credit-trees:1", "--rows", &rows]);
    assert_eq!(server.json(&["models", "show", "credit-trees"])["route"], Value::Null);
    let again = server.fails(&["models", "undeploy", "credit-trees"]);
    assert!(again.contains("nothing is to be done"), "{again}");
    server.run(&["models", "rollback", "credit-trees", "--reason", "too early"]);
    assert_eq!(server.json(&["predict", "credit-trees", "--rows", &rows])["version"], 1);
    server.run(&["models", "undeploy", "credit-trees", "--reason", "retired at last"]);
    let routes = server.json(&["models", "routes", "credit-trees"]);
    let actions: Vec<_> =
        routes["items"].as_array().expect("a list").iter().map(|route| (&route["action"], &route["version"])).collect();
    let (one, actions_are) = (json!(1), ["deploy", "undeploy", "rollback", "undeploy"].map(Value::from));
    assert_eq!(actions, actions_are.iter().map(|action| (action, &one)).collect::<Vec<_>>());
    server.run(&["models", "delete", "credit-trees"]);
    assert!(server.fails(&["models", "show", "credit-trees"]).contains("error:"));
    assert!(server.json(&["audit", "list", "--limit", "1000"]).to_string().contains("model.undeploy"));
}

#[test]
fn one_port_serves_health_and_metrics_and_keeps_the_rest_behind_keys() {
    let server = Server::start();
    assert_eq!(server.http("GET", "/healthz", None, b"").0, 200);
    assert_eq!(server.http("GET", "/v2/health/live", None, b"").0, 200);
    assert_eq!(server.http("GET", "/v2/health/ready", None, b"").0, 200);
    let (status, document) = server.http("GET", "/api/v1/openapi.json", None, b"");
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert!(document["paths"]["/api/v1/models/{model}/predict"].is_object());
    let (status, metrics) = server.http("GET", "/metrics", Some(&server.key), b"");
    assert_eq!(status, 200);
    assert!(metrics.contains("# HELP"), "{metrics}");
    for path in ["/metrics", "/api/v1/models", "/api/v1/audit", "/v2/models/credit", "/api/v1/me"] {
        assert_eq!(server.http("GET", path, None, b"").0, 401, "{path}");
    }
}
