//! Fits a column of categories: a stand-in for missing cells, then indicators, codes or weight of evidence.

use std::collections::{BTreeMap, BTreeSet};

use meuse_core::recipe::{PlannedColumn, TextEncode, TextImpute, Unknown};
use meuse_core::schema::{ColumnType, MAX_CATEGORIES};
use meuse_core::table::{MISSING, Values, number_text};

use super::{NO_VALUES, ONE_BIN, ONE_VALUE, Outcome, classes, refused};
use crate::Error;
use crate::binning::{self, FINE_BINS, Trend};
use crate::fitted::{Categories, MissingText, Origin, Step, TextEncoding};
use crate::woe::{Count, weigh};

/// The recipe's rule for the column.
pub(super) struct Rule<'a> {
    pub(super) impute: TextImpute,
    pub(super) fill: &'a str,
    pub(super) encode: TextEncode,
    pub(super) unknown: Unknown,
    pub(super) bins: u32,
    pub(super) groups: Option<&'a [Vec<String>]>,
    pub(super) order: Option<&'a [String]>,
}

impl Rule<'_> {
    fn given_groups(&self) -> Option<&[Vec<String>]> {
        self.groups.filter(|_| self.encode == TextEncode::Woe)
    }

    fn given_order(&self) -> Option<&[String]> {
        self.order.filter(|_| self.encode == TextEncode::Ordinal)
    }
}

pub(super) fn fit(
    column: &PlannedColumn,
    rule: &Rule<'_>,
    values: &Values,
    positive: Option<&[bool]>,
) -> Result<Outcome, Error> {
    let categories = categories(column, rule, values)?;
    if categories.count() as usize > MAX_CATEGORIES {
        return Err(Error::TooManyCategories { column: column.name.clone(), count: categories.count() });
    }
    let mut codes = codes(values, &categories);
    refuse(column, rule, values, &codes)?;
    if codes.iter().all(Option::is_none) {
        return Ok(Outcome::LeaveOut(NO_VALUES));
    }
    let fill = stand_in(column, rule, &categories, &codes)?;
    if let Some((_, Some(code))) = &fill {
        for cell in &mut codes {
            *cell = cell.or(Some(*code));
        }
    }
    if codes.iter().all(|code| *code == codes[0]) {
        return Ok(Outcome::LeaveOut(ONE_VALUE));
    }
    let (categories, encoding) = match rule.encode {
        TextEncode::OneHot => (categories, TextEncoding::OneHot),
        TextEncode::Ordinal => (categories, TextEncoding::Ordinal),
        TextEncode::Embedding => (categories, TextEncoding::Embedding),
        TextEncode::Woe => woe(column, rule, categories, &codes, classes(&column.name, positive)?),
    };
    if matches!(&encoding, TextEncoding::Woe { bins, .. } if bins.len() < 2) {
        return Ok(Outcome::LeaveOut(ONE_BIN));
    }
    let missing = missing_rule(column, rule, &categories, fill)?;
    Ok(Outcome::Step(Step::Text { missing, unknown: rule.unknown, categories, encoding }))
}

/// The known categories, each with a code: as the recipe lists them, else those of the training rows in ascending
/// order. The recipe's stand-in is known too where missing cells become it.
fn categories(column: &PlannedColumn, rule: &Rule<'_>, values: &Values) -> Result<Categories, Error> {
    if let Some(groups) = rule.given_groups() {
        let listed =
            groups.iter().enumerate().flat_map(|(bin, group)| group.iter().map(move |text| (text, bin as u32)));
        return listed_categories(column, values, listed);
    }
    let fills = rule.impute == TextImpute::Constant;
    if let Some(order) = rule.given_order() {
        let fill = [rule.fill.to_owned()];
        let more = fill.iter().filter(|fill| fills && !order.contains(fill));
        let listed = order.iter().chain(more).enumerate().map(|(code, text)| (text, code as u32));
        return listed_categories(column, values, listed);
    }
    // An indicator that no training row sets would only widen the matrix; a code has to exist to be given.
    let fill = Some(rule.fill).filter(|_| fills && (rule.encode == TextEncode::Ordinal || has_missing(values)));
    match values {
        Values::Text { codes, dictionary } => {
            let mut seen = vec![false; dictionary.len()];
            for code in codes.iter().filter(|code| **code != MISSING) {
                seen[*code as usize] = true;
            }
            let texts = dictionary.iter().zip(seen).filter(|(_, seen)| *seen).map(|(text, _)| text.clone());
            let texts: BTreeSet<String> = texts.chain(fill.map(str::to_owned)).collect();
            Ok(Categories::Texts(texts.into_iter().zip(0..).collect()))
        }
        Values::Number(numbers) => {
            let fill = fill.map(|text| parse(column, text)).transpose()?;
            // 0.0 + −0.0 = 0.0: the two zeros are one category.
            let finite = numbers.iter().copied().filter(|number| number.is_finite());
            let mut distinct: Vec<f64> = finite.chain(fill).map(|number| 0.0 + number).collect();
            distinct.sort_unstable_by(f64::total_cmp);
            distinct.dedup();
            Ok(Categories::Numbers(distinct.into_iter().zip(0..).collect()))
        }
        Values::Pictures(_) => {
            Err(Error::WrongType { column: column.name.clone(), found: "pictures", expected: "texts" })
        }
    }
}

