//! A recipe becomes a queued training, after everything that can be known to be wrong with it was looked for.

use meuse_core::api::{Job, TrainRequest};
use meuse_core::names::ModelName;
use meuse_core::recipe;
use meuse_core::schema::ColumnType;

use super::task::{Task, TaskMedia};
use super::words::NoWords;
use crate::access::{Action, Caller};
use crate::data::recipe_is_wrong;
use crate::{App, Error};

/// The longest recipe, in bytes.
const LONGEST_RECIPE: usize = 256 << 10;

impl App {
    /// Queues a training. The recipe is checked against the dataset's schema and profile now, not in an hour; a
    /// dataset named without version is the newest one now, and stays that one.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all problems of the recipe, [`Error::NotFound`] for the dataset.
    pub async fn train(&self, caller: &Caller, request: TrainRequest) -> Result<Job, Error> {
        caller.require(Action::Train)?;
        let model: ModelName = request.model.parse().map_err(|error: meuse_core::names::NameError| {
            Error::invalid("model", error.to_string(), "name the model that the result will be a version of")
        })?;
        if request.recipe.len() > LONGEST_RECIPE {
            return Err(Error::TooLarge(format!("a recipe has at most {LONGEST_RECIPE} bytes: list fewer columns")));
        }
        let parsed = recipe::parse(&request.recipe).map_err(|problems| recipe_is_wrong(&problems))?;
        let version = self.find_version(caller, &parsed.recipe.dataset).await?;
        let (schema, profile) = self.schema_and_profile(&version).await?;
        let plan = parsed.check(&schema, Some(&profile)).map_err(|problems| recipe_is_wrong(&problems))?;
        self.find_room(&parsed, &plan, &schema).map_err(|problems| recipe_is_wrong(&problems))?;
        let words = self.starting_words(caller, &parsed).await.map_err(|error| match error {
            NoWords::Problems(problems) => recipe_is_wrong(&problems),
            NoWords::Error(error) => error,
        })?;
        let reads_pictures = plan.columns.iter().any(|column| column.column_type == ColumnType::Image);
        let task = Task::Train {
            model,
            recipe: request.recipe,
            dataset: parsed.recipe.dataset.name.clone(),
            version: version.version,
            data: version.contents.data.to_string(),
            schema: version.contents.schema.to_string(),
            media: version.contents.media.as_ref().filter(|_| reads_pictures).map(|media| TaskMedia {
                index: media.index.to_string(),
                packs: media.packs.iter().map(ToString::to_string).collect(),
            }),
            words,
        };
        super::shown(&self.queue(caller, "model.train", &task).await?)
    }
}
