//! What is asked of columns of long texts and pictures, and of the network that reads them.

use super::{Checker, Plan, Treatment};
use crate::bundle::Task;
use crate::recipe::network::Network;
use crate::recipe::text::is_folder_name;
use crate::recipe::{Algorithm, ColumnRule, Encode, Impute, Sequence, Shares, Split};
use crate::schema::{ColumnSchema, ColumnType};

impl Checker<'_> {
    pub(super) fn sequence(&mut self, column: &ColumnSchema, rule: &ColumnRule, field: &str) -> Option<Treatment> {
        if column.column_type.is_numeric() {
            let message =
                format!("`{}` is of type {}, and a sequence reads texts", column.name, column.column_type.word());
            self.report(&format!("{field}.encode"), message, "choose a text column, or another encoding".into());
            return None;
        }
        let min_count = if let Algorithm::SkipGram(parameters) = &self.recipe.algorithm {
            parameters.min_count
        } else {
            self.only_networks(column);
            1
        };
        self.strangers(rule, field, "sequence");
        if !matches!(rule.impute, None | Some(Impute::Keep | Impute::Refuse)) {
            let message = "a missing text is an empty one, or refused".into();
            self.report(&format!("{field}.impute"), message, "use `keep` or `refuse`".into());
        }
        let sequence = rule.sequence.clone().unwrap_or_default();
        if let Some(name) = &sequence.tokenizer {
            self.folder_of_pretrained(&format!("{field}.sequence.tokenizer"), name);
            let usual = Sequence::default();
            let others = [
                ("tokens", sequence.tokens != usual.tokens),
                ("normalise", sequence.normalise != usual.normalise),
                ("lowercase", sequence.lowercase != usual.lowercase),
            ];
            for (name, _) in others.into_iter().filter(|(_, given)| *given) {
                let message = "the tokenizer normalises and cuts by its own rules".into();
                self.report(&format!("{field}.sequence.{name}"), message, "remove it, or `tokenizer`".into());
            }
        }
        Some(Treatment::Sequence { refuse_missing: rule.impute == Some(Impute::Refuse), sequence, min_count })
    }

    pub(super) fn picture(&mut self, column: &ColumnSchema, rule: &ColumnRule, field: &str) -> Option<Treatment> {
        if column.column_type != ColumnType::Image {
            let message = format!("`{}` is of type {}, and holds no pictures", column.name, column.column_type.word());
            self.report(
                &format!("{field}.encode"),
                message,
                "import the pictures themselves: `meuse data import`".into(),
            );
            return None;
        }
        self.only_networks(column);
        self.strangers(rule, field, "image");
        if !matches!(rule.encode, None | Some(Encode::Image)) {
            let message = format!("`{}` holds pictures", column.name);
            self.report(&format!("{field}.encode"), message, "use encode = \"image\"".into());
        }
        if !matches!(rule.impute, None | Some(Impute::Refuse)) {
            let message = "nothing stands in for a picture".into();
            self.report(&format!("{field}.impute"), message, "remove the line: rows without one are refused".into());
        }
        let Some(image) = rule.image.clone() else {
            let hint = format!("add [{field}.image] with width = 28 and height = 28, say");
            self.report(&format!("{field}.image"), "it says nothing of the size that the model sees".into(), hint);
            return None;
        };
        let channels = image.colour.channels();
        for (name, values) in [("mean", &image.mean), ("deviation", &image.deviation)] {
            let usable = values.iter().all(|value| value.is_finite() && (name == "mean" || *value != 0.0));
            if !values.is_empty() && (values.len() != channels || !usable) {
                let message = format!("it has {} numbers", values.len());
                let hint = format!("write {channels} finite ones, one per channel; no deviation is 0");
                self.report(&format!("{field}.image.{name}"), message, hint);
            }
        }
        let augmentation = rule.augmentation.clone().unwrap_or_default();
        for problem in augmentation.problems() {
            self.report(
                &format!("{field}.augmentation.{}", problem.field),
                problem.reason,
                "choose one in between".into(),
            );
        }
        if augmentation.mix_up > 0.0 && self.recipe.task != Task::Multiclass {
            let message = "labels are mixed between several classes only".into();
            self.report(
                &format!("{field}.augmentation.mix_up"),
                message,
                "remove it, or use task = \"multiclass\"".into(),
            );
        }
        self.picture_with_boxes(field, &image, &augmentation);
        Some(Treatment::Picture { image, augmentation })
    }

    pub(super) fn only_networks(&mut self, column: &ColumnSchema) {
        if matches!(self.recipe.algorithm, Algorithm::Network(_)) {
            return;
        }
        let what = if column.column_type == ColumnType::Image { "pictures" } else { "sequences of words" };
        let message = format!("`{}` cannot learn from {what}", self.recipe.algorithm.name());
        self.report("algorithm.name", message, format!("use `network`, or drop `{}`", column.name));
    }

    pub(super) fn sentence(&mut self, column: &ColumnSchema, rule: &ColumnRule, field: &str) -> Option<Treatment> {
        if column.column_type.is_numeric() {
            let word = column.column_type.word();
            let message = format!("`{}` is of type {word}, and sentence reads texts", column.name);
            self.report(&format!("{field}.encode"), message, "choose a text column, or another encoding".into());
            return None;
        }
        if !matches!(self.recipe.algorithm, Algorithm::LinearRegression(_) | Algorithm::LogisticRegression(_)) {
            let message = format!("`{}` cannot learn from the vectors of texts", self.recipe.algorithm.name());
            let name = if self.recipe.task == Task::Binary { "logistic_regression" } else { "linear_regression" };
            self.report("algorithm.name", message, format!("use `{name}`, or drop `{}`", column.name));
        }
        let is_another = |(name, rule): (&String, &ColumnRule)| {
            rule.encode == Some(Encode::Sentence) && *name < column.name && self.is_feature(name)
        };
        if self.recipe.preprocessing.columns.iter().any(is_another) {
            let message = "one column becomes a vector already, and a second one would need a second model".into();
            self.report(&format!("{field}.encode"), message, "encode it as `tfidf`, or drop it".into());
        }
        self.strangers(rule, field, "sentence");
        if !matches!(rule.impute, None | Some(Impute::Keep | Impute::Refuse)) {
            let message = "a missing text is an empty one, or refused".into();
            self.report(&format!("{field}.impute"), message, "use `keep` or `refuse`".into());
        }
        let Some(sentence) = rule.sentence.clone() else {
            let message = "it says nothing of the model that reads the text".into();
            let hint = format!("add [{field}.sentence] with pretrained = \"minilm\", say");
            self.report(&format!("{field}.sentence"), message, hint);
            return None;
        };
        self.folder_of_pretrained(&format!("{field}.sentence.pretrained"), &sentence.pretrained);
        Some(Treatment::Sentence { refuse_missing: rule.impute == Some(Impute::Refuse), sentence })
    }

    fn folder_of_pretrained(&mut self, field: &str, name: &str) {
        if !is_folder_name(name) {
            let message = format!("`{name}` is no name of a folder");
            let hint = "name a folder in the server's folder of pretrained models, by letters, digits, - _ and .";
            self.report(field, message, hint.into());
        }
    }

    /// Rules that mean nothing for an encoding.
    pub(super) fn strangers(&mut self, rule: &ColumnRule, field: &str, encode: &str) {
        let strangers = [
            ("fill", rule.fill.is_some()),
            ("unknown", rule.unknown.is_some()),
            ("bins", rule.bins.is_some()),
            ("breaks", rule.breaks.is_some()),
            ("groups", rule.groups.is_some()),
            ("order", rule.order.is_some()),
            ("tfidf", rule.tfidf.is_some()),
            ("sequence", rule.sequence.is_some()),
            ("sentence", rule.sentence.is_some()),
        ];
        for (name, _) in strangers.into_iter().filter(|(name, given)| *given && *name != encode) {
            let message = format!("it means nothing for encode = \"{encode}\"");
            self.report(&format!("{field}.{name}"), message, "remove it".into());
        }
    }

    pub(super) fn long_text(&mut self, column: &ColumnSchema, rule: &ColumnRule, field: &str) -> Option<Treatment> {
        let encode = format!("{field}.encode");
        if column.column_type.is_numeric() {
            let message = format!("`{}` is of type {}, and tfidf reads texts", column.name, column.column_type.word());
            self.report(&encode, message, "choose a text column, or another encoding".into());
            return None;
        }
        if !matches!(self.recipe.algorithm, Algorithm::LinearRegression(_) | Algorithm::LogisticRegression(_)) {
            let message = format!("`{}` cannot learn from the terms of texts", self.recipe.algorithm.name());
            let name = if self.recipe.task == Task::Binary { "logistic_regression" } else { "linear_regression" };
            self.report("algorithm.name", message, format!("use `{name}`, or drop `{}`", column.name));
        }
        self.strangers(rule, field, "tfidf");
        if !matches!(rule.impute, None | Some(Impute::Keep | Impute::Refuse)) {
            let message = "a missing text is an empty one, or refused".into();
            self.report(&format!("{field}.impute"), message, "use `keep` or `refuse`".into());
        }
        if let Algorithm::LinearRegression(parameters) | Algorithm::LogisticRegression(parameters) =
            &self.recipe.algorithm
        {
            if parameters.l1 > 0.0 {
                let message = "the terms of texts are learnt with an L2 penalty only".into();
                self.report("algorithm.l1", message, "set l1 = 0.0 and use l2".into());
            }
            if parameters.l2 <= 0.0 {
                let message = "with more terms than rows, nothing but a penalty holds the weights".into();
                self.report("algorithm.l2", message, "use l2 > 0: 0.1 is scikit-learn's C = 10".into());
            }
        }
        let tfidf = rule.tfidf.clone().unwrap_or_default();
        if tfidf.min_ngram > tfidf.max_ngram {
            let message = format!("min_ngram = {} is above max_ngram = {}", tfidf.min_ngram, tfidf.max_ngram);
            self.report(&format!("{field}.tfidf.min_ngram"), message, "lower it, or raise max_ngram".into());
        }
        Some(Treatment::LongText { refuse_missing: rule.impute == Some(Impute::Refuse), tfidf })
    }

    /// Whether the model adds up its features, so that a missing one would leave nothing.
    pub(super) fn sums(&self) -> bool {
        matches!(
            self.recipe.algorithm,
            Algorithm::LinearRegression(_) | Algorithm::LogisticRegression(_) | Algorithm::Network(_)
        )
    }

    /// How many numbers a network answers; nothing where the classes are not known before they are read.
    pub(super) fn outputs(&self) -> Option<usize> {
        if !matches!(self.recipe.task, Task::Multiclass | Task::Detection) {
            return Some(1);
        }
        let column = self.schema.column(&self.recipe.target)?;
        column.categories.as_ref().map(Vec::len).or_else(|| {
            let profile = self.profile?.column(&self.recipe.target)?;
            Some(profile.distinct as usize)
        })
    }

    /// The layers, with as many features as the columns make at most.
    pub(super) fn network(&mut self, plan: &Plan) {
        let Algorithm::Network(network) = &self.recipe.algorithm else { return };
        let loss = network.loss_of(self.recipe.task);
        if loss != Network::usual_loss(self.recipe.task) {
            let task = self.recipe.task.word();
            let hint = "leave `loss` out".into();
            self.report("algorithm.loss", format!("this loss does not fit a {task} task"), hint);
            return;
        }
        self.network_of_boxes(network);
        if network.early_stopping.is_some()
            && matches!(self.recipe.split, Split::Random(Shares { validation, .. }) | Split::Stratified(Shares { validation, .. }) if validation <= 0.0)
        {
            let message = "without a validation part there is nothing to stop by".into();
            self.report("algorithm.early_stopping", message, "write split.validation = 0.2".into());
        }
        if plan.columns.is_empty() {
            return;
        }
        let given = plan.network_inputs(self.schema);
        if let Some(input) = given.iter().find(|input| input.ids.is_some() && plan.mix_up() > 0.0) {
            let message = format!("only numbers can be mixed, and `{}` is read as ids", input.name);
            self.report("preprocessing.columns", message, "set mix_up = 0, or drop the column".into());
        }
        let outputs = self.outputs();
        let Some(outputs) = outputs else { return };
        let prepared = network.prepared(&given);
        let added = prepared.layers.len() - network.layers.len();
        if let Err(problems) = prepared.graph(&given, outputs, loss) {
            for mut problem in problems {
                problem.field = counted_back(&problem.field, added);
                self.report(&format!("algorithm.{}", problem.field), problem.message, problem.hint);
            }
        }
    }
}

/// A layer's place among those that the recipe wrote: `added` ones stand before them.
fn counted_back(field: &str, added: usize) -> String {
    let parts = field.strip_prefix("layers[").and_then(|rest| rest.split_once(']'));
    let moved = parts.and_then(|(number, rest)| Some((number.parse::<usize>().ok()?.checked_sub(added)?, rest)));
    moved.map_or_else(|| field.to_owned(), |(number, rest)| format!("layers[{number}]{rest}"))
}
