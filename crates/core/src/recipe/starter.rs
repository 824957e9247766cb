//! A good first recipe for a dataset, as TOML with comments: what `meuse recipe init` writes.

use std::fmt::Write as _;

use super::check::MAX_CLASSES;
use super::{Problem, Problems};
use crate::bundle::Task;
use crate::profile::{ColumnProfile, ImagesProfile, Profile, TextProfile};
use crate::schema::{ColumnSchema, ColumnType, Schema};
use crate::suggest;

/// A text column with more distinct values than this is left out: it is more of a name than of a category.
const MAX_STARTER_CATEGORIES: u64 = 255;

/// What a person says when asking for a first recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct StarterOptions {
    /// The dataset version, as in `credit:1`.
    pub dataset: String,
    /// The column to predict.
    pub target: String,
    /// The algorithm's name; default `lightgbm`, a linear model where there is a column of long texts, or `network` where
    /// there are more than two classes.
    pub algorithm: Option<String>,
    /// A column that says which part a row belongs to.
    pub split_column: Option<String>,
    /// The positive class; default: the rarer one.
    pub positive: Option<String>,
}

/// The algorithms that a starter recipe can be written for.
const ALGORITHMS: [&str; 5] = ["lightgbm", "scorecard", "logistic_regression", "linear_regression", "network"];

/// Writes a first recipe.
///
/// # Errors
/// When the target or split column is not there, the target cannot be predicted, or the algorithm does not fit.
pub fn starter(options: &StarterOptions, schema: &Schema, profile: &Profile) -> Result<String, Problems> {
    let problem = |field: &str, message: String, hint: String| {
        Problems(vec![Problem { line: None, field: field.into(), message, hint }])
    };
    let names: Vec<&str> = schema.names().collect();
    for (field, column) in [("target", Some(&options.target)), ("split_column", options.split_column.as_ref())] {
        if let Some(column) = column.filter(|column| schema.column(column).is_none()) {
            let hint = suggest::hint(column, names.iter().copied());
            return Err(problem(field, format!("the dataset has no column `{column}`"), hint));
        }
    }
    let target = profile.column(&options.target).ok_or_else(|| {
        problem("target", format!("the profile has no column `{}`", options.target), "import the data again".into())
    })?;
    let picture = schema.columns.iter().find(|column| column.column_type == ColumnType::Image);
    if let (Some(picture), Some(images)) = (picture, &profile.images) {
        return pictures(options, picture, target, (profile, images));
    }
    let task = task_of(target).map_err(|message| problem("target", message, "choose another target".into()))?;
    let is_feature = |name: &str| name != options.target && Some(name) != options.split_column.as_deref();
    let reads_texts = profile.columns.iter().any(|column| column.text.is_some() && is_feature(&column.name));
    let algorithm = options.algorithm.as_deref().unwrap_or(match task {
        Task::Binary if reads_texts => "logistic_regression",
        Task::Regression if reads_texts => "linear_regression",
        Task::Multiclass => "network",
        _ => "lightgbm",
    });
    let fits = match (algorithm, task) {
        ("network", _)
        | ("lightgbm", Task::Binary | Task::Regression)
        | ("scorecard" | "logistic_regression", Task::Binary) => true,
        (name, _) if !ALGORITHMS.contains(&name) => {
            let hint = suggest::hint(name, ALGORITHMS);
            return Err(problem("algorithm", format!("there is no algorithm `{name}`"), hint));
        }
        (name, task) => name == "linear_regression" && task == Task::Regression,
    };
    if !fits {
        let hint = match task {
            Task::Multiclass => "use `network`, which tells several classes apart".into(),
            _ => "use `lightgbm`, which does both tasks".into(),
        };
        return Err(problem("algorithm", format!("`{algorithm}` does not fit the target `{}`", options.target), hint));
    }
    if task == Task::Multiclass && options.positive.is_some() {
        return Err(problem("positive", "a task of several classes has no positive one".into(), "leave it out".into()));
    }
    let positive = positive_of(target, options.positive.as_deref(), task)
        .map_err(|hint| problem("positive", format!("`{}` has no such value", options.target), hint))?;
    if let Some(column) = options.split_column.as_ref().and_then(|column| profile.column(column)) {
        let parts = |words: &[&str]| column.frequent.iter().any(|entry| means(&entry.value, words));
        if !parts(&TRAINING) || !parts(&TEST) {
            let values = column.frequent.iter().take(6).map(|entry| format!("`{}`", entry.value));
            let values = values.collect::<Vec<_>>().join(", ");
            let message =
                format!("`{}` does not say which rows are train and which are test: it holds {values}", column.name);
            let hint =
                "its values should begin with `train`, `valid` and `test`; for others, write [split] by hand".into();
            return Err(problem("split_column", message, hint));
        }
    }
    let draft = Draft { options, schema, profile, task, algorithm, positive };
    Ok(draft.write())
}

