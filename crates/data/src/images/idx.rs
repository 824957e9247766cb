//! IDX, the format of MNIST: a header and bytes. Each picture becomes a PNG.

use meuse_prep::image::{Colour, Picture};

/// What an IDX file holds.
pub(super) enum Idx {
    /// Grey pictures, one behind the other.
    Pictures {
        /// Rows of a picture.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// The pixels of all.
        pixels: Vec<u8>,
    },
    /// One number per picture.
    Labels(Vec<u8>),
}

/// The most pixels of a side.
const MAX_SIDE: usize = 4096;

/// Reads a file.
pub(super) fn parse(mut bytes: Vec<u8>) -> Result<Idx, String> {
    let [0, 0, 8, dimensions @ (1 | 3)] = bytes.get(..4).unwrap_or_default() else {
        return Err("it is no IDX file of pictures (three dimensions of bytes) or labels (one)".to_owned());
    };
    let head = 4 + 4 * usize::from(*dimensions);
    let sizes: Vec<usize> =
        bytes.get(4..head).ok_or("its header is cut short")?.as_chunks::<4>().0.iter().copied().map(size).collect();
    let count = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let has = bytes.len() - head;
    if count != Some(has) {
        let said = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
        return Err(format!("its header says {said} bytes, and {has} follow"));
    }
    bytes.drain(..head);
    match sizes[..] {
        [_, height, width] if (1..=MAX_SIDE).contains(&height) && (1..=MAX_SIDE).contains(&width) => {
            Ok(Idx::Pictures { height, width, pixels: bytes })
        }
        [_, height, width] => Err(format!("its pictures are {width} × {height} pixels; a side has 1 to {MAX_SIDE}")),
        _ => Ok(Idx::Labels(bytes)),
    }
}

fn size(bytes: [u8; 4]) -> usize {
    u32::from_be_bytes(bytes) as usize
}

/// One picture as PNG, and its mean brightness.
pub(super) fn png(width: usize, height: usize, pixels: &[u8]) -> Result<(Vec<u8>, f64), String> {
    let picture = Picture::new(width, height, Colour::Grey, pixels.to_vec()).map_err(|error| error.to_string())?;
    let brightness = picture.brightness();
    picture.png().map(|png| (png, brightness)).map_err(|error| error.to_string())
}

/// The name of the labels that belong to pictures of this name, and the part that they are of:
/// `train-images-idx3-ubyte.gz` has `train-labels-idx1-ubyte`.
pub(super) fn labels_of(pictures: &str) -> Option<String> {
    let plain = pictures.strip_suffix(".gz").unwrap_or(pictures);
    let named = plain.contains("images") && plain.contains("idx3");
    named.then(|| plain.replacen("images", "labels", 1).replacen("idx3", "idx1", 1))
}

/// Whether a file is IDX by its name.
pub(super) fn is_named(name: &str) -> bool {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    plain.ends_with("ubyte") && (plain.contains("idx1") || plain.contains("idx3"))
}
