//! The vectors of a column of sentences: made once of every text that any part holds, however often it is learnt from.
//!
//! A published model does not learn, so its vectors are the same in every fold. Texts are computed one by one, side by
//! side on the job's threads (see [`crate::onnx::Encoder`] for why).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meuse_core::job::TrainSpec;
use meuse_core::table::{MISSING, Matrix, Table, Values};
use meuse_engine::Session;
use meuse_prep::text::Tokenizer;
use meuse_prep::{Feature, FeatureKind, NO_TOKEN};

use crate::fitting::stop_if_cancelled;
use crate::learner::Watch;
use crate::onnx::Encoder;
use crate::{Error, Pretrained};

/// A column's vectors.
pub(crate) struct Sentences {
    pub(crate) column: String,
    pub(crate) encoder: Arc<Encoder>,
    /// Of each of the column's texts, its place in `vectors`; the last one is that of a missing text.
    places: Vec<u32>,
    /// One behind the other.
    vectors: Vec<f32>,
}

impl Sentences {
    /// Makes the vectors of the texts that these rows hold; nothing where no column becomes vectors.
    ///
    /// # Errors
    /// The model cannot be run, a text cannot be read, or somebody asked to stop.
    pub(crate) fn of(
        pretrained: &Pretrained,
        (table, rows): (&Table, impl Iterator<Item = u32>),
        spec: &TrainSpec,
        watch: &dyn Watch,
    ) -> Result<Option<Self>, Error> {
        let Some((column, encoder)) = &pretrained.encoder else { return Ok(None) };
        let Some(Values::Text { codes, dictionary }) = table.column(column) else { return Ok(None) };
        let Some(tokenizer) = pretrained.tokenizers.get(column) else { return Ok(None) };
        let mut places = vec![MISSING; dictionary.len() + 1];
        let mut texts: Vec<&str> = Vec::new();
        for row in rows {
            let code = (codes[row as usize] as usize).min(dictionary.len());
            if places[code] == MISSING {
                places[code] = texts.len() as u32;
                texts.push(dictionary.get(code).map_or("", String::as_str));
            }
        }
        meuse_engine::init(&spec.native)?;
        let session = Session::open(&encoder.vectors(tokenizer.length() as usize)?, 1)?;
        let work = Work { session: &session, tokenizer, width: encoder.width(), texts: &texts, watch };
        let vectors = work.done_by(spec.limits.threads.max(1))?;
        Ok(Some(Self { column: column.clone(), encoder: Arc::clone(encoder), places, vectors }))
    }

    /// How many numbers a vector has.
    pub(crate) fn width(&self) -> usize {
        self.encoder.width()
    }

    /// What stands in a learner's matrix behind all other features.
    pub(crate) fn features(&self) -> impl Iterator<Item = Feature> {
        (0..self.width()).map(|number| Feature {
            name: format!("{}[{number}]", self.column),
            column: self.column.clone(),
            kind: FeatureKind::Embedded,
        })
    }

    /// The matrix with the vectors of the rows behind its dense features.
    pub(crate) fn beside(&self, matrix: Matrix, table: &Table, rows: &[u32]) -> Matrix {
        let width = matrix.width + self.width();
        let mut wider = Matrix { data: Vec::with_capacity(rows.len() * width), width, ..Matrix::default() };
        for (index, row) in rows.iter().enumerate() {
            wider.data.extend_from_slice(matrix.row(index));
            wider.data.extend_from_slice(self.vector(table, *row));
        }
        Matrix { rows: rows.len(), sparse: matrix.sparse, ..wider }
    }

    fn vector(&self, table: &Table, row: u32) -> &[f32] {
        let Some(Values::Text { codes, .. }) = table.column(&self.column) else { return &[] };
        let code = (codes[row as usize] as usize).min(self.places.len() - 1);
        let start = self.places[code] as usize * self.width();
        &self.vectors[start..start + self.width()]
    }
}

/// The vectors that one thread made, each with its text's number.
type Made = Result<Vec<(usize, Vec<f32>)>, Error>;

struct Work<'a> {
    session: &'a Session,
    tokenizer: &'a Tokenizer,
    width: usize,
    texts: &'a [&'a str],
    watch: &'a dyn Watch,
}

impl Work<'_> {
    fn done_by(&self, threads: usize) -> Result<Vec<f32>, Error> {
        let mut vectors = vec![0.0; self.texts.len() * self.width];
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Each thread takes the next text and keeps its vector until all are done: long ones take longer than others.
        let of_worker = || -> Made {
            let mut made = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(text) = self.texts.get(number) else { return Ok(made) };
                stop_if_cancelled(self.watch)?;
                made.push((number, self.vector(text)?));
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                self.watch.progress("read sentences", done as u64, self.texts.len() as u64);
            }
        };
        let results: Vec<Made> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(of_worker)).collect();
            let joined =
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
            joined.collect()
        });
        for result in results {
            for (number, vector) in result? {
                vectors[number * self.width..(number + 1) * self.width].copy_from_slice(&vector);
            }
        }
        Ok(vectors)
    }

    fn vector(&self, text: &str) -> Result<Vec<f32>, Error> {
        let ids = self.tokenizer.ids(text).map_err(|reason| {
            let beginning: String = text.chars().take(40).collect();
            Error::input("", format!("the tokenizer cannot read {beginning:?}: {reason}"), "drop the row, or change it")
        })?;
        let mut row = Matrix::zeros(1, self.tokenizer.length() as usize);
        row.data.fill(NO_TOKEN);
        for (cell, id) in row.data.iter_mut().zip(&ids) {
            *cell = *id as f32;
        }
        let vector = self.session.scores(&row)?.raw;
        if vector.iter().all(|number| number.is_finite()) {
            return Ok(vector);
        }
        let beginning: String = text.chars().take(40).collect();
        let message = format!("the model makes numbers that are not finite of {beginning:?}");
        Err(Error::input("", message, "use another pretrained model, or drop the row"))
    }
}
