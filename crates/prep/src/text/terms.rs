//! The terms of a text: its tokens, and runs of them.

use std::borrow::Cow;

use meuse_core::recipe::{Tfidf, Tokens};

use super::normalise::normalise;
use super::tokens::{is_blank, tokens};

/// Memory that is used again from text to text.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Where each token begins and ends.
    spans: Vec<(u32, u32)>,
    joined: String,
    /// Ids of the terms of a text.
    pub(super) ids: Vec<u32>,
    /// Ids and weights of the terms of a text.
    pub(super) weights: Vec<(u32, f64)>,
}

/// The longest text that is read, in bytes; what is beyond is cut off. A row of a dataset is never as long, and memory
/// stays bounded.
const LONGEST: usize = 64 << 20;

/// Tells every term of a text, as often as it stands there: first all single tokens, then all pairs, and so on.
pub(super) fn terms(text: &str, rule: &Tfidf, scratch: &mut Scratch, told: &mut dyn FnMut(&str)) {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let mut text = normalise(text, rule.normalise, rule.lowercase);
    if rule.tokens == Tokens::Characters {
        text = one_blank(text);
    }
    let Scratch { spans, joined, .. } = scratch;
    spans.clear();
    tokens(&text, rule.tokens, &mut |span| spans.push((span.start as u32, span.end as u32)));
    for length in rule.min_ngram as usize..=rule.max_ngram as usize {
        for run in spans.windows(length) {
            let (start, end) = (run[0].0 as usize, run[length - 1].1 as usize);
            if length == 1 || rule.tokens == Tokens::Characters {
                told(&text[start..end]);
                continue;
            }
            joined.clear();
            for (index, (start, end)) in run.iter().enumerate() {
                if index > 0 {
                    joined.push(' ');
                }
                joined.push_str(&text[*start as usize..*end as usize]);
            }
            told(joined);
        }
    }
}

/// Runs of two or more blanks become one space, as scikit-learn does for its analyser of characters.
fn one_blank(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut before = false;
    let doubled = text.chars().any(|character| {
        let blank = is_blank(character);
        let two = blank && before;
        before = blank;
        two
    });
    if !doubled {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut blanks = 0;
    let mut last = ' ';
    for character in text.chars() {
        if is_blank(character) {
            blanks += 1;
            last = character;
            continue;
        }
        if blanks > 0 {
            out.push(if blanks > 1 { ' ' } else { last });
            blanks = 0;
        }
        out.push(character);
    }
    if blanks > 0 {
        out.push(if blanks > 1 { ' ' } else { last });
    }
    out.into()
}
