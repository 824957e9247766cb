//! What a key looks like: `mk_` + 8 characters by which it is found + `_` + 256 random bits, all hexadecimal.
//!
//! So many random bits cannot be guessed, hence no slow hash: HMAC-SHA-256 with the home's secret is what is kept.

use meuse_store::{MacKey, random};

/// A key in full. It is shown once and kept nowhere.
pub(super) struct SecretKey {
    pub(super) text: String,
    pub(super) prefix: String,
}

impl SecretKey {
    pub(super) fn generate() -> Self {
        let prefix = hex::encode(random::<4>());
        let text = format!("mk_{prefix}_{}", hex::encode(random::<32>()));
        Self { text, prefix }
    }

    /// What is kept of it.
    pub(super) fn mac(&self, key: &MacKey) -> String {
        hex::encode(key.mac(self.text.as_bytes()))
    }
}

/// The prefix of a text that has the form of a key.
pub(super) fn prefix(text: &str) -> Option<&str> {
    let (prefix, secret) = text.strip_prefix("mk_")?.split_once('_')?;
    (prefix.len() == 8 && secret.len() == 64).then_some(prefix)
}

/// Whether `text` is the key of which `kept` is kept.
pub(super) fn is_key(text: &str, kept: &str, key: &MacKey) -> bool {
    hex::decode(kept).is_ok_and(|kept| key.is_mac(text.as_bytes(), &kept))
}
