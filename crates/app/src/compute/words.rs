//! The word vectors that a recipe's embeddings begin with: found, and compared with what the layer wants, before the
//! training is queued.

use std::collections::BTreeMap;

use meuse_core::bundle::{self, Manifest};
use meuse_core::job::StartedFrom;
use meuse_core::names::ModelRef;
use meuse_core::recipe::network::{Embedding, LayerKind};
use meuse_core::recipe::{Algorithm, Parsed, Problems};

use super::task::TaskWords;
use crate::access::{Action, Caller};
use crate::{App, Error};

/// Why there are no vectors to begin with.
pub(crate) enum NoWords {
    /// The recipe asks for what is not there, or does not fit.
    Problems(Problems),
    /// It could not be looked at.
    Error(Error),
}

impl App {
    /// The versions of models that the recipe's embeddings name, each once.
    pub(crate) async fn starting_words(&self, caller: &Caller, parsed: &Parsed) -> Result<Vec<TaskWords>, NoWords> {
        let Algorithm::Network(network) = &parsed.recipe.algorithm else { return Ok(Vec::new()) };
        let mut found = BTreeMap::new();
        let mut problems = Vec::new();
        for (index, layer) in network.layers.iter().enumerate() {
            let LayerKind::Embedding(embedding) = &layer.kind else { continue };
            let Some(reference) = &embedding.weights else { continue };
            match self.words_of(caller, reference, embedding).await.map_err(NoWords::Error)? {
                Ok(words) => {
                    found.insert(words.reference.clone(), words);
                }
                Err((message, hint)) => {
                    problems.push(parsed.problem(&format!("algorithm.layers[{index}].weights"), message, hint));
                }
            }
        }
        if problems.is_empty() { Ok(found.into_values().collect()) } else { Err(NoWords::Problems(Problems(problems))) }
    }

    /// One version, or what is wrong with it and what to do.
    async fn words_of(
        &self,
        caller: &Caller,
        reference: &ModelRef,
        embedding: &Embedding,
    ) -> Result<Result<TaskWords, (String, String)>, Error> {
        if let Err(error) = caller.require(Action::ReadModels) {
            return Ok(Err((error.to_string(), "ask an administrator of the project".to_owned())));
        }
        let resolved = match self.models.snapshot().resolve(caller.project_id(), reference) {
            Ok(resolved) => resolved,
            Err(Error::NotFound { message, hint }) => return Ok(Err((message, hint))),
            Err(Error::Conflict(message)) => {
                return Ok(Err((message, format!("write the version, as in weights = \"{}:1\"", reference.name))));
            }
            Err(error) => return Err(error),
        };
        let name = format!("{}:{}", resolved.model, resolved.version);
        let file = |file: &str| {
            let digest = resolved.bundle.files.get(file);
            digest.ok_or_else(|| Error::Unavailable(format!("`{name}` has no file `{file}`; train it again")))
        };
        let manifest: Manifest = self.document(file(bundle::MANIFEST)?).await?;
        let Some(vectors) = manifest.vectors else {
            let message = format!("`{name}` does a {} task, and has no word vectors", manifest.task.word());
            return Ok(Err((message, "name a model that was trained with task = \"embedding\"".to_owned())));
        };
        if vectors.dimensions != embedding.size {
            let (found, wanted) = (vectors.dimensions, embedding.size);
            let message = format!("the vectors of `{name}` have {found} numbers, and the layer has size = {wanted}");
            return Ok(Err((message, format!("write size = {found}"))));
        }
        let version = StartedFrom {
            model: resolved.model.to_string(),
            version: resolved.version,
            digest: resolved.bundle.digest.clone(),
        };
        let (prep, model) = (file(bundle::PREP)?.to_string(), file(bundle::MODEL)?.to_string());
        Ok(Ok(TaskWords { reference: reference.to_string(), version, prep, model }))
    }
}
