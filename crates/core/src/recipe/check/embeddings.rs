//! What is asked of a recipe for word vectors: one column of texts, and nothing to predict.

use super::{Checker, Plan, Treatment};
use crate::recipe::Algorithm;

impl Checker<'_> {
    pub(super) fn no_target(&mut self) {
        let recipe = self.recipe;
        let strangers = [("target", !recipe.target.is_empty()), ("positive", recipe.positive.is_some())];
        for (field, _) in strangers.into_iter().filter(|(_, given)| *given) {
            self.report(field, "an embedding predicts nothing".into(), "remove the line".into());
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
                let message = "a published tokenizer cuts words into pieces, which have no vectors".into();
                self.report(&format!("{field}.sequence.tokenizer"), message, "use tokens instead".into());
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
