//! What a debug build does at a failpoint when the environment asks for it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

use super::VARIABLES;

/// What the environment asks for. One per process, since it is the process that is struck.
struct Armed {
    strike: Option<Strike>,
    struck: Option<PathBuf>,
    trace: Option<PathBuf>,
    reached: Mutex<HashMap<String, u64>>,
}

struct Strike {
    point: String,
    time: u64,
    action: Action,
}

#[derive(Clone, Copy)]
enum Action {
    Kill,
    Refuse(Errno),
}

/// A place where the process may be killed.
pub fn reach(point: &'static str) {
    // A refusal is nothing that this place could pass on.
    let _ = armed().meet(point.to_owned());
}

/// A place that is reached for many reasons, of which one can be struck: `POINT/WHAT`.
pub fn reach_for(point: &'static str, what: &str) {
    let _ = armed().meet(format!("{point}/{what}"));
}

/// A place where the process may be killed, or the file system may refuse.
pub fn pass(point: &'static str) -> io::Result<()> {
    armed().meet(point.to_owned())
}

/// What a child must be told, so that it can be struck too.
pub fn environment() -> Vec<(&'static str, OsString)> {
    VARIABLES.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))).collect()
}

fn armed() -> &'static Armed {
    static ARMED: OnceLock<Armed> = OnceLock::new();
    ARMED.get_or_init(|| {
        let [strike, struck, trace] = VARIABLES.map(std::env::var_os);
        let strike = strike.map(|text| {
            let text = text.to_string_lossy().into_owned();
            Strike::parse(&text).unwrap_or_else(|| {
                eprintln!("{}=`{text}` is not POINT=ACTION or POINT@N=ACTION", VARIABLES[0]);
                std::process::exit(2)
            })
        });
        Armed { strike, struck: struck.map(Into::into), trace: trace.map(Into::into), reached: Mutex::default() }
    })
}

impl Strike {
    fn parse(text: &str) -> Option<Self> {
        let (place, action) = text.split_once('=')?;
        let (point, time) = place.split_once('@').unwrap_or((place, "1"));
        let action = match action {
            "kill" => Action::Kill,
            "enospc" => Action::Refuse(Errno::NOSPC),
            "eio" => Action::Refuse(Errno::IO),
            _ => return None,
        };
        Some(Self { point: point.to_owned(), time: time.parse().ok()?, action })
    }
}

impl Armed {
    fn meet(&self, point: String) -> io::Result<()> {
        if self.strike.is_none() && self.trace.is_none() {
            return Ok(());
        }
        if let Some(trace) = &self.trace
            && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(trace)
        {
            // One write, so that the lines of two processes do not mix.
            let _ = file.write_all(format!("{point}\n").as_bytes());
        }
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let time = reached.entry(point.clone()).or_default();
        *time += 1;
        let strike = self.strike.as_ref().filter(|strike| strike.point == point && strike.time == *time);
        match strike {
            Some(strike) if self.is_first() => strike.action.take(),
            _ => Ok(()),
        }
    }

    /// Whether nothing was struck yet, by whichever process; notes that it is now.
    fn is_first(&self) -> bool {
        let Some(struck) = &self.struck else { return true };
        OpenOptions::new().write(true).create_new(true).open(struck).is_ok()
    }
}

impl Action {
    fn take(self) -> io::Result<()> {
        match self {
            Self::Refuse(errno) => Err(errno.into()),
            Self::Kill => {
                let _ = kill_process(getpid(), Signal::KILL);
                // The signal is on its way; nothing more may happen here.
                loop {
                    std::thread::park();
                }
            }
        }
    }
}
