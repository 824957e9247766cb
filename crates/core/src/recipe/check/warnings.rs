//! What a recipe that can be trained does not heed: told before it is trained, and no reason to refuse it.

use super::super::Recipe;
use crate::profile::Profile;

/// What a person should know of a recipe and its data, with what to do.
pub fn warnings(recipe: &Recipe, profile: &Profile) -> Vec<String> {
    let repeated = |name: &str| {
        let column = profile.column(name)?;
        let count = match &column.text {
            Some(text) => text.duplicates,
            None => profile.images.as_ref().map_or(0, |images| images.duplicates),
        };
        (count > 0).then(|| {
            format!(
                "{count} of {} rows repeat an earlier `{name}`: what is in the training part and in the test part makes \
                 figures too good; add drop_duplicates = true under [preprocessing.columns.{name}]",
                profile.rows
            )
        })
    };
    recipe.read_columns().filter_map(repeated).collect()
}
