//! Backups that are cut, damaged, forged, or struck while they are taken or restored: each is told, and nothing half
//! restored is ever taken for a home.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::archives::{Entry, entries, forge, listed, tar};
use crate::homes::{Release, fails, run};
use crate::support::{Server, meuse, told, until};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A backup of the earlier release's home, in a folder of its own.
struct Taken {
    scratch: TempDir,
    bytes: Vec<u8>,
}

impl Taken {
    fn new() -> Self {
        let scratch = Release::first().unpack();
        let file = scratch.path().join("meuse.tar");
        run(scratch.path(), &["backup", text(&file), "--home", text(&scratch.path().join("home"))]);
        let bytes = std::fs::read(&file).expect("the backup");
        Self { scratch, bytes }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// What a restore of these bytes is told, and that it leaves nothing.
    fn is_refused(&self, bytes: &[u8]) -> String {
        let file = self.path("altered.tar");
        std::fs::write(&file, bytes).expect("written");
        let folder = self.path("restored");
        let said = fails(self.scratch.path(), &["restore", text(&file), "--home", text(&folder.join("home"))]);
        assert!(!folder.exists() || listed(&folder).is_empty(), "{:?} is left; {said}", listed(&folder));
        assert!(!said.contains("panicked"), "{said}");
        said
    }

    /// What a dry run over these bytes says.
    fn is_not_whole(&self, bytes: &[u8]) -> String {
        let mut check = meuse(self.scratch.path());
        let mut check = check.args(["restore", "-", "--dry-run"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        check = check.stdout(Stdio::null());
        let mut check = check.spawn().expect("meuse runs");
        // It may have seen enough before it was handed all.
        let _ = check.stdin.take().expect("it is piped").write_all(bytes);
        let output = check.wait_with_output().expect("it ends");
        assert!(!output.status.success(), "{} bytes are taken for whole", bytes.len());
        told(&output)
    }

    /// Where each entry begins.
    fn starts(&self) -> Vec<usize> {
        let mut at = 0;
        let mut next = |entry: &Entry| {
            let start = at;
            at += 512 + entry.content.len().next_multiple_of(512);
            start
        };
        entries(&self.bytes).iter().map(&mut next).collect()
    }
}

#[test]
fn a_backup_that_is_cut_anywhere_is_not_whole() {
    let taken = Taken::new();
    let (starts, length) = (taken.starts(), taken.bytes.len());
    let mut cuts: Vec<usize> = starts.iter().flat_map(|start| [*start, start + 1, start + 512, start + 700]).collect();
    cuts.extend([length - 1, length - 512, length - 1024, length - 1025]);
    cuts.retain(|cut| *cut < length);
    let step = cuts.len().div_ceil(60);
    for cut in cuts.iter().step_by(step).chain(&[0, 1, length - 1, length - 1024]) {
        let said = taken.is_not_whole(&taken.bytes[..*cut]);
        assert!(said.contains(&format!("cut short: it ends at byte {cut}")), "{cut}: {said}");
    }
    for cut in [starts[1] + 512, starts[8], *starts.last().expect("an end"), length - 1] {
        assert!(taken.is_refused(&taken.bytes[..cut]).contains("cut short"));
    }
    let more = [taken.bytes.as_slice(), b"\0"].concat();
    assert!(taken.is_not_whole(&more).contains("after its end"));
}

#[test]
fn a_backup_with_a_turned_bit_anywhere_is_not_whole() {
    let taken = Taken::new();
    let turned = |at: usize| {
        let mut bytes = taken.bytes.clone();
        bytes[at] ^= 0x20;
        bytes
    };
    let (starts, length) = (taken.starts(), taken.bytes.len());
    // In each kind of entry: the name, the length, the checksum, the content, the padding.
    let places = [0, 1, 2, 6, starts.len() / 2, starts.len() - 2, starts.len() - 1];
    for start in places.map(|index| starts[index]) {
        for at in [start, start + 130, start + 150, start + 300, start + 512, start + 530] {
            let said = taken.is_not_whole(&turned(at));
            let found =
                ["damaged", "not a backup", "is a tar, but", "cut short"].iter().any(|word| said.contains(word));
            assert!(found, "byte {at}: {said}");
        }
    }
    for at in [starts[1] - 1, length - 1, length - 700] {
        assert!(taken.is_not_whole(&turned(at)).contains("damaged"), "byte {at}");
    }
    let blob = starts[starts.len() / 2] + 520;
    assert!(taken.is_refused(&turned(blob)).contains("damaged in blobs/"));
    let row = starts[6] + 520;
    assert!(taken.is_refused(&turned(row)).contains("damaged in records/"));
}

#[test]
fn what_is_no_backup_is_told_so() {
    let taken = Taken::new();
    for bytes in [b"".as_slice(), b"PK\x03\x04", &[0; 4096], &[0xff; 4096], &b"x".repeat(5000)] {
        let said = taken.is_not_whole(bytes);
        assert!(said.contains("not a backup of Meuse") || said.contains("cut short"), "{said}");
    }
    let other = tar(&[Entry::new("readme.txt", "hello")]);
    assert!(taken.is_not_whole(&other).contains("is a tar, but not a backup"));
    // A bomb would have to be unpacked first, which nobody does.
    let zipped = Command::new("sh").args(["-c", "head -c 10000000 /dev/zero | gzip"]).output().expect("gzip runs");
    assert!(taken.is_not_whole(&zipped.stdout).contains("not a backup"));
}

/// Backups that somebody made on purpose, with every hash in them right.
#[test]
fn a_forged_backup_is_refused_or_harmless() {
    let taken = Taken::new();
    let whole = entries(&taken.bytes);
    let forged = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut entries = whole.clone();
        change(&mut entries);
        forge(entries)
    };
    let position = |name: &str| whole.iter().position(|entry| entry.name() == name).expect(name);
    let first_blob = whole.iter().position(|entry| entry.name().starts_with("blobs/")).expect("a blob");
    let manifest = |change: &dyn Fn(&mut Value)| {
        forged(&|entries| {
            let mut manifest = entries[0].json();
            change(&mut manifest);
            entries[0].content = serde_json::to_vec(&manifest).expect("JSON");
        })
    };
    let row = |table: &str, row: &str| {
        let index = position(&format!("records/{table}.jsonl"));
        forged(&|entries| {
            entries[index].content = format!("{row}\n").into_bytes();
            entries[index].seal();
        })
    };
    let secret = |text: &[u8]| {
        forged(&|entries| {
            entries[1].content = text.to_vec();
            entries[1].seal();
        })
    };
    let link = |kind: &[u8]| {
        forged(&|entries| {
            entries[first_blob].put(156, kind);
            entries[first_blob].put(157, b"/etc/passwd");
            entries[first_blob].seal();
        })
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a climbing name", forged(&|entries| entries[first_blob].rename("blobs/../../../tmp/x")), "a blob should"),
        ("an absolute name", forged(&|entries| entries[first_blob].rename("/tmp/x")), "a blob should"),
        ("a symbolic link", link(b"2"), "no entry of a backup"),
        ("a hard link", link(b"1"), "no entry of a backup"),
        ("a folder", link(b"5"), "no entry of a backup"),
        ("a blob twice", forged(&|entries| entries.insert(first_blob, entries[first_blob].clone())), "their order"),
        ("a table twice", forged(&|entries| entries.insert(3, entries[2].clone())), "should stand here"),
        ("no secret", forged(&|entries| drop(entries.remove(1))), "secret should stand here"),
        ("a blob of another content", forged(&|entries| entries[first_blob].content[0] ^= 1), "its SHA-256"),
        ("a blob too few", forged(&|entries| drop(entries.remove(first_blob))), "is not there"),
        ("a later format", manifest(&|manifest| manifest["format"] = json!(2)), "reads format 1"),
        ("no manifest", tar(&[Entry::new("meuse-backup.json", "[]")]), "damaged"),
        (
            "a table of another name",
            manifest(&|manifest| manifest["tables"][0]["table"]["name"] = json!("x")),
            "those of its schema",
        ),
        ("a number for a name", row("project", "[\"p\", 7, null, 1]"), "name cannot be 7"),
        ("too few cells", row("project", "[\"p\"]"), "1 cells instead of 4"),
        ("no row at all", row("project", "SELECT 1; DROP TABLE project"), "row of project"),
        ("a reference to nothing", row("principal", "[\"p\", \"ana\", 1]"), "depends on it"),
        ("a role that is none", row("role", "[\"p\", \"a\", \"emperor\", 1]"), "fail"),
        ("another home's secret", secret(&[b'7'; 64]), "secret of this home"),
        ("a secret that is none", secret(b"hello"), "64 hexadecimal digits"),
    ];
    for (what, bytes, expected) in cases {
        let said = taken.is_refused(&bytes);
        assert!(said.contains(expected), "{what}: {said}");
    }
    // Forged without a change it is a backup, or the cases above would show nothing.
    let unchanged = taken.path("unchanged.tar");
    std::fs::write(&unchanged, forged(&|_| {})).expect("written");
    run(taken.scratch.path(), &["restore", text(&unchanged), "--dry-run"]);
    let newer = manifest(&|manifest| {
        manifest["schema"] = json!(99);
        manifest["meuse"] = json!("9.8.7");
    });
    let said = taken.is_refused(&newer);
    for part in ["meuse 9.8.7", "schema 99", env!("CARGO_PKG_VERSION")] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// A trail that somebody touched before the backup was taken is restored, since the rest may be needed; and told.
#[test]
fn a_trail_that_was_touched_shows_after_the_restore() {
    let taken = Taken::new();
    let mut altered = entries(&taken.bytes);
    let trail = altered.iter_mut().find(|entry| entry.name() == "records/audit_entry.jsonl").expect("the trail");
    let lines = String::from_utf8(trail.content.clone()).expect("text").replacen("\"admin\"", "\"nobody\"", 1);
    trail.content = lines.into_bytes();
    trail.seal();
    let (file, home) = (taken.path("touched.tar"), taken.path("touched"));
    std::fs::write(&file, forge(altered)).expect("written");
    let mut restore = meuse(taken.scratch.path());
    let output = restore.args(["restore", text(&file), "--home", text(&home)]).output().expect("meuse runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.contains("NOT intact") && said.contains("altered"), "{said}");
    assert!(home.join("secret").exists(), "it is restored all the same");
}

#[test]
fn a_damaged_or_missing_blob_is_named_and_no_backup_is_kept() {
    let release = Release::first();
    let key = release.expected()["admin"].as_str().expect("a key").to_owned();
    let mut server = Server::open(release.unpack(), &key, None);
    server.expects_warnings = true;
    let file = server.path("meuse.tar");
    server.run(&["backup", text(&file)]);
    let entries = entries(&std::fs::read(&file).expect("the backup"));
    std::fs::remove_file(&file).expect("it can go");
    let blobs: Vec<&Entry> = entries.iter().filter(|entry| entry.name().starts_with("blobs/")).collect();
    let blob = blobs[blobs.len() / 2];
    let digest = blob.name().trim_start_matches("blobs/").to_owned();
    let path = server.path("home/blobs/sha256").join(&digest[..2]).join(&digest);
    let whole = std::fs::read(&path).expect("the blob");
    let home = server.path("home");
    let refused = |what: &str| {
        for arguments in [vec!["backup", text(&file)], vec!["backup", text(&file), "--home", text(&home)]] {
            let said = server.fails(&arguments);
            assert!(said.contains(&digest), "{what}: {said}");
            let left = listed(server.scratch.path());
            assert!(!left.iter().any(|path| path.to_string_lossy().contains(".tar")), "{what}: {left:?}");
        }
    };
    for (what, at) in [("header", 3), ("start", 16), ("middle", 16 + blob.content.len() / 2), ("end", whole.len() - 1)]
    {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).expect("written");
        refused(what);
    }
    std::fs::remove_file(&path).expect("it can go");
    refused("missing");
    std::fs::write(&path, whole).expect("written");
    server.run(&["backup", text(&file)]);
}

#[test]
fn a_restore_that_is_killed_leaves_no_home_and_the_next_one_succeeds() {
    let taken = Taken::new();
    let (parent, home) = (taken.path("place"), taken.path("place/home"));
    let starts = taken.starts();
    let cuts = [512, starts[2], starts[8], starts[starts.len() / 2] + 300, starts[starts.len() - 2], taken.bytes.len()];
    for cut in cuts {
        let mut restore = meuse(taken.scratch.path());
        restore.args(["restore", "-", "--home", text(&home)]).stdin(Stdio::piped());
        let mut restore = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("meuse runs");
        let mut input = restore.stdin.take().expect("it is piped");
        input.write_all(&taken.bytes[..cut]).expect("it reads");
        let site = parent.join(".home.restoring");
        until("it has begun", || site.exists().then_some(()));
        restore.kill().expect("it can be killed");
        restore.wait().expect("it has ended");
        assert!(!home.exists(), "cut at {cut}");
    }
    let file = taken.path("meuse.tar");
    run(taken.scratch.path(), &["restore", text(&file), "--home", text(&home)]);
    assert_eq!(listed(&parent), [Path::new("home")]);
    run(taken.scratch.path(), &["audit", "verify", "--home", text(&home)]);
}

#[test]
fn two_restores_into_one_home_do_not_meet() {
    let taken = Taken::new();
    let (file, home) = (taken.path("meuse.tar"), taken.path("place/home"));
    let mut slow = meuse(taken.scratch.path());
    slow.args(["restore", "-", "--home", text(&home)]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut slow = slow.spawn().expect("meuse runs");
    let mut input = slow.stdin.take().expect("it is piped");
    input.write_all(&taken.bytes[..4096]).expect("it reads");
    until("it has begun", || taken.path("place/.home.restoring").exists().then_some(()));
    let said = fails(taken.scratch.path(), &["restore", text(&file), "--home", text(&home)]);
    assert!(said.contains("another restore"), "{said}");
    input.write_all(&taken.bytes[4096..]).expect("it reads");
    drop(input);
    assert!(slow.wait().expect("it ends").success());
    assert!(home.join("secret").exists());
}

/// Runs a shell script with a small disk of its own at `$disk`.
fn with_disk(scratch: &Path, kibibytes: usize, script: &str) -> std::process::Output {
    let mount = "mount -t tmpfs -o size=$1k none \"$2\" && disk=$2 && shift 2 && ";
    let disk = scratch.join("disk");
    std::fs::create_dir_all(&disk).expect("a folder");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &format!("{mount}{script}"), "sh"]);
    command.arg(kibibytes.to_string()).arg(&disk).current_dir(scratch);
    let told = meuse(scratch);
    command.env_clear().envs(told.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("MEUSE", env!("CARGO_BIN_EXE_meuse")).output().expect("unshare runs")
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_done() {
    let taken = Taken::new();
    let (content, restore) = (
        taken.bytes.len() / 1024,
        "\"$MEUSE\" restore meuse.tar --home \"$disk/home\"; code=$?; ls -A \"$disk\"; exit $code",
    );
    let mut outcomes = (0, 0);
    for kibibytes in [64, content / 2, content, content + 300, content + 600, content + 900, 4 * content] {
        let output = with_disk(taken.scratch.path(), kibibytes, restore);
        let (said, left) = (told(&output), String::from_utf8_lossy(&output.stdout).into_owned());
        if output.status.success() {
            outcomes.0 += 1;
            assert!(left.ends_with("\nhome\n"), "{left}");
        } else {
            outcomes.1 += 1;
            assert_eq!(left, "", "{kibibytes} KiB: {said}");
            let named = ["bytes left", "No space left", "disk is full", "full"].iter().any(|word| said.contains(word));
            assert!(named, "{kibibytes} KiB: {said}");
        }
    }
    assert!(outcomes.0 > 0 && outcomes.1 > 2, "{outcomes:?}");
    let take = "\"$MEUSE\" backup \"$disk/b.tar\" --home home; code=$?; ls -A \"$disk\"; exit $code";
    for kibibytes in [4, content / 2] {
        let output = with_disk(taken.scratch.path(), kibibytes, take);
        assert!(!output.status.success() && told(&output).contains("No space left"), "{}", told(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing is left");
    }
}
