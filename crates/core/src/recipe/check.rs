//! A recipe against the columns of its dataset: what each column's treatment is, or what is wrong.

mod detection;
mod embeddings;
mod networks;
mod plan;
mod warnings;

pub use plan::{Plan, PlannedColumn, Treatment};
pub use warnings::warnings;

use super::{
    Algorithm, Capacity, ColumnRule, Encode, Fill, Impute, MetricName, NumericEncode, NumericImpute, Parsed, Problem,
    Problems, Recipe, Shares, Split, TextEncode, TextImpute, TreatAs, Unknown,
};
use crate::bundle::Task;
use crate::profile::Profile;
use crate::schema::{ColumnSchema, ColumnType, MAX_CATEGORIES, Schema};
use crate::suggest;

/// The most classes of a task.
pub(super) const MAX_CLASSES: u64 = 1000;
/// The most bins of a column where a recipe does not say.
pub(super) const DEFAULT_BINS: u32 = 5;

impl Parsed {
    /// [`check`], with the line of each problem.
    ///
    /// # Errors
    /// All problems at once.
    pub fn check(&self, schema: &Schema, profile: Option<&Profile>) -> Result<Plan, Problems> {
        check(&self.recipe, schema, profile).map_err(|problems| {
            let located =
                problems.0.into_iter().map(|problem| self.problem(&problem.field, problem.message, problem.hint));
            Problems(located.collect())
        })
    }
}

/// Compares a recipe with the columns of its dataset and, where there is a profile, with what they hold.
///
/// # Errors
/// All problems at once, each with its field and a remedy; lines are known only to [`Parsed::check`].
pub fn check(recipe: &Recipe, schema: &Schema, profile: Option<&Profile>) -> Result<Plan, Problems> {
    let mut checker = Checker { recipe, schema, profile, problems: Vec::new() };
    checker.columns_exist();
    checker.target();
    checker.metric_and_algorithm();
    checker.split();
    checker.lightgbm();
    let mut columns = checker.features();
    let has_sentence = columns.iter().any(|column| matches!(column.treatment, Treatment::Sentence { .. }));
    if has_sentence || matches!(recipe.algorithm, Algorithm::Network(_)) {
        columns.sort_by_key(|column| column.treatment.place());
    }
    if checker.problems.is_empty() && columns.is_empty() {
        checker.report("drop", "no column is left to learn from".into(), "drop fewer columns".into());
    }
    let plan = Plan { columns };
    checker.reads_one_picture(&plan);
    checker.network(&plan);
    checker.skip_gram(&plan);
    checker.words_to_begin_with(&plan);
    if checker.problems.is_empty() { Ok(plan) } else { Err(Problems(checker.problems)) }
}

