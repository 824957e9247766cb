//! Word vectors that embeddings begin with: [`start`] looks up each word of a network's vocabulary among those of a model
//! that was trained before, and gives it that vector. Other words begin as they would have.

use std::collections::HashMap;
use std::path::Path;

use meuse_core::bundle::VECTORS;
use meuse_core::job::StartingWords;
use meuse_core::recipe::network::{Graph, LayerKind};
use meuse_prep::text::WordIndex;
use meuse_prep::{Fitted, Step};

use crate::{Error, initialise};

/// Values of parameters, by name.
pub type Beginnings = HashMap<String, Vec<f32>>;

/// What embeddings begin with.
pub struct Begun {
    /// Values by the names of their parameters.
    pub values: Beginnings,
    /// A sentence for each.
    pub notes: Vec<String>,
    /// A sentence for each that finds so few of its words that something is wrong.
    pub warnings: Vec<String>,
}

/// Where fewer than one in so many words are found, it is the wrong model.
const FEW: usize = 5;

/// The values that the graph's embeddings begin with. `fitted` knows the words of the inputs, `models` are those that the
/// recipe names.
///
/// # Errors
/// [`Error::Input`] names the layer whose model is not there, cannot be read or does not fit; [`Error::File`].
pub fn start(graph: &Graph, seed: u64, fitted: &Fitted, models: &[StartingWords]) -> Result<Begun, Error> {
    let mut values = HashMap::new();
    let (mut notes, mut warnings) = (Vec::new(), Vec::new());
    for node in &graph.nodes {
        let LayerKind::Embedding(embedding) = &node.kind else { continue };
        let Some(reference) = embedding.weights.as_ref().map(ToString::to_string) else { continue };
        let refused = |reason: String| {
            Error::input(
                "algorithm.layers",
                format!("`{}` cannot begin with `{reference}`: {reason}", node.name),
                "name another model in `weights`",
            )
        };
        let files = models.iter().find(|words| words.reference == reference);
        let files = files.ok_or_else(|| refused("it was not handed to this training".into()))?;
        let input = graph.inputs.get(node.from[0]).map_or("", |input| input.name.as_str());
        let wanted = words_of(fitted, Some(input)).ok_or_else(|| refused("it reads no words".into()))?;
        let known = Vectors::read(files, embedding.size as usize)?.map_err(refused)?;
        let parameter = graph.parameters().enumerate().find(|(_, one)| node.parameters.first() == Some(one));
        let Some((number, parameter)) = parameter else { continue };
        let mut rows = initialise::values(parameter, number, seed);
        let mut found = 0;
        for (row, word) in rows.chunks_exact_mut(embedding.size as usize).skip(1).zip(wanted.words()) {
            if let Some(vector) = known.of(word) {
                row.copy_from_slice(vector);
                found += 1;
            }
        }
        let version = &files.version;
        let kept = if embedding.trainable { "" } else { ", which training leaves as they are" };
        notes.push(format!(
            "`{}` begins with vectors of {}:{} for {found} of its {} words{kept}",
            node.name,
            version.model,
            version.version,
            wanted.size() - 1
        ));
        if found * FEW < wanted.size() - 1 {
            let (name, words) = (&node.name, wanted.size() - 1);
            warnings.push(format!(
                "`{name}` begins with vectors of {}:{} for {found} of its {words} words only: are they of the same language?",
                version.model, version.version
            ));
        }
        values.insert(parameter.name.clone(), rows);
    }
    Ok(Begun { values, notes, warnings })
}

/// The words of a column, or of the only one that has words.
fn words_of<'a>(fitted: &'a Fitted, column: Option<&str>) -> Option<&'a WordIndex> {
    fitted.columns.iter().find_map(|fitted| match &fitted.step {
        Step::Sequence { words, .. } if column.is_none_or(|column| column == fitted.name) => Some(words.as_ref()),
        _ => None,
    })
}

/// The words of a model, and their vectors.
struct Vectors {
    fitted: Fitted,
    size: usize,
    numbers: Vec<f32>,
}

impl Vectors {
    /// The outer error is of a file that cannot be opened, the inner one of what is in it.
    fn read(files: &StartingWords, size: usize) -> Result<Result<Self, String>, Error> {
        let (prep, model) = (bytes_of(&files.prep)?, bytes_of(&files.model)?);
        let parse = || {
            let fitted: Fitted = serde_json::from_slice(&prep).map_err(|error| error.to_string())?;
            let (sides, numbers) = meuse_engine::constant(&model, VECTORS).map_err(|error| error.to_string())?;
            let words = words_of(&fitted, None).map_or(0, WordIndex::size);
            if sides != [words, size] {
                return Err(format!("it has vectors of the shape {sides:?}, and [{words}, {size}] is wanted"));
            }
            if numbers.iter().any(|number| !number.is_finite()) {
                return Err("it holds numbers that are not finite".to_owned());
            }
            Ok(Self { fitted, size, numbers })
        };
        Ok(parse())
    }

    fn of(&self, word: &str) -> Option<&[f32]> {
        let id = words_of(&self.fitted, None)?.id(word)? as usize;
        self.numbers.get(id * self.size..(id + 1) * self.size)
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { verb: "read", path: path.to_owned(), source })
}
