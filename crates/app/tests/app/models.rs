//! The registry: versions that real trainings made, and who of them answers.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use meuse_app::Error;
use meuse_app::audit::Query;
use meuse_core::api::{DeployRequest, ImportAnswer, Overview, RecipeInit, RollbackRequest, TrainRequest};
use meuse_core::job::JobState;
use meuse_core::names::{AliasName, ModelName, ModelRef};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::world::{World, child, real_child};

fn model(name: &str) -> ModelName {
    name.parse().expect("a name")
}

fn reference(text: &str) -> ModelRef {
    text.parse().expect("a reference")
}

fn alias(name: &str) -> AliasName {
    name.parse().expect("a name")
}

/// A table in which `late` follows mostly from `income`.
fn table() -> String {
    let mut text = "income,housing,late\n".to_owned();
    for row in 0..240 {
        let income = row % 40;
        let late = if (income + row % 7) > 22 { "no" } else { "yes" };
        let housing = ["own", "rent", "free"][row % 3];
        writeln!(text, "{income},{housing},{late}").expect("a text takes what is written");
    }
    text
}

/// A home in which real children have imported a table and trained three versions of `credit`; each caller gets a copy.
async fn trained() -> World {
    static HOME: OnceCell<PathBuf> = OnceCell::const_new();
    let original = HOME.get_or_init(train).await;
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_folder(original, copy.path());
    World::open_home(copy, child("done"), |_| {}).await
}

async fn train() -> PathBuf {
    let world = World::start(real_child()).await;
    let imported = world.import(&table()).await.expect("the upload is taken");
    let ImportAnswer::Started { job } = imported else { panic!("{imported:?}") };
    let job = world.ended(&job.id).await;
    assert_eq!(job.result.as_deref(), Some("credit:1"), "{job:?}");
    for algorithm in ["logistic_regression", "scorecard", "logistic_regression"] {
        let init = RecipeInit {
            dataset: "credit".into(),
            target: "late".into(),
            algorithm: Some(algorithm.into()),
            split_column: None,
            positive: Some("yes".into()),
        };
        let recipe = world.app.recipe_init(&world.caller, init).await.expect("a recipe is written");
        assert!(recipe.contains("dataset = \"credit:1\""), "{recipe}");
        let check = world.app.recipe_check(&world.caller, &recipe).await.expect("it is checked");
        assert_eq!((check.valid, check.problems), (true, vec![]));
        let job = world.app.train(&world.caller, TrainRequest { recipe, model: "credit".into() }).await;
        let job = world.ended(&job.expect("the training is queued").id).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    }
    world.app.shutdown().await;
    let kept = folder_of_this_process();
    copy_folder(world.home(), &kept);
    kept
}

/// A new folder for as long as this process lives; those of processes that are gone are removed.
fn folder_of_this_process() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in std::fs::read_dir(all).expect("cargo makes it").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix("trained-").filter(|pid| !Path::new("/proc").join(pid).exists());
        if owner.is_some() {
            std::fs::remove_dir_all(entry.path()).expect("what nobody uses can be removed");
        }
    }
    let folder = all.join(format!("trained-{}", std::process::id()));
    // One that had this number may have left its own.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("no other process has this number");
    folder
}

fn copy_folder(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().expect("cp runs");
    assert!(done.success());
}

async fn deploy(world: &World, version: u32) -> Result<u32, Error> {
    let request = DeployRequest { version, reason: format!("try {version}") };
    Ok(world.app.deploy(&world.caller, &model("credit"), request).await?.number)
}

async fn roll_back(world: &World) -> Result<u32, Error> {
    let request = RollbackRequest { reason: "worse".into() };
    Ok(world.app.rollback(&world.caller, &model("credit"), request).await?.version)
}

/// What a conflict says.
fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conflict(message)) => message,
        other => panic!("no conflict: {other:?}"),
    }
}

