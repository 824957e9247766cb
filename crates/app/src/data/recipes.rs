//! Recipes before they are trained: a first one is written, one is read, changed and checked.

use meuse_core::api::{RecipeCheck, RecipeEdit, RecipeInit, RecipeReading, RecipeText};
use meuse_core::names::{DatasetRef, NameError};
use meuse_core::recipe::network::LayerKind;
use meuse_core::recipe::{self, Algorithm, EditError, Parsed, Plan, Problem, Problems, Recipe, StarterOptions};
use meuse_core::schema::Schema;

use crate::access::{Action, Caller};
use crate::compute::NoWords;
use crate::{App, Error};

/// The longest text that is read for a form, in bytes.
const LONGEST: usize = 512 << 10;

impl App {
    /// Writes a good first recipe for a dataset, as TOML with comments; the dataset is pinned to its version.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the dataset; [`Error::Invalid`] naming the column, class or algorithm that is not there.
    pub async fn recipe_init(&self, caller: &Caller, request: RecipeInit) -> Result<String, Error> {
        caller.require(Action::CheckRecipe)?;
        let reference: DatasetRef = request.dataset.parse().map_err(|error: NameError| {
            Error::invalid("dataset", error.to_string(), "write a dataset's name, with or without version")
        })?;
        let version = self.find_version(caller, &reference).await?;
        let (schema, profile) = self.schema_and_profile(&version).await?;
        let options = StarterOptions {
            dataset: format!("{}:{}", version.dataset, version.version),
            target: request.target,
            algorithm: request.algorithm,
            split_column: request.split_column,
            positive: request.positive,
        };
        recipe::starter(&options, &schema, &profile).map_err(|problems| match problems.0.as_slice() {
            [Problem { field, message, hint, .. }] => Error::invalid(field, message, hint),
            _ => recipe_is_wrong(&problems),
        })
    }

    /// What a text says, as a document, and what keeps it from being a recipe.
    pub fn recipe_read(&self, caller: &Caller, text: &str) -> Result<RecipeReading, Error> {
        caller.require(Action::CheckRecipe)?;
        refuse_long(text)?;
        let reading = recipe::read(text);
        Ok(RecipeReading { document: reading.document, problems: reading.problems })
    }

    /// Changes a text, no more than it takes, so that it says this.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that cannot be read, and for a document for which its format has no words.
    pub fn recipe_edit(&self, caller: &Caller, edit: &RecipeEdit) -> Result<RecipeText, Error> {
        caller.require(Action::CheckRecipe)?;
        refuse_long(&edit.recipe)?;
        let edited = recipe::edit(&edit.recipe, &edit.document).map_err(|error| match error {
            EditError::Unreadable(problem) => recipe_is_wrong(&Problems(vec![problem])),
            EditError::Unwritable(Problem { field, message, hint, .. }) => {
                let separator = if field.is_empty() { "" } else { "." };
                Error::invalid(format!("document{separator}{field}"), message, hint)
            }
        })?;
        Ok(RecipeText { recipe: edited })
    }

    /// Compares a recipe with its dataset. That the dataset is not there is one of the problems.
    pub async fn recipe_check(&self, caller: &Caller, text: &str) -> Result<RecipeCheck, Error> {
        caller.require(Action::CheckRecipe)?;
        match self.problems(caller, text).await {
            Ok((warnings, summary)) => Ok(RecipeCheck { valid: true, problems: Vec::new(), warnings, summary }),
            Err(Found::Problems(Problems(problems))) => {
                Ok(RecipeCheck { valid: false, problems, warnings: Vec::new(), summary: None })
            }
            Err(Found::Error(error)) => Err(error),
        }
    }

