//! Blobs come back as they were put, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use meuse_store::{Arriving, Blobs, Digest, Error};
use tempfile::TempDir;

const HEADER: usize = 16;

/// What happens to a blob's file; it is told the place of the last byte.
type Damage = fn(&mut Vec<u8>, usize);

async fn blobs() -> (TempDir, Blobs) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = Blobs::at(folder.path().join("blobs")).await.expect("they open");
    (folder, blobs)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    files.filter(|path| !path.ends_with("lock")).collect()
}

/// More than one chunk, and no multiple of it.
fn content() -> Vec<u8> {
    (0..700_001_u32).map(|number| (number * 31 % 251) as u8).collect()
}

async fn streamed(blobs: &Blobs, digest: &Digest) -> Result<Vec<u8>, Error> {
    let chunks: Vec<bytes::Bytes> = blobs.open(digest).await?.stream().try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn what_is_put_comes_back() {
    let (folder, blobs) = blobs().await;
    for content in [Vec::new(), b"a".to_vec(), content()] {
        let source = folder.path().join("source");
        fs::write(&source, &content).expect("written");
        let digest = blobs.put_file(&source).await.expect("it is put");
        assert_eq!(digest, Digest::of(&content), "the digest is of the content alone");
        assert_eq!(digest.to_string().parse::<Digest>().expect("a digest"), digest);
        assert_eq!(blobs.open(&digest).await.expect("it is there").length, content.len() as u64);
        assert!(blobs.read(&digest).await.expect("it is whole") == content);
        assert!(streamed(&blobs, &digest).await.expect("it is whole") == content);
        let copy = folder.path().join("copy");
        blobs.copy_to(&digest, &copy).await.expect("it is whole");
        assert!(fs::read(copy).expect("it is there") == content);
    }
}

#[tokio::test]
async fn the_same_bytes_are_one_blob() {
    let (folder, blobs) = blobs().await;
    let first = blobs.put_bytes("same").await.expect("it is put");
    let second = blobs.put_bytes("same").await.expect("it is put");
    assert_eq!(first, second);
    assert_eq!(files(folder.path()).len(), 1);
}

#[tokio::test]
async fn damage_is_found_named_and_mended() {
    let content = content();
    let last = HEADER + content.len() - 1;
    let damages: [(&str, Damage); 8] = [
        ("magic", |bytes, _| bytes[0] ^= 1),
        ("version", |bytes, _| bytes[4] ^= 2),
        ("length", |bytes, _| bytes[8] ^= 1),
        ("middle", |bytes, last| bytes[last / 2] ^= 1),
        ("end", |bytes, last| bytes[last] ^= 1),
        ("cut short", |bytes, last| bytes.truncate(last)),
        ("cut in the header", |bytes, _| bytes.truncate(7)),
        ("longer", |bytes, _| bytes.push(0)),
    ];
    for (what, damage) in damages {
        let (folder, blobs) = blobs().await;
        let digest = blobs.put_bytes(content.clone()).await.expect("it is put");
        let [path] = files(folder.path()).try_into().expect("one file");
        let mut bytes = fs::read(&path).expect("it is there");
        damage(&mut bytes, last);
        fs::write(&path, bytes).expect("written");

        let copy = folder.path().join("copy");
        let errors = [
            blobs.read(&digest).await.expect_err(what),
            streamed(&blobs, &digest).await.expect_err(what),
            blobs.copy_to(&digest, &copy).await.expect_err(what),
        ];
        for error in errors {
            assert!(matches!(error, Error::DamagedBlob { .. }), "{what}: {error}");
            let message = error.to_string();
            assert!(message.contains(&digest.to_string()) && message.contains("backup"), "{what}: {message}");
        }
        assert!(!copy.exists(), "{what}: a damaged copy was left");

        assert_eq!(blobs.put_bytes(content.clone()).await.expect("it is put"), digest);
        assert!(blobs.read(&digest).await.expect(what) == content);
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let (_folder, blobs) = blobs().await;
    let digest = Digest::of(b"never put");
    let error = blobs.read(&digest).await.expect_err("it was never put");
    assert!(matches!(error, Error::NoBlob(missing) if missing == digest), "{error}");
}

#[tokio::test]
async fn what_breaks_off_leaves_nothing() {
    let (folder, blobs) = blobs().await;
    // A folder can be opened and not read: the copy fails under way.
    blobs.put_file(folder.path()).await.expect_err("a folder is no file");
    blobs.put_file(folder.path().join("missing")).await.expect_err("there is no such file");
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
}

#[tokio::test]
async fn what_arrives_is_kept_without_a_second_copy() {
    let (folder, blobs) = blobs().await;
    for content in [Vec::new(), content()] {
        let mut arriving = Arriving::begin(folder.path(), "upload-").expect("begun");
        for piece in content.chunks(100_000) {
            arriving.write(piece).expect("written");
        }
        let arrived = arriving.finish().expect("all has come");
        assert_eq!((arrived.digest, arrived.length), (Digest::of(&content), content.len() as u64));
        let digest = blobs.keep(arrived).await.expect("it is kept");
        assert!(blobs.read(&digest).await.expect("it is whole") == content);
        assert!(fs::read_dir(folder.path()).expect("a folder").count() == 1, "the file itself became the blob");

        let lent = folder.path().join("lent");
        let begins_at = blobs.link(&digest, &lent).await.expect("it is there").expect("it was put just now");
        assert!(fs::read(&lent).expect("it is there")[begins_at as usize..] == content);
        fs::remove_file(&lent).expect("removed");
        assert!(blobs.read(&digest).await.expect("it is still there") == content);
    }
    drop(Arriving::begin(folder.path(), "upload-").expect("begun"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "one that breaks off leaves nothing");
}

#[tokio::test]
async fn only_what_this_process_has_hashed_is_lent_unread() {
    let (folder, blobs) = blobs().await;
    let digest = blobs.put_bytes("once").await.expect("it is put");
    let another = Blobs::at(folder.path().join("blobs")).await.expect("they open");
    let lent = folder.path().join("lent");
    assert_eq!(another.link(&digest, &lent).await.expect("no error"), None);
    assert!(!lent.exists());
    // Damage that shows without reading it whole is found all the same.
    let file = files(&folder.path().join("blobs/sha256")).remove(0);
    fs::write(file, "short").expect("written");
    assert!(matches!(blobs.link(&digest, &lent).await, Err(Error::DamagedBlob { .. })));
}