/// A first recipe for pictures, which only networks learn from.
fn pictures(
    options: &StarterOptions,
    picture: &ColumnSchema,
    target: &ColumnProfile,
    (profile, images): (&Profile, &ImagesProfile),
) -> Result<String, Problems> {
    let problem = |field: &str, message: String, hint: &str| {
        Problems(vec![Problem { line: None, field: field.into(), message, hint: hint.into() }])
    };
    if let Some(algorithm) = options.algorithm.as_deref().filter(|algorithm| *algorithm != "network") {
        let message = format!("`{algorithm}` cannot learn from pictures");
        return Err(problem("algorithm", message, "use `network`"));
    }
    let numeric = matches!(target.column_type, ColumnType::Integer | ColumnType::Number);
    let task = match target.distinct {
        1.. if target.column_type == ColumnType::Boxes => Task::Detection,
        0 | 1 => {
            return Err(problem(
                "target",
                format!("`{}` has fewer than two values", target.name),
                "choose another target",
            ));
        }
        count if count <= MAX_CLASSES => Task::Multiclass,
        _ if numeric => Task::Regression,
        count => {
            let message = format!("`{}` has {count} texts: too many classes, and no number", target.name);
            return Err(problem("target", message, "choose another target"));
        }
    };
    Ok(super::starter_pictures::write(options, &picture.name, task, profile, images))
}

fn task_of(target: &ColumnProfile) -> Result<Task, String> {
    match target.distinct {
        0 | 1 => Err(format!("`{}` has fewer than two values", target.name)),
        2 => Ok(Task::Binary),
        _ if matches!(target.column_type, ColumnType::Integer | ColumnType::Number) => Ok(Task::Regression),
        count if count <= MAX_CLASSES => Ok(Task::Multiclass),
        count => Err(format!("`{}` has {count} texts: too many classes, and no number", target.name)),
    }
}

/// The positive class: as asked, else the rarer one, on a tie the last in order.
fn positive_of(target: &ColumnProfile, asked: Option<&str>, task: Task) -> Result<Option<String>, String> {
    if task != Task::Binary {
        return Ok(None);
    }
    let values = || target.frequent.iter().map(|entry| entry.value.as_str());
    if let Some(asked) = asked {
        let known = values().find(|value| *value == asked).map(str::to_owned);
        return known.map(Some).ok_or_else(|| suggest::hint(asked, values().collect::<Vec<_>>()));
    }
    let rarer = target.frequent.iter().rev().min_by_key(|entry| entry.count);
    Ok(rarer.map(|entry| entry.value.clone()))
}

/// How values of a split column that mean the training, validation and test part begin.
pub(super) const TRAINING: [&str; 1] = ["train"];
pub(super) const VALIDATION: [&str; 3] = ["valid", "dev", "eval"];
pub(super) const TEST: [&str; 3] = ["test", "holdout", "hold-out"];

pub(super) fn means(value: &str, beginnings: &[&str]) -> bool {
    let value = value.to_lowercase();
    beginnings.iter().any(|beginning| value.starts_with(beginning))
}

/// A column that holds nothing but the names of parts would give the split away to the model.
fn looks_like_a_split(column: &ColumnProfile) -> Option<String> {
    let is_part = |value: &str| [&TRAINING[..], &VALIDATION, &TEST].iter().any(|words| means(value, words));
    let values = || column.frequent.iter().map(|entry| entry.value.as_str());
    let all = column.distinct >= 2 && column.distinct <= 3 && values().all(is_part);
    all.then(|| format!("looks like a split; to use it: --split-column {}", column.name))
}

