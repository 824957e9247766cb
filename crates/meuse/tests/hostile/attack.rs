//! A server under attack: a model that answers, callers beside the attack, and what must hold afterwards.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Server, until};

/// How long a read or write of a test may take before it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// The least calls that are made beside an attack.
const CALLS: usize = 50;

/// Between two calls beside an attack.
const BETWEEN_CALLS: Duration = Duration::from_millis(5);

/// A row that the model knows.
pub(crate) const ROW: &str = r#"{"months":12,"amount":2000}"#;

const RECIPE: &str = r#"dataset = "credit"
task = "binary"
target = "late"
positive = "yes"

[split]
method = "stratified"

[algorithm]
name = "logistic_regression"
"#;

/// A table in which `late` follows mostly from `months`.
fn table() -> String {
    let row = |row: usize| {
        let late = if row % 40 + row % 7 > 22 { "no" } else { "yes" };
        format!("{},{}.5,{late}\n", row % 40, row * 37 % 1000)
    };
    format!("months,amount,late\n{}", (0..240).map(row).collect::<String>())
}

/// A home in which a model is deployed, made once; each test has a copy.
struct Prepared {
    folder: PathBuf,
    attacker: String,
    caller: String,
}

impl Prepared {
    fn new() -> Self {
        let mut server = Server::start();
        let data = server.file("credit.csv", table());
        server.run(&["data", "import", "credit", data.to_str().expect("UTF-8")]);
        let recipe = server.file("recipe.toml", RECIPE);
        server.run(&["train", recipe.to_str().expect("UTF-8"), "--model", "credit", "--follow"]);
        server.run(&["models", "deploy", "credit:1", "--reason", "to be attacked"]);
        let key = |name: &str, role: &str| {
            server.run(&["principals", "add", name, "--role", role]);
            let key = server.json(&["keys", "create", "--principal", name]);
            key["secret"].as_str().expect("a secret").to_owned()
        };
        let (attacker, caller) = (key("mallory", "scientist"), key("ana", "viewer"));
        server.stop();
        let folder = folder_of_this_process();
        copy_folder(server.scratch.path(), &folder);
        Self { folder, attacker, caller }
    }
}

/// A new folder for as long as this process lives; those of processes that are gone are removed.
fn folder_of_this_process() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in std::fs::read_dir(all).expect("cargo makes it").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix("attacked-").filter(|pid| !Path::new("/proc").join(pid).exists());
        if owner.is_some() {
            std::fs::remove_dir_all(entry.path()).expect("what nobody uses can be removed");
        }
    }
    let folder = all.join(format!("attacked-{}", std::process::id()));
    // One that had this number may have left its own.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("no other process has this number");
    folder
}

fn copy_folder(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().expect("cp runs");
    assert!(done.success());
}

/// A server with a deployed model and two callers of it.
pub(crate) struct Target {
    pub(crate) server: Server,
    /// A key of somebody who attacks.
    pub(crate) attacker: String,
    /// A key of somebody who only calls the model.
    pub(crate) caller: String,
    expected: String,
    base: BTreeMap<String, f64>,
}