fn has_missing(values: &Values) -> bool {
    match values {
        Values::Number(numbers) => numbers.iter().any(|number| number.is_nan()),
        Values::Text { codes, .. } => codes.contains(&MISSING),
        Values::Pictures(pictures) => pictures.numbers.contains(&MISSING),
    }
}

fn listed_categories<'a>(
    column: &PlannedColumn,
    values: &Values,
    listed: impl Iterator<Item = (&'a String, u32)>,
) -> Result<Categories, Error> {
    if let Values::Text { .. } = values {
        return Ok(Categories::Texts(listed.map(|(text, code)| (text.clone(), code)).collect()));
    }
    let numbers = listed.map(|(text, code)| Ok((0.0 + parse(column, text)?, code)));
    let mut numbers = numbers.collect::<Result<Vec<(f64, u32)>, Error>>()?;
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    numbers.dedup_by_key(|(number, _)| *number);
    Ok(Categories::Numbers(numbers))
}

/// The number that a recipe writes as a category's text.
fn parse(column: &PlannedColumn, text: &str) -> Result<f64, Error> {
    let number = match (column.column_type, text) {
        (ColumnType::Boolean, "true") => Some(1.0),
        (ColumnType::Boolean, "false") => Some(0.0),
        (ColumnType::Date | ColumnType::Timestamp, text) => meuse_core::time::days_since_epoch(text),
        (_, text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
    };
    number.ok_or_else(|| Error::NotANumber { column: column.name.clone(), text: text.to_owned() })
}

/// The code of every cell; none for missing and unknown ones.
fn codes(values: &Values, categories: &Categories) -> Vec<Option<u32>> {
    match values {
        Values::Number(numbers) => numbers.iter().map(|number| categories.of_number(*number)).collect(),
        Values::Text { codes, dictionary } => {
            let translation: Vec<Option<u32>> = dictionary.iter().map(|text| categories.of_text(text)).collect();
            codes.iter().map(|code| translation.get(*code as usize).copied().flatten()).collect()
        }
        Values::Pictures(pictures) => vec![None; pictures.numbers.len()],
    }
}

fn refuse(column: &PlannedColumn, rule: &Rule<'_>, values: &Values, codes: &[Option<u32>]) -> Result<(), Error> {
    let is_missing = |row: usize| match values {
        Values::Number(numbers) => numbers[row].is_nan(),
        Values::Text { codes, .. } => codes[row] == MISSING,
        Values::Pictures(pictures) => pictures.numbers[row] == MISSING,
    };
    for (row, _) in codes.iter().enumerate().filter(|(_, code)| code.is_none()) {
        let missing = is_missing(row);
        if !missing && rule.unknown == Unknown::Refuse {
            let reason = "the recipe's list does not hold this category, and the recipe refuses unknown ones";
            return Err(refused(row, &column.name, reason.to_owned()));
        }
        if rule.impute == TextImpute::Refuse {
            return Err(refused(row, &column.name, "the value is missing, and the recipe refuses such rows".into()));
        }
    }
    Ok(())
}

/// The text that stands in for missing cells, and its code.
fn stand_in(
    column: &PlannedColumn,
    rule: &Rule<'_>,
    categories: &Categories,
    codes: &[Option<u32>],
) -> Result<Option<(String, Option<u32>)>, Error> {
    match rule.impute {
        TextImpute::Keep | TextImpute::Refuse => Ok(None),
        TextImpute::Constant => Ok(Some((rule.fill.to_owned(), code_of(column, categories, rule.fill)?))),
        TextImpute::MostFrequent => {
            let mut counts = vec![0_u64; categories.count() as usize];
            for code in codes.iter().flatten() {
                counts[*code as usize] += 1;
            }
            let best = (0..counts.len()).rev().max_by_key(|code| counts[*code]).map(|code| code as u32);
            let named = texts(column, categories).into_iter().find(|(_, code)| Some(*code) == best);
            Ok(named.map(|(text, code)| (text, Some(code))))
        }
    }
}

fn code_of(column: &PlannedColumn, categories: &Categories, text: &str) -> Result<Option<u32>, Error> {
    match categories {
        Categories::Texts(_) => Ok(categories.of_text(text)),
        Categories::Numbers(_) => Ok(categories.of_number(parse(column, text)?)),
    }
}

/// The rule as it is kept: a stand-in's code may have become its bin.
fn missing_rule(
    column: &PlannedColumn,
    rule: &Rule<'_>,
    categories: &Categories,
    fill: Option<(String, Option<u32>)>,
) -> Result<MissingText, Error> {
    Ok(match (rule.impute, fill) {
        (TextImpute::Refuse, _) => MissingText::Refuse,
        (impute, Some((text, _))) => {
            let origin = if impute == TextImpute::Constant { Origin::Constant } else { Origin::MostFrequent };
            let code = code_of(column, categories, &text)?;
            MissingText::Fill { text, code, origin }
        }
        (_, None) => MissingText::Keep,
    })
}

/// All categories as texts, with their codes, in ascending order.
fn texts(column: &PlannedColumn, categories: &Categories) -> Vec<(String, u32)> {
    match categories {
        Categories::Texts(codes) => codes.iter().map(|(text, code)| (text.clone(), *code)).collect(),
        Categories::Numbers(codes) => {
            let text = |number: f64| number_text(number, column.column_type).unwrap_or_default();
            codes.iter().map(|(number, code)| (text(*number), *code)).collect()
        }
    }
}

fn woe(
    column: &PlannedColumn,
    rule: &Rule<'_>,
    categories: Categories,
    codes: &[Option<u32>],
    positive: &[bool],
) -> (Categories, TextEncoding) {
    let bin_of_code: Vec<u32> = match rule.given_groups() {
        Some(_) => (0..categories.count()).collect(),
        None => chosen_bins(categories.count(), codes, positive, rule.bins),
    };
    let bin_count = bin_of_code.iter().max().map_or(0, |bin| *bin as usize + 1);
    let mut counts = vec![Count::default(); bin_count];
    let mut missing = Count::default();
    for (code, positive) in codes.iter().zip(positive) {
        match code {
            Some(code) => counts[bin_of_code[*code as usize] as usize].add(*positive),
            None => missing.add(*positive),
        }
    }
    let mut members = vec![Vec::new(); bin_count];
    for (text, code) in texts(column, &categories) {
        members[bin_of_code[code as usize] as usize].push(text);
    }
    let mut labelled: Vec<(String, Count)> = members.iter().map(|texts| texts.join(", ")).zip(counts).collect();
    let missing_bin = (missing.rows > 0).then_some(labelled.len() as u32);
    if missing_bin.is_some() {
        labelled.push(("missing".to_owned(), missing));
    }
    let (bins, information_value) = weigh(labelled);
    (recoded(categories, &bin_of_code), TextEncoding::Woe { bins, missing_bin, information_value })
}

fn recoded(categories: Categories, bin_of_code: &[u32]) -> Categories {
    let bin = |code: u32| bin_of_code[code as usize];
    match categories {
        Categories::Texts(codes) => {
            Categories::Texts(codes.into_iter().map(|(text, code)| (text, bin(code))).collect::<BTreeMap<_, _>>())
        }
        Categories::Numbers(codes) => {
            Categories::Numbers(codes.into_iter().map(|(number, code)| (number, bin(code))).collect())
        }
    }
}

/// With how many rows of the average rate a category's own rate is mixed when categories are put in order, so that a
/// rare one does not stand at an end by chance.
const PRIOR_ROWS: f64 = 20.0;

/// The bin of each code: categories in the order of their rate of positives, neighbours merged.
fn chosen_bins(categories: u32, codes: &[Option<u32>], positive: &[bool], most: u32) -> Vec<u32> {
    let mut counts = vec![Count::default(); categories as usize];
    for (code, positive) in codes.iter().zip(positive) {
        if let Some(code) = code {
            counts[*code as usize].add(*positive);
        }
    }
    let total = counts.iter().copied().fold(Count::default(), Count::plus);
    let smoothed = |code: usize| {
        let count = counts[code];
        (count.positives as f64 + PRIOR_ROWS * total.rate()) / (count.rows as f64 + PRIOR_ROWS)
    };
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|a, b| smoothed(*a).total_cmp(&smoothed(*b)).then(a.cmp(b)));
    let fine = pooled(&order, &counts, total.rows);
    let fine_counts: Vec<Count> = fine.iter().map(|group| group.1).collect();
    let cuts = binning::merge(&fine_counts, most, Trend::Free);
    let mut bins = vec![0; counts.len()];
    for (index, (members, _)) in fine.iter().enumerate() {
        let bin = cuts.partition_point(|cut| *cut <= index) as u32;
        for code in members {
            bins[*code] = bin;
        }
    }
    bins
}

/// Neighbours in the given order pooled until each group has its share of the rows; few categories stay as they are.
fn pooled(order: &[usize], counts: &[Count], rows: u64) -> Vec<(Vec<usize>, Count)> {
    let enough = if order.len() <= FINE_BINS { 0 } else { rows / FINE_BINS as u64 };
    let mut groups: Vec<(Vec<usize>, Count)> = Vec::new();
    for code in order {
        match groups.last_mut().filter(|(_, count)| count.rows < enough) {
            Some((members, count)) => {
                members.push(*code);
                *count = count.plus(counts[*code]);
            }
            None => groups.push((vec![*code], counts[*code])),
        }
    }
    groups
}