/// How a column of long texts is read: Chinese by characters, which need no dictionary and do as well as words.
fn long_text(column: &ColumnProfile, profile: &TextProfile, text: &mut String) {
    let key = key(&column.name);
    let _ = writeln!(text, "\n[preprocessing.columns.{key}]");
    let _ = writeln!(text, "encode = \"tfidf\"               # weights of the text's terms");
    duplicates(profile, text);
    let _ = writeln!(text, "\n[preprocessing.columns.{key}.tfidf]");
    if is_without_blanks(profile) {
        let _ = writeln!(text, "tokens = \"characters\"          # \"jieba\" looks for Chinese words");
        let _ = writeln!(text, "normalise = \"nfkc\"             # full-width letters and digits become ordinary ones");
    } else {
        let _ = writeln!(text, "tokens = \"words\"");
    }
    let _ = writeln!(text, "max_ngram = 2                  # single tokens and pairs of them");
    let _ = writeln!(text, "min_df = 2                     # what stands in one text only is left out");
    let _ = writeln!(text, "sublinear_tf = true            # the tenth time says less than the first");
}

/// How a column of long texts is read word after word.
fn sequence(column: &ColumnProfile, profile: &TextProfile, text: &mut String) {
    let _ = writeln!(text, "\n[preprocessing.columns.{}]", key(&column.name));
    let _ = writeln!(text, "encode = \"sequence\"            # a number for each word");
    duplicates(profile, text);
    let (tokens, lengths) =
        if is_without_blanks(profile) { ("characters", &profile.characters) } else { ("keras_words", &profile.words) };
    // Nineteen of twenty texts are read whole; a mean over more padding would say little of the short ones.
    let most = lengths.iter().find(|quantile| quantile.q >= 0.9).map_or(200.0, |quantile| quantile.value);
    let length = most.ceil().clamp(8.0, 400.0);
    let _ = writeln!(
        text,
        "sequence = {{ tokens = {tokens:?}, vocabulary = 10000, length = {length} }}   # of a longer text the end is read"
    );
}

fn duplicates(profile: &TextProfile, text: &mut String) {
    if profile.duplicates > 0 {
        let _ = writeln!(
            text,
            "drop_duplicates = true         # {} rows repeat the text of an earlier one",
            profile.duplicates
        );
    }
}

fn is_without_blanks(profile: &TextProfile) -> bool {
    profile.scripts.first().is_some_and(|share| matches!(share.name.as_str(), "Han" | "Kana" | "Thai"))
}

