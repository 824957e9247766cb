//! A bundle's model, opened.

use std::ffi::CString;

use meuse_core::bundle::{INPUT, PROBABILITY, RAW_SCORE, TERM_VALUES, TERMS};
use meuse_core::table::{Matrix, Sparse};
use ort::ep::CPU;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType};

use crate::run::{self, Cells, CpuMemory, Input, Output};
use crate::{Error, library};

/// A model, ready to answer. Any number of threads may ask at once.
pub struct Session {
    model: ort::session::Session,
    memory: CpuMemory,
    width: usize,
    /// Whether it takes the terms of texts.
    takes_terms: bool,
    /// Whether it takes one row at a time: its graph says so where a row's answer would depend on its neighbours.
    one_by_one: bool,
    outputs: usize,
    input: CString,
    terms: CString,
    term_values: CString,
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
        let (width, takes_terms) = inputs_of(session.inputs())?;
        let one_by_one = takes_one_row(session.inputs());
        let outputs = outputs_of(session.outputs())?;
        let has = |name: &str| session.outputs().iter().any(|output| output.name() == name);
        let name = |name: &str| CString::new(name).expect("the names of a bundle hold no NUL");
        Ok(Self {
            memory: CpuMemory::new(&session)?,
            width,
            takes_terms,
            one_by_one,
            outputs,
            input: name(INPUT),
            terms: name(TERMS),
            term_values: name(TERM_VALUES),
            raw: name(RAW_SCORE),
            probability: has(PROBABILITY).then(|| name(PROBABILITY)),
            model: session,
        })
    }

    /// Number of dense features that the model takes.
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
    /// [`Error::Width`], [`Error::Terms`], or [`Error::Run`] when ONNX Runtime fails.
    pub fn scores(&self, features: &Matrix) -> Result<Scores, Error> {
        if features.width != self.width {
            return Err(Error::Width { expected: self.width, found: features.width });
        }
        if features.sparse.is_some() != self.takes_terms {
            return Err(Error::Terms);
        }
        let mut raw = vec![0.0; features.rows * self.outputs];
        let mut probability = self.probability.as_ref().map(|_| vec![0.0; features.rows * self.outputs]);
        let mut start = 0;
        while start < features.rows {
            let rows = start..if self.one_by_one { start + 1 } else { end_of_call(features, start) };
            let filled = rows.start * self.outputs..rows.end * self.outputs;
            let probability = probability.as_mut().map(|cells| &mut cells[filled.clone()]);
            self.call(features, rows.clone(), &mut raw[filled], probability)?;
            start = rows.end;
        }
        Ok(Scores { raw, probability })
    }

    fn call(
        &self,
        features: &Matrix,
        rows: std::ops::Range<usize>,
        raw: &mut [f32],
        probability: Option<&mut [f32]>,
    ) -> Result<(), Error> {
        let count = rows.len() as i64;
        let mut inputs = Vec::with_capacity(3);
        if self.width > 0 {
            let data = Cells::F32(&features.data[rows.start * self.width..rows.end * self.width]);
            inputs.push(Input { name: &self.input, data, shape: [count, self.width as i64] });
        }
        let padded = features.sparse.as_ref().map(|sparse| Padded::new(sparse, rows));
        if let Some(Padded { longest, terms, values }) = &padded {
            let shape = [count, *longest as i64];
            inputs.push(Input { name: &self.terms, data: Cells::I64(terms), shape });
            inputs.push(Input { name: &self.term_values, data: Cells::F32(values), shape });
        }
        let mut outputs = vec![Output { name: &self.raw, data: raw }];
        if let (Some(name), Some(data)) = (&self.probability, probability) {
            outputs.push(Output { name, data });
        }
        run::run(&self.model, &self.memory, &inputs, &mut outputs)
    }
}

