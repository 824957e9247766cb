//! What is secret: `mk_` (a key) or `ms_` (a session) + 8 characters by which it is found + `_` + 256 random bits, all
//! hexadecimal.
//!
//! So many random bits cannot be guessed, hence no slow hash: HMAC-SHA-256 with the home's secret is what is kept.

use meuse_store::{MacKey, random};

/// How a key begins.
pub(super) const KEY: &str = "mk";
/// How a session's token begins.
pub(super) const SESSION: &str = "ms";

/// A key or a session's token in full. It is shown once and kept nowhere.
pub(super) struct SecretKey {
    pub(super) text: String,
    pub(super) prefix: String,
}

impl SecretKey {
    /// A new one, whose prefix is not taken.
    pub(super) fn generate(kind: &str, is_taken: impl Fn(&str) -> bool) -> Self {
        loop {
            let prefix = hex::encode(random::<4>());
            if !is_taken(&prefix) {
                let text = format!("{kind}_{prefix}_{}", hex::encode(random::<32>()));
                return Self { text, prefix };
            }
        }
    }

    /// What is kept of it.
    pub(super) fn mac(&self, key: &MacKey) -> String {
        hex::encode(key.mac(self.text.as_bytes()))
    }
}

/// The prefix of a text that has the form of a secret of this kind.
pub(super) fn prefix<'a>(kind: &str, text: &'a str) -> Option<&'a str> {
    let (prefix, secret) = text.strip_prefix(kind)?.strip_prefix('_')?.split_once('_')?;
    (prefix.len() == 8 && secret.len() == 64).then_some(prefix)
}

/// Whether `text` is the secret of which `kept` is kept.
pub(super) fn is_secret(text: &str, kept: &str, key: &MacKey) -> bool {
    hex::decode(kept).is_ok_and(|kept| key.is_mac(text.as_bytes(), &kept))
}