#[tokio::test]
async fn a_version_tells_where_it_came_from() {
    let world = trained().await;
    let version = world.app.model_version(&world.caller, &reference("credit:2")).await.expect("it is there");
    assert_eq!((version.model.as_str(), version.version, version.created_by.as_str()), ("credit", 2, "admin"));
    let lineage = &version.manifest.lineage;
    assert_eq!((lineage.dataset.name.as_str(), lineage.dataset.version), ("credit", 1));
    assert_eq!(version.manifest.algorithm, "scorecard");
    assert!(version.explanation.scorecard.is_some());
    let job = world.app.job(&world.caller, &version.job).await.expect("its job is there");
    assert_eq!((job.kind.as_str(), job.result.as_deref()), ("train", Some("credit:2")));
    let data: meuse_core::names::DatasetRef = "credit:1".parse().expect("a reference");
    let data = world.app.dataset_version(&world.caller, &data).await.expect("its data is there");
    assert_eq!((data.sha256, data.rows), (lineage.dataset.sha256.clone(), 240));
    let listed = world.app.model(&world.caller, &model("credit")).await.expect("it is there");
    let numbers: Vec<u32> = listed.versions.iter().map(|version| version.version).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert!(listed.versions.iter().all(|version| version.metric == "roc_auc" && version.validation.is_some()));
}

#[tokio::test]
async fn what_is_deployed_answers_and_a_rollback_goes_back_one_deployment_each_time() {
    let world = trained().await;
    let rows = || vec![json!({"income": 3, "housing": "own"}).as_object().expect("an object").clone()];
    let ask = async |name: &str| {
        let answer = world.app.predict(&world.caller, &reference(name), rows(), "request").await?;
        Ok::<u32, Error>(answer.version)
    };
    let message = conflict(ask("credit").await);
    assert!(message.contains("meuse models deploy credit:3"), "{message}");
    assert_eq!(ask("credit:2").await.expect("a named version answers"), 2);
    let message = conflict(roll_back(&world).await);
    assert!(message.contains("was ever deployed"), "{message}");

    for version in [1, 2, 2, 3] {
        deploy(&world, version).await.expect("deployed");
        assert_eq!(ask("credit").await.expect("it answers"), version);
    }
    assert_eq!(roll_back(&world).await.expect("rolled back"), 2);
    assert_eq!(ask("credit").await.expect("it answers"), 2);
    assert_eq!(roll_back(&world).await.expect("rolled back"), 1);
    let message = conflict(roll_back(&world).await);
    assert!(message.contains("nothing that still exists answered before credit:1"), "{message}");
    deploy(&world, 3).await.expect("deployed");
    assert_eq!(roll_back(&world).await.expect("rolled back"), 1);

    let routes = world.app.routes(&world.caller, &model("credit")).await.expect("listed");
    let told: Vec<_> = routes.iter().map(|route| (route.number, route.version, route.action.as_str())).collect();
    let expected = [
        (1, 1, "deploy"),
        (2, 2, "deploy"),
        // Deploying version 2 again decided nothing.
        (3, 3, "deploy"),
        (4, 2, "rollback"),
        (5, 1, "rollback"),
        (6, 3, "deploy"),
        (7, 1, "rollback"),
    ];
    assert_eq!(told, expected);
    assert!(routes.iter().all(|route| route.by == "admin"));
    assert_eq!((routes[2].reason.as_str(), routes[3].reason.as_str()), ("try 3", "worse"));
    assert!(matches!(deploy(&world, 9).await, Err(Error::NotFound { .. })));

    let entries = world.app.audit_entries(&world.caller, &Query::first(1000)).await.expect("listed").items;
    let noted = |action: &str| entries.iter().filter(|entry| entry.action == action).count();
    assert_eq!((noted("model.deploy"), noted("model.rollback"), noted("model.register")), (4, 3, 3));
    assert!(world.app.audit_verify(&world.caller).await.expect("read").intact);
}

