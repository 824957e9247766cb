//! Starting: the first key, the lock, what is missing, what is too new.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::{Server, meuse, told, until};

#[test]
fn the_first_start_makes_a_key_that_only_its_owner_can_read_and_the_second_makes_none() {
    let mut server = Server::start();
    let key_file = server.path("admin.key");
    let mode = std::fs::metadata(&key_file).expect("the key file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = server.key.clone();
    std::fs::remove_file(&key_file).expect("the key file can go");
    server.stop();
    server.restart();
    assert!(!key_file.exists(), "a second start makes no key");
    assert_eq!(server.json(&["whoami"])["role"], "admin", "the first key {first} still holds");
}

#[test]
fn a_key_file_that_cannot_be_written_stops_the_first_start_before_a_key_is_made() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let home = scratch.path().join("home");
    let mut serve = meuse(scratch.path());
    serve.args(["serve", "--listen", "127.0.0.1:0", "--home"]).arg(&home);
    serve.arg("--admin-key-file").arg(scratch.path().join("no/such/folder/admin.key"));
    let serve = serve.output().expect("meuse runs");
    assert_eq!(serve.status.code(), Some(1));
    assert!(told(&serve).contains("cannot write"), "{}", told(&serve));
    assert!(!home.exists(), "a home whose key nobody has would be locked for ever");
}

#[test]
fn two_servers_on_one_home_the_second_refuses_and_names_the_first() {
    let server = Server::start();
    let second = server.serve_command().output().expect("meuse runs");
    assert!(!second.status.success());
    let said = told(&second);
    assert!(said.contains(&server.pid().to_string()), "it names the pid {}: {said}", server.pid());
    server.run(&["whoami"]);
}

#[test]
fn a_server_whose_log_nobody_reads_any_more_answers_and_stops_when_asked() {
    let mut server = Server::start();
    server.stop();
    server.started_by = ["bash", "-c", r#"exec "$0" "$@" 2> >(true)"#].map(Into::into).into();
    server.restart();
    assert_eq!(server.json(&["whoami"])["role"], "admin");
    server.stop();
}

#[test]
fn a_missing_native_library_is_one_sentence_and_an_exit_code() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let empty = scratch.path().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let serve = meuse(scratch.path())
        .env("MEUSE_NATIVE_DIR", &empty)
        .args(["serve", "--home"])
        .arg(scratch.path().join("home"))
        .output();
    let serve = serve.expect("meuse runs");
    assert_eq!(serve.status.code(), Some(1));
    assert!(told(&serve).contains("run scripts/setup"), "{}", told(&serve));
    assert!(!scratch.path().join("home").exists(), "nothing half-done is left behind");

    let doctor = meuse(scratch.path()).env("MEUSE_NATIVE_DIR", &empty).args(["--json", "doctor"]).output();
    let doctor = doctor.expect("meuse runs");
    assert_eq!(doctor.status.code(), Some(1), "{}", told(&doctor));
    let report: serde_json::Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    assert_eq!(report["healthy"], false);
    let findings = report["findings"].as_array().expect("findings");
    let lost = findings.iter().filter(|finding| finding["ok"] == false).count();
    assert_eq!(lost, 5, "all three libraries, meuse-job, and meuse-deep, which is beside it: {report}");
    assert!(findings.iter().filter(|finding| finding["ok"] == false).all(|finding| finding["remedy"].is_string()));
}

#[test]
fn a_native_library_of_the_wrong_kind_is_one_sentence_and_an_exit_code() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(scratch.path().join("libonnxruntime.so"), "not a library").expect("a file");
    let serve = meuse(scratch.path())
        .env("MEUSE_NATIVE_DIR", scratch.path())
        .args(["serve", "--home"])
        .arg(scratch.path().join("home"))
        .output();
    let serve = serve.expect("meuse runs");
    assert_eq!(serve.status.code(), Some(1));
    assert!(told(&serve).contains("libonnxruntime.so"), "{}", told(&serve));
}

#[test]
fn a_native_library_of_another_version_is_one_sentence_with_both_versions() {
    // The two entries of `OrtApiBase`, as `onnxruntime_c_api.h` has them.
    const STUB: &str = "static const void* api(unsigned v) { (void)v; return 0; }\n\
        static const char* version(void) { return \"1.20.0\"; }\n\
        struct base { const void* (*api)(unsigned); const char* (*version)(void); };\n\
        static const struct base BASE = { api, version };\n\
        const struct base* OrtGetApiBase(void) { return &BASE; }\n";
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let source = scratch.path().join("stub.c");
    std::fs::write(&source, STUB).expect("a file");
    let library = scratch.path().join("libonnxruntime.so");
    let compiled =
        std::process::Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(compiled.expect("gcc, which scripts/setup installs").success());
    let home = scratch.path().join("home");
    let mut serve = meuse(scratch.path());
    let serve = serve.env("MEUSE_NATIVE_DIR", scratch.path()).args(["serve", "--home"]).arg(&home).output();
    let serve = serve.expect("meuse runs");
    assert_eq!(serve.status.code(), Some(1));
    let said = told(&serve);
    assert!(said.contains("1.20.0") && said.contains("1.31.1") && said.contains("scripts/setup"), "{said}");
    assert!(!home.exists(), "nothing half-done is left behind");
}

