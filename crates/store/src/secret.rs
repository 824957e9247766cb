//! The home's secret, and the keys that are derived from it for each purpose.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::NamedTempFile;

use crate::error::Error;

/// 256 random bits that belong to a home. It shows itself nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the secret from its file, or makes file (mode 600) and secret when there is no such file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        match Self::read(path) {
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => Self::create(path),
            other => other,
        }
    }

    /// Reads the secret from its file: 64 hexadecimal digits.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Error::BadSecret(path.to_owned()))
    }

    /// Written whole under another name first: a crash leaves no half secret.
    fn create(path: &Path) -> Result<Self, Error> {
        let secret = Self(random());
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = || -> io::Result<()> {
            // A temporary file is readable by its owner only, and stays so under its final name.
            let mut draft = NamedTempFile::new_in(folder)?;
            writeln!(draft, "{}", hex::encode(secret.0))?;
            draft.as_file().sync_all()?;
            meuse_faults::pass("secret.drafted")?;
            draft.persist_noclobber(path)?;
            meuse_faults::pass("secret.renamed")?;
            File::open(folder)?.sync_all()
        };
        write().map_err(Error::file(path))?;
        Ok(secret)
    }

    /// The key for one purpose, such as `audit`.
    pub fn derive(&self, purpose: &str) -> MacKey {
        MacKey(MacKey(self.0).mac(purpose.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A key of HMAC-SHA-256 (RFC 2104). It shows itself nowhere.
#[derive(Clone)]
pub struct MacKey([u8; 32]);

impl MacKey {
    /// The code of a message.
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        self.over(message).finalize().into_bytes().into()
    }

    /// Whether `code` is the code of this message, in a time that does not tell where they differ.
    pub fn is_mac(&self, message: &[u8], code: &[u8]) -> bool {
        self.over(message).verify_slice(code).is_ok()
    }

    fn over(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(message);
        mac
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

/// Random bytes from the operating system.
///
/// # Panics
/// When it has none: nothing secret could be made.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
