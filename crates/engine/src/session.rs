//! A bundle's model, opened.

use std::ffi::CString;

use meuse_core::bundle::{INPUT, PROBABILITY, RAW_SCORE};
use meuse_core::table::Matrix;
use ort::ep::CPU;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType};

use crate::run::{self, CpuMemory, Input, Output};
use crate::{Error, library};

/// A model, ready to answer. Any number of threads may ask at once.
pub struct Session {
    model: ort::session::Session,
    memory: CpuMemory,
    width: usize,
    outputs: usize,
    input: CString,
    raw: CString,
    probability: Option<CString>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("width", &self.width).finish_non_exhaustive()
    }
}

/// What a model says about each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Log-odds, or the predicted value of a regression; one per row, or one per class of each row.
    pub raw: Vec<f32>,
    /// The probability of the positive class, one per row, or of each class of each row; none for a regression.
    pub probability: Option<Vec<f32>>,
}

impl Session {
    /// Opens a model. With one thread a call is computed on its caller's thread; with more, a large batch is shared
    /// out over the process's pool.
    ///
    /// # Errors
    /// [`Error::NotLoaded`]; [`Error::Unreadable`] when the bytes are no model; [`Error::Shape`] when inputs and
    /// outputs are not those of a bundle.
    pub fn open(onnx: &[u8], threads: usize) -> Result<Self, Error> {
        let session = commit(onnx, threads)?;
        let width = width_of(session.inputs())?;
        let outputs = outputs_of(session.outputs())?;
        let has = |name: &str| session.outputs().iter().any(|output| output.name() == name);
        let name = |name: &str| CString::new(name).expect("the names of a bundle hold no NUL");
        Ok(Self {
            memory: CpuMemory::new(&session)?,
            width,
            outputs,
            input: name(INPUT),
            raw: name(RAW_SCORE),
            probability: has(PROBABILITY).then(|| name(PROBABILITY)),
            model: session,
        })
    }

    /// Number of features that the model takes.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of raw scores of a row: 1, or the number of classes.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The scores of every row.
    ///
    /// # Errors
    /// [`Error::Width`], or [`Error::Run`] when ONNX Runtime fails.
    pub fn scores(&self, features: &Matrix) -> Result<Scores, Error> {
        if features.width != self.width {
            return Err(Error::Width { expected: self.width, found: features.width });
        }
        let mut raw = vec![0.0; features.rows * self.outputs];
        let mut probability = self.probability.as_ref().map(|_| vec![0.0; features.rows * self.outputs]);
        if features.rows > 0 {
            let input =
                Input { name: &self.input, data: &features.data, shape: [features.rows as i64, self.width as i64] };
            let mut outputs = vec![Output { name: &self.raw, data: &mut raw }];
            if let (Some(name), Some(data)) = (&self.probability, &mut probability) {
                outputs.push(Output { name, data });
            }
            run::run(&self.model, &self.memory, &input, &mut outputs)?;
        }
        Ok(Scores { raw, probability })
    }
}

fn commit(onnx: &[u8], threads: usize) -> Result<ort::session::Session, Error> {
    let unreadable = |error: ort::Error| Error::Unreadable(error.to_string());
    let environment = library::environment()?;
    let build = || -> ort::Result<ort::session::builder::SessionBuilder> {
        let mut builder = ort::session::Session::builder(environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            // Patterns are cached per batch size: memory that grows with the variety of callers.
            .with_memory_pattern(false)?
            // An arena per session keeps its high-water mark; with hundreds of models loaded that is memory for nothing.
            .with_execution_providers([CPU::default().with_arena_allocator(false).build()])?;
        if threads <= 1 {
            // One thread of its own is no thread at all: the caller's.
            builder = builder.with_independent_thread_pool()?.with_intra_threads(1)?;
        }
        Ok(builder)
    };
    build().and_then(|mut builder| builder.commit_from_memory(onnx)).map_err(unreadable)
}

fn width_of(inputs: &[Outlet]) -> Result<usize, Error> {
    let [input] = inputs else {
        return Err(Error::Shape(format!("it has {} inputs instead of one, `{INPUT}`", inputs.len())));
    };
    if input.name() != INPUT {
        return Err(Error::Shape(format!("its input is `{}` instead of `{INPUT}`", input.name())));
    }
    let shape: &[i64] = input.dtype().tensor_shape().map_or(&[], |shape| shape);
    match (input.dtype().tensor_type(), shape) {
        (Some(TensorElementType::Float32), [_, width]) if *width > 0 => Ok(*width as usize),
        _ => Err(Error::Shape(format!("its input is {} instead of f32 [rows, width]", input.dtype()))),
    }
}

/// Number of raw scores of a row; probabilities are as many.
fn outputs_of(outputs: &[Outlet]) -> Result<usize, Error> {
    let Some(raw) = outputs.iter().find(|output| output.name() == RAW_SCORE) else {
        return Err(Error::Shape(format!("it has no output `{RAW_SCORE}`")));
    };
    let count = columns_of(raw)?;
    for output in outputs.iter().filter(|output| output.name() == PROBABILITY) {
        if columns_of(output)? != count {
            let message = format!("its output `{PROBABILITY}` is {} beside {count} raw scores", output.dtype());
            return Err(Error::Shape(message));
        }
    }
    Ok(count)
}

fn columns_of(output: &Outlet) -> Result<usize, Error> {
    let shape: &[i64] = output.dtype().tensor_shape().map_or(&[], |shape| shape);
    match (output.dtype().tensor_type(), shape) {
        (Some(TensorElementType::Float32), [_, columns]) if *columns > 0 => Ok(*columns as usize),
        _ => {
            let message =
                format!("its output `{}` is {} instead of f32 [rows, outputs]", output.name(), output.dtype());
            Err(Error::Shape(message))
        }
    }
}
