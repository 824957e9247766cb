//! `meuse login`: remembers a server and a key in a file that only its owner can read.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context as _, bail};
use meuse_core::api::Me;

use crate::arguments::Connection;
use crate::client::{Client, Credentials};

pub(super) fn run(server: &str, connection: &Connection) -> anyhow::Result<()> {
    let key = match &connection.key {
        Some(key) => key.clone(),
        None => std::io::read_to_string(std::io::stdin()).context("cannot read the key from standard input")?,
    };
    let key = key.trim().to_owned();
    if key.is_empty() {
        bail!("no key was given: pipe it in, as in `meuse login {server} < admin.key`");
    }
    let connection = Connection { url: Some(server.to_owned()), key: Some(key.clone()), project: None };
    let me: Me = Client::new(&connection)?.get("/api/v1/me")?;
    save(&Credentials { url: server.to_owned(), key })?;
    eprintln!("signed in to {server} as {} ({} in project {})", me.principal, me.role.word(), me.project);
    Ok(())
}

fn save(credentials: &Credentials) -> anyhow::Result<()> {
    let path = Credentials::path()?;
    let folder = path.parent().context("the credentials file has no folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let temporary = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary);
    let mut file = file.with_context(|| format!("cannot write {}", temporary.display()))?;
    file.write_all(toml::to_string(credentials)?.as_bytes())?;
    std::fs::rename(&temporary, &path).with_context(|| format!("cannot write {}", path.display()))
}
