//! The bytes of one file become a picture: turned as the file asks for, 8 bits, grey or colour, without transparency.
//!
//! 16-bit values are rounded to 8, transparency is laid on a stated background, CMYK becomes colour, and of what moves
//! the first frame is taken. Decoders are called one by one, and not through the crate `image`, whose colour management
//! costs more to build than all of them.

use std::io::Cursor;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use image_webp::WebPDecoder;
use meuse_core::media::PictureFormat as Format;
use png::{BitDepth, ColorType, Transformations};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::header::{Header, header};
use super::orientation::Orientation;
use super::picture::grey;
use super::{Colour, Error, Limits, Picture, bmp, jpeg};

/// What a decoder may take beside the picture itself, in bytes.
const DECODER_BYTES: u64 = 64 << 20;

/// A file that was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The picture, grey where the file is grey.
    pub picture: Picture,
    /// How many channels the file has, transparency counted.
    pub channels: u8,
    /// Its format.
    pub format: Format,
}

/// Bytes as a decoder gives them.
pub(super) struct Raw {
    pub(super) width: u32,
    pub(super) height: u32,
    /// 1: grey, 2: grey and alpha, 3: colour, 4: colour and alpha.
    pub(super) channels: u8,
    /// 8 bits each.
    pub(super) pixels: Vec<u8>,
    pub(super) orientation: Orientation,
}

/// Decodes one file. Transparent pixels are laid on the background, or keep the colour that the file holds there.
///
/// # Errors
/// [`Error`]: no picture, too large, or damaged. Limits are checked before pixels are allocated.
pub fn decode(bytes: &[u8], background: Option<[u8; 3]>, limits: &Limits) -> Result<Decoded, Error> {
    let header = header(bytes, limits)?;
    let raw = match header.format {
        Format::Png => png(bytes, limits),
        Format::Jpeg => jpeg(bytes, limits),
        Format::Webp => webp(bytes, limits),
        Format::Bmp => bmp::decode(bytes, header),
        Format::Gif => gif(bytes, limits),
    };
    let raw = raw.map_err(|error| named(header, error))?;
    if (raw.width, raw.height) != (header.width, header.height) {
        return Err(Error::Damaged("the picture says two sizes of itself".to_owned()));
    }
    let (colour, pixels) = match raw.channels {
        1 => (Colour::Grey, raw.pixels),
        3 => (Colour::Rgb, raw.pixels),
        2 => match background {
            Some(background) => over_grey(&raw.pixels, background),
            None => (Colour::Grey, raw.pixels.as_chunks::<2>().0.iter().map(|[value, _]| *value).collect()),
        },
        _ => match background {
            Some(background) => (Colour::Rgb, over(&raw.pixels, background)),
            None => (Colour::Rgb, raw.pixels.as_chunks::<4>().0.iter().flat_map(|[colour @ .., _]| *colour).collect()),
        },
    };
    let picture = Picture::new(raw.width as usize, raw.height as usize, colour, pixels)?;
    Ok(Decoded { picture: raw.orientation.apply(picture), channels: raw.channels, format: header.format })
}

/// An error of a decoder, with the format that it is about.
fn named(header: Header, error: Error) -> Error {
    let format = header.format.word().to_uppercase();
    match error {
        Error::Damaged(reason) => Error::Damaged(format!("the {format} picture is damaged or cut short: {reason}")),
        Error::NoPicture(reason) => {
            Error::NoPicture(format!("the {format} picture is of a kind that is not read: {reason}"))
        }
        other @ Error::TooLarge(_) => other,
    }
}

pub(super) fn damaged(reason: impl std::fmt::Display) -> Error {
    Error::Damaged(reason.to_string())
}

/// Room for a picture, when the limits allow it.
fn room(bytes: Option<usize>, limits: &Limits) -> Result<Vec<u8>, Error> {
    let most = limits.pixels.saturating_mul(4);
    let bytes = bytes.filter(|bytes| *bytes as u64 <= most);
    let bytes = bytes.ok_or_else(|| {
        Error::TooLarge(format!("decoded, the picture would take more than the {} MiB that one may", most >> 20))
    })?;
    Ok(vec![0; bytes])
}

fn png(bytes: &[u8], limits: &Limits) -> Result<Raw, Error> {
    let allowed = png::Limits { bytes: limits.pixels.saturating_add(DECODER_BYTES) as usize };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), allowed);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = reader.info().size();
    let orientation = Orientation::of_exif(reader.info().exif_metadata.as_deref());
    let (colour, depth) = reader.output_color_type();
    let mut pixels = room(reader.output_buffer_size(), limits)?;
    reader.next_frame(&mut pixels).map_err(damaged)?;
    if depth == BitDepth::Sixteen {
        pixels = pixels.as_chunks::<2>().0.iter().map(|pair| eight(u16::from_be_bytes(*pair))).collect();
    }
    let channels = match colour {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(Error::NoPicture("its palette was not expanded".to_owned())),
    };
    Ok(Raw { width, height, channels, pixels, orientation })
}

