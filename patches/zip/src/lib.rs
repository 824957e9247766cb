//! The part of `zip` 0.6 that `tch` and the build script of `torch-sys` name, without an implementation: every
//! constructor answers [`result::ZipError`], so nothing else here can be reached. Why it is here: `Cargo.toml` beside it.

use std::convert::Infallible;
use std::io::{Read, Result as IoResult, Write};
use std::marker::PhantomData;
use std::path::PathBuf;

use result::ZipError;

/// What goes wrong.
pub mod result {
    /// Zip files are neither read nor written.
    #[derive(Debug)]
    pub struct ZipError;

    impl std::fmt::Display for ZipError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("this build reads and writes no zip files")
        }
    }

    impl std::error::Error for ZipError {}
}

/// Never opened.
pub struct ZipArchive<R>(Infallible, PhantomData<R>);

impl<R> ZipArchive<R> {
    /// Always an error.
    pub fn new(_: R) -> Result<Self, ZipError> {
        Err(ZipError)
    }

    /// Not reached.
    pub fn len(&self) -> usize {
        match self.0 {}
    }

    /// Not reached.
    pub fn is_empty(&self) -> bool {
        match self.0 {}
    }

    /// Not reached.
    pub fn by_index(&mut self, _: usize) -> Result<read::ZipFile, ZipError> {
        match self.0 {}
    }
}

/// Reading.
pub mod read {
    use super::{Infallible, IoResult, PathBuf, Read};

    /// Never made.
    pub struct ZipFile(Infallible);

    impl ZipFile {
        /// Not reached.
        pub fn name(&self) -> &str {
            match self.0 {}
        }

        /// Not reached.
        pub fn mangled_name(&self) -> PathBuf {
            match self.0 {}
        }

        /// Not reached.
        pub fn size(&self) -> u64 {
            match self.0 {}
        }
    }

    impl Read for ZipFile {
        fn read(&mut self, _: &mut [u8]) -> IoResult<usize> {
            match self.0 {}
        }
    }
}

/// Writes nothing.
pub struct ZipWriter<W>(PhantomData<W>);

impl<W> ZipWriter<W> {
    /// A writer that refuses every file.
    pub fn new(_: W) -> Self {
        Self(PhantomData)
    }

    /// Always an error.
    pub fn start_file(&mut self, _: String, _: write::FileOptions) -> Result<(), ZipError> {
        Err(ZipError)
    }
}

impl<W> Write for ZipWriter<W> {
    fn write(&mut self, _: &[u8]) -> IoResult<usize> {
        Err(std::io::Error::other(ZipError))
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

/// Options of writing.
pub mod write {
    /// Options that change nothing.
    #[derive(Debug, Clone, Copy, Default)]
    pub struct FileOptions;

    impl FileOptions {
        /// Changes nothing.
        pub fn compression_method(self, _: super::CompressionMethod) -> Self {
            self
        }
    }
}

/// How a file would be compressed.
#[derive(Debug, Clone, Copy)]
pub enum CompressionMethod {
    /// Not at all.
    Stored,
}
