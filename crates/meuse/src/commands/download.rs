//! A download into a file: whole, or not there.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::output;

/// Writes everything that comes to another name first, so that half a file is not taken for one.
pub(super) fn to_file(from: &mut impl Read, out: &Path) -> anyhow::Result<()> {
    let temporary = out.with_extension("part");
    let bar = output::byte_bar(0, "download");
    let mut file = File::create(&temporary).with_context(|| format!("cannot write {}", temporary.display()))?;
    let copied = copy(from, &mut file, &bar);
    bar.finish_and_clear();
    if let Err(error) = copied {
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    std::fs::rename(&temporary, out).with_context(|| format!("cannot write {}", out.display()))
}

fn copy(from: &mut impl Read, to: &mut File, bar: &indicatif::ProgressBar) -> anyhow::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).context("the download broke off; nothing was written")?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read])?;
        bar.inc(read as u64);
    }
}