#[tokio::test]
async fn a_glance_tells_what_serves_and_what_waits() {
    let world = trained().await;
    let glance = async || world.app.overview(&world.caller).await.expect("anyone of the project may look");
    let about = |overview: &Overview, kind: &str| -> Vec<String> {
        overview.attention.iter().filter(|entry| entry.kind == kind).map(|entry| entry.subject.clone()).collect()
    };
    let before = glance().await;
    assert_eq!((before.serving.len(), before.running.len(), before.counts.models), (0, 0, 1));
    assert_eq!((before.counts.datasets, before.counts.jobs), (1, 4));
    assert_eq!(about(&before, "nothing_deployed"), ["credit"]);

    deploy(&world, 1).await.expect("deployed");
    let ask = async |row: serde_json::Value| {
        let rows = vec![row.as_object().expect("an object").clone()];
        world.app.predict(&world.caller, &reference("credit"), rows, "request").await
    };
    for _ in 0..2 {
        ask(json!({"income": 3, "housing": "own"})).await.expect("it answers");
    }
    ask(json!({"nonsense": 1})).await.expect_err("there is no such column");
    let after = glance().await;
    assert_eq!(about(&after, "nothing_deployed"), Vec::<String>::new());
    let [serving] = after.serving.as_slice() else { panic!("{after:?}") };
    assert_eq!((serving.model.as_str(), serving.version, serving.by.as_str()), ("credit", 1, "admin"));
    assert_eq!((serving.calls, serving.errors, serving.rows), (3, 1, 2));
    assert!(serving.p50_ms.zip(serving.p99_ms).is_some_and(|(half, most)| 0.0 < half && half <= most), "{serving:?}");

    let reason = "out of service".to_owned();
    let request = meuse_core::api::UndeployRequest { reason };
    world.app.undeploy(&world.caller, &model("credit"), request).await.expect("it answered");
    assert_eq!(about(&glance().await, "nothing_deployed"), ["credit"]);
    deploy(&world, 1).await.expect("the same version is put back into service");
    ask(json!({"income": 3, "housing": "own"})).await.expect("it answers again");

    let versions = world.app.model(&world.caller, &model("credit")).await.expect("it is there").versions;
    let value = |number: u32| versions.iter().find(|version| version.version == number).and_then(|one| one.validation);
    let better = [2, 3].into_iter().filter(|number| value(*number) > value(1));
    let best = better.max_by(|one, other| value(*one).partial_cmp(&value(*other)).expect("numbers"));
    let expected: Vec<String> = best.map(|number| format!("credit:{number}")).into_iter().collect();
    assert_eq!(about(&after, "version_waiting"), expected, "{versions:?}");
}

#[tokio::test]
async fn what_somebody_depends_on_is_not_deleted() {
    let world = trained().await;
    let (caller, credit) = (&world.caller, model("credit"));
    deploy(&world, 1).await.expect("deployed");
    world.app.set_alias(caller, &credit, &alias("champion"), 1).await.expect("set");
    world.app.set_alias(caller, &credit, &alias("champion"), 2).await.expect("set again");
    let message = conflict(world.app.delete_version(caller, &credit, 1).await);
    let remedy = "deploy another version first, or take it out of service with `meuse models undeploy credit`";
    assert_eq!(message, format!("credit:1 answers calls: {remedy}"));
    let message = conflict(world.app.delete_version(caller, &credit, 2).await);
    assert_eq!(message, "credit@champion points to credit:2: point it elsewhere first");
    let message = conflict(world.app.delete_model(caller, &credit).await);
    assert!(message.contains("credit:1 answers calls"), "{message}");

    let version = world.app.model_version(caller, &reference("credit@champion")).await.expect("it points there");
    assert_eq!((version.version, version.aliases, version.serving), (2, vec!["champion".to_owned()], false));
    world.app.remove_alias(caller, &credit, &alias("champion")).await.expect("removed");
    for gone in [
        world.app.remove_alias(caller, &credit, &alias("champion")).await,
        world.app.set_alias(caller, &credit, &alias("champion"), 9).await,
    ] {
        assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    }
    world.app.delete_version(caller, &credit, 2).await.expect("nobody needs it");
    let gone = world.app.model_version(caller, &reference("credit:2")).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    let versions = world.app.model(caller, &credit).await.expect("it is there").versions;
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [3, 1]);

    // A rollback passes over what was deleted.
    deploy(&world, 3).await.expect("deployed");
    deploy(&world, 1).await.expect("deployed");
    world.app.delete_version(caller, &credit, 3).await.expect("nobody needs it");
    assert!(conflict(roll_back(&world).await).contains("nothing that still exists"));
}

