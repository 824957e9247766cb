//! How much memory a child may have: watched from outside, fenced by the kernel, and given up before the server is.
//!
//! The limit is what we look at (the anonymous memory of the whole group), since that is what a person can be told of.
//! A child that takes more between two looks meets the fence and its allocation fails; and where the machine itself has
//! too little, the kernel ends a child before anything else.

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::process::Status;

const MIB: u64 = 1 << 20;
/// How much more readily than others the kernel ends a child when memory runs out, of at most 1000.
const GIVEN_UP_FIRST: &str = "800";
/// What programs say whose allocation failed: of Rust, of C++, of DuckDB, of the C library, of GNU.
const WORDS: [&str; 5] =
    ["memory allocation of", "bad_alloc", "Out of Memory Error", "Cannot allocate memory", "memory exhausted"];

/// Has the kernel end a child that was just started before it ends the server.
pub(crate) fn give_up_first(pid: u32) {
    // A child that has ended already is nobody's rival.
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), GIVEN_UP_FIRST);
}

/// Puts the fence around a child that was just started.
pub(crate) fn fence(pid: u32, limit_mib: usize) {
    let Some(process) = Pid::from_raw(pid.cast_signed()) else { return };
    // Well above the limit: it must not be met before the limit is, and counts what was asked for, used or not.
    let fence = Some((limit_mib as u64 * 3 / 2 + 1024) * MIB);
    // A child that has ended already needs no fence.
    let _ = prlimit(Some(process), Resource::Data, Rlimit { current: fence, maximum: fence });
}

/// The memory that the processes of a group have taken for themselves, in MiB.
pub(crate) fn taken_mib(group: Pid) -> u64 {
    let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let members =
        pids.filter(|pid| Status::of(*pid).is_some_and(|status| status.group == group.as_raw_nonzero().get()));
    members.filter_map(anonymous_kib).sum::<u64>() / 1024
}

/// What a process has taken for itself, without what it shares with files and others: see proc_pid_status(5).
fn anonymous_kib(pid: i32) -> Option<u64> {
    kibibytes(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "RssAnon:")
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Whether the last words of a child are those of one whose allocation failed.
pub(crate) fn ran_out(words: &str) -> bool {
    WORDS.iter().any(|word| words.contains(word))
}

/// The memory of this machine, or of the control group that holds us, in MiB.
pub(crate) fn of_machine_mib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let machine = kibibytes(&text, "MemTotal:")? / 1024;
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok()).map(|bytes| bytes / MIB);
    Some(group.map_or(machine, |group| group.min(machine)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_group_has_taken_is_counted() {
        let own = rustix::process::getpgrp();
        let taken_meanwhile = || {
            let before = taken_mib(own);
            let taken = vec![1_u8; 64 << 20];
            let after = taken_mib(own);
            assert!(taken.iter().all(|byte| *byte == 1));
            assert!(of_machine_mib().is_some_and(|machine| machine > after));
            after.saturating_sub(before)
        };
        // Other tests of this group take and give back as well.
        assert!((0..20).any(|_| (60..200).contains(&taken_meanwhile())));
    }
}