/// A name as a part of a TOML key.
fn key(name: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

struct Draft<'a> {
    options: &'a StarterOptions,
    schema: &'a Schema,
    profile: &'a Profile,
    task: Task,
    algorithm: &'a str,
    positive: Option<String>,
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Draft<'_> {
    fn write(&self) -> String {
        let mut text = String::new();
        self.head(&mut text);
        self.split(&mut text);
        self.preprocessing(&mut text);
        self.algorithm(&mut text);
        text
    }

    fn head(&self, text: &mut String) {
        let (task, metric) = match self.task {
            Task::Binary => ("binary", "roc_auc"),
            Task::Multiclass => ("multiclass", "accuracy"),
            Task::Regression => ("regression", "rmse"),
            Task::Detection => ("detection", "map_50_95"),
            // Of a target there is none: no starter is written for it.
            Task::Embedding => ("embedding", "loss"),
        };
        let _ = writeln!(
            text,
            "# What to make, from which data. `meuse recipe check FILE` reads it, `meuse train FILE --model NAME` runs it."
        );
        let _ = writeln!(text, "dataset = {}", quoted(&self.options.dataset));
        let _ = writeln!(text, "task = {task:?}");
        let _ = writeln!(text, "target = {}", quoted(&self.options.target));
        if let Some(positive) = &self.positive {
            let _ =
                writeln!(text, "positive = {}            # the class whose probability is predicted", quoted(positive));
        }
        let metric_line = format!(
            "metric = {metric:?}             # versions are chosen by it, on rows that the model did not learn from\nseed = 42"
        );
        if let Some((column, _)) = self.sequence() {
            let _ =
                writeln!(text, "keep = [{}]               # the network reads this column only", quoted(&column.name));
            let _ = writeln!(text, "{metric_line}");
            return;
        }
        let dropped = self.dropped();
        let list = dropped.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ");
        for (name, reason) in &dropped {
            let _ = writeln!(text, "# {name}: {reason}");
        }
        let _ = writeln!(text, "drop = [{list}]");
        let _ = writeln!(text, "{metric_line}");
    }

    /// The column of long texts that a network reads word after word, alone: the first one that there is.
    fn sequence(&self) -> Option<(&ColumnProfile, &TextProfile)> {
        let is_other = |name: &str| name != self.options.target && Some(name) != self.options.split_column.as_deref();
        let mut columns = self.profile.columns.iter().filter(|column| is_other(&column.name));
        columns.find_map(|column| Some((column, column.text.as_ref()?))).filter(|_| self.algorithm == "network")
    }

    /// Columns that a first recipe leaves out, and why.
    fn dropped(&self) -> Vec<(&str, String)> {
        let is_other = |name: &str| name != self.options.target && Some(name) != self.options.split_column.as_deref();
        let columns = self.profile.columns.iter().filter(|column| is_other(&column.name));
        columns.filter_map(|column| self.reason_to_drop(column).map(|reason| (column.name.as_str(), reason))).collect()
    }

    fn reason_to_drop(&self, column: &ColumnProfile) -> Option<String> {
        let values = self.profile.rows - column.missing;
        if let Some(reason) = looks_like_a_split(column) {
            return Some(reason);
        }
        let is_text = self.schema.column(&column.name).is_some_and(|column| !column.column_type.is_numeric());
        if column.distinct == 0 {
            return Some("has no values".into());
        }
        if column.distinct == 1 && column.missing == 0 {
            return Some("has one value only".into());
        }
        if column.text.is_some() && self.is_linear() {
            return None;
        }
        if column.text.is_some() {
            return Some(format!(
                "holds long texts, which {} does not read (logistic_regression does)",
                self.algorithm
            ));
        }
        if is_text && column.distinct > MAX_STARTER_CATEGORIES {
            return Some(format!("has {} different texts, more names than categories", column.distinct));
        }
        let counts_up = column.column_type == ColumnType::Integer && column.distinct == values && values > 20;
        let dense = column.numeric.as_ref().is_some_and(|numeric| numeric.max - numeric.min + 1.0 == values as f64);
        (counts_up && dense && column.missing == 0).then(|| "counts the rows, like an identifier".into())
    }

    fn is_linear(&self) -> bool {
        self.algorithm.ends_with("_regression")
    }

    /// The columns of long texts that are learnt from.
    fn long_texts(&self) -> impl Iterator<Item = (&ColumnProfile, &TextProfile)> {
        let is_other = |name: &str| name != self.options.target && Some(name) != self.options.split_column.as_deref();
        let columns = self.profile.columns.iter().filter(move |column| self.is_linear() && is_other(&column.name));
        columns.filter_map(|column| Some((column, column.text.as_ref()?)))
    }

    fn split(&self, text: &mut String) {
        let _ = writeln!(text, "\n[split]");
        if let Some(column) = &self.options.split_column {
            self.split_by_column(column, text);
            return;
        }
        let has_classes = matches!(self.task, Task::Binary | Task::Multiclass);
        let method = if has_classes { "stratified" } else { "random" };
        let _ = writeln!(text, "method = {method:?}");
        let _ = writeln!(text, "validation = 0.2               # share of rows to choose by");
        let _ = writeln!(text, "test = 0.2                     # share of rows to report on, which choose nothing");
    }

    fn split_by_column(&self, column: &str, text: &mut String) {
        let values = self.profile.column(column).map(|column| column.frequent.iter().map(|entry| entry.value.as_str()));
        let values: Vec<&str> = values.into_iter().flatten().collect();
        let those = |beginnings: &[&str]| {
            let matching = values.iter().filter(|value| means(value, beginnings));
            matching.map(|value| quoted(value)).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(text, "method = \"column\"");
        let _ = writeln!(text, "column = {}", quoted(column));
        let _ = writeln!(text, "training = [{}]", those(&TRAINING));
        let _ = writeln!(
            text,
            "validation = [{}]                # none: choices are made by cross-validation inside the training part",
            those(&VALIDATION)
        );
        let _ = writeln!(text, "test = [{}]", those(&TEST));
    }

    fn preprocessing(&self, text: &mut String) {
        if let Some((column, long)) = self.sequence() {
            sequence(column, long, text);
            return;
        }
        let (numeric, words) = match self.algorithm {
            "lightgbm" => (
                "impute = \"keep\"                # trees take missing numbers as they are\nencode = \"none\"",
                "impute = \"keep\"\nencode = \"ordinal\"             # LightGBM treats the codes as categories\nunknown = \"missing\"            # a text not seen in training counts as missing",
            ),
            "scorecard" => (
                "impute = \"keep\"                # missing is a bin of its own\nencode = \"woe\"\nbins = 5                       # the most bins; neighbours are merged until risk rises or falls with the number",
                "impute = \"keep\"\nencode = \"woe\"\nunknown = \"missing\"            # a text not seen in training counts as missing",
            ),
            "network" => (
                "impute = \"median\"\nencode = \"standardise\"",
                "encode = \"embedding\"           # each category has a vector, which is learnt\nunknown = \"missing\"            # a text not seen in training counts as missing",
            ),
            _ => (
                "impute = \"median\"\nencode = \"standardise\"",
                "impute = \"keep\"                # a missing text sets no indicator\nencode = \"one_hot\"\nunknown = \"missing\"            # a text not seen in training counts as missing",
            ),
        };
        let _ = writeln!(text, "\n[preprocessing.numeric]\n{numeric}");
        let _ = writeln!(text, "\n[preprocessing.text]\n{words}");
        for (column, long) in self.long_texts() {
            long_text(column, long, text);
        }
    }

    fn algorithm(&self, text: &mut String) {
        if self.algorithm == "network" {
            self.network(text);
            return;
        }
        let body = match self.algorithm {
            "lightgbm" => {
                "capacity = \"auto\"              # leaves, rate and rounds by cross-validation inside the training part"
            }
            "scorecard" => {
                "base_score = 600               # points at the base odds\nbase_odds = 0.05263157894736842 # 1 : 19, positive : negative\npoints_to_double_odds = 50     # so many points more halve the odds of the positive class\nmin_information_value = 0.02   # weaker columns are left out"
            }
            _ if self.long_texts().next().is_some() => "l2 = 0.1                       # scikit-learn's C is 1 / l2",
            _ => "l1 = 0.0\nl2 = 1.0                       # scikit-learn's C is 1 / l2",
        };
        let _ = writeln!(text, "\n[algorithm]\nname = {:?}\n{body}", self.algorithm);
        if self.algorithm == "lightgbm" && self.task == Task::Binary {
            let _ = writeln!(
                text,
                "class_weight = \"none\"          # \"balanced\" lifts the rarer class, and its probabilities with it"
            );
        }
        if self.algorithm == "lightgbm" {
            let _ = writeln!(
                text,
                "# [algorithm.monotone_constraints]\n# COLUMN = \"increasing\"          # a larger value never lowers the prediction"
            );
        }
    }

    /// A multilayer perceptron; of texts, over the mean of the vectors of their words (A. Joulin and others, Bag of Tricks
    /// for Efficient Text Classification, 2016).
    fn network(&self, text: &mut String) {
        let _ = writeln!(text, "\n[algorithm]\nname = \"network\"\nepochs = 60\nbatch_size = 32\nlayers = [");
        if self.sequence().is_some() {
            let _ = writeln!(text, "  {{ kind = \"embedding\", size = 64 }},\n  {{ kind = \"global_average_pool\" }},");
        }
        let _ = writeln!(text, "  {{ kind = \"dense\", units = 64, activation = \"relu\" }},");
        let _ = writeln!(text, "  {{ kind = \"dropout\", rate = 0.3 }},");
        let classes = self.profile.column(&self.options.target).map_or(2, |column| column.distinct);
        let last = match self.task {
            Task::Multiclass => format!("units = {classes}, activation = \"softmax\" }},  # the classes"),
            Task::Binary => "units = 1, activation = \"sigmoid\" },".to_owned(),
            Task::Regression | Task::Detection | Task::Embedding => "units = 1 },".to_owned(),
        };
        let _ = writeln!(text, "  {{ kind = \"dense\", {last}\n]");
        let _ = writeln!(text, "\n[algorithm.optimizer]\nname = \"adam\"\nlearning_rate = 0.001");
        let _ = writeln!(text, "\n[algorithm.early_stopping]");
        let _ = writeln!(text, "patience = 5                   # epochs without a smaller loss of the validation part");
    }
}
