//! Published weights: [`start`] takes what a graph's backbones need out of the files that the recipe names.
//!
//! A file is `.safetensors`, or a `.pth` as `torch.save` writes it, now or before PyTorch 1.6. Reading one executes
//! nothing: of a pickle only the few words that tensors need are known ([`pickle`]), and any other is refused by name.
//! Every place is checked against the file before a number is read, and only the tensors that are asked for become
//! numbers, so a hostile file costs no more memory than its own size and that of the network.

mod numbers;
mod pickle;
mod pth;
mod safetensors;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use meuse_core::recipe::network::{Graph, Placed};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::trainer::hexadecimal;
use numbers::Place;

/// The largest file that is read; ResNet-50 has 98 MiB.
const LARGEST: u64 = 4 << 30;

/// The values that the parameters of the graph's backbones begin with, by the parameters' own names; nothing for
/// backbones that name no file. Files lie in `folder`.
///
/// # Errors
/// [`Error::Input`] names the layer and says what is wrong with its file: missing, another one than its SHA-256 says, no
/// file of weights, without a tensor that the backbone has, or with one of another shape. [`Error::File`].
pub fn start(graph: &Graph, folder: &Path) -> Result<HashMap<String, Vec<f32>>, Error> {
    let mut values = HashMap::new();
    for placed in &graph.backbones {
        if let Some(file) = &placed.backbone.weights {
            take(graph, placed, &folder.join(file), &mut values)?;
        }
    }
    Ok(values)
}

fn take(graph: &Graph, placed: &Placed, path: &Path, values: &mut HashMap<String, Vec<f32>>) -> Result<(), Error> {
    let file = placed.backbone.weights.as_deref().unwrap_or_default();
    let field = |name: &str| format!("algorithm.{}.{name}", placed.field);
    let word = placed.backbone.architecture.word();
    let refused = |reason: String| {
        let hint = format!("name a file of {word}'s published weights, as torch.save or safetensors writes it");
        Error::input(&field("weights"), format!("`{file}`: {reason}"), hint)
    };
    if !path.is_file() {
        let hint = "put the file into the server's folder of pretrained weights, or leave `weights` out";
        return Err(Error::input(&field("weights"), format!("there is no file `{file}`"), hint));
    }
    let bytes = bytes_of(path)?.ok_or_else(|| refused("it is larger than any backbone".into()))?;
    if let Some(wanted) = &placed.backbone.sha256 {
        let found = hexadecimal(Sha256::digest(&bytes).as_slice());
        if !found.eq_ignore_ascii_case(wanted) {
            let message = format!("`{file}` is another file: its SHA-256 is {found}");
            let hint = "fetch the file again, or correct the hash after checking it against its publisher's";
            return Err(Error::input(&field("sha256"), message, hint));
        }
    }
    let tensors = Tensors::read(bytes).map_err(refused)?;
    for (parameter, published) in placed.published(graph) {
        let numbers = tensors.values(published, &parameter.shape).map_err(refused)?;
        values.insert(parameter.name.clone(), numbers);
    }
    Ok(())
}

/// The whole file; nothing when it is too large.
fn bytes_of(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let failed = |source| Error::File { verb: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes.len() as u64 <= LARGEST).then_some(bytes))
}

/// A file of named tensors, of which nothing has been made numbers yet.
#[derive(Debug)]
pub struct Tensors {
    bytes: Vec<u8>,
    places: BTreeMap<String, Place>,
}

impl Tensors {
    /// Looks through the bytes of a `.safetensors` or `.pth` file.
    ///
    /// # Errors
    /// Why they are no such file, or what in them is refused.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let places = match bytes.as_slice() {
            [b'P', b'K', 3, 4, ..] => pth::of_zip(&bytes)?,
            start if start.starts_with(pth::BEFORE_ZIP) => pth::of_pickles(&bytes)?,
            [_, _, _, _, _, _, _, _, b'{', ..] => safetensors::places(&bytes)?,
            _ => return Err("it is neither a safetensors file nor one that torch.save wrote".into()),
        };
        Ok(Self { bytes, places })
    }

    /// The names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.places.get(name).map(|place| place.shape.as_slice())
    }

    /// The numbers of a tensor that must have this shape, row after row.
    ///
    /// # Errors
    /// Names the tensor: it is missing, has another shape, or holds no finite floats.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let place = self.places.get(name).ok_or_else(|| format!("it has no tensor `{name}`"))?;
        if place.shape != shape {
            return Err(format!("its tensor `{name}` has the shape {:?}, and {shape:?} is wanted", place.shape));
        }
        let numbers = place.numbers(&self.bytes).map_err(|reason| format!("its tensor `{name}` {reason}"))?;
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(format!("its tensor `{name}` holds numbers that are not finite"));
        }
        Ok(numbers)
    }
}
