//! What is done to the characters of a text before it is cut.

use std::borrow::Cow;
use std::sync::LazyLock;

use meuse_core::recipe::Normalise;
use unicode_normalization::{UnicodeNormalization, is_nfkc_quick};

/// The text as it is cut: normalised, then in small letters.
pub fn normalise(text: &str, form: Normalise, lowercase: bool) -> Cow<'_, str> {
    let changes = form != Normalise::None
        && !text.is_ascii()
        && is_nfkc_quick(text.chars()) != unicode_normalization::IsNormalized::Yes;
    let mut normal: Cow<'_, str> = if changes { text.nfkc().collect::<String>().into() } else { text.into() };
    if form == Normalise::Simplified && normal.chars().any(|character| simplified(character).is_some()) {
        normal = normal.chars().map(|character| simplified(character).unwrap_or(character)).collect::<String>().into();
    }
    if !lowercase || normal.chars().all(|character| !changes_in_lowercase(character)) {
        return normal;
    }
    normal.to_lowercase().into()
}

/// Pairs of a traditional character and its simplified one, ascending; data/make_simplified.py says whence.
static SIMPLIFIED: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let lines = include_str!("../../data/simplified.txt").lines().filter(|line| !line.starts_with('#'));
    let mut characters = lines.flat_map(str::chars);
    let mut pairs: Vec<(char, char)> = std::iter::from_fn(|| characters.next().zip(characters.next())).collect();
    pairs.sort_unstable();
    pairs
});
/// The first character of the blocks that hold Chinese ones.
const FIRST_CHINESE: char = '\u{2e80}';

fn simplified(character: char) -> Option<char> {
    if character < FIRST_CHINESE {
        return None;
    }
    let place = SIMPLIFIED.binary_search_by_key(&character, |(traditional, _)| *traditional).ok()?;
    SIMPLIFIED.get(place).map(|(_, simplified)| *simplified)
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

    #[test]
    fn traditional_characters_become_simplified_ones_as_opencc_has_it() {
        let cases = [
            ("這家酒店的服務熱情，下次還會來", "这家酒店的服务热情,下次还会来"),
            ("頭髮 發展 後來 皇后 著名 隻 裡 裏 臺灣 麼 鬱 徵收", "头发 发展 后来 皇后 著名 只 里 里 台湾 么 郁 征收"),
            ("㑮 龜 龢 𧜵", "𫝈 龟 龢 䙊"),
            ("ＡＢＣ 髒 😀 ｶﾞ", "abc 脏 😀 ガ"),
        ];
        for (traditional, simplified) in cases {
            assert_eq!(normalise(traditional, Normalise::Simplified, true), simplified);
        }
        assert!(matches!(normalise("已经是", Normalise::Simplified, true), Cow::Borrowed(_)), "no copy without need");
        assert_eq!(normalise("這", Normalise::Nfkc, true), "這", "nobody asked for it");
        assert!(SIMPLIFIED.len() > 5000 && SIMPLIFIED.is_sorted_by(|a, b| a.0 < b.0), "{}", SIMPLIFIED.len());
    }
}
