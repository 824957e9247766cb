//! What the tests share: watches, a small CSV reader, and trainings from a recipe's text.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use meuse_core::bundle::{self, Explanation, Manifest};
use meuse_core::evaluation::Evaluation;
use meuse_core::events::{Failure, Level};
use meuse_core::job::{DatasetIdentity, Limits, TrainSpec};
use meuse_core::recipe;
use meuse_core::schema::{ColumnSchema, ColumnType, Schema};
use meuse_core::table::{Column, MISSING, Table, Values};
use meuse_train::{Error, Watch, train};

/// Hears nothing and never stops.
pub(crate) struct Silent;

impl Watch for Silent {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn metric(&self, _: &str, _: &str, _: u64, _: f64) {}
    fn log(&self, _: Level, _: &str) {}
    fn cancelled(&self) -> bool {
        false
    }
}

/// Wants to stop from the start.
pub(crate) struct Stopped;

impl Watch for Stopped {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn metric(&self, _: &str, _: &str, _: u64, _: f64) {}
    fn log(&self, _: Level, _: &str) {}
    fn cancelled(&self) -> bool {
        true
    }
}

/// Keeps what it hears.
#[derive(Default)]
pub(crate) struct Listener {
    pub(crate) stages: Mutex<Vec<String>>,
    pub(crate) lines: Mutex<Vec<String>>,
    /// Wants to stop once this stage has begun.
    pub(crate) stop_at: Option<&'static str>,
}

impl Watch for Listener {
    fn progress(&self, stage: &str, _: u64, _: u64) {
        let mut stages = self.stages.lock().expect("no test panics while it holds the lock");
        if stages.last().is_none_or(|last| last != stage) {
            stages.push(stage.to_owned());
        }
    }
    fn metric(&self, _: &str, _: &str, _: u64, _: f64) {}
    fn log(&self, _: Level, message: &str) {
        self.lines.lock().expect("no test panics while it holds the lock").push(message.to_owned());
    }
    fn cancelled(&self) -> bool {
        let stages = self.stages.lock().expect("no test panics while it holds the lock");
        self.stop_at.is_some_and(|stage| stages.iter().any(|heard| heard == stage))
    }
}

/// Where the native libraries are: the folder that scripts/setup filled, or the one in the environment.
pub(crate) fn native() -> PathBuf {
    match std::env::var_os(meuse_core::native::VARIABLE) {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vendor/lib"),
    }
}

/// Where the pretrained models are that scripts/setup --tests fetched.
pub(crate) fn pretrained() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vendor/pretrained/lib")
}

/// A table and its columns' types.
#[derive(Clone)]
pub(crate) struct Data {
    pub(crate) table: Table,
    pub(crate) schema: Schema,
}

/// The columns of a table as an import would describe them; numbers that are all whole are integers.
pub(crate) fn data(columns: Vec<(&str, Values)>) -> Data {
    let schema = columns.iter().map(|(name, values)| describe(name, values)).collect();
    let columns = columns.into_iter().map(|(name, values)| Column { name: name.to_owned(), values });
    Data { table: Table::new(columns.collect()), schema: Schema { columns: schema } }
}

fn describe(name: &str, values: &Values) -> ColumnSchema {
    let (column_type, nullable, categories) = match values {
        Values::Number(numbers) => {
            let whole = numbers.iter().all(|number| number.is_nan() || number.fract() == 0.0);
            let column_type = if whole { ColumnType::Integer } else { ColumnType::Number };
            (column_type, numbers.iter().any(|number| number.is_nan()), None)
        }
        Values::Text { codes, dictionary } => {
            let mut categories = dictionary.clone();
            categories.sort();
            (ColumnType::Text, codes.contains(&MISSING), Some(categories))
        }
        Values::Pictures(pictures) => (ColumnType::Image, pictures.numbers.contains(&MISSING), None),
    };
    ColumnSchema { name: name.to_owned(), column_type, nullable, categories }
}

