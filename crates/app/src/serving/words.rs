//! Word vectors, to be asked for neighbours: which words keep the same company as a word, or as a sum of words.

use meuse_core::api::{Neighbour, Neighbours};
use meuse_core::bundle::{Manifest, Task, VECTORS};
use meuse_core::names::ModelRef;
use meuse_core::suggest;
use meuse_engine::constant;
use meuse_prep::text::{WordIndex, normalise};
use meuse_prep::{Fitted, Step};

use super::pool::Loaded;
use crate::access::{Action, Caller};
use crate::{App, Error};

/// The most neighbours of one answer.
const MOST: usize = 1000;
/// The most words of one question.
const MOST_WORDS: usize = 100;
/// A vector whose square is smaller has no direction: word minus word, say.
const NO_DIRECTION: f32 = 1e-12;

/// The vectors of the words of a bundle, each of length 1.
pub(super) struct Words {
    dimensions: usize,
    /// Row after row, that of padding first.
    vectors: Vec<f32>,
}

impl Words {
    /// Those of an embedding; other models have none.
    ///
    /// # Errors
    /// When the model's file holds no vectors, or others than the bundle says.
    pub(super) fn of(manifest: &Manifest, fitted: &Fitted, onnx: &[u8]) -> Result<Option<Self>, String> {
        if manifest.task != Task::Embedding {
            return Ok(None);
        }
        let (sides, mut vectors) = constant(onnx, VECTORS).map_err(|error| error.to_string())?;
        let words = index(fitted).map(WordIndex::size);
        let [rows, dimensions] = sides[..] else { return Err("its vectors are not rows of numbers".to_owned()) };
        if words != Some(rows) || dimensions == 0 {
            return Err(format!("it has {rows} vectors for {} words", words.unwrap_or_default()));
        }
        for row in vectors.chunks_exact_mut(dimensions) {
            to_length_one(row);
        }
        Ok(Some(Self { dimensions, vectors }))
    }

    fn row(&self, id: u32) -> &[f32] {
        &self.vectors[id as usize * self.dimensions..][..self.dimensions]
    }
}

/// The words of the one column that an embedding reads.
fn index(fitted: &Fitted) -> Option<&WordIndex> {
    fitted.columns.iter().find_map(|column| match &column.step {
        Step::Sequence { words, .. } => Some(words.as_ref()),
        _ => None,
    })
}

fn to_length_one(row: &mut [f32]) -> bool {
    let square: f32 = row.iter().map(|value| value * value).sum();
    if square.is_nan() || square < NO_DIRECTION {
        return false;
    }
    let length = square.sqrt();
    for value in row {
        *value /= length;
    }
    true
}

/// A question for neighbours.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The word.
    pub word: String,
    /// Words that are added to it.
    pub plus: Vec<String>,
    /// Words that are taken away from it.
    pub minus: Vec<String>,
    /// How many neighbours are wanted.
    pub count: usize,
}

impl App {
    /// The words whose vectors point most nearly where that of a word does, by the cosine of the angle between them;
    /// with words added and taken away, where the sum of them all does. The words of the question are left out.
    ///
    /// # Errors
    /// As [`App::predict`]; [`Error::Invalid`] for a model without word vectors and for what is not one word,
    /// [`Error::NotFound`] for a word that has no vector, with the nearest that has.
    pub async fn neighbours(&self, caller: &Caller, target: &ModelRef, asked: Asked) -> Result<Neighbours, Error> {
        caller.require(Action::Predict)?;
        if !(1..=MOST).contains(&asked.count) {
            let reason = format!("{} is not from 1 to {MOST}", asked.count);
            return Err(Error::invalid("count", reason, "ask for ten, say"));
        }
        if asked.plus.len() + asked.minus.len() >= MOST_WORDS {
            return Err(Error::invalid("plus", format!("more than {MOST_WORDS} words are asked for"), "ask for fewer"));
        }
        let resolved = self.models.snapshot().resolve(caller.project_id(), target)?;
        let _in_flight = self.serving.statistics.enter();
        let permit = self.serving.limits.admit().await?;
        let loaded = self.serving.load(&resolved).await?;
        let (model, version) = (resolved.model.to_string(), resolved.version);
        let answer = move || {
            let _permit = permit;
            let name = format!("{model}:{version}");
            let neighbours = answer(&loaded, &name, &asked)?;
            Ok(Neighbours { model, version, word: asked.word, neighbours })
        };
        let answered = tokio::task::spawn_blocking(answer).await;
        answered.map_err(|_| Error::Internal("looking for neighbours panicked".into()))?
    }
}

fn answer(loaded: &Loaded, name: &str, asked: &Asked) -> Result<Vec<Neighbour>, Error> {
    let (Some(words), Some(index)) = (&loaded.words, index(&loaded.fitted)) else {
        let reason = format!("`{name}` does a {} task, and has no word vectors", loaded.manifest.task.word());
        return Err(Error::invalid("model", reason, "name a model that was trained with task = \"embedding\""));
    };
    let plus = std::iter::once(("word", &asked.word)).chain(asked.plus.iter().map(|word| ("plus", word)));
    let signed = plus.map(|asked| (1.0, asked)).chain(asked.minus.iter().map(|word| (-1.0, ("minus", word))));
    let mut sum = vec![0.0_f32; words.dimensions];
    let mut own = vec![0];
    for (sign, (field, word)) in signed {
        let id = find(index, name, field, word)?;
        own.push(id);
        for (sum, value) in sum.iter_mut().zip(words.row(id)) {
            *sum += sign * value;
        }
    }
    if !to_length_one(&mut sum) {
        return Err(Error::invalid("minus", "nothing is left of the sum of these words", "take other words away"));
    }
    let cosine = |id: u32| words.row(id).iter().zip(&sum).map(|(a, b)| a * b).sum::<f32>();
    let ids = (0..index.size() as u32).filter(|id| !own.contains(id));
    let mut near: Vec<(f32, u32)> = ids.map(|id| (cosine(id), id)).collect();
    // Of equally near words the more frequent one comes first.
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if near.len() > asked.count {
        near.select_nth_unstable_by(asked.count, order);
        near.truncate(asked.count);
    }
    near.sort_by(order);
    let texts: Vec<&str> = index.words().collect();
    let shown = near.into_iter().map(|(similarity, id)| Neighbour {
        word: texts[id as usize - 1].to_owned(),
        similarity: f64::from(similarity.clamp(-1.0, 1.0)),
    });
    Ok(shown.collect())
}

/// The id of what a person calls a word: as it stands in the vocabulary, or as texts are cut.
fn find(index: &WordIndex, name: &str, field: &str, word: &str) -> Result<u32, Error> {
    let normal = normalise(word.trim(), index.normalise, index.lowercase);
    if let Some(id) = index.id(&normal) {
        return Ok(id);
    }
    let cut = index.cut(word);
    match cut.as_slice() {
        [] => Err(Error::invalid(field, format!("`{word}` holds no word"), "name one word")),
        [one] => index.id(one).ok_or_else(|| {
            let near = suggest::nearest(one, index.words());
            let hint = near.map_or_else(
                || "it stood too seldom in the training part, or not at all".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Error::not_found(format!("`{name}` has no vector of `{one}`"), hint)
        }),
        several => {
            let listed = several.iter().take(10).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            let reason = format!("`{word}` is {} words to this model: {listed}", several.len());
            Err(Error::invalid(field, reason, "ask for one of them, and add others by plus"))
        }
    }
}