#[test]
fn doctor_is_not_taken_in_by_another_library_of_that_name() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    for entry in std::fs::read_dir(crate::support::native()).expect("scripts/setup has filled it").flatten() {
        if entry.file_name() != "lib_lightgbm.so" {
            std::os::unix::fs::symlink(entry.path(), scratch.path().join(entry.file_name())).expect("a link");
        }
    }
    let imposter = scratch.path().join("lib_lightgbm.so");
    std::os::unix::fs::symlink(crate::support::native().join("libduckdb.so"), imposter).expect("a link");
    let doctor = meuse(scratch.path()).env("MEUSE_NATIVE_DIR", scratch.path()).args(["--json", "doctor"]).output();
    let doctor = doctor.expect("meuse runs");
    assert_eq!(doctor.status.code(), Some(1), "{}", told(&doctor));
    let report: serde_json::Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    let lost: Vec<_> =
        findings.iter().filter(|finding| finding["ok"] == false).map(|finding| &finding["name"]).collect();
    assert_eq!(lost, ["LightGBM"], "{report}");
}

#[test]
fn a_setting_that_cannot_be_meant_stops_before_anything_is_made() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let home = scratch.path().join("home");
    for (flag, value, expected) in
        [("--database", "mysql://x", "neither postgres://"), ("--listen", "nonsense", "is not an address and a port")]
    {
        let serve =
            meuse(scratch.path()).args(["serve", flag, value, "--home"]).arg(&home).output().expect("meuse runs");
        assert_eq!(serve.status.code(), Some(1));
        assert!(told(&serve).contains(expected), "{}", told(&serve));
        assert!(!home.exists(), "nothing half-done is left behind");
    }
}

#[test]
fn doctor_finds_everything_after_setup() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let doctor = meuse(scratch.path()).args(["--json", "doctor"]).output().expect("meuse runs");
    assert!(doctor.status.success(), "{}{}", told(&doctor), String::from_utf8_lossy(&doctor.stdout));
}

#[test]
fn a_client_without_a_key_is_told_how_to_get_one() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let output = meuse(scratch.path()).args(["data", "list"]).output().expect("meuse runs");
    assert!(told(&output).contains("MEUSE_API_KEY"), "{}", told(&output));
}

#[test]
fn a_login_is_remembered_in_a_private_file() {
    let server = Server::start();
    let mut login = meuse(server.scratch.path());
    login.args(["login", &server.url]).stdin(std::fs::File::open(server.path("admin.key")).expect("the key file"));
    let login = login.output().expect("meuse runs");
    assert!(login.status.success(), "{}", told(&login));
    let stored = server.path(".config/meuse/credentials.toml");
    assert_eq!(std::fs::metadata(&stored).expect("the credentials").permissions().mode() & 0o777, 0o600);
    let whoami = meuse(server.scratch.path()).arg("whoami").output().expect("meuse runs");
    assert!(whoami.status.success(), "{}", told(&whoami));
}

#[test]
fn the_recipe_schema_needs_no_server() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let output = meuse(scratch.path()).args(["recipe", "schema"]).output().expect("meuse runs");
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(schema["title"], "Meuse recipe");
}

#[test]
fn each_request_is_one_line_of_the_log_and_no_key_is_in_it() {
    let server = Server::start();
    assert_eq!(server.http("GET", "/api/v1/me", Some(&server.key), b"").0, 200);
    assert_eq!(server.http("GET", "/api/v1/nowhere", Some(&server.key), b"").0, 404);
    // The line is written once the answer is on its way.
    let log = until("both requests are logged", || Some(server.log()).filter(|log| log.contains("status=404")));
    let lines_with = |text: &str| log.lines().filter(|line| line.contains(text)).collect::<Vec<_>>();
    let me = lines_with("route=\"/api/v1/me\"");
    assert_eq!(me.len(), 1, "{log}");
    for part in [" INFO ", "request.id=", "method=GET", "status=200", "duration_ms=", "caller=\"admin\""] {
        assert!(me[0].contains(part), "`{part}` is not in {}", me[0]);
    }
    assert_eq!(lines_with("route=\"(none)\"").len(), 1, "{log}");
    assert!(!log.contains(&server.key), "a key is in the log");
}

#[test]
fn setup_fetches_the_native_libraries_of_this_build_into_a_folder() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    // What scripts/setup has fetched is not fetched again.
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).expect("a cache");
    let mut command = meuse(scratch.path());
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env("XDG_CACHE_HOME", cache)
        .env("PATH", path)
        .arg("setup")
        .arg("--folder")
        .arg(scratch.path().join("here"));
    let done = command.output().expect("meuse runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for library in ["libonnxruntime.so", "libduckdb.so", "lib_lightgbm.so"] {
        assert!(scratch.path().join("here/lib").join(library).exists(), "{library}");
    }
    assert!(scratch.path().join("here/licenses/onnxruntime/LICENSE").exists());
    // They are whole: doctor knows them.
    let mut command = meuse(scratch.path());
    command.env("MEUSE_NATIVE_DIR", scratch.path().join("here/lib")).arg("doctor");
    let said = command.output().expect("meuse runs");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("ONNX Runtime") && !said.lines().any(|line| line.starts_with("LightGBM  NOT OK")), "{said}");
}
