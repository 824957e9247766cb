//! Pictures that are damaged between their import and their training: in the server's blobs, and in the work folder under
//! the reader's hands. The job says which, registers nothing, and the next one is learnt when they are whole again.

use meuse_store::Digest;
use serde_json::{Value, json};

use crate::networks::{server_with, train};
use crate::story::{call, ended, get};
use crate::support::{Server, checkout};

const RECIPE: &str = r#"dataset = "pets"
task = "multiclass"
target = "label"
keep = ["image"]

[split]
method = "stratified"
validation = 0.0
test = 0.3

[preprocessing.columns.image.image]
width = 12
height = 12

[algorithm]
name = "network"
epochs = 2
batch_size = 2
layers = [{ kind = "flatten" }, { kind = "dense", units = 2, activation = "softmax" }]
"#;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(checkout().join("crates/prep/tests/fixtures/images").join(name)).expect("a fixture")
}

/// Twelve pictures of two classes, as an archive.
fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let names = ["drawing", "clear", "palette", "line", "sixteen"].map(str::to_owned);
    let names = names.into_iter().chain((1..=7).map(|way| format!("turned-{way}")));
    for (number, name) in names.enumerate() {
        let file = fixture(&format!("{name}.png"));
        let mut header = tar::Header::new_gnu();
        header.set_size(file.len() as u64);
        header.set_mode(0o644);
        let path = format!("{}/{name}.png", ["cat", "dog"][number % 2]);
        builder.append_data(&mut header, path, file.as_slice()).expect("appended");
    }
    builder.into_inner().expect("a tar")
}

fn import(server: &Server, archive: &[u8]) {
    let answer = call(server, "POST", "/api/v1/datasets/pets/versions?file=pets.tar", archive);
    let (_, answer) = answer.expect("the server lives");
    let job = ended(server, answer["job"]["id"].as_str().unwrap_or_else(|| panic!("no job: {answer}")));
    assert_eq!(job["state"], "succeeded", "{job}");
}

fn fails(server: &Server, parts: &[&str]) {
    let job = ended(server, &train(server, "pets", RECIPE));
    assert_eq!(job["state"], "failed", "{job}");
    for part in parts {
        assert!(job["failure"].to_string().contains(part), "`{part}` is not in {job}");
    }
    assert_eq!(get(server, "/api/v1/models")["items"], json!([]), "nothing is registered");
}

#[test]
fn a_picture_that_was_damaged_since_its_import_is_named() {
    let archive = archive();
    let file = fixture("turned-3.png");
    let place = archive.windows(file.len()).position(|window| window == file).expect("it is in the archive");
    // What stands in the file `strike` is done to the pictures in the work folder before they are read.
    let mut server = server_with(&format!(
        r#"if [ -e "$HERE/strike" ]; then
            dd if=/dev/zero of="$1/pack-0" bs=1 seek={} count=40 conv=notrunc 2>&1
        fi
        exec "$DEEP" "$1""#,
        place + 300
    ));
    server.expects_warnings = true;
    import(&server, &archive);
    server.file("strike", "");
    fails(
        &server,
        &[
            "\"field\":\"image\"",
            "of the dataset: dog/turned-3.png: the PNG picture is damaged or cut short",
            "import the pictures again",
        ],
    );
    std::fs::remove_file(server.path("strike")).expect("it is there");

    let digest = Digest::of(&archive).to_string();
    let blob = server.path("home/blobs/sha256").join(&digest[..2]).join(&digest);
    let whole = std::fs::read(&blob).expect("the archive is a pack as it stands");
    let mut damaged = whole.clone();
    damaged[16 + place + 300] ^= 1;
    std::fs::write(&blob, damaged).expect("a file of ours");
    fails(&server, &["the pictures of pets:1 cannot be read", &digest, "backup"]);
    std::fs::write(&blob, whole).expect("a file of ours");

    let job = ended(&server, &train(&server, "pets", RECIPE));
    assert_eq!((&job["state"], &job["attempts"]), (&json!("succeeded"), &Value::from(1)), "{job}");
}
