//! A text cut into tokens, by the rules of the libraries that a data scientist knows.

use std::io::BufReader;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use jieba_rs::Jieba;
use meuse_core::recipe::Tokens;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Every token of a prepared text, in order, as a range of its bytes.
pub fn tokens(text: &str, rule: Tokens, told: &mut dyn FnMut(std::ops::Range<usize>)) {
    match rule {
        Tokens::Words => words(text, told),
        Tokens::KerasWords => split(text, is_keras_filtered, told),
        Tokens::Characters => characters(text, told),
        Tokens::Jieba => chinese_words(text, told),
    }
}

/// What Python's `\w` means: a letter, a digit or another numeral, or the underscore.
#[inline]
pub fn is_word_character(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    matches!(character.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// Runs of at least two word characters: what `(?u)\b\w\w+\b` finds.
fn words(text: &str, told: &mut dyn FnMut(std::ops::Range<usize>)) {
    split(text, |character| !is_word_character(character), &mut |word| {
        if text[word.clone()].chars().nth(1).is_some() {
            told(word);
        }
    });
}

/// The characters at which Keras's `Tokenizer` cuts: its default `filters`, and the blank.
fn is_keras_filtered(character: char) -> bool {
    matches!(
        character,
        '!' | '"'
            | '#'
            | '$'
            | '%'
            | '&'
            | '('
            | ')'
            | '*'
            | '+'
            | ','
            | '-'
            | '.'
            | '/'
            | ':'
            | ';'
            | '<'
            | '='
            | '>'
            | '?'
            | '@'
            | '['
            | '\\'
            | ']'
            | '^'
            | '_'
            | '`'
            | '{'
            | '|'
            | '}'
            | '~'
            | '\t'
            | '\n'
            | ' '
    )
}

fn split(text: &str, between: impl Fn(char) -> bool, told: &mut dyn FnMut(std::ops::Range<usize>)) {
    let mut start = None;
    for (index, character) in text.char_indices() {
        match (between(character), start) {
            (true, Some(begin)) => {
                told(begin..index);
                start = None;
            }
            (false, None) => start = Some(index),
            _ => {}
        }
    }
    if let Some(begin) = start {
        told(begin..text.len());
    }
}

/// Python's `\s`.
pub(super) fn is_blank(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

fn characters(text: &str, told: &mut dyn FnMut(std::ops::Range<usize>)) {
    for (index, character) in text.char_indices() {
        told(index..index + character.len_utf8());
    }
}

/// jieba-rs's own dictionary, packed by `build.rs`: a word, its frequency and its kind per line.
static DICTIONARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/jieba.gz"));

/// The dictionary is the same for every model and never changes, so the process holds it once.
static JIEBA: LazyLock<Jieba> = LazyLock::new(|| {
    let mut lines = BufReader::new(GzDecoder::new(DICTIONARY));
    Jieba::with_dict(&mut lines).expect("the build packs the dictionary that jieba-rs ships")
});

pub(super) fn jieba() -> &'static Jieba {
    &JIEBA
}

/// jieba's words, those of blanks left out.
fn chinese_words(text: &str, told: &mut dyn FnMut(std::ops::Range<usize>)) {
    for (start, piece) in pieces(text) {
        let mut index = start;
        for token in jieba().cut(piece, true) {
            let end = index + token.word.len();
            if is_joined(token.word) {
                unjoined(token.word, &mut |part| told(index + part.start..index + part.end));
            } else if !token.word.chars().all(is_blank) {
                told(index..end);
            }
            index = end;
        }
    }
}

/// Whether jieba-rs has kept together what Python's jieba parts: names with points, dashes and underscores in them, such
/// as `www.example.org`, that are not in the dictionary.
fn is_joined(word: &str) -> bool {
    word.is_ascii() && word.len() > 1 && word.contains(['.', '_', '-']) && !jieba().has_word(word)
}

/// The parts that Python's jieba makes of it: those of `[a-zA-Z0-9]+(?:\.\d+)?%?`, and what lies between them.
fn unjoined(word: &str, told: &mut dyn FnMut(std::ops::Range<usize>)) {
    let bytes = word.as_bytes();
    let run = |from: usize, of: fn(&u8) -> bool| from + bytes[from..].iter().take_while(|byte| of(byte)).count();
    let mut index = 0;
    while index < bytes.len() {
        let mut end = run(index, u8::is_ascii_alphanumeric);
        if end == index {
            end = run(index, |byte| !byte.is_ascii_alphanumeric());
        } else {
            let digits = if bytes.get(end) == Some(&b'.') { run(end + 1, u8::is_ascii_digit) } else { end };
            end = if digits > end + 1 { digits } else { end };
            end += usize::from(bytes.get(end) == Some(&b'%'));
        }
        told(index..end);
        index = end;
    }
}

/// A text is given to jieba in pieces of at most so many bytes where it has a blank or a line end to part at: its
/// tables grow with the text, and a word never spans a blank.
const PIECE: usize = 1 << 16;

fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let end = match rest.char_indices().find(|(index, character)| *index >= PIECE && is_blank(*character)) {
            Some((index, _)) if rest.len() > PIECE => start + index,
            _ => text.len(),
        };
        let piece = (start, &text[start..end]);
        start = end;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, rule: Tokens) -> Vec<String> {
        let mut found = Vec::new();
        tokens(text, rule, &mut |range| found.push(text[range].to_owned()));
        found
    }

    #[test]
    fn words_are_scikit_learns() {
        assert_eq!(
            cut("a don't do_it 42 x1 naïve 中文 é", Tokens::Words),
            ["don", "do_it", "42", "x1", "naïve", "中文"]
        );
        assert!(cut("", Tokens::Words).is_empty());
        assert!(cut("a . \0 !", Tokens::Words).is_empty());
    }

    #[test]
    fn words_are_keras_s() {
        assert_eq!(cut("a don't do_it 42\tx—y", Tokens::KerasWords), ["a", "don't", "do", "it", "42", "x—y"]);
    }

    #[test]
    fn a_long_text_is_cut_as_a_short_one() {
        let sentence = "我们 喜欢看电影\n";
        let once = cut(sentence, Tokens::Jieba);
        assert_eq!(once, ["我们", "喜欢", "看", "电影"]);
        let many: Vec<String> = std::iter::repeat_n(once, 5000).flatten().collect();
        assert_eq!(cut(&sentence.repeat(5000), Tokens::Jieba), many);
    }
}