impl Target {
    /// Short times, so that what a server does after a while can be waited for.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(settings: &[(&'static str, &str)]) -> Self {
        static PREPARED: OnceLock<Prepared> = OnceLock::new();
        let prepared = PREPARED.get_or_init(Prepared::new);
        let scratch = tempfile::tempdir().expect("a temporary folder");
        copy_folder(&prepared.folder, scratch.path());
        let short = [
            ("MEUSE_SERVER__HEADER_TIMEOUT_S", "3"),
            ("MEUSE_SERVER__BODY_TIMEOUT_S", "3"),
            ("MEUSE_SERVER__IDLE_TIMEOUT_S", "4"),
        ];
        let mut server = Server::new();
        server.scratch = scratch;
        server.environment = [&short, settings].concat().iter().map(|(name, value)| (*name, value.into())).collect();
        server.restart();
        server.read_key();
        let mut target = Self {
            server,
            attacker: prepared.attacker.clone(),
            caller: prepared.caller.clone(),
            expected: String::new(),
            base: BTreeMap::new(),
        };
        target.expected = target.predict().expect("an answer before the attack");
        target.base = target.at_rest(None);
        target
    }

    pub(crate) fn address(&self) -> &str {
        self.server.url.trim_start_matches("http://")
    }

    /// A connection whose reads and writes end in an error when they take too long.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        stream
    }

    /// The head of a request with the attacker's key.
    pub(crate) fn head(&self, method: &str, path: &str, headers: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{headers}\r\n", self.attacker)
    }

    /// Sends bytes on a connection of their own; all that comes back.
    pub(crate) fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(bytes);
        rest(&mut stream)
    }

    /// A request with a body and the attacker's key: status and body.
    pub(crate) fn post(&self, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let headers = format!("{headers}connection: close\r\ncontent-length: {}\r\n", body.len());
        let text = self.send(&[self.head("POST", path, &headers).as_bytes(), body].concat());
        (status(&text), text.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
    }

    /// One call of the model on a connection of its own; its probability.
    fn predict(&self) -> Result<String, String> {
        let body = format!("{{\"rows\":[{ROW}]}}");
        let head = format!(
            "POST /api/v1/models/credit/predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: {}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.caller,
            body.len()
        );
        let text = self.send(head.as_bytes());
        let answer = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
        let probability = answer.map(|answer| answer["predictions"][0]["probability"].to_string());
        probability.filter(|probability| status(&text) == 200 && probability.starts_with("0.")).ok_or(text)
    }

    /// Attacks, while callers ask the model on new connections: each is answered, and answered right. Then everything
    /// must come back to what it was, within this growth of the server's largest memory.
    pub(crate) fn under<T>(&self, what: &str, growth_mib: u64, attack: impl FnOnce() -> T) -> T {
        let before = self.memory_mib("VmRSS");
        std::fs::write(format!("/proc/{}/clear_refs", self.server.pid()), "5").expect("the peak can be reset");
        let (over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
        let result = std::thread::scope(|scope| {
            let caller = || {
                while !over.load(Ordering::Relaxed) || calls.load(Ordering::Relaxed) < CALLS {
                    let answer = self.predict();
                    assert_eq!(answer.as_ref(), Ok(&self.expected), "{what}: a caller beside it was not answered");
                    calls.fetch_add(1, Ordering::Relaxed);
                    std::thread::park_timeout(BETWEEN_CALLS);
                }
            };
            let callers = [scope.spawn(caller), scope.spawn(caller)];
            let ended = End(&over);
            let result = attack();
            drop(ended);
            for caller in callers {
                caller.join().expect("the callers beside the attack were answered");
            }
            result
        });
        self.at_rest(Some(what));
        let peak = self.memory_mib("VmHWM");
        let growth = peak.saturating_sub(before);
        eprintln!("{what}: {} calls beside it, memory {before} MiB, at most {peak} MiB", calls.into_inner());
        assert!(growth <= growth_mib, "{what}: memory grew from {before} to {peak} MiB");
        let log = self.server.log();
        let fault = log.lines().find(|line| line.contains(" ERROR ") || line.contains("panicked"));
        assert_eq!(fault, None, "{what}");
        result
    }

    /// Waits until nothing is left of what was going on: one connection and one request, which ask this.
    fn at_rest(&self, after: Option<&str>) -> BTreeMap<String, f64> {
        let mut seen = BTreeMap::new();
        let what = format!("all is quiet again after {}", after.unwrap_or("the start"));
        until(&what, || {
            seen = self.metrics();
            let one = ["meuse_connections_open", "meuse_http_requests_in_flight"];
            let is_quiet = one.iter().all(|name| seen[*name] == 1.0) && seen["meuse_bodies_memory_bytes"] == 0.0;
            let tasks = seen["meuse_tasks_alive"];
            let is_quiet = is_quiet && (after.is_none() || tasks <= self.base["meuse_tasks_alive"]);
            is_quiet.then_some(())
        });
        seen
    }

    /// The metrics that have no labels.
    pub(crate) fn metrics(&self) -> BTreeMap<String, f64> {
        let (status, page) = self.server.http("GET", "/metrics", Some(&self.server.key), b"");
        assert_eq!(status, 200, "{page}");
        let number = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        page.lines().filter_map(number).collect()
    }

    fn memory_mib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number");
        kib >> 10
    }
}

/// Ends the callers beside an attack, also when it panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Everything until the server closes the connection, as text.
pub(crate) fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is reset after the answer has been read is closed as well.
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the server did not close"),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The status of the first answer in a text, 0 when there is none.
pub(crate) fn status(text: &str) -> u16 {
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Waits until the server has closed a connection, whatever it said.
pub(crate) fn closed(stream: &mut TcpStream) -> String {
    let _ = stream.shutdown(Shutdown::Write);
    rest(stream)
}

/// Many connections.
pub(crate) fn connections(target: &Target, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| target.connect()).collect()
}

/// Lets this process open as many files as the system allows.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the limit can be raised to its maximum");
    let files = limit.maximum.unwrap_or(u64::MAX);
    assert!(files >= 3000, "the system allows {files} files, and this needs 3,000");
}
