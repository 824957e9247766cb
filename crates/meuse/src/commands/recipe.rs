//! `meuse recipe`: a first recipe, and whether one can be trained.

use std::process::ExitCode;

use anyhow::Context as _;
use meuse_core::api::{RecipeCheck, RecipeInit, RecipeText};
use ureq::http::Method;

use super::{Session, read_text};
use crate::arguments::Recipe;
use crate::output;

pub(super) fn run(session: &Session, command: Recipe) -> anyhow::Result<ExitCode> {
    match command {
        Recipe::Schema => unreachable!("the schema needs no server"),
        Recipe::Check { file } => check(session, read_text(&file)?),
        Recipe::Init { dataset, target, algorithm, split_column, positive, out } => {
            let request = RecipeInit { dataset, target, algorithm, split_column, positive };
            let text = session.client.post_text("/api/v1/recipes/init", &request)?;
            match out {
                None if session.json => output::json(&serde_json::json!({ "recipe": text }))?,
                None => output::line(text.trim_end()),
                Some(path) => {
                    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
                    let path = path.display();
                    if session.json {
                        output::json(&serde_json::json!({ "file": path.to_string() }))?;
                    }
                    eprintln!("wrote {path}; next: meuse train {path} --model NAME --follow");
                }
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(session: &Session, recipe: String) -> anyhow::Result<ExitCode> {
    let check: RecipeCheck = session.client.call(Method::POST, "/api/v1/recipes/check", &RecipeText { recipe })?;
    if session.json {
        output::json(&check)?;
    } else if check.valid {
        output::line("the recipe fits its dataset");
        if let Some(summary) = &check.summary {
            output::line(summary.trim_end());
        }
        for warning in &check.warnings {
            output::line(&format!("note: {warning}"));
        }
    } else {
        for problem in &check.problems {
            output::line(&problem.to_string());
        }
    }
    Ok(if check.valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