    /// What is wrong; where nothing is, what it does not heed, and of a network its table.
    async fn problems(&self, caller: &Caller, text: &str) -> Result<(Vec<String>, Option<String>), Found> {
        let parsed = recipe::parse(text).map_err(Found::Problems)?;
        let version = match self.find_version(caller, &parsed.recipe.dataset).await {
            Err(Error::NotFound { message, hint }) => {
                return Err(Found::Problems(Problems(vec![parsed.problem("dataset", message, hint)])));
            }
            other => other.map_err(Found::Error)?,
        };
        let (schema, profile) = self.schema_and_profile(&version).await.map_err(Found::Error)?;
        let plan = parsed.check(&schema, Some(&profile)).map_err(Found::Problems)?;
        self.find_room(&parsed, &plan, &schema).map_err(Found::Problems)?;
        self.starting_words(caller, &parsed).await.map_err(|error| match error {
            NoWords::Problems(problems) => Found::Problems(problems),
            NoWords::Error(error) => Found::Error(error),
        })?;
        let mut warnings = recipe::warnings(&parsed.recipe, &profile);
        warnings.extend(self.missing_pretrained(&parsed.recipe));
        Ok((warnings, parsed.recipe.network_summary(&plan, &schema)))
    }

    /// What a recipe names of this server's folder of pretrained models and is not there. Another server of the same
    /// database may have it, so that is no error yet.
    fn missing_pretrained(&self, recipe: &Recipe) -> Vec<String> {
        let mut wanted: Vec<(String, String)> = Vec::new();
        if let Algorithm::Network(network) = &recipe.algorithm {
            for (number, layer) in network.layers.iter().enumerate() {
                let LayerKind::Backbone(backbone) = &layer.kind else { continue };
                let file = backbone.weights.iter().cloned();
                wanted.extend(file.map(|file| (format!("algorithm.layers[{number}].weights"), file)));
            }
        }
        for (column, rule) in &recipe.preprocessing.columns {
            let field = |name: &str| format!("preprocessing.columns.{column}.{name}");
            let tokenizer = rule.sequence.as_ref().and_then(|sequence| sequence.tokenizer.clone());
            wanted.extend(tokenizer.map(|name| (field("sequence.tokenizer"), format!("{name}/tokenizer.json"))));
            let sentence = rule.sentence.as_ref().map(|sentence| sentence.pretrained.clone());
            wanted.extend(sentence.map(|name| (field("sentence.pretrained"), format!("{name}/model.onnx"))));
        }
        let folder = &self.config.pretrained;
        wanted.retain(|(_, file)| !folder.join(file).is_file());
        let told = |(field, file): (String, String)| {
            format!(
                "`{field}`: there is no file `{file}` in this server's folder of pretrained models: a training here \
                 would fail"
            )
        };
        wanted.into_iter().map(told).collect()
    }

    /// Refuses a network whose training would take more memory than one job may, before anything is started.
    pub(crate) fn find_room(&self, parsed: &Parsed, plan: &Plan, schema: &Schema) -> Result<(), Problems> {
        let Some(needed) = parsed.recipe.network_memory(plan, schema) else { return Ok(()) };
        let (needed, limit) = (needed.div_ceil(1 << 20), self.config.job_max_memory_mib as u64);
        if needed <= limit {
            return Ok(());
        }
        let message = format!("its training takes about {needed} MiB of memory, and one job may take {limit} MiB");
        let hint = "use a smaller batch_size or fewer units, or raise `compute.max_memory_mib` of the server";
        Err(Problems(vec![parsed.problem("algorithm.batch_size", message, hint.into())]))
    }
}

/// A form asks at every change, so a text that takes long to read is none of its.
fn refuse_long(text: &str) -> Result<(), Error> {
    if text.len() <= LONGEST {
        return Ok(());
    }
    Err(Error::TooLarge(format!(
        "the recipe has more than {LONGEST} bytes: shorten it, or check it with `meuse recipe check`"
    )))
}

enum Found {
    Problems(Problems),
    Error(Error),
}

/// All problems of a recipe as one error, a line each.
pub(crate) fn recipe_is_wrong(problems: &Problems) -> Error {
    Error::invalid("recipe", problems.to_string(), "")
}
