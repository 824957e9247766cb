//! What is asked of a recipe for word vectors: one column of texts, and nothing to predict.

use super::{Checker, Plan, Treatment};
use crate::recipe::Algorithm;
use crate::recipe::network::LayerKind;

impl Checker<'_> {
    pub(super) fn no_target(&mut self) {
        let recipe = self.recipe;
        let strangers = [("target", !recipe.target.is_empty()), ("positive", recipe.positive.is_some())];
        for (field, _) in strangers.into_iter().filter(|(_, given)| *given) {
            self.report(field, "an embedding predicts nothing".into(), "remove the line".into());
        }
    }

    fn pieces_have_no_vectors(&mut self, field: &str) {
        let message = "a published tokenizer cuts words into pieces, which have no vectors".into();
        self.report(&format!("{field}.sequence.tokenizer"), message, "use tokens instead".into());
    }

    /// A network whose embeddings begin with the vectors of words has a column that is cut into words.
    pub(super) fn words_to_begin_with(&mut self, plan: &Plan) {
        let Algorithm::Network(network) = &self.recipe.algorithm else { return };
        let begins = |kind: &LayerKind| matches!(kind, LayerKind::Embedding(layer) if layer.weights.is_some());
        if !network.layers.iter().any(|layer| begins(&layer.kind)) {
            return;
        }
        let sequences = plan.columns.iter().filter_map(|column| match &column.treatment {
            Treatment::Sequence { sequence, .. } => Some((&column.name, sequence.tokenizer.is_some())),
            _ => None,
        });
        let sequences: Vec<_> = sequences.collect();
        if sequences.iter().all(|(_, by_tokenizer)| *by_tokenizer) {
            for (name, _) in sequences {
                self.pieces_have_no_vectors(&format!("preprocessing.columns.{name}"));
            }
        }
    }

    pub(super) fn skip_gram(&mut self, plan: &Plan) {
        let Algorithm::SkipGram(_) = &self.recipe.algorithm else { return };
        if plan.columns.len() > 1 {
            let names = plan.columns.iter().map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ");
            let message = format!("word vectors are learnt from one column of texts, and these are left: {names}");
            self.report("keep", message, format!("write keep = [\"{}\"], say", plan.columns[0].name));
        }
        for column in &plan.columns {
            let field = format!("preprocessing.columns.{}", column.name);
            let Treatment::Sequence { sequence, .. } = &column.treatment else {
                let message = format!("word vectors are learnt from texts, and `{}` is read otherwise", column.name);
                let hint = "name a column of texts in keep, with encode = \"sequence\"".into();
                self.report(&format!("{field}.encode"), message, hint);
                continue;
            };
            if sequence.tokenizer.is_some() {
                self.pieces_have_no_vectors(&field);
            }
            if sequence.token_drop > 0.0 {
                let message = "word vectors leave out frequent words only".into();
                self.report(
                    &format!("{field}.sequence.token_drop"),
                    message,
                    "remove it, or use subsample in [algorithm]".into(),
                );
            }
        }
    }
}