/// Dense rows go some hundreds to a call, since a network holds what its layers make of all of them; rows of terms are
/// padded to the longest, so that as many go as memory is well spent on.
fn end_of_call(features: &Matrix, start: usize) -> usize {
    let Some(sparse) = &features.sparse else { return features.rows.min(start + MOST_DENSE) };
    let mut longest = 1;
    let mut end = start;
    while end < features.rows {
        longest = longest.max(sparse.row(end).0.len());
        if end > start && longest * (end + 1 - start) > MOST_PADDED {
            break;
        }
        end += 1;
    }
    end
}

/// Dense rows that one call into ONNX Runtime takes. An LSTM of 100 steps holds about 300 KiB for each.
const MOST_DENSE: usize = 512;

/// Cells of terms, padding included, that one call into ONNX Runtime takes: 12 MiB.
const MOST_PADDED: usize = 1 << 20;

/// Rows of terms as two matrices, filled up with term 0 of value 0, which adds nothing.
struct Padded {
    longest: usize,
    terms: Vec<i64>,
    values: Vec<f32>,
}

impl Padded {
    fn new(sparse: &Sparse, rows: std::ops::Range<usize>) -> Self {
        let longest = rows.clone().map(|row| sparse.row(row).0.len()).max().unwrap_or(0).max(1);
        let mut terms = vec![0; rows.len() * longest];
        let mut values = vec![0.0; rows.len() * longest];
        for (index, row) in rows.enumerate() {
            let (columns, cells) = sparse.row(row);
            let start = index * longest;
            for (term, column) in terms[start..].iter_mut().zip(columns) {
                *term = i64::from(*column);
            }
            values[start..start + cells.len()].copy_from_slice(cells);
        }
        Self { longest, terms, values }
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

/// The dense width, 0 without the input `features`, and whether there are inputs for terms.
fn inputs_of(inputs: &[Outlet]) -> Result<(usize, bool), Error> {
    let find = |name: &str| inputs.iter().find(|input| input.name() == name);
    if let Some(stranger) = inputs.iter().find(|input| ![INPUT, TERMS, TERM_VALUES].contains(&input.name())) {
        return Err(Error::Shape(format!("its input is `{}` instead of `{INPUT}`", stranger.name())));
    }
    let takes_terms = match (find(TERMS), find(TERM_VALUES)) {
        (None, None) => false,
        (Some(terms), Some(values)) => {
            check_matrix(terms, TensorElementType::Int64, "i64")?;
            check_matrix(values, TensorElementType::Float32, "f32")?;
            true
        }
        _ => return Err(Error::Shape(format!("it has one of the inputs `{TERMS}` and `{TERM_VALUES}` only"))),
    };
    let Some(input) = find(INPUT) else {
        let message = format!("it has {} inputs instead of one, `{INPUT}`", inputs.len());
        return if takes_terms { Ok((0, true)) } else { Err(Error::Shape(message)) };
    };
    let shape: &[i64] = input.dtype().tensor_shape().map_or(&[], |shape| shape);
    match (input.dtype().tensor_type(), shape) {
        (Some(TensorElementType::Float32), [_, width]) if *width > 0 => Ok((*width as usize, takes_terms)),
        _ => Err(Error::Shape(format!("its input is {} instead of f32 [rows, width]", input.dtype()))),
    }
}

/// Whether the dense input's first axis is 1 instead of any number of rows.
fn takes_one_row(inputs: &[Outlet]) -> bool {
    let dense = inputs.iter().find(|input| input.name() == INPUT);
    dense.and_then(|input| input.dtype().tensor_shape()).is_some_and(|shape| shape.first() == Some(&1))
}

fn check_matrix(input: &Outlet, element: TensorElementType, word: &str) -> Result<(), Error> {
    let axes = input.dtype().tensor_shape().map_or(0, |shape| shape.len());
    if input.dtype().tensor_type() == Some(element) && axes == 2 {
        return Ok(());
    }
    let (name, found) = (input.name(), input.dtype());
    Err(Error::Shape(format!("its input `{name}` is {found} instead of {word} [rows, most]")))
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
