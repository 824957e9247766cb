//! `meuse augment preview`: a grid of what a model will see, by a recipe or by settings as JSON.

use std::path::Path;

use anyhow::Context as _;
use meuse_core::recipe;
use serde_json::{Map, Value, json};

use super::{Session, download, read_text};
use crate::arguments::Augment;
use crate::client::segment;
use crate::output;

pub(super) fn run(session: &Session, command: &Augment) -> anyhow::Result<()> {
    let Augment::Preview { dataset, recipe, augmentation, image, label, pictures, epochs, seed, out } = command;
    let mut asked = match recipe {
        Some(file) => Asked::by_recipe(file)?,
        None => Asked::default(),
    };
    for (name, text) in [("augmentation", augmentation), ("image", image)] {
        if let Some(text) = text {
            asked.settings.insert(name.into(), settings(name, text)?);
        }
    }
    if let Some(seed) = seed {
        asked.settings.insert("seed".into(), json!(seed));
    }
    let others = [("label", json!(label)), ("pictures", json!(pictures)), ("epochs", json!(epochs))];
    asked.settings.extend(others.map(|(name, value)| (name.to_owned(), value)));
    let dataset = dataset.clone().or(asked.dataset).context("name a dataset, or a recipe that does")?;
    let path = format!("/api/v1/datasets/{}/augment", segment(&dataset));
    download::to_file(&mut session.client.call_stream(&path, &Value::Object(asked.settings))?, out)?;
    if session.json {
        return output::json(&json!({ "file": out.display().to_string() }));
    }
    eprintln!("wrote {}", out.display());
    Ok(())
}

/// What is asked of the server.
#[derive(Default)]
struct Asked {
    dataset: Option<String>,
    settings: Map<String, Value>,
}

impl Asked {
    /// The dataset of a recipe, and what it says of pictures.
    fn by_recipe(file: &Path) -> anyhow::Result<Self> {
        let recipe = recipe::parse(&read_text(file)?)?.recipe;
        let rule = recipe.preprocessing.columns.values().find(|rule| rule.image.is_some());
        let rule = rule.with_context(|| {
            let file = file.display();
            format!("{file} says nothing of pictures: add [preprocessing.columns.image.image] with width and height")
        })?;
        let mut settings = Map::new();
        settings.insert("image".into(), serde_json::to_value(&rule.image)?);
        settings.insert("augmentation".into(), serde_json::to_value(rule.augmentation.clone().unwrap_or_default())?);
        settings.insert("seed".into(), json!(recipe.seed));
        Ok(Self { dataset: Some(recipe.dataset.to_string()), settings })
    }
}

/// JSON as it was typed, or of a file.
fn settings(name: &str, text: &str) -> anyhow::Result<Value> {
    let text = match text.strip_prefix('@') {
        Some(file) => read_text(Path::new(file))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).with_context(|| format!("--{name} is not JSON"))
}
