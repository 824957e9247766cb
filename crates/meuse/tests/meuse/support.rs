//! A real server on a free port with a home of its own, and the real command line to speak with it.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take on a busy machine before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(2);

/// The repository.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout")
}

pub(crate) fn germancredit() -> PathBuf {
    checkout().join("examples/credit/germancredit.csv")
}

/// The folder of native libraries that scripts/setup fills.
pub(crate) fn native() -> PathBuf {
    std::env::var_os("MEUSE_NATIVE_DIR").map_or_else(|| checkout().join("vendor/lib"), PathBuf::from)
}

/// `meuse` with an environment of its own.
pub(crate) fn meuse(scratch: &Path) -> Command {
    let program = env!("CARGO_BIN_EXE_meuse");
    let job = Path::new(program).with_file_name("meuse-job");
    assert!(job.exists(), "{} is missing: run `cargo build --workspace --bins` first", job.display());
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", scratch).env("MEUSE_NATIVE_DIR", native());
    command
}

/// Asks again and again, without a pause longer than a blink, until the answer is there.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A server; killed when dropped.
pub(crate) struct Server {
    pub(crate) scratch: TempDir,
    pub(crate) url: String,
    pub(crate) key: String,
    /// Set by a test that does what a server should warn of.
    pub(crate) expects_warnings: bool,
    /// Variables of the server's environment besides those of [`meuse`].
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// A command, with its arguments, that starts the server.
    pub(crate) started_by: Vec<OsString>,
    /// The database when it is not SQLite in the home.
    pub(crate) database: Option<String>,
    child: Option<Child>,
}

impl Server {
    /// A first start.
    pub(crate) fn start() -> Self {
        let mut server = Self::new();
        server.restart();
        server.read_key();
        server
    }

    /// A server that was not started yet.
    pub(crate) fn new() -> Self {
        Self {
            scratch: tempfile::tempdir().expect("a temporary folder"),
            url: String::new(),
            key: String::new(),
            expects_warnings: false,
            environment: Vec::new(),
            started_by: Vec::new(),
            database: None,
            child: None,
        }
    }

    /// Takes the key that the first start wrote.
    pub(crate) fn read_key(&mut self) {
        let key = std::fs::read_to_string(self.path("admin.key")).expect("the admin key");
        key.trim().clone_into(&mut self.key);
    }

    /// A server on the home that lies in this folder already; its admin has this key.
    pub(crate) fn open(scratch: TempDir, key: &str, database: Option<&str>) -> Self {
        let mut server = Self::new();
        server.scratch = scratch;
        key.clone_into(&mut server.key);
        server.database = database.map(str::to_owned);
        server.restart();
        server
    }

    /// A path in the test's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes a file into the test's own folder.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file in the temporary folder");
        path
    }

    /// Starts the server on the same home.
    pub(crate) fn restart(&mut self) {
        if let Err(ended) = self.try_restart() {
            panic!("the server ended: {ended}, see {}\n{}", self.scratch.path().display(), self.log());
        }
    }

    /// As [`Server::restart`]; an error when the server ends before it listens.
    pub(crate) fn try_restart(&mut self) -> Result<(), ExitStatus> {
        let address = self.path("address");
        let _ = std::fs::remove_file(&address);
        let log = std::fs::File::options().create(true).append(true).open(self.path("server.log")).expect("a log file");
        let child = self.serve_command().arg("--address-file").arg(&address).stderr(log).spawn().expect("meuse starts");
        let child = self.child.insert(child);
        self.url = until("the server listens", || {
            if let Some(ended) = child.try_wait().expect("the child can be asked") {
                return Some(Err(ended));
            }
            let address = std::fs::read_to_string(&address).ok().filter(|text| text.ends_with('\n'));
            address.map(|text| Ok(text.trim().to_owned()))
        })?;
        Ok(())
    }

    /// How the server ended, when it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.child.as_mut()?.try_wait().expect("the child can be asked");
        ended.inspect(|_| self.child = None)
    }

    /// `meuse serve` on this home and a free port, not started yet.
    pub(crate) fn serve_command(&self) -> Command {
        let mut command = meuse(self.scratch.path());
        if let [program, arguments @ ..] = self.started_by.as_slice() {
            let mut outer = Command::new(program);
            outer.args(arguments).arg(command.get_program()).env_clear();
            outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command = outer;
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(["serve", "--listen", "127.0.0.1:0", "--home"]).arg(self.path("home"));
        command.arg("--admin-key-file").arg(self.path("admin.key")).stdin(Stdio::null());
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        command
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// kill -9, and wait until it is gone.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("the server can be killed");
        child.wait().expect("the server has ended");
    }

    /// SIGTERM, and wait until it has stopped by itself.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        signal(child.id(), rustix::process::Signal::TERM);
        let status = child.wait().expect("the server has ended");
        assert!(status.success(), "a server that is asked to stop ends well, not with {status}");
    }

    /// The command line as the admin.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_as(&self.key, arguments)
    }

    pub(crate) fn command_as(&self, key: &str, arguments: &[&str]) -> Command {
        let mut command = meuse(self.scratch.path());
        command.env("MEUSE_URL", &self.url).env("MEUSE_API_KEY", key).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed; its standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("meuse runs");
        assert!(output.status.success(), "meuse {arguments:?} failed: {}\n{}", told(&output), self.log());
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs a command with `--json` that must succeed; its answer.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("meuse {arguments:?} is not JSON: {error}\n{text}"))
    }

    /// Runs a command that must fail; what it said on standard error.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("meuse runs");
        assert!(!output.status.success(), "meuse {arguments:?} succeeded: {}", String::from_utf8_lossy(&output.stdout));
        told(&output)
    }

    /// A raw HTTP call: status and body.
    pub(crate) fn http(&self, method: &str, path: &str, key: Option<&str>, body: &[u8]) -> (u16, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = match key {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        };
        let request =
            request.header("content-type", "application/json").header("content-length", body.len().to_string());
        let mut reader = body;
        let body = ureq::SendBody::from_reader(&mut reader);
        let response = config.new_agent().run(request.body(body).expect("a request")).expect("the server answers");
        let status = response.status().as_u16();
        let mut text = String::new();
        response.into_body().into_reader().read_to_string(&mut text).expect("a body");
        (status, text)
    }

    /// The bytes that a GET is answered with, which must succeed.
    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        let request = ureq::get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {}", self.key));
        let response = request.call().unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut bytes = Vec::new();
        response.into_body().into_reader().read_to_end(&mut bytes).expect("a body");
        bytes
    }

    /// What the server logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    /// Imports the German credit data as `credit`.
    pub(crate) fn import_credit(&self) {
        self.run(&["data", "import", "credit", germancredit().to_str().expect("UTF-8")]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if !std::thread::panicking() && !self.expects_warnings {
            let log = self.log();
            // A machine that stands still for some seconds makes every statement slow.
            let seconds = |line: &str| -> Option<f64> {
                let (_, rest) = line.split_once("elapsed_secs=").or_else(|| line.split_once("acquired_after_secs="))?;
                rest.split_whitespace().next()?.parse().ok()
            };
            let is_slow = |line: &str| line.contains("slow threshold") || line.contains("slow statement");
            let is_excused = |line: &str| is_slow(line) && seconds(line).is_some_and(|seconds| seconds < 10.0);
            let mut told = log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
            let unexpected = told.find(|line| !is_excused(line));
            assert_eq!(unexpected, None, "the server logged what nobody expected");
        }
    }
}

/// Standard error of a command.
pub(crate) fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process id");
    rustix::process::kill_process(pid, signal).expect("the signal is sent");
}
