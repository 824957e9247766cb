//! What a bundle says about itself, and the writing of its files.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use meuse_core::bundle::{self, BundleKind, Detector, Explanation, Input, Lineage, Manifest, Task};
use meuse_core::evaluation::Evaluation;
use meuse_core::job::TrainSpec;
use meuse_core::native::{LIGHTGBM_VERSION, ONNX_RUNTIME_VERSION};
use meuse_core::recipe::Algorithm;
use meuse_core::time::{Clock, Micros};
use meuse_prep::Fitted;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Error;

/// Everything that is written.
pub(crate) struct Bundle<'a> {
    pub(crate) manifest: Manifest,
    pub(crate) prep: &'a Fitted,
    pub(crate) onnx: &'a [u8],
    pub(crate) evaluation: Evaluation,
    pub(crate) explanation: &'a Explanation,
}

/// What the training knows about itself.
pub(crate) struct Story {
    pub(crate) inputs: Vec<Input>,
    pub(crate) notes: Vec<String>,
    pub(crate) started_at: Micros,
    /// The library that learnt a network.
    pub(crate) networks: Option<String>,
}

/// The manifest of what was fitted; the present instant is when the training ended.
pub(crate) fn manifest(
    spec: &TrainSpec,
    fitted: &Fitted,
    (labels, detector): (Option<Vec<String>>, Option<Detector>),
    story: Story,
) -> Manifest {
    let recipe = &spec.recipe;
    let is_input = |name: &str| story.inputs.iter().any(|input| input.name == name);
    let ignored = spec.schema.names().filter(|name| !is_input(name)).map(str::to_owned).collect();
    Manifest {
        schema_version: bundle::SCHEMA_VERSION,
        kind: BundleKind::Onnx,
        task: recipe.task,
        algorithm: recipe.algorithm.name().to_owned(),
        inputs: story.inputs,
        ignored,
        target: recipe.target.clone(),
        labels,
        threshold: (recipe.task == Task::Binary).then_some(recipe.threshold),
        detector,
        features: (fitted.width() + fitted.terms()) as u32,
        vectors: None,
        left_out: fitted.left_out.clone(),
        notes: story.notes,
        lineage: lineage(spec, story.started_at, story.networks),
    }
}

fn lineage(spec: &TrainSpec, started_at: Micros, networks: Option<String>) -> Lineage {
    let mut software =
        vec![format!("meuse {}", env!("CARGO_PKG_VERSION")), format!("ONNX Runtime {ONNX_RUNTIME_VERSION}")];
    if matches!(spec.recipe.algorithm, Algorithm::Lightgbm(_)) {
        software.push(format!("LightGBM {LIGHTGBM_VERSION}"));
    }
    software.extend(networks);
    Lineage {
        dataset: spec.dataset.clone(),
        started_from: spec.words.iter().map(|words| words.version.clone()).collect(),
        recipe: spec.recipe_text.clone(),
        recipe_sha256: hex::encode(Sha256::digest(spec.recipe_text.as_bytes())),
        seed: spec.recipe.seed,
        software,
        hardware: hardware(spec.limits.threads.max(1)),
        operator: spec.operator.clone(),
        started_at,
        finished_at: Clock::system().now(),
    }
}

/// Processor, threads and memory, as Linux tells them; what it does not tell is left out.
fn hardware(threads: usize) -> String {
    let field = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kibibytes = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()));
    let memory = kibibytes.map(|kibibytes| format!(", {} MiB of memory", kibibytes / 1024));
    let plural = if threads == 1 { "" } else { "s" };
    format!("{processor}, {threads} thread{plural}{}", memory.unwrap_or_default())
}

/// Writes the files of a bundle, each synced, so that what is registered later cannot be torn.
pub(crate) fn write(out: &Path, bundle: &Bundle) -> Result<(), Error> {
    std::fs::create_dir_all(out).map_err(|source| Error::Write { path: out.to_owned(), source })?;
    write_file(&out.join(bundle::PREP), &json(bundle.prep))?;
    write_file(&out.join(bundle::MODEL), bundle.onnx)?;
    write_file(&out.join(bundle::EVALUATION), &json(&bundle.evaluation))?;
    write_file(&out.join(bundle::EXPLANATION), &json(bundle.explanation))?;
    write_file(&out.join(bundle::MANIFEST), &json(&bundle.manifest))?;
    let folder = File::open(out).and_then(|folder| folder.sync_all());
    folder.map_err(|source| Error::Write { path: out.to_owned(), source })
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a bundle's documents have text keys and nothing that JSON cannot say")
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}