#[tokio::test]
async fn a_model_that_was_never_deployed_can_be_deleted() {
    let world = trained().await;
    world.app.delete_model(&world.caller, &model("credit")).await.expect("nobody needs it");
    assert_eq!(world.app.models(&world.caller).await.expect("listed"), []);
    let gone = world.app.routes(&world.caller, &model("credit")).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn the_best_is_chosen_on_rows_to_choose_by() {
    let world = trained().await;
    let names = [reference("credit:1"), reference("credit:2"), reference("credit:3")];
    let comparison = world.app.compare(&world.caller, &names).await.expect("compared");
    assert_eq!((comparison.metric.as_str(), comparison.larger_is_better), ("roc_auc", true));
    let value = |index: usize| {
        let validation = comparison.versions[index].evaluation.validation.as_ref().expect("rows to choose by");
        validation.metrics["roc_auc"].value.expect("a figure")
    };
    // The first and the third are twins: of equals the first is named.
    let best = if value(1) > value(0) { "credit:2" } else { "credit:1" };
    assert_eq!(comparison.best.as_deref(), Some(best));
    assert_eq!(comparison.notes, Vec::<String>::new(), "one dataset, one split, one metric");
    let none = world.app.compare(&world.caller, &[]).await;
    assert!(matches!(none, Err(Error::Invalid { .. })), "{none:?}");
}

#[tokio::test]
async fn a_model_of_another_project_is_as_one_that_does_not_exist() {
    let world = trained().await;
    let other = world.caller_of_another_project().await;
    let app = &world.app;
    for name in ["credit", "nothing"] {
        let id = model(name);
        let deployment = DeployRequest { version: 1, reason: String::new() };
        let errors = [
            app.model(&other, &id).await.err(),
            app.model_version(&other, &reference(&format!("{name}:1"))).await.err(),
            app.compare(&other, &[reference(&format!("{name}:1"))]).await.err(),
            app.deploy(&other, &id, deployment).await.err(),
            app.rollback(&other, &id, RollbackRequest::default()).await.err(),
            app.routes(&other, &id).await.err(),
            app.set_alias(&other, &id, &alias("champion"), 1).await.err(),
            app.remove_alias(&other, &id, &alias("champion")).await.err(),
            app.delete_version(&other, &id, 1).await.err(),
            app.delete_model(&other, &id).await.err(),
            app.predict(&other, &reference(name), vec![serde_json::Map::new()], "request").await.err(),
        ];
        for (index, error) in errors.into_iter().enumerate() {
            let error = error.unwrap_or_else(|| panic!("{name}, call {index}"));
            assert_eq!(error.to_string(), format!("there is no model `{name}`"), "call {index}");
        }
    }
    assert_eq!(app.models(&other).await.expect("listed"), []);
}

#[tokio::test]
async fn a_recipe_is_checked_before_anything_is_queued() {
    let world = trained().await;
    let count = world.app.jobs(&world.caller).await.expect("listed").len();
    let recipe = "dataset = \"credit\"\ntask = \"binary\"\ntarget = \"latte\"\n[split]\nmethod = \"random\"\n\
        [algorithm]\nname = \"logistic_regression\"\n";
    let request = TrainRequest { recipe: recipe.into(), model: "credit".into() };
    let error = world.app.train(&world.caller, request).await.expect_err("there is no such column");
    assert_eq!(error.field(), Some("recipe"));
    let message = error.to_string();
    assert!(message.contains("line 3") && message.contains("`latte`") && message.contains("`late`"), "{message}");
    let check = world.app.recipe_check(&world.caller, recipe).await.expect("checked");
    assert_eq!((check.valid, check.problems[0].line), (false, Some(3)));
    let check = world.app.recipe_check(&world.caller, &recipe.replace("credit", "credit:9")).await.expect("checked");
    assert_eq!((check.problems[0].line, check.problems[0].field.as_str()), (Some(1), "dataset"));
    let request = TrainRequest { recipe: recipe.replace("latte", "late"), model: "../x".into() };
    let error = world.app.train(&world.caller, request).await.expect_err("that is no name");
    assert_eq!(error.field(), Some("model"));
    assert_eq!(world.app.jobs(&world.caller).await.expect("listed").len(), count);
}
