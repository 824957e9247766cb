//! The floors of the house, as data: which crate may know which, read from `cargo metadata`.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Each crate and the crates of ours that it may name. `ARCHITECTURE.md` says the same in words.
const FLOORS: [(&str, &[&str]); 13] = [
    ("meuse", &["meuse-server", "meuse-app", "meuse-store", "meuse-engine", "meuse-core", "meuse-faults"]),
    ("meuse-server", &["meuse-app", "meuse-core"]),
    ("meuse-app", &["meuse-store", "meuse-engine", "meuse-prep", "meuse-core", "meuse-faults"]),
    (
        "meuse-job",
        &["meuse-child", "meuse-data", "meuse-train", "meuse-engine", "meuse-prep", "meuse-core", "meuse-faults"],
    ),
    (
        "meuse-deep",
        &["meuse-child", "meuse-data", "meuse-train", "meuse-engine", "meuse-prep", "meuse-core", "meuse-faults"],
    ),
    ("meuse-child", &["meuse-core", "meuse-faults"]),
    ("meuse-train", &["meuse-engine", "meuse-prep", "meuse-core"]),
    ("meuse-data", &["meuse-prep", "meuse-core"]),
    ("meuse-engine", &["meuse-core"]),
    ("meuse-store", &["meuse-core", "meuse-faults"]),
    ("meuse-prep", &["meuse-core"]),
    ("meuse-core", &[]),
    ("meuse-faults", &[]),
];

/// What a crate must not name, and why.
const ABSENT: [(&str, &[&str]); 10] = [
    ("meuse-server", &["sqlx", "ort", "duckdb", "libloading"]), // if a handler needs a row, `app` lacks a function
    ("meuse", &["sqlx", "duckdb", "libloading"]),               // the server links no heavy native library
    ("meuse-prep", &["tokio"]),                                 // what computes does not wait
    ("meuse-engine", &["tokio"]),
    ("meuse-data", &["tokio"]),
    ("meuse-train", &["tokio"]),
    ("meuse-job", &["tokio"]),
    ("meuse-deep", &["tokio", "duckdb"]),
    ("meuse-child", &["tokio"]),
    ("meuse-core", &["tokio", "sqlx", "ort", "axum"]),
];

fn metadata() -> Metadata {
    // Only what this platform needs has been downloaded by the build.
    let options = ["--offline", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned);
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).other_options(options).exec().expect("cargo metadata")
}

fn dependencies(package: &Package) -> Vec<&str> {
    let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
    normal.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn each_crate_knows_only_the_floors_below_it() {
    let metadata = metadata();
    let floors: BTreeMap<&str, &[&str]> = FLOORS.into_iter().collect();
    let packages = metadata.workspace_packages();
    assert_eq!(packages.len(), FLOORS.len(), "a crate is missing in the table, or in the workspace");
    for package in packages {
        let allowed =
            floors.get(package.name.as_str()).unwrap_or_else(|| panic!("{} stands on no floor", package.name));
        for dependency in dependencies(package).into_iter().filter(|name| name.starts_with("meuse")) {
            assert!(allowed.contains(&dependency), "{} must not name {dependency}", package.name);
        }
    }
}

#[test]
fn what_is_absent_stays_absent() {
    let metadata = metadata();
    for (name, absent) in ABSENT {
        let packages = metadata.workspace_packages();
        let package = packages.iter().find(|package| package.name.as_str() == name).expect("a crate of the workspace");
        for dependency in dependencies(package) {
            assert!(!absent.contains(&dependency), "{name} must not name {dependency}");
        }
    }
}

#[test]
fn the_server_links_no_heavy_native_library() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let id_of =
        |name: &str| &metadata.packages.iter().find(|package| package.name.as_str() == name).expect("a package").id;
    let (start, duckdb) = (id_of("meuse"), id_of("duckdb"));
    let mut seen = vec![start];
    let mut next = 0;
    while next < seen.len() {
        let node = resolve.nodes.iter().find(|node| node.id == *seen[next]).expect("a node per package");
        let normal =
            node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        for dependency in normal {
            if !seen.contains(&&dependency.pkg) {
                seen.push(&dependency.pkg);
            }
        }
        next += 1;
    }
    assert!(!seen.contains(&duckdb), "`meuse` links DuckDB");
}