/// Reads a CSV file in memory: quotes may hold commas, the empty cell is missing, a column whose cells are all numbers
/// is one of numbers.
pub(crate) fn read_csv(text: &str) -> Data {
    let mut lines = text.lines().map(cells);
    let header = lines.next().expect("a header");
    let rows: Vec<Vec<String>> = lines.collect();
    let columns = header.iter().enumerate().map(|(index, name)| {
        let cells = || rows.iter().map(|row| Some(row[index].as_str()).filter(|cell| !cell.is_empty()));
        let numbers: Option<Vec<f64>> =
            cells().map(|cell| cell.map_or(Some(f64::NAN), |text| text.parse().ok())).collect();
        (name.as_str(), numbers.map_or_else(|| Values::text(cells()), Values::Number))
    });
    data(columns.collect())
}

fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().expect("it starts with one").push(character),
        }
    }
    cells
}

/// The demo's data: 1000 loans, 300 of them bad.
pub(crate) fn german_credit() -> Data {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/credit/germancredit.csv");
    read_csv(&std::fs::read_to_string(path).expect("the example ships with the repository"))
}

pub(crate) fn spec(recipe_text: &str, data: &Data) -> TrainSpec {
    let parsed = recipe::parse(recipe_text).unwrap_or_else(|problems| panic!("{problems}\n{recipe_text}"));
    TrainSpec {
        recipe: parsed.recipe,
        recipe_text: recipe_text.to_owned(),
        data: PathBuf::from("data.parquet"),
        media: None,
        schema: data.schema.clone(),
        dataset: DatasetIdentity { name: "small".into(), version: 1, sha256: "0".repeat(64) },
        model: "model".into(),
        operator: "tester".into(),
        pretrained: pretrained(),
        words: Vec::new(),
        gpu: None,
        native: native(),
        limits: Limits { threads: 2, memory_mib: 512 },
    }
}

/// The files of a bundle.
pub(crate) struct Files {
    pub(crate) prep: Vec<u8>,
    pub(crate) onnx: Vec<u8>,
    pub(crate) manifest: Manifest,
    pub(crate) evaluation: Evaluation,
    pub(crate) explanation: Explanation,
}

/// Trains into a folder of its own and reads the bundle back.
pub(crate) fn run(recipe_text: &str, data: &Data, watch: &dyn Watch) -> Result<Files, Error> {
    run_spec(&spec(recipe_text, data), data, watch)
}

/// [`run`] of a job that is described otherwise than by a recipe alone.
pub(crate) fn run_spec(spec: &TrainSpec, data: &Data, watch: &dyn Watch) -> Result<Files, Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    train(spec, &data.table, watch, &out)?;
    let bytes = |name: &str| std::fs::read(out.join(name)).expect("training wrote every file of a bundle");
    fn parsed<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
        serde_json::from_slice(bytes).expect("the files are JSON of their types")
    }
    Ok(Files {
        prep: bytes(bundle::PREP),
        onnx: bytes(bundle::MODEL),
        manifest: parsed(&bytes(bundle::MANIFEST)),
        evaluation: parsed(&bytes(bundle::EVALUATION)),
        explanation: parsed(&bytes(bundle::EXPLANATION)),
    })
}

/// [`run`], when it must work.
pub(crate) fn trained(recipe_text: &str, data: &Data) -> Files {
    run(recipe_text, data, &Silent).unwrap_or_else(|error| panic!("{error}\n{recipe_text}"))
}

/// The failure of a training that must not work.
pub(crate) fn failure(recipe_text: &str, data: &Data) -> Failure {
    let error = run(recipe_text, data, &Silent).err().expect("it cannot be trained");
    error.failure().unwrap_or_else(|| panic!("{error} is the input's fault"))
}

/// Chance for synthetic tables, the same on every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of the items.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[((self.uniform() * items.len() as f64) as usize).min(items.len() - 1)]
    }
}
