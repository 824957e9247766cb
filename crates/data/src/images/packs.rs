//! Packs: files that hold many pictures one behind the other.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use meuse_core::media::{Pack, Packs};

use crate::Error;

/// A pack that has reached this size is followed by another.
const ENOUGH: u64 = 256 << 20;

/// Writes packs.
pub(super) struct PackWriter {
    out: PathBuf,
    packs: Vec<Pack>,
    open: Option<Open>,
}

struct Open {
    file: BufWriter<File>,
    path: PathBuf,
    number: u32,
    length: u64,
}

impl PackWriter {
    pub(super) fn new(out: &Path) -> Self {
        Self { out: out.to_owned(), packs: Vec::new(), open: None }
    }

    /// The name of the next pack.
    pub(super) fn name(&self) -> String {
        format!("media-{:04}.pack", self.packs.len() + 1)
    }

    /// Counts a file that is there already as the next pack.
    pub(super) fn take(&mut self, pack: Pack) {
        self.packs.push(pack);
    }

    /// Keeps a file; tells the number of its pack, and where it begins there.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Result<(u32, u64), Error> {
        if self.open.as_ref().is_some_and(|open| open.length >= ENOUGH) {
            self.close()?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let name = format!("media-{:04}.pack", self.packs.len() + 1);
                let path = self.out.join(&name);
                let file = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(Error::writing(&path))?);
                let number = self.packs.len() as u32;
                self.packs.push(Pack::File(name));
                none.insert(Open { file, path, number, length: 0 })
            }
        };
        open.file.write_all(bytes).map_err(Error::writing(&open.path))?;
        let place = (open.number, open.length);
        open.length += bytes.len() as u64;
        Ok(place)
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.file.flush().map_err(Error::writing(&open.path))
    }

    /// All packs, in their order.
    pub(super) fn finish(mut self) -> Result<Packs, Error> {
        self.close()?;
        Ok(Packs(self.packs))
    }
}
