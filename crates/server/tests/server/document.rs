//! The OpenAPI document.

use std::collections::BTreeSet;
use std::path::Path;

use meuse_server::{endpoints, openapi_text};
use serde_json::Value;

use crate::harness::TestServer;

fn committed() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../api/openapi.json")
}

/// With `MEUSE_BLESS=1` the document is written instead of compared.
#[test]
fn the_committed_document_is_the_one_that_is_served() {
    if std::env::var_os("MEUSE_BLESS").is_some() {
        std::fs::create_dir_all(committed().parent().unwrap()).unwrap();
        std::fs::write(committed(), openapi_text()).unwrap();
    }
    let committed = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        committed == openapi_text(),
        "api/openapi.json is not what the server says; after a look at the difference, write it with \
         `MEUSE_BLESS=1 cargo test -p meuse-server --test server document`"
    );
}

#[test]
fn every_endpoint_of_our_own_is_documented_and_nothing_else() {
    let document: Value = serde_json::from_str(&openapi_text()).expect("it is JSON");
    let paths = document["paths"].as_object().expect("it has paths");
    let documented = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().expect("methods").keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    let documented: BTreeSet<_> = documented.collect();
    // Open Inference has a specification of its own, and the console is for people.
    let apart = |path: &str| path.starts_with("/v2") || path == "/" || path.starts_with("/assets/");
    let ours = endpoints().into_iter().filter(|(_, path)| !apart(path));
    let ours: BTreeSet<_> = ours.map(|(method, path)| (method.to_string(), path.to_owned())).collect();
    assert_eq!(documented, ours);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let text = openapi_text();
    let document: Value = serde_json::from_str(&text).expect("it is JSON");
    for reference in text.split("\"$ref\": \"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
}

#[tokio::test]
async fn the_document_is_served_without_a_key() {
    let server = TestServer::start().await;
    let answer = server.send("GET", "/api/v1/openapi.json", &[], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.body, openapi_text());
}