struct Checker<'a> {
    recipe: &'a Recipe,
    schema: &'a Schema,
    profile: Option<&'a Profile>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn report(&mut self, field: &str, message: String, hint: String) {
        self.problems.push(Problem { line: None, field: field.to_owned(), message, hint });
    }

    fn exists(&mut self, field: &str, column: &str) {
        if self.schema.column(column).is_none() {
            let names: Vec<&str> = self.schema.names().collect();
            let hint = suggest::hint(column, names.iter().copied());
            self.report(field, format!("the dataset has no column `{column}`"), hint);
        }
    }

    fn columns_exist(&mut self) {
        let recipe = self.recipe;
        if recipe.task != Task::Embedding {
            self.exists("target", &recipe.target);
        }
        for (index, column) in recipe.drop.iter().enumerate() {
            self.exists(&format!("drop[{index}]"), column);
        }
        for (index, column) in recipe.keep.iter().enumerate() {
            self.exists(&format!("keep[{index}]"), column);
        }
        for column in recipe.preprocessing.columns.keys() {
            self.exists(&format!("preprocessing.columns.{column}"), column);
        }
        if let Split::Column(split) = &recipe.split {
            self.exists("split.column", &split.column);
        }
        if recipe.drop.contains(&recipe.target) {
            self.report("drop", "the target cannot be dropped".into(), format!("remove `{}`", recipe.target));
        }
    }

    fn target(&mut self) {
        let recipe = self.recipe;
        if recipe.task == Task::Embedding {
            return self.no_target();
        }
        let Some(column) = self.schema.column(&recipe.target) else { return };
        self.boxes_and_their_task(column);
        match recipe.task {
            Task::Detection => self.detection_target(column),
            Task::Regression => self.regression_target(column),
            Task::Binary => self.binary_target(column),
            Task::Multiclass => self.several_classes(column),
            Task::Embedding => {}
        }
        let threshold = recipe.threshold;
        if !(0.0..=1.0).contains(&threshold) {
            self.report("threshold", format!("{threshold} is not a probability"), "write a number from 0 to 1".into());
        }
    }

    fn regression_target(&mut self, column: &ColumnSchema) {
        if !column.column_type.is_numeric() {
            let message = format!(
                "`{}` is of type {}, and a regression predicts a number",
                column.name,
                column.column_type.word()
            );
            let hint = "choose a column of numbers, or task = \"binary\" or \"multiclass\"";
            self.report("target", message, hint.into());
        }
        if self.recipe.positive.is_some() {
            self.report("positive", "a regression has no positive class".into(), "remove the line".into());
        }
    }

    fn binary_target(&mut self, column: &ColumnSchema) {
        let distinct = self.profile.and_then(|profile| profile.column(&column.name)).map(|column| column.distinct);
        let classes = self.classes(&column.name);
        match distinct {
            Some(0 | 1) => {
                let message = format!("`{}` has one class only, so there is nothing to tell apart", column.name);
                self.report("target", message, "choose a column with two values".into());
                return;
            }
            Some(count) if count > 2 => {
                let message = format!("`{}` has {count} different values, and a binary task has two", column.name);
                let task =
                    if column.column_type.is_numeric() { "\"multiclass\" or \"regression\"" } else { "\"multiclass\"" };
                self.report("target", message, format!("choose another target, or task = {task}"));
                return;
            }
            _ => {}
        }
        let list = classes.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(" or ");
        let written = classes.iter().map(|class| format!("{class:?}")).collect::<Vec<_>>().join(" or ");
        match &self.recipe.positive {
            None => self.report(
                "positive",
                "a binary task names its positive class".into(),
                if classes.is_empty() { "add positive = …".to_owned() } else { format!("add positive = {written}") },
            ),
            Some(positive) if !classes.is_empty() && !classes.contains(positive) => {
                let message = format!("`{}` has no value `{positive}`", column.name);
                self.report("positive", message, format!("its values: {list}"));
            }
            Some(_) => {}
        }
    }

    fn several_classes(&mut self, column: &ColumnSchema) {
        if self.recipe.positive.is_some() {
            self.report("positive", "a task of several classes has no positive one".into(), "remove the line".into());
        }
        if column.column_type == ColumnType::Image {
            self.report("target", "a picture cannot be predicted".into(), "name the column of labels".into());
        }
        let distinct = self.profile.and_then(|profile| profile.column(&column.name)).map(|column| column.distinct);
        let Some(count) = distinct else { return };
        if count < 2 {
            let message = format!("`{}` has one class only, so there is nothing to tell apart", column.name);
            self.report("target", message, "choose a column with several values".into());
        } else if count > MAX_CLASSES {
            let message =
                format!("`{}` has {count} different values, and at most {MAX_CLASSES} can be told apart", column.name);
            self.report("target", message, "choose another target, or task = \"regression\"".into());
        }
    }

    /// The values of a column that has few: from the profile's most frequent values.
    fn classes(&self, column: &str) -> Vec<String> {
        let profile = self.profile.and_then(|profile| profile.column(column));
        let frequent = profile.map(|column| column.frequent.iter().map(|entry| entry.value.clone()).collect());
        let categories = || self.schema.column(column).and_then(|column| column.categories.clone());
        frequent.or_else(categories).unwrap_or_default()
    }

    fn metric_and_algorithm(&mut self) {
        let recipe = self.recipe;
        let allowed = MetricName::of(recipe.task);
        if let Some(metric) = recipe.metric.filter(|metric| !allowed.contains(metric)) {
            let list = allowed.iter().map(|metric| format!("`{}`", metric.word())).collect::<Vec<_>>().join(", ");
            self.report(
                "metric",
                format!("`{}` is not a metric of this task", metric.word()),
                format!("allowed: {list}"),
            );
        }
        let fits = match recipe.algorithm {
            Algorithm::LogisticRegression(_) | Algorithm::Scorecard(_) => recipe.task == Task::Binary,
            Algorithm::LinearRegression(_) => recipe.task == Task::Regression,
            Algorithm::Lightgbm(_) => !matches!(recipe.task, Task::Multiclass | Task::Detection),
            Algorithm::Network(_) => recipe.task != Task::Embedding,
            Algorithm::SkipGram(_) => recipe.task == Task::Embedding,
        };
        if !fits {
            let (task, other) = match recipe.task {
                Task::Binary => ("binary", "`logistic_regression`, `scorecard`, `lightgbm` or `network`"),
                Task::Multiclass => ("multiclass", "`network`"),
                Task::Regression => ("regression", "`linear_regression`, `lightgbm` or `network`"),
                Task::Detection => ("detection", "`network`"),
                Task::Embedding => ("embedding", "`skip_gram`"),
            };
            let message = format!("`{}` cannot do a {task} task", recipe.algorithm.name());
            self.report("algorithm.name", message, format!("use {other}"));
        }
    }

    fn split(&mut self) {
        let recipe = self.recipe;
        match &recipe.split {
            Split::Random(shares) => self.shares(*shares),
            Split::Stratified(shares) => {
                self.shares(*shares);
                let without_classes = match recipe.task {
                    Task::Binary | Task::Multiclass => None,
                    Task::Regression => Some("a stratified split needs classes, and a regression has none"),
                    Task::Embedding => Some("a stratified split needs classes, and an embedding has none"),
                    Task::Detection => Some("a stratified split needs one class for each row, and a picture has boxes"),
                };
                if let Some(message) = without_classes {
                    self.report("split.method", message.into(), "use method = \"random\"".into());
                }
            }
            Split::Column(split) if split.column == recipe.target => {
                self.report("split.column", "the target cannot say the split".into(), "name another column".into());
            }
            Split::Column(split) => {
                for (field, list) in [("split.training", &split.training), ("split.test", &split.test)] {
                    if list.is_empty() {
                        self.report(field, "the list is empty".into(), "name at least one value of the column".into());
                    }
                }
            }
        }
    }

    fn shares(&mut self, shares: Shares) {
        if shares.validation + shares.test > 0.95 {
            let message = format!("validation and test take {} of the rows", shares.validation + shares.test);
            self.report("split", message, "leave at least 0.05 for the training part".into());
        }
        if shares.test <= 0.0 {
            self.report("split.test", "without a test part nothing can be reported".into(), "write 0.2".into());
        }
    }

    fn lightgbm(&mut self) {
        let Algorithm::Lightgbm(parameters) = &self.recipe.algorithm else { return };
        let constraints: Vec<String> = parameters.monotone_constraints.keys().cloned().collect();
        for column in constraints {
            let field = format!("algorithm.monotone_constraints.{column}");
            self.exists(&field, &column);
            if self.schema.column(&column).is_some_and(|column| !column.column_type.is_numeric()) {
                let hint = "only a column of numbers can rise".into();
                self.report(&field, format!("`{column}` is a text column"), hint);
            }
        }
        if parameters.capacity == Capacity::Manual {
            return;
        }
        let given = [
            ("num_iterations", parameters.num_iterations.is_some()),
            ("learning_rate", parameters.learning_rate.is_some()),
            ("num_leaves", parameters.num_leaves.is_some()),
            ("max_depth", parameters.max_depth.is_some()),
            ("min_data_in_leaf", parameters.min_data_in_leaf.is_some()),
            ("feature_fraction", parameters.feature_fraction.is_some()),
            ("bagging_fraction", parameters.bagging_fraction.is_some()),
            ("lambda_l1", parameters.lambda_l1.is_some()),
            ("lambda_l2", parameters.lambda_l2.is_some()),
            ("max_bin", parameters.max_bin.is_some()),
            ("early_stopping_round", parameters.early_stopping_round.is_some()),
        ];
        for (name, _) in given.into_iter().filter(|(_, given)| *given) {
            let hint = "set capacity = \"manual\", or remove the line".into();
            self.report(&format!("algorithm.{name}"), "capacity = \"auto\" chooses this one".into(), hint);
        }
    }

    fn is_feature(&self, name: &str) -> bool {
        let recipe = self.recipe;
        let split_column = match &recipe.split {
            Split::Column(split) => Some(split.column.as_str()),
            _ => None,
        };
        let kept = recipe.keep.is_empty() || recipe.keep.iter().any(|keep| keep == name);
        let dropped = recipe.drop.iter().any(|drop| drop == name);
        name != recipe.target && Some(name) != split_column && kept && !dropped
    }

    fn features(&mut self) -> Vec<PlannedColumn> {
        let schema = self.schema;
        let columns: Vec<&ColumnSchema> =
            schema.columns.iter().filter(|column| self.is_feature(&column.name)).collect();
        columns.into_iter().filter_map(|column| self.feature(column)).collect()
    }

    fn feature(&mut self, column: &ColumnSchema) -> Option<PlannedColumn> {
        let none = ColumnRule::default();
        let rule = self.recipe.preprocessing.columns.get(&column.name).unwrap_or(&none);
        let field = format!("preprocessing.columns.{}", column.name);
        if column.column_type == ColumnType::Boxes {
            let message = format!("`{}` holds boxes, and nothing can be learnt from them", column.name);
            let hint =
                format!("add \"{0}\" to drop; to learn the boxes: task = \"detection\", target = \"{0}\"", column.name);
            self.report("drop", message, hint);
            return None;
        }
        if column.column_type == ColumnType::Image || rule.encode == Some(Encode::Image) {
            let treatment = self.picture(column, rule, &field)?;
            return Some(PlannedColumn { name: column.name.clone(), column_type: column.column_type, treatment });
        }
        for (name, given) in [("image", rule.image.is_some()), ("augmentation", rule.augmentation.is_some())] {
            if given {
                let message = format!("`{}` holds no pictures", column.name);
                self.report(&format!("{field}.{name}"), message, "remove it".into());
            }
        }
        let as_text = match rule.treat_as {
            Some(treat) => treat == TreatAs::Text,
            None => !column.column_type.is_numeric(),
        };
        if !as_text && !column.column_type.is_numeric() {
            let hint = "remove treat_as, or drop the column".into();
            self.report(&format!("{field}.treat_as"), "a text column cannot be treated as numbers".into(), hint);
            return None;
        }
        if rule.drop_duplicates == Some(true) && column.column_type.is_numeric() {
            let hint = "remove the line: equal numbers are no duplicates".into();
            self.report(&format!("{field}.drop_duplicates"), "this is for columns of texts".into(), hint);
        }
        if rule.encode == Some(Encode::Tfidf) {
            let treatment = self.long_text(column, rule, &field)?;
            return Some(PlannedColumn { name: column.name.clone(), column_type: column.column_type, treatment });
        }
        // Word vectors are learnt from nothing else.
        let reads_words = matches!(self.recipe.algorithm, Algorithm::SkipGram(_)) && rule.encode.is_none();
        if rule.encode == Some(Encode::Sequence) || reads_words {
            let treatment = self.sequence(column, rule, &field)?;
            return Some(PlannedColumn { name: column.name.clone(), column_type: column.column_type, treatment });
        }
        if rule.encode == Some(Encode::Sentence) {
            let treatment = self.sentence(column, rule, &field)?;
            return Some(PlannedColumn { name: column.name.clone(), column_type: column.column_type, treatment });
        }
        if rule.sentence.is_some() {
            let hint = "add encode = \"sentence\", or remove it".into();
            self.report(&format!("{field}.sentence"), "it belongs to encode = \"sentence\"".into(), hint);
        }
        if rule.sequence.is_some() {
            let hint = "add encode = \"sequence\", or remove it".into();
            self.report(&format!("{field}.sequence"), "it belongs to encode = \"sequence\"".into(), hint);
        }
        if rule.tfidf.is_some() {
            let hint = "add encode = \"tfidf\", or remove it".into();
            self.report(&format!("{field}.tfidf"), "it belongs to encode = \"tfidf\"".into(), hint);
        }
        let treatment = if as_text { self.text(column, rule, &field)? } else { self.numeric(rule, &field)? };
        Some(PlannedColumn { name: column.name.clone(), column_type: column.column_type, treatment })
    }

    fn numeric(&mut self, rule: &ColumnRule, field: &str) -> Option<Treatment> {
        let general = &self.recipe.preprocessing.numeric;
        let encode = match rule.encode {
            None => general.encode,
            Some(Encode::None) => Some(NumericEncode::None),
            Some(Encode::Standardise) => Some(NumericEncode::Standardise),
            Some(Encode::QuantileBins) => Some(NumericEncode::QuantileBins),
            Some(Encode::Woe) => Some(NumericEncode::Woe),
            Some(_) => {
                let hint = "use `none`, `standardise`, `quantile_bins` or `woe`, or add treat_as = \"text\"".into();
                self.report(&format!("{field}.encode"), "this is an encoding of text".into(), hint);
                return None;
            }
        };
        let impute = match rule.impute {
            None => general.impute,
            Some(Impute::Keep) => Some(NumericImpute::Keep),
            Some(Impute::Mean) => Some(NumericImpute::Mean),
            Some(Impute::Median) => Some(NumericImpute::Median),
            Some(Impute::Constant) => Some(NumericImpute::Constant),
            Some(Impute::Refuse) => Some(NumericImpute::Refuse),
            Some(Impute::MostFrequent) => {
                self.report(&format!("{field}.impute"), "this is a rule for text".into(), "use `median`".into());
                return None;
            }
        };
        let (default_impute, default_encode) = match self.recipe.algorithm {
            Algorithm::Lightgbm(_) => (NumericImpute::Keep, NumericEncode::None),
            Algorithm::Scorecard(_) => (NumericImpute::Keep, NumericEncode::Woe),
            _ => (NumericImpute::Median, NumericEncode::Standardise),
        };
        let encode = encode.unwrap_or(default_encode);
        let binned = matches!(encode, NumericEncode::QuantileBins | NumericEncode::Woe);
        let impute = impute.unwrap_or(if binned { NumericImpute::Keep } else { default_impute });
        let fill = match &rule.fill {
            Some(Fill::Number(number)) => Some(*number),
            Some(Fill::Text(_)) => {
                self.report(
                    &format!("{field}.fill"),
                    "a column of numbers is filled with a number".into(),
                    String::new(),
                );
                return None;
            }
            None => general.fill,
        };
        self.fill(field, impute == NumericImpute::Constant, fill.is_some_and(f64::is_finite));
        self.encoding(field, encode == NumericEncode::Woe, encode == NumericEncode::Woe);
        let sums = self.sums();
        if sums && impute == NumericImpute::Keep && !binned {
            let hint = "use impute = \"median\", or encode = \"quantile_bins\"".into();
            self.report(
                &format!("{field}.impute"),
                "a linear model or a network cannot keep missing numbers".into(),
                hint,
            );
        }
        if let Some(breaks) = &rule.breaks {
            self.breaks(field, breaks, binned);
        }
        let bins = rule.bins.or(general.bins).unwrap_or(DEFAULT_BINS);
        Some(Treatment::Numeric { impute, fill: fill.unwrap_or(0.0), encode, bins, breaks: rule.breaks.clone() })
    }

    fn text(&mut self, column: &ColumnSchema, rule: &ColumnRule, field: &str) -> Option<Treatment> {
        let general = &self.recipe.preprocessing.text;
        let encode = match rule.encode {
            None => general.encode,
            Some(Encode::OneHot) => Some(TextEncode::OneHot),
            Some(Encode::Ordinal) => Some(TextEncode::Ordinal),
            Some(Encode::Woe) => Some(TextEncode::Woe),
            Some(Encode::Embedding) => Some(TextEncode::Embedding),
            Some(_) => {
                let hint = "use `one_hot`, `ordinal`, `embedding`, `woe`, `tfidf`, `sequence` or `sentence`".into();
                self.report(&format!("{field}.encode"), "this is an encoding of numbers".into(), hint);
                return None;
            }
        };
        let impute = match rule.impute {
            None => general.impute,
            Some(Impute::Keep) => Some(TextImpute::Keep),
            Some(Impute::MostFrequent) => Some(TextImpute::MostFrequent),
            Some(Impute::Constant) => Some(TextImpute::Constant),
            Some(Impute::Refuse) => Some(TextImpute::Refuse),
            Some(_) => {
                self.report(
                    &format!("{field}.impute"),
                    "this is a rule for numbers".into(),
                    "use `most_frequent`".into(),
                );
                return None;
            }
        };
        let default_encode = match self.recipe.algorithm {
            Algorithm::Lightgbm(_) => TextEncode::Ordinal,
            Algorithm::Scorecard(_) => TextEncode::Woe,
            _ => TextEncode::OneHot,
        };
        let encode = encode.unwrap_or(default_encode);
        if encode == TextEncode::Embedding && !matches!(self.recipe.algorithm, Algorithm::Network(_)) {
            let message = format!("`{}` learns no vectors of categories", self.recipe.algorithm.name());
            self.report(&format!("{field}.encode"), message, "use `one_hot`, or name = \"network\"".into());
        }
        let impute = impute.unwrap_or(TextImpute::Keep);
        let fill = match &rule.fill {
            Some(Fill::Text(text)) => Some(text.clone()),
            Some(Fill::Number(number)) => Some(number.to_string()),
            None => general.fill.clone(),
        };
        self.fill(field, impute == TextImpute::Constant, fill.is_some());
        self.encoding(field, encode == TextEncode::Woe, encode == TextEncode::Woe);
        let sums = self.sums();
        if sums && encode == TextEncode::Ordinal && impute == TextImpute::Keep {
            let hint = "use impute = \"most_frequent\", or encode = \"one_hot\"".into();
            self.report(
                &format!("{field}.impute"),
                "a linear model or a network cannot keep a missing code".into(),
                hint,
            );
        }
        if !column.column_type.is_numeric() && column.categories.is_none() && rule.groups.is_none() {
            let message =
                format!("`{}` has more than {MAX_CATEGORIES} different texts, or very long ones", column.name);
            let linear =
                matches!(self.recipe.algorithm, Algorithm::LinearRegression(_) | Algorithm::LogisticRegression(_));
            let read = if linear {
                format!("or read it as text: [{field}] encode = \"tfidf\"")
            } else {
                format!("or read it as text: name = \"logistic_regression\" with [{field}] encode = \"tfidf\"")
            };
            self.report("drop", message, format!("add \"{}\" to drop, {read}", column.name));
        }
        Some(Treatment::Text {
            impute,
            fill: fill.unwrap_or_default(),
            encode,
            unknown: rule.unknown.or(general.unknown).unwrap_or(Unknown::Missing),
            bins: rule.bins.unwrap_or(DEFAULT_BINS),
            groups: rule.groups.clone(),
            order: rule.order.clone(),
        })
    }

    fn fill(&mut self, field: &str, constant: bool, given: bool) {
        if constant && !given {
            self.report(&format!("{field}.fill"), "impute = \"constant\" needs a value".into(), "add fill = …".into());
        }
    }

    fn encoding(&mut self, field: &str, is_woe: bool, allowed_for_scorecard: bool) {
        if is_woe && self.recipe.task != Task::Binary {
            let hint = "use `quantile_bins` or `one_hot`".into();
            self.report(&format!("{field}.encode"), "weight of evidence needs two classes".into(), hint);
        }
        if matches!(self.recipe.algorithm, Algorithm::Scorecard(_)) && !allowed_for_scorecard {
            let hint = "use encode = \"woe\", or leave it out".into();
            self.report(&format!("{field}.encode"), "a scorecard is made of weights of evidence".into(), hint);
        }
    }

    fn breaks(&mut self, field: &str, breaks: &[f64], binned: bool) {
        let field = format!("{field}.breaks");
        if !binned {
            let hint = "add encode = \"quantile_bins\" or \"woe\"".into();
            self.report(&field, "breaks belong to an encoding with bins".into(), hint);
        }
        if let Some(wrong) = breaks.iter().find(|edge| !edge.is_finite()) {
            self.report(
                &field,
                format!("`{wrong}` is not a finite number"),
                "remove it; the outer bins are open".into(),
            );
            return;
        }
        if breaks.is_empty() || breaks.windows(2).any(|pair| pair[0] >= pair[1]) {
            self.report(&field, "the breaks do not ascend".into(), "write them from low to high, each once".into());
        }
    }
}
