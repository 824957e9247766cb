//! Damaged inputs from good ones: a seeded generator, so that each run tries the same cases, and what it found can be
//! found again. Included by path by the suites that feed parsers.
//!
//! `MEUSE_FUZZ_SEED` and `MEUSE_FUZZ_FACTOR` make a run look elsewhere, and longer.

use std::path::{Path, PathBuf};

/// Pieces of text that parsers get wrong.
const WORDS: [&str; 48] = [
    "",
    "\0",
    "\u{feff}",
    "\r\n",
    "\"",
    "'",
    "\"\"\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\udc00\\ud800",
    "\u{202e}",
    "é",
    "语",
    "\u{10ffff}",
    "-",
    "-0",
    "0",
    "00",
    "1e400",
    "-1e400",
    "1e-400",
    "NaN",
    "Infinity",
    "inf",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "0x10",
    "1_000",
    "null",
    "true",
    "[",
    "]",
    "{",
    "}",
    "[[",
    ",",
    ":",
    "=",
    ".",
    "..",
    "../../etc/passwd",
    "%00",
    "%ff",
    "@",
    "1970-01-01T00:00:00Z",
];

/// A generator of numbers: xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    /// The same numbers for the same name, unless the environment says otherwise.
    pub(crate) fn new(name: &str) -> Self {
        let seed: u64 = std::env::var("MEUSE_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), mix) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = (length - start).min(1 << self.below(12));
        start..start + self.below(most + 1)
    }
}

/// How many cases to try: `usual`, times what the environment says.
pub(crate) fn cases(usual: usize) -> usize {
    usual * std::env::var("MEUSE_FUZZ_FACTOR").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// One of these, damaged in one to five places.
pub(crate) fn damaged(good: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = good[random.below(good.len())].clone();
    for _ in 0..=random.below(5) {
        damage(&mut bytes, good, random);
    }
    bytes.truncate(1 << 20);
    bytes
}

fn damage(bytes: &mut Vec<u8>, good: &[Vec<u8>], random: &mut Random) {
    let range = random.range(bytes.len());
    match random.below(9) {
        0 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        1 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
        2 => drop(bytes.drain(range)),
        3 => {
            let piece = bytes[range.clone()].repeat(1 + random.below(4));
            bytes.splice(range.start..range.start, piece);
        }
        4 => {
            let word = WORDS[random.below(WORDS.len())].as_bytes().to_vec();
            bytes.splice(range, word);
        }
        5 => {
            let word = WORDS[random.below(WORDS.len())].as_bytes().repeat(1 << random.below(13));
            bytes.splice(range.start..range.start, word);
        }
        6 => {
            let other = &good[random.below(good.len())];
            let piece = other[random.range(other.len())].to_vec();
            bytes.splice(range, piece);
        }
        7 => bytes.truncate(range.start),
        _ => number(bytes, random),
    }
}

/// Another number in the place of one that is written in digits, or of four bytes.
fn number(bytes: &mut Vec<u8>, random: &mut Random) {
    let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
    if digits.is_empty() || random.below(4) == 0 {
        if bytes.len() >= 4 {
            let at = random.below(bytes.len() - 3);
            let value = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, bytes.len() as u32][random.below(6)];
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        return;
    }
    let start = digits[random.below(digits.len())];
    let end = (start..bytes.len()).find(|at| !bytes[*at].is_ascii_digit()).unwrap_or(bytes.len());
    let instead =
        ["0", "-1", "65536", "4294967296", "99999999999999999999", "1e400", "0.1e-400", "1e19"][random.below(8)];
    bytes.splice(start..end, instead.bytes());
}

/// What earlier runs found, which is tried again each time: the files of `tests/corpus/PARSER`.
pub(crate) fn found(parser: &str) -> Vec<Vec<u8>> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(parser);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("a file of the corpus")).collect()
}

/// Calls `check` with what was found earlier and with damaged inputs; a panic names the case by its bytes.
pub(crate) fn fuzz(parser: &str, usual: usize, good: &[Vec<u8>], mut check: impl FnMut(&[u8])) {
    let mut random = Random::new(parser);
    let damaged = (0..cases(usual)).map(|_| damaged(good, &mut random));
    let inputs: Vec<Vec<u8>> = found(parser).into_iter().chain(good.iter().cloned()).chain(damaged).collect();
    for input in inputs {
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&input)));
        if let Err(panic) = tried {
            let path = std::env::temp_dir().join(format!("meuse-fuzz-{parser}-{}", std::process::id()));
            let _ = std::fs::write(&path, &input);
            eprintln!("the case is in {}; once mended, keep it in tests/corpus/{parser}", path.display());
            std::panic::resume_unwind(panic);
        }
    }
}
