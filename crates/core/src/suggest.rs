//! "Did you mean …?": the nearest known name.

/// A longer text is no slip of the finger.
const LONGEST: usize = 256;

/// The known name that is nearest to `typed`, when one is near enough to be meant; else the only one that begins so.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = typed.chars().count();
    if length > LONGEST {
        return None;
    }
    let typed = typed.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    let allowed = (length / 3).max(1);
    // The distance takes the product of the lengths in time and memory, and is never less than their difference.
    let alike = known.iter().filter(|name| name.chars().count().abs_diff(length) <= allowed);
    let scored = alike.map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), *name));
    let near = scored.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance);
    near.map(|(_, name)| name).or_else(|| only_beginning(&typed, &known))
}

/// A person who types `duration` means `duration_in_month`, unless there is `duration_in_days` too.
fn only_beginning<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut beginning = known.iter().filter(|name| name.to_lowercase().starts_with(typed));
    let first = beginning.next().filter(|_| typed.chars().count() >= 2)?;
    beginning.next().is_none().then_some(*first)
}

/// A hint that names the nearest known name, or lists what is known.
pub fn hint<'a>(typed: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(typed, known.clone()) {
        return format!("did you mean `{name}`?");
    }
    let mut names: Vec<&str> = known.into_iter().collect();
    let more = names.len().saturating_sub(12);
    names.truncate(12);
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if more == 0 { format!("known: {list}") } else { format!("known: {list} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("creditabilty", ["age", "creditability"]), Some("creditability"));
        assert_eq!(nearest("zzz", ["age", "creditability"]), None);
        assert_eq!(nearest("Credit", ["age", "creditability"]), Some("creditability"));
        assert_eq!(nearest("duration", ["duration_in_month", "duration_in_days"]), None);
        assert_eq!(nearest("a", ["amount"]), None);
        assert_eq!(nearest("", ["amount"]), None);
    }

    #[test]
    fn a_text_of_megabytes_is_compared_with_nothing() {
        let long = "x".repeat(16 << 20);
        assert_eq!(nearest(&long, [long.as_str(), "age"]), None);
        assert_eq!(nearest("age", [long.as_str(), "agee"]), Some("agee"));
    }
}
