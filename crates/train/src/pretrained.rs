//! What a recipe takes from the folder of pretrained models: a folder's `tokenizer.json`, and the `model.onnx` that makes
//! vectors of sentences.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use meuse_core::recipe::{Plan, Side, Treatment};
use meuse_prep::Tokenizers;
use meuse_prep::text::{LARGEST_TOKENIZER, Tokenizer};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::onnx::Encoder;

/// The files of a folder of pretrained models.
const TOKENIZER: &str = "tokenizer.json";
const MODEL: &str = "model.onnx";
/// The largest model that is read: a bundle holds it.
const LARGEST_MODEL: u64 = 1 << 30;

/// The published models of a plan.
#[derive(Default)]
pub(crate) struct Pretrained {
    /// By column.
    pub(crate) tokenizers: Tokenizers,
    /// The column of sentences and what makes vectors of them.
    pub(crate) encoder: Option<(String, Arc<Encoder>)>,
    /// Which files were read, for the bundle.
    pub(crate) notes: Vec<String>,
}

impl Pretrained {
    /// Reads what the plan names from the folder.
    ///
    /// # Errors
    /// [`Error::Input`] names the recipe's field and says what is wrong with its file.
    pub(crate) fn read(plan: &Plan, folder: &Path) -> Result<Self, Error> {
        let mut read = Self::default();
        for column in &plan.columns {
            let field = |name: &str| format!("preprocessing.columns.{}.{name}", column.name);
            match &column.treatment {
                Treatment::Sequence { sequence, .. } => {
                    let Some(name) = &sequence.tokenizer else { continue };
                    let place = Place { folder, name, field: field("sequence.tokenizer") };
                    read.tokenizer(&column.name, &place, sequence.length, sequence.truncating)?;
                }
                Treatment::Sentence { sentence, .. } => {
                    let place = Place { folder, name: &sentence.pretrained, field: field("sentence.pretrained") };
                    read.tokenizer(&column.name, &place, sentence.length, Side::Back)?;
                    let bytes = place.bytes(MODEL, LARGEST_MODEL)?;
                    read.note(&place, MODEL, &bytes);
                    let encoder = Encoder::read(bytes).map_err(|reason| place.refused(MODEL, &reason))?;
                    read.encoder = Some((column.name.clone(), Arc::new(encoder)));
                }
                _ => {}
            }
        }
        Ok(read)
    }

    fn tokenizer(&mut self, column: &str, place: &Place<'_>, length: u32, truncating: Side) -> Result<(), Error> {
        let bytes = place.bytes(TOKENIZER, LARGEST_TOKENIZER)?;
        self.note(place, TOKENIZER, &bytes);
        let text = String::from_utf8(bytes).map_err(|_| place.refused(TOKENIZER, "it is not UTF-8"))?;
        let tokenizer = Tokenizer::new(text, length, truncating);
        self.tokenizers.insert(column.to_owned(), tokenizer.map_err(|reason| place.refused(TOKENIZER, &reason))?);
        Ok(())
    }

    fn note(&mut self, place: &Place<'_>, file: &str, bytes: &[u8]) {
        let hash = hex::encode(Sha256::digest(bytes));
        self.notes.push(format!("pretrained: {}/{file}, {} bytes, SHA-256 {hash}", place.name, bytes.len()));
    }
}

/// A folder that a recipe names.
struct Place<'a> {
    folder: &'a Path,
    name: &'a str,
    field: String,
}

impl Place<'_> {
    fn bytes(&self, file: &str, most: u64) -> Result<Vec<u8>, Error> {
        let path = self.folder.join(self.name).join(file);
        if !path.is_file() {
            let message =
                format!("there is no file `{}/{file}` in the server's folder of pretrained models", self.name);
            let hint = "put the folder there (the setting compute.pretrained says where), or name another one";
            return Err(Error::input(&self.field, message, hint));
        }
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        read.map_err(|error| self.refused(file, &format!("it cannot be read: {error}")))?;
        if bytes.len() as u64 > most {
            return Err(self.refused(file, &format!("it is larger than {} MiB", most >> 20)));
        }
        Ok(bytes)
    }

    fn refused(&self, file: &str, reason: &str) -> Error {
        let hint = match file {
            TOKENIZER => "use a tokenizer.json as Hugging Face's library `tokenizers` writes it",
            _ => "use a model.onnx that sentence-transformers or Optimum exported",
        };
        Error::input(&self.field, format!("`{}/{file}`: {reason}", self.name), hint)
    }
}