/// 16 bits as 8: v / 257, rounded.
fn eight(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}

fn jpeg(bytes: &[u8], limits: &Limits) -> Result<Raw, Error> {
    let options = DecoderOptions::default().set_strict_mode(false);
    let options = options.set_max_width(limits.side as usize).set_max_height(limits.side as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (Some((width, height)), Some(colour)) = (decoder.dimensions(), decoder.input_colorspace()) else {
        return Err(damaged("it has no header"));
    };
    let (channels, wanted) = match colour {
        ColorSpace::Luma => (1, ColorSpace::Luma),
        _ => (3, ColorSpace::RGB),
    };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(wanted));
    let mut pixels = room(decoder.output_buffer_size(), limits)?;
    decoder.decode_into(&mut pixels).map_err(damaged)?;
    if !jpeg::has_end(bytes) {
        return Err(damaged("it has no end"));
    }
    let orientation = Orientation::of_exif(decoder.exif().map(Vec::as_slice));
    Ok(Raw { width: width as u32, height: height as u32, channels, pixels, orientation })
}

fn webp(bytes: &[u8], limits: &Limits) -> Result<Raw, Error> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    decoder.set_memory_limit(limits.pixels.saturating_mul(4).saturating_add(DECODER_BYTES) as usize);
    let (width, height) = decoder.dimensions();
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = room(decoder.output_buffer_size(), limits)?;
    decoder.read_image(&mut pixels).map_err(damaged)?;
    // Orientation is a courtesy of the file: one that cannot be read is none.
    let exif = decoder.exif_metadata().ok().flatten();
    Ok(Raw { width, height, channels, pixels, orientation: Orientation::of_exif(exif.as_deref()) })
}

fn gif(bytes: &[u8], limits: &Limits) -> Result<Raw, Error> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let most = limits.pixels.saturating_mul(4).saturating_add(DECODER_BYTES);
    options.set_memory_limit(NonZeroU64::new(most).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options.read_info(Cursor::new(bytes)).map_err(damaged)?;
    let (width, height) = (decoder.width(), decoder.height());
    let mut pixels = room(Some(usize::from(width) * usize::from(height) * 4), limits)?;
    let frame = decoder.read_next_frame().map_err(damaged)?.ok_or_else(|| damaged("it has no frame"))?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let visible = usize::from(frame.width).min(usize::from(width).saturating_sub(left)) * 4;
    let rows = frame.buffer.chunks_exact((usize::from(frame.width) * 4).max(1));
    // A frame may lie beyond its screen.
    let seen = if visible > 0 { usize::from(height).saturating_sub(top) } else { 0 };
    for (row, source) in rows.enumerate().take(seen) {
        let at = ((top + row) * usize::from(width) + left) * 4;
        pixels[at..at + visible].copy_from_slice(&source[..visible]);
    }
    let opaque = pixels.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255);
    let (width, height) = (u32::from(width), u32::from(height));
    let orientation = Orientation::default();
    if opaque {
        pixels = pixels.as_chunks::<4>().0.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect();
        return Ok(Raw { width, height, channels: 3, pixels, orientation });
    }
    Ok(Raw { width, height, channels: 4, pixels, orientation })
}

/// Grey stays grey where the background is.
fn over_grey(pixels: &[u8], background: [u8; 3]) -> (Colour, Vec<u8>) {
    let pairs = pixels.as_chunks::<2>().0;
    if background == [grey(background); 3] {
        return (Colour::Grey, pairs.iter().map(|[value, alpha]| blend(*value, background[0], *alpha)).collect());
    }
    let wide: Vec<u8> = pairs.iter().flat_map(|[value, alpha]| [*value, *value, *value, *alpha]).collect();
    (Colour::Rgb, over(&wide, background))
}

fn over(pixels: &[u8], background: [u8; 3]) -> Vec<u8> {
    let mut flat = Vec::with_capacity(pixels.len() / 4 * 3);
    for [red, green, blue, alpha] in pixels.as_chunks::<4>().0 {
        let [under_red, under_green, under_blue] = background;
        flat.extend([
            blend(*red, under_red, *alpha),
            blend(*green, under_green, *alpha),
            blend(*blue, under_blue, *alpha),
        ]);
    }
    flat
}

/// One value over another, rounded as Pillow's paste does.
fn blend(value: u8, background: u8, alpha: u8) -> u8 {
    let sum = u32::from(value) * u32::from(alpha) + u32::from(background) * u32::from(255 - alpha) + 128;
    (((sum >> 8) + sum) >> 8) as u8
}
