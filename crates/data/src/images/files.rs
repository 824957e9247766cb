//! The pictures of a dataset version in a job's folder, read by row and from any thread.

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use meuse_core::job::MediaFiles;
use meuse_core::media::List;
use meuse_core::table::PictureFiles;

use crate::Error;

/// The list and the packs of a version, opened.
#[derive(Debug)]
pub(crate) struct PackedPictures {
    list: List,
    packs: Vec<File>,
}

impl PackedPictures {
    /// Opens the files.
    ///
    /// # Errors
    /// A file that cannot be read, or a list that is damaged.
    pub(crate) fn open(media: &MediaFiles) -> Result<Self, Error> {
        let bytes = std::fs::read(&media.index).map_err(Error::reading(&media.index))?;
        let list =
            List::parse(bytes).map_err(|reason| Error::refused("dataset", reason, "import the pictures again"))?;
        let open = |path| File::open(path).map_err(Error::reading(path));
        let packs = media.packs.iter().map(|path| open(path.as_path())).collect::<Result<_, _>>()?;
        Ok(Self { list, packs })
    }

    /// How many pictures there are.
    pub(crate) fn rows(&self) -> u32 {
        self.list.rows()
    }
}

impl PictureFiles for PackedPictures {
    fn read(&self, number: u32) -> Result<Cow<'_, [u8]>, String> {
        let record = self.list.record(number).ok_or_else(|| format!("the list of pictures has no row {number}"))?;
        let pack = self.packs.get(record.pack as usize).ok_or("its pack is missing")?;
        let mut bytes = vec![0; record.length as usize];
        let path = self.list.path(&record);
        pack.read_exact_at(&mut bytes, record.offset).map_err(|error| format!("{path} cannot be read: {error}"))?;
        Ok(Cow::Owned(bytes))
    }

    fn name(&self, number: u32) -> Option<&str> {
        self.list.record(number).map(|record| self.list.path(&record))
    }

    fn digest(&self, number: u32) -> Option<[u8; 32]> {
        self.list.record(number).map(|record| record.sha256)
    }
}
