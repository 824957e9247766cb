//! A private Postgres for tests: one cluster per test binary, one database per test.
//!
//! `MEUSE_TEST_POSTGRES` names a server to use instead, as `postgres://user@host/postgres`; its user must be allowed to
//! make databases. Without it, Debian's binaries start a cluster in a temporary folder, reached by a Unix socket only.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a cluster, starts it, says where, and waits for the end of its input: when the test binary ends, however it
/// ends, the cluster ends too.
const SCRIPT: &str = r#"
set -e
export PATH="$1:$PATH"
unset TMPDIR
folder=$(mktemp -d)
cd "$folder"
initdb -D data -A trust -U meuse -E UTF8 --locale=C --no-sync >initdb.log 2>&1 || { cat initdb.log >&2; exit 1; }
pg_ctl -D data -l log -w -o "-c listen_addresses= -c unix_socket_directories=$folder -c fsync=off -c max_connections=300" \
    start >start.log 2>&1 || { cat start.log log >&2; exit 1; }
echo "$folder"
cat >/dev/null
pg_ctl -D data -m immediate stop >/dev/null 2>&1
cd /
rm -rf "$folder"
"#;

struct Cluster {
    /// The URL of its database `postgres`.
    url: String,
    binaries: PathBuf,
    // Holds the script's input open.
    _keeper: Option<Child>,
}

/// The URL of a new, empty database.
pub(crate) fn new_database() -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTER.get_or_init(Cluster::start);
    let name = format!("meuse_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let maintenance = format!("--maintenance-db={}", cluster.url);
    let made = Command::new(cluster.binaries.join("createdb")).args([&maintenance, &name]).output();
    let made = made.expect("createdb runs");
    assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
    let (address, query) = cluster.url.split_once('?').unwrap_or((&cluster.url, ""));
    let (server, _) = address.rsplit_once('/').expect("the URL of a server names a database");
    format!("{server}/{name}?{query}")
}

impl Cluster {
    fn start() -> Self {
        let binaries = binaries();
        if let Ok(url) = std::env::var("MEUSE_TEST_POSTGRES") {
            return Self { url, binaries, _keeper: None };
        }
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
        // initdb refuses to run as root.
        let mut command = if is_root { Command::new("runuser") } else { Command::new("sh") };
        if is_root {
            command.args(["-u", "postgres", "--", "sh"]);
        }
        command.args(["-c", SCRIPT, "postgres-for-tests"]).arg(&binaries);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).current_dir("/");
        let mut keeper = command.spawn().expect("the shell runs");
        let mut folder = String::new();
        let output = keeper.stdout.take().expect("the output is piped");
        BufReader::new(output).read_line(&mut folder).expect("the script's output is text");
        let folder = folder.trim();
        assert!(!folder.is_empty(), "Postgres did not start; its own words stand above");
        Self { url: format!("postgres://meuse@localhost/postgres?host={folder}"), binaries, _keeper: Some(keeper) }
    }
}

/// The folder of Postgres's binaries, newest version first; Debian keeps them out of PATH.
fn binaries() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let complete = |folder: &&PathBuf| ["initdb", "pg_ctl", "createdb"].iter().all(|name| is_file(&folder.join(name)));
    let found = folders.iter().find(complete).cloned();
    found.expect("Postgres is not installed: run scripts/setup --tests")
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
