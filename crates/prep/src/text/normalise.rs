//! What is done to the characters of a text before it is cut.

use std::borrow::Cow;

use meuse_core::recipe::Normalise;
use unicode_normalization::{UnicodeNormalization, is_nfkc_quick};

/// The text as it is cut: normalised, then in small letters.
pub fn normalise(text: &str, form: Normalise, lowercase: bool) -> Cow<'_, str> {
    let changes = form == Normalise::Nfkc
        && !text.is_ascii()
        && is_nfkc_quick(text.chars()) != unicode_normalization::IsNormalized::Yes;
    let normal: Cow<'_, str> = if changes { text.nfkc().collect::<String>().into() } else { text.into() };
    if !lowercase || normal.chars().all(|character| !changes_in_lowercase(character)) {
        return normal;
    }
    normal.to_lowercase().into()
}

/// Most texts have a capital letter soon, and those that have none need no copy.
fn changes_in_lowercase(character: char) -> bool {
    if character.is_ascii() { character.is_ascii_uppercase() } else { !character.to_lowercase().eq([character]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_forms_and_capitals_become_ordinary() {
        assert_eq!(normalise("ＡＢＣ１２３，ﬁne", Normalise::Nfkc, true), "abc123,fine");
        assert_eq!(normalise("ＡＢＣ Ünd", Normalise::None, true), "ａｂｃ ünd");
        assert_eq!(normalise("As It Is", Normalise::None, false), "As It Is");
        assert!(matches!(normalise("已经是", Normalise::Nfkc, true), Cow::Borrowed(_)), "no copy without need");
    }
}
