//! Pictures: from the bytes of one file to the numbers that a network sees.
//!
//! [`Steps`] is data (it stands in `prep.json`): [`Steps::prepare`] decodes, turns, and brings a picture to its size in
//! 8 bits, as Pillow would; [`Steps::emit`] makes the numbers, channels × height × width. Training and serving call the
//! same two functions, so that a batch and one upload are equal to the bit. [`Augmentation`] is for the training part
//! only, and stands between the two.
//!
//! No file and no thread is touched here. Every limit is checked from a file's header, before pixels are allocated.

mod augment;
mod bmp;
mod decode;
mod error;
mod header;
mod jpeg;
mod orientation;
mod picture;
mod random;
mod resize;
mod steps;

pub use augment::{Drawn, mix_up_weight};
pub use decode::{Decoded, decode};
pub use error::Error;
pub use header::{Header, Limits, header};
pub use meuse_core::recipe::{Augmentation, Colour, Filter, Mode, PictureFill};
pub use picture::Picture;
pub(crate) use random::Random;
pub use resize::{Sampling, resize};
pub use steps::{Geometry, Normalise, Rescale, Shape, Steps};
