//! Windows bitmaps: 1, 4, 8, 16, 24 and 32 bits per pixel, with a palette or colour masks, not compressed.

use super::Error;
use super::decode::{Raw, damaged};
use super::header::Header;
use super::orientation::Orientation;

/// Values of the field that says how pixels are packed.
const PLAIN: u32 = 0;
const MASKS: u32 = 3;
const MASKS_WITH_ALPHA: u32 = 6;

/// Decodes a bitmap whose header was read.
pub(super) fn decode(bytes: &[u8], header: Header) -> Result<Raw, Error> {
    let short = || damaged("it ends too early");
    let two = |at: usize| bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    let four = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let pixels_at = four(10).ok_or_else(short)? as usize;
    let head = four(14).ok_or_else(short)? as usize;
    let old = head == 12;
    let bits = two(if old { 24 } else { 28 }).ok_or_else(short)?;
    let packed = if old { PLAIN } else { four(30).ok_or_else(short)? };
    if ![PLAIN, MASKS, MASKS_WITH_ALPHA].contains(&packed) || ![1, 4, 8, 16, 24, 32].contains(&bits) {
        return Err(Error::NoPicture(format!("{bits} bits per pixel, packed in way {packed}")));
    }
    let (width, height) = (header.width as usize, header.height as usize);
    let row_bytes = (width * usize::from(bits)).div_ceil(32) * 4;
    let end = row_bytes.checked_mul(height).and_then(|length| length.checked_add(pixels_at));
    let rows = end.and_then(|end| bytes.get(pixels_at..end)).ok_or_else(short)?;
    let upper_first = !old && four(22).is_some_and(|height| height.cast_signed() < 0);

    let mut pixels = Vec::with_capacity(width * height * 3);
    let palette = Palette { bytes: bytes.get(14 + head..).unwrap_or_default(), wide: if old { 3 } else { 4 } };
    let masks = if packed == PLAIN {
        if bits == 16 { [0x7c00, 0x03e0, 0x001f] } else { [0x00ff_0000, 0xff00, 0xff] }
    } else {
        let mask = |number: usize| four(54 + 4 * number).ok_or_else(short);
        [mask(0)?, mask(1)?, mask(2)?]
    };
    for row in 0..height {
        let row = if upper_first { row } else { height - 1 - row };
        let row = &rows[row * row_bytes..][..row_bytes];
        for column in 0..width {
            pixels.extend(match bits {
                24 => [row[column * 3 + 2], row[column * 3 + 1], row[column * 3]],
                16 => unmasked(u32::from(u16::from_le_bytes([row[column * 2], row[column * 2 + 1]])), masks),
                32 => {
                    let at = column * 4;
                    unmasked(u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]), masks)
                }
                _ => {
                    let per_byte = 8 / usize::from(bits);
                    let shift = 8 - usize::from(bits) * (column % per_byte + 1);
                    let index = row[column / per_byte] >> shift & (0xff >> (8 - bits));
                    palette.colour(index).ok_or_else(|| damaged("a pixel has a colour that is not in its palette"))?
                }
            });
        }
    }
    let orientation = Orientation::default();
    Ok(Raw { width: header.width, height: header.height, channels: 3, pixels, orientation })
}

struct Palette<'a> {
    bytes: &'a [u8],
    /// Bytes per colour.
    wide: usize,
}

impl Palette<'_> {
    fn colour(&self, index: u8) -> Option<[u8; 3]> {
        let at = usize::from(index) * self.wide;
        let [blue, green, red] = self.bytes.get(at..at + 3)?.try_into().ok()?;
        Some([red, green, blue])
    }
}

/// The three colours that the masks cut out, each stretched to 8 bits.
fn unmasked(value: u32, masks: [u32; 3]) -> [u8; 3] {
    masks.map(|mask| {
        let shift = mask.trailing_zeros().min(31);
        let most = u64::from(mask >> shift);
        let part = u64::from((value & mask) >> shift);
        (part * 255 + most / 2).checked_div(most).unwrap_or(0) as u8
    })
}
