//! `meuse augment preview`: a grid of what a model will see.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Session, download};
use crate::arguments::Augment;
use crate::client::segment;
use crate::output;

pub(super) fn run(session: &Session, command: &Augment) -> anyhow::Result<()> {
    let Augment::Preview { dataset, augmentation, label, pictures, epochs, seed, out } = command;
    let text = match augmentation.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?,
        None => augmentation.clone(),
    };
    let augmentation: Value = serde_json::from_str(&text).context("the augmentation is not JSON")?;
    let body = json!({
        "augmentation": augmentation, "label": label, "pictures": pictures, "epochs": epochs, "seed": seed
    });
    let path = format!("/api/v1/datasets/{}/augment", segment(dataset));
    download::to_file(&mut session.client.call_stream(&path, &body)?, out)?;
    if session.json {
        return output::json(&json!({ "file": out.display().to_string() }));
    }
    eprintln!("wrote {}", out.display());
    Ok(())
}
