//! Strikes: a server or child that is started with a failpoint armed, dies there, and is started again.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::story;
use crate::support::{Server, until};

/// What is left of what was asked for when the server dies at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing: whoever asked got no answer, and asks again.
    Nothing,
    /// All of it: it goes on by itself.
    All,
}

pub(crate) fn before(action: &str) -> String {
    format!("commit.before/{action}")
}

pub(crate) fn after(action: &str) -> String {
    format!("commit.after/{action}")
}

/// The process that works on a job now: the child whose work folder names it.
pub(crate) fn child_of(job: &str) -> Option<u32> {
    let pids = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        let program = line.split('\0').next().unwrap_or_default();
        ["meuse-job", "meuse-deep"].iter().any(|name| program.ends_with(name)) && line.contains(job)
    })
}

pub(crate) fn struck(server: &Server) -> PathBuf {
    server.path("struck")
}

/// Has the next start struck at this point.
pub(crate) fn arm(server: &mut Server, point: &str) {
    disarm(server);
    server.environment.push(("MEUSE_FAILPOINT", format!("{point}=kill").into()));
    server.environment.push(("MEUSE_FAILPOINT_STRUCK", struck(server).into()));
}

pub(crate) fn disarm(server: &mut Server) {
    let _ = std::fs::remove_file(struck(server));
    server.environment.retain(|(name, _)| !name.starts_with("MEUSE_FAILPOINT"));
}

pub(crate) fn died(server: &mut Server) -> ExitStatus {
    until("the server is killed", || server.ended())
}

pub(crate) fn is_struck(server: &Server, point: &str, ended: ExitStatus) {
    assert_eq!(ended.signal(), Some(9), "{point}: {ended}\n{}", server.log());
    assert!(struck(server).exists(), "{point}: it was killed there");
}

/// Starts the server anew, has it killed at the point while it does what it is asked, and starts it again.
pub(crate) fn strike_server<T>(server: &mut Server, point: &str, ask: impl FnOnce(&Server) -> Option<T>) {
    server.stop();
    arm(server, point);
    match server.try_restart() {
        Ok(()) => {
            ask(server);
            let ended = died(server);
            is_struck(server, point, ended);
        }
        Err(ended) => is_struck(server, point, ended),
    }
    disarm(server);
    server.restart();
    story::verify(server);
}

/// A program that runs instead of `meuse-job`.
pub(crate) fn script(server: &Server, name: &str, body: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let heartbeat = r#"( while [ -d "$1" ]; do printf '{"at":"2026-11-23T10:00:00Z","type":"heartbeat"}\n' >>"$1/events.jsonl"; sleep 0.2; done ) &"#;
    let beats = if name == "waits" { heartbeat } else { "" };
    let path = server.file(name, format!("#!/bin/sh\n{beats}\n{body}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
    path
}
