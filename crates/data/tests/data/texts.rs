//! Columns of long texts have a profile of their own; JSON lines are read as they come.

use meuse_core::profile::Profile;
use meuse_core::schema::ColumnType::{Boolean, Date, Integer, Number, Text};

use super::{import, refused};

/// Forty reviews in two languages, of which ten are there twice and one with both labels.
fn reviews() -> String {
    let mut csv = "text,label,id\n".to_owned();
    for row in 0..40 {
        let text = match row % 2 {
            0 => format!("Number {row} was a very good film with good actors"),
            _ => format!("这部电影非常好看，我们都很喜欢{row}"),
        };
        csv += &format!("\"{text}\",good,a{row}\n");
        if row < 10 {
            csv += &format!("\"{text}\",{},b{row}\n", if row == 3 { "bad" } else { "good" });
        }
    }
    csv += ",bad,none\n\"... !!! ...\",bad,signs\n";
    csv
}

#[test]
fn a_column_of_long_texts_is_seen_as_one() {
    let imported = import(reviews());
    let column = imported.column("text");
    let text = column.text.as_ref().expect("it holds long texts");
    assert_eq!((column.missing, text.duplicates, text.empty), (1, 10, 1));
    let median = |quantiles: &[meuse_core::profile::Quantile]| quantiles.iter().find(|q| q.q == 0.5).expect("q").value;
    assert!((10.0..20.0).contains(&median(&text.words)), "{:?}", text.words);
    assert!((15.0..50.0).contains(&median(&text.characters)), "{:?}", text.characters);
    let shares: f64 = text.scripts.iter().map(|script| script.share).sum();
    assert!((shares - 1.0).abs() < 1e-9 && text.scripts.len() == 2, "{:?}", text.scripts);
    assert_eq!(text.scripts[0].name, "Latin");
    let languages = text.languages.as_ref().expect("they are looked for");
    let shares: f64 = languages.found.iter().map(|language| language.share).sum();
    // Forty different texts and one of signs alone, which is in no language.
    assert_eq!(
        (languages.sample, languages.found[0].code.as_str(), languages.found[0].share),
        (41, "cmn", 20.0 / 41.0)
    );
    assert!(languages.uncertain >= 1.0 / 41.0 && (shares + languages.uncertain - 1.0).abs() < 1e-9, "{languages:?}");
    let words: Vec<(&str, u64)> = text.frequent_words.iter().map(|word| (word.value.as_str(), word.count)).collect();
    assert_eq!(words[0], ("good", 50), "{words:?}");
    let contradiction = &text.contradictions[0];
    assert_eq!((contradiction.column.as_str(), contradiction.texts, contradiction.rows), ("label", 1, 2));
    let warnings = imported.warnings();
    assert!(warnings.contains("`text` repeats itself: 10 of 52 rows"), "{warnings}");
    assert!(
        warnings.contains("`label` contradicts itself: 1 texts of `text` have both values, in 2 rows"),
        "{warnings}"
    );
    assert!(imported.column("id").text.is_none() && imported.column("label").text.is_none());
    assert!(warnings.contains("`id` differs in every row") && !warnings.contains("`text` differs"), "{warnings}");
}

#[test]
fn a_text_in_both_parts_is_no_contradiction_but_known_before_it_is_tested() {
    let imported = import(reviews().replacen("label", "Split", 1));
    let text = imported.column("text").text.as_ref().expect("it holds long texts");
    assert!(text.contradictions.is_empty(), "{:?}", text.contradictions);
    let warnings = imported.warnings();
    let told = "1 texts of `text` are in both parts of `Split`, in 2 rows: a split by it tests what was learnt";
    assert!(warnings.contains(told) && !warnings.contains("contradicts"), "{warnings}");
}

#[test]
fn mostly_chinese_texts_are_cut_into_words() {
    let texts: Vec<String> = (0..30).map(|row| format!("酒店的服务非常热情，房间也干净{row}")).collect();
    let imported = import(format!("text\n{}\n", texts.join("\n")));
    let text = imported.column("text").text.clone().expect("it holds long texts");
    assert_eq!(text.scripts[0].name, "Han");
    assert!(text.frequent_words.iter().any(|word| word.value == "酒店" && word.count == 30), "{text:?}");
}

#[test]
fn languages_are_an_estimate_from_a_sample_whatever_the_order() {
    const ENGLISH: &str = "people waited in front of the house because they wanted to see what had happened there";
    const GERMAN: &str = "Leute warteten vor dem Haus, weil niemand genau wusste, warum die Straße gesperrt worden war, \
                          und die Polizei nichts dazu sagte";
    let line = |row: usize| format!("\"{row} {}\"\n", if row.is_multiple_of(4) { GERMAN } else { ENGLISH });
    let mut lines: Vec<String> = (0..1600).map(line).collect();
    let estimate = |lines: &[String]| {
        let imported = import(format!("text\n{}", lines.concat()));
        imported.column("text").text.clone().expect("it holds long texts").languages.expect("they are looked for")
    };
    let languages = estimate(&lines);
    let codes: Vec<&str> = languages.found.iter().map(|language| language.code.as_str()).collect();
    assert_eq!((languages.sample, codes), (1000, vec!["eng", "deu"]), "{languages:?}");
    assert!((languages.found[0].share - 0.75).abs() < 0.05, "{languages:?}");
    lines.reverse();
    assert_eq!(estimate(&lines), languages);
}

#[test]
fn a_profile_from_before_languages_were_looked_for_is_read() {
    let mut profile = serde_json::to_value(import(reviews()).profile).expect("JSON");
    let text = profile["columns"][0]["text"].as_object_mut().expect("long texts");
    assert!(text.remove("languages").is_some());
    let earlier: Profile = serde_json::from_value(profile).expect("a profile");
    assert!(earlier.columns[0].text.as_ref().is_some_and(|text| text.languages.is_none()));
}

#[test]
fn json_lines_are_a_table() {
    let lines = "{\"text\": \"a \\\"b\\\"\\n中文\", \"n\": 1, \"x\": 1.5, \"ok\": true, \"day\": \"2024-02-29\"}\n\
                 {\"n\": 2, \"text\": \"\", \"ok\": null, \"code\": \"007\"}\n";
    let imported = import(lines);
    assert_eq!(imported.types(), [Text, Integer, Number, Boolean, Date, Text]);
    let cells = imported.cells();
    assert_eq!(cells[0][..4], ["a \"b\"\n中文", "1", "1.5", "true"]);
    assert_eq!(imported.column("text").missing, 1, "the empty text is a missing cell, as in CSV");
    assert_eq!(cells[1][5], "007");
}

#[test]
fn broken_json_lines_name_the_line() {
    let failure = refused("{\"a\": 1}\n{\"a\": 2}\n{\"a\": oops}\n");
    assert_eq!(failure.field, "line 3", "{failure}");
    assert!(failure.message.contains("it is not a JSON object"), "{failure}");
    let nested = refused("{\"a\": 1, \"b\": {\"c\": 2}}\n");
    assert!(nested.message.contains("column `b` is of type STRUCT"), "{nested}");
}
