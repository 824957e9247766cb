//! What the first bytes of a file say of the picture in it, and whether that is within the limits.
//!
//! Read by hand, so that no decoder sees a file that claims 100,000 × 100,000 pixels.

use meuse_core::media::PictureFormat as Format;
use serde::{Deserialize, Serialize};

use super::{Error, jpeg};

/// What one picture may take. The defaults hold on every path, training and serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most bytes of a file.
    pub bytes: u64,
    /// The most pixels of width or height.
    pub side: u32,
    /// The most pixels.
    pub pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 32 << 20, side: 32_768, pixels: 50_000_000 }
    }
}

/// What a file's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The format.
    pub format: Format,
    /// Width in pixels, as stored: before a rotation that the file asks for.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
}

/// Reads the header of a file and holds it to the limits.
///
/// # Errors
/// [`Error`], naming what the file is, or how large it says it is.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header, Error> {
    let format = format(bytes)?;
    if bytes.len() as u64 > limits.bytes {
        let (has, most) = (bytes.len() >> 20, limits.bytes >> 20);
        return Err(Error::TooLarge(format!("the file has {has} MiB, and {most} MiB are the most for one picture")));
    }
    let size = match format {
        Format::Png => png(bytes),
        Format::Gif => gif(bytes),
        Format::Bmp => bmp(bytes),
        Format::Webp => webp(bytes),
        Format::Jpeg => jpeg::size(bytes),
    };
    let (width, height) = size.ok_or_else(|| {
        Error::Damaged(format!("the file begins like a {} picture and does not say how large it is", format.word()))
    })?;
    let header = Header { format, width, height };
    header.check(limits).map(|()| header)
}

impl Header {
    fn check(self, limits: &Limits) -> Result<(), Error> {
        let Self { width, height, .. } = self;
        if width == 0 || height == 0 {
            return Err(Error::Damaged(format!("the picture says it is {width} × {height} pixels large")));
        }
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > limits.side || pixels > limits.pixels {
            let (side, most) = (limits.side, limits.pixels);
            return Err(Error::TooLarge(format!(
                "the picture says it is {width} × {height} pixels large; at most {most} pixels are read, and {side} on \
                 a side"
            )));
        }
        Ok(())
    }
}

/// The format by the first bytes; a name is not believed.
fn format(bytes: &[u8]) -> Result<Format, Error> {
    let other = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => return Ok(Format::Png),
        [0xff, 0xd8, 0xff, ..] => return Ok(Format::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => return Ok(Format::Webp),
        [b'B', b'M', ..] => return Ok(Format::Bmp),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => return Ok(Format::Gif),
        [] => "the file is empty",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "the file is a TIFF picture, which is not read",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => "the file is an AVIF picture, which is not read",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', ..] => "the file is a HEIC picture, which is not read",
        [b'%', b'P', b'D', b'F', ..] => "the file is a PDF document",
        [b'<', b's', b'v', b'g', ..] | [b'<', b'?', b'x', b'm', b'l', ..] => {
            "the file is SVG or XML, which is not read"
        }
        _ => "the file is no picture",
    };
    Err(Error::NoPicture(other.to_owned()))
}

fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    (bytes.get(12..16)? == b"IHDR").then_some(())?;
    Some((big(bytes, 16)?, big(bytes, 20)?))
}

fn gif(bytes: &[u8]) -> Option<(u32, u32)> {
    Some((u32::from(little16(bytes, 6)?), u32::from(little16(bytes, 8)?)))
}

fn bmp(bytes: &[u8]) -> Option<(u32, u32)> {
    if little(bytes, 14)? == 12 {
        return Some((u32::from(little16(bytes, 18)?), u32::from(little16(bytes, 20)?)));
    }
    // A negative height says that the first row is the upper one.
    Some((little(bytes, 18)?.cast_signed().unsigned_abs(), little(bytes, 22)?.cast_signed().unsigned_abs()))
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let three = |at: usize| Some(u32::from(little16(bytes, at)?) | u32::from(*bytes.get(at + 2)?) << 16);
    match bytes.get(12..16)? {
        b"VP8X" => Some((three(24)? + 1, three(27)? + 1)),
        b"VP8L" => {
            let bits = little(bytes, 21)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => Some((u32::from(little16(bytes, 26)? & 0x3fff), u32::from(little16(bytes, 28)? & 0x3fff))),
        _ => None,
    }
}

fn big(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn little16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}
