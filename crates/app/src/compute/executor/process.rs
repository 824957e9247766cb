//! A child process and its group: found again after a restart of the server, waited for, signalled.
//!
//! A child is known by its work folder, which is its only argument and is unique to one attempt: so nothing has to be
//! recorded between starting a child and knowing it, and the number of a process that is gone is never mistaken.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How often an adopted child is looked at: the kernel tells only its parent when it ends.
const LOOK: Duration = Duration::from_millis(100);
/// How long a child may take to end after it was asked to.
const GRACE: Duration = Duration::from_millis(800);
/// How many looks in a row must find nothing before nothing is believed to be left.
const CLEAR_LOOKS: u32 = 2;
/// The same where something had no environment all the while: that is not becoming another program, it has none.
const UNSURE_LOOKS: u32 = 10;
/// Where an endless chain ends the search.
const MOST_LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A child at work.
pub(crate) enum Child {
    /// This process started it.
    Own(tokio::process::Child),
    /// An earlier server started it.
    Adopted(Process),
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody saw how.
    Unseen,
}

impl Child {
    /// Waits until the child has ended. May be dropped and called again.
    pub(crate) async fn ended(&mut self) -> Ended {
        match self {
            Self::Own(child) => match child.wait().await {
                Ok(status) => match (status.code(), status.signal()) {
                    (Some(code), _) => Ended::Code(code),
                    (None, Some(signal)) => Ended::Signal(signal),
                    (None, None) => Ended::Unseen,
                },
                Err(_) => Ended::Unseen,
            },
            Self::Adopted(process) => {
                while process.is_alive() {
                    tokio::time::sleep(LOOK).await;
                }
                Ended::Unseen
            }
        }
    }

    /// Asks the child's group to end, and ends it when it does not.
    pub(crate) async fn stop(&mut self) {
        let Some(group) = self.group() else { return };
        signal(group, Signal::TERM);
        let _ = tokio::time::timeout(GRACE, self.ended()).await;
        // Also when the child itself is gone: what it started may live on in its group.
        signal(group, Signal::KILL);
        self.ended().await;
    }

    /// The group that the child leads, unless it was seen to end.
    pub(crate) fn group(&self) -> Option<Pid> {
        match self {
            Self::Own(child) => Pid::from_raw(i32::try_from(child.id()?).ok()?),
            Self::Adopted(process) => Some(process.pid),
        }
    }
}

fn signal(group: Pid, signal: Signal) {
    // The one failure is that the group is gone, which is what is wanted.
    let _ = kill_process_group(group, signal);
}

/// Ends what a child has started and left running: what has this folder for its home, whatever group it has gone to.
///
/// The number of an ended child's group is not enough to tell: once the last of the group has gone, the kernel may
/// give it to a stranger. One look is not enough either: a process may start another one behind the look's back, and
/// for the moment in which it becomes another program it has no environment to be known by.
pub(crate) fn end_remains(folder: &Path) -> usize {
    let home = [b"HOME=", folder.as_os_str().as_bytes()].concat();
    let (mut ended, mut clear) = (0, 0);
    for _ in 0..MOST_LOOKS {
        let remains = Remains::of(&home);
        // One that has ended by itself in between is what is wanted too.
        ended += remains.ours.iter().filter(|pid| kill_process(**pid, Signal::KILL).is_ok()).count();
        clear = if remains.ours.is_empty() { clear + 1 } else { 0 };
        if clear >= if remains.are_unsure { UNSURE_LOOKS } else { CLEAR_LOOKS } {
            break;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    ended
}

/// What one look at all processes finds.
struct Remains {
    /// What runs with the home that was asked for.
    ours: Vec<Pid>,
    /// Whether something was just becoming another program, so that whose it is could not be told.
    are_unsure: bool,
}

impl Remains {
    fn of(home: &[u8]) -> Self {
        let mut remains = Self { ours: Vec::new(), are_unsure: false };
        let Ok(processes) = std::fs::read_dir("/proc") else { return remains };
        for entry in processes.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let Some(pid) = pid.and_then(Pid::from_raw) else { continue };
            // Another user's process may not be read, and is none of ours.
            let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
            let is_alive = || Status::of(pid.as_raw_nonzero().get()).is_some_and(|status| status.is_alive);
            if environment.split(|byte| *byte == 0).any(|variable| variable == home) {
                if is_alive() {
                    remains.ours.push(pid);
                }
            } else if environment.is_empty() && entry.path().join("exe").exists() && is_alive() {
                // The kernel's own threads have no program.
                remains.are_unsure = true;
            }
        }
        remains
    }
}

/// A process that leads a group of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pid: Pid,
    /// In clock ticks since the machine started: tells it from a later process of the same number.
    started: u64,
}

impl Process {
    /// The leader of a group that was started with this argument.
    pub(crate) fn find(argument: &Path) -> Option<Self> {
        let processes = std::fs::read_dir("/proc").ok()?;
        processes.flatten().find_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            let argument = argument.as_os_str().as_bytes();
            command.split(|byte| *byte == 0).skip(1).find(|part| *part == argument)?;
            let status = Status::of(pid)?;
            let leads = status.group == pid && status.is_alive;
            leads.then_some(Self { pid: Pid::from_raw(pid)?, started: status.started })
        })
    }

    fn is_alive(self) -> bool {
        let status = Status::of(self.pid.as_raw_nonzero().get());
        status.is_some_and(|status| status.is_alive && status.started == self.started)
    }
}

/// What `/proc/PID/stat` says; see proc_pid_stat(5).
pub(super) struct Status {
    is_alive: bool,
    pub(super) group: i32,
    started: u64,
}

impl Status {
    pub(super) fn of(pid: i32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses and may hold anything; what follows is plain.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            is_alive: !matches!(*fields.first()?, "Z" | "X"),
            group: fields.get(2)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

/// The name of a signal that ends processes.
pub(crate) fn signal_name(signal: i32) -> String {
    let name = match signal {
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL, as the kernel sends when memory runs out",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Its two programs are started and become others while it dies, each at a moment of its own.
    const DIES_WHILE_IT_STARTS: &str = "sleep 98764 & setsid setsid env sleep 98764 & kill -9 $$";

    #[test]
    fn what_is_just_being_started_is_ended_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = [b"HOME=", folder.path().as_os_str().as_bytes()].concat();
        for round in 0..200 {
            let mut child = Command::new("sh");
            child.args(["-c", DIES_WHILE_IT_STARTS]).env("HOME", folder.path()).stdout(Stdio::null());
            child.stderr(Stdio::null()).status().expect("a shell");
            end_remains(folder.path());
            let left = Remains::of(&home).ours;
            assert_eq!(left, [], "round {round}");
        }
    }
}
