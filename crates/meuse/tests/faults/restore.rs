//! SIGKILL of a restore at every place where something of it becomes durable: the home is as empty as before, or whole.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use crate::story;
use crate::support::{Server, meuse, told};

/// From the first table to the folder that takes the home's name.
pub(crate) const POINTS: [&str; 11] = [
    "migration.step@1",
    "commit.before/schema@1",
    "commit.after/schema@1",
    "head.drafted@1",
    "head.renamed@1",
    "commit.after/schema@2",
    "commit.before/server.restore",
    "commit.after/server.restore",
    "head.renamed@2",
    "restore.synced",
    "restore.renamed",
];

#[test]
fn a_restore_that_is_killed_leaves_the_home_empty_or_whole() {
    let server = Server::start();
    story::import(&server, "credit", 1);
    let (file, place) = (server.path("meuse.tar"), server.path("place"));
    server.run(&["backup", file.to_str().expect("UTF-8")]);
    let home = place.join("home");
    for point in POINTS {
        let struck = server.path("struck");
        let _ = std::fs::remove_file(&struck);
        let mut restore = restore(&server, &file, &home);
        restore.env("MEUSE_FAILPOINT", format!("{point}=kill")).env("MEUSE_FAILPOINT_STRUCK", &struck);
        let killed = restore.output().expect("meuse runs");
        assert_eq!(killed.status.signal(), Some(9), "{point} was never reached: {}", told(&killed));
        assert!(struck.exists(), "{point}");
        let is_there = home.exists();
        assert_eq!(is_there, point == "restore.renamed", "{point}");
        if !is_there {
            let again = self::restore(&server, &file, &home).output().expect("meuse runs");
            assert!(again.status.success(), "{point}: {}", told(&again));
        }
        let verified = meuse(server.scratch.path()).args(["audit", "verify", "--home"]).arg(&home).output();
        let verified = verified.expect("meuse runs");
        assert!(verified.status.success(), "{point}: {}", told(&verified));
        std::fs::remove_dir_all(&place).expect("the restored home can go");
    }
}

fn restore(server: &Server, file: &Path, home: &Path) -> std::process::Command {
    let mut command = meuse(server.scratch.path());
    command.arg("restore").arg(file).arg("--home").arg(home);
    command
}
