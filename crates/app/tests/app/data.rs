//! Uploads become versions, or leave nothing.

use bytes::Bytes;
use futures::stream;
use meuse_app::Error;
use meuse_app::data::ImportRequest;
use meuse_core::api::ImportAnswer;
use meuse_core::job::{FileFormat, ImportOptions};
use meuse_core::names::DatasetRef;

use crate::world::{World, child, collect, request};

const TEXT: &str = "a\n1\n2\n";

type Chunk = Result<Bytes, std::io::Error>;

fn chunk(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn reference(text: &str) -> DatasetRef {
    text.parse().expect("a reference")
}

/// What a refused upload says; and that it has left nothing.
async fn refused(world: &World, request: ImportRequest, chunks: Vec<Chunk>) -> Error {
    let error = world.app.import(&world.caller, request, stream::iter(chunks)).await.expect_err("it is refused");
    world.no_work_is_left().await;
    assert_eq!(world.app.jobs(&world.caller).await.expect("listed"), [], "{error}");
    assert_eq!(world.app.datasets(&world.caller).await.expect("listed"), [], "{error}");
    error
}

#[tokio::test]
async fn the_same_bytes_with_the_same_options_make_no_new_version() {
    let world = World::start(child("done")).await;
    world.ended(&world.job(TEXT).await.id).await;
    let answer = world.import(TEXT).await.expect("taken");
    let ImportAnswer::Unchanged { version } = answer else { panic!("{answer:?}") };
    assert_eq!((version.dataset.as_str(), version.version, version.source.file.as_str()), ("credit", 1, "credit.csv"));
    assert_eq!(world.app.jobs(&world.caller).await.expect("listed").len(), 1, "no job was made");
    world.no_work_is_left().await;

    let missing = |words: &[&str]| ImportRequest {
        options: ImportOptions { missing: words.iter().map(ToString::to_string).collect(), ..Default::default() },
        ..request("credit")
    };
    let import = async |words: &[&str]| {
        let answer = world.app.import(&world.caller, missing(words), stream::iter([Ok(chunk(TEXT))])).await;
        match answer.expect("taken") {
            ImportAnswer::Started { job } => world.ended(&job.id).await.result,
            ImportAnswer::Unchanged { version } => Some(format!("unchanged {}", version.version)),
        }
    };
    assert_eq!(import(&["NA", "-"]).await.as_deref(), Some("credit:2"), "other options are another version");
    assert_eq!(import(&["-", "NA"]).await.as_deref(), Some("unchanged 2"), "the order of words means nothing");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let world = World::open(child("done")).await;
    let broken = || Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "connection reset"));
    let error = refused(&world, request("credit"), vec![Ok(chunk("a\n")), broken()]).await;
    assert_eq!(error.to_string(), "body: the upload broke off after 2 bytes: connection reset");

    let short = ImportRequest { length: Some(10), ..request("credit") };
    let error = refused(&world, short, vec![Ok(chunk(TEXT))]).await;
    assert_eq!(error.to_string(), "body: the upload broke off after 6 bytes: 10 were declared");
}

#[tokio::test]
async fn an_upload_past_the_limit_is_refused_whether_or_not_it_says_so() {
    let world = World::open_with(child("done"), |config| config.max_upload_bytes = 5).await;
    let declared = ImportRequest { length: Some(6), ..request("credit") };
    for (request, chunks) in [(declared, vec![]), (request("credit"), vec![Ok(chunk("a\n1")), Ok(chunk("\n2\n"))])] {
        let error = refused(&world, request, chunks).await;
        assert!(matches!(&error, Error::TooLarge(message) if message.contains("5 bytes")), "{error:?}");
    }
}

#[tokio::test]
async fn an_empty_file_and_a_name_that_leads_upwards_are_refused() {
    let world = World::open(child("done")).await;
    let error = refused(&world, request("credit"), vec![]).await;
    assert_eq!(error.to_string(), "body: the file is empty");
    let upwards = ImportRequest { file: "../../etc/passwd".into(), ..request("credit") };
    let error = refused(&world, upwards, vec![Ok(chunk(TEXT))]).await;
    assert_eq!(error.to_string(), "file: `../../etc/passwd` leads out of its folder");
}

#[tokio::test]
async fn a_version_is_exported_as_it_is_kept_and_its_csv_is_written_once() {
    let world = World::start(child("done")).await;
    world.ended(&world.job(TEXT).await.id).await;
    let parquet = world.app.export(&world.caller, &reference("credit:1"), FileFormat::Parquet).await.expect("exported");
    assert_eq!((parquet.file.as_str(), parquet.bytes), ("credit-1.parquet", 18));
    assert_eq!(collect(parquet.stream).await, b"not really Parquet");
    for _ in 0..2 {
        let csv = world.app.export(&world.caller, &reference("credit"), FileFormat::Csv).await.expect("exported");
        assert_eq!((csv.file.as_str(), csv.bytes), ("credit-1.csv", 6));
        assert_eq!(collect(csv.stream).await, TEXT.as_bytes());
    }
    let jobs = world.app.jobs(&world.caller).await.expect("listed");
    assert_eq!(jobs.iter().filter(|job| job.kind == "export").count(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_is() {
    let world = World::start(child("done")).await;
    world.ended(&world.job(TEXT).await.id).await;
    let other = world.caller_of_another_project().await;
    let cases = [
        (&world.caller, "credit:7", "dataset `credit` has no version 7", "its newest version is credit:1"),
        (&world.caller, "debit", "there is no dataset `debit`", "`meuse data list` shows what is there"),
        (&other, "credit:1", "there is no dataset `credit`", "`meuse data list` shows what is there"),
        (&other, "credit", "there is no dataset `credit`", "`meuse data list` shows what is there"),
    ];
    for (caller, name, message, hint) in cases {
        let errors = [
            world.app.dataset_version(caller, &reference(name)).await.err(),
            world.app.profile(caller, &reference(name)).await.err(),
            world.app.preview(caller, &reference(name)).await.err(),
            world.app.export(caller, &reference(name), FileFormat::Csv).await.err(),
        ];
        for error in errors {
            let error = error.expect(name);
            assert_eq!((error.to_string().as_str(), error.hint()), (message, Some(hint)));
        }
    }
    assert_eq!(world.app.datasets(&other).await.expect("listed"), []);
    assert_eq!(world.app.datasets(&world.caller).await.expect("listed").len(), 1);
}
