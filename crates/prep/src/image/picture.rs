//! A picture in memory: rows of 8-bit pixels, grey or red-green-blue.

use meuse_core::recipe::Colour;
use png::{BitDepth, ColorType, Compression, Encoder};

use super::Error;

/// A picture in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    colour: Colour,
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture of these bytes, row by row, pixel by pixel.
    ///
    /// # Errors
    /// [`Error::Damaged`] when there are not exactly as many bytes as the size asks for.
    pub fn new(width: usize, height: usize, colour: Colour, pixels: Vec<u8>) -> Result<Self, Error> {
        let wanted = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(colour.channels()));
        if wanted != Some(pixels.len()) || pixels.is_empty() {
            let has = pixels.len();
            return Err(Error::Damaged(format!("{width} × {height} pixels do not fit into {has} bytes")));
        }
        Ok(Self { width, height, colour, pixels })
    }

    /// As [`Picture::new`], where the size is known to be right.
    pub(super) fn made(width: usize, height: usize, colour: Colour, pixels: Vec<u8>) -> Self {
        debug_assert_eq!(pixels.len(), width * height * colour.channels());
        Self { width, height, colour, pixels }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Grey or colour.
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// How many bytes a pixel has.
    pub fn channels(&self) -> usize {
        self.colour.channels()
    }

    /// The bytes, row by row, pixel by pixel.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The mean of all bytes, from 0 to 255.
    pub fn mean(&self) -> f64 {
        let sum: u64 = self.pixels.iter().map(|byte| u64::from(*byte)).sum();
        sum as f64 / self.pixels.len() as f64
    }

    /// The mean light of its pixels, from 0 to 255.
    pub fn brightness(&self) -> f64 {
        let [mut red, mut green, mut blue] = [0_u64; 3];
        if self.colour == Colour::Grey {
            return self.mean();
        }
        for pixel in self.pixels.as_chunks::<3>().0 {
            red += u64::from(pixel[0]);
            green += u64::from(pixel[1]);
            blue += u64::from(pixel[2]);
        }
        let weighed = red as f64 * 19_595.0 + green as f64 * 38_470.0 + blue as f64 * 7_471.0;
        weighed / 65_536.0 / (self.width * self.height) as f64
    }

    /// In these colours.
    #[must_use]
    pub fn in_colour(self, colour: Colour) -> Self {
        let pixels = match (self.colour, colour) {
            (Colour::Grey, Colour::Rgb) => self.pixels.iter().flat_map(|grey| [*grey; 3]).collect(),
            (Colour::Rgb, Colour::Grey) => self.pixels.as_chunks::<3>().0.iter().map(|rgb| grey(*rgb)).collect(),
            _ => return self,
        };
        Self { colour, pixels, ..self }
    }

    /// A window of it; what lies outside is filled with the colour.
    #[must_use]
    pub fn window(&self, left: i64, top: i64, size: (usize, usize), fill: [u8; 3]) -> Self {
        let ((width, height), channels) = (size, self.channels());
        let filler: &[u8] = &match self.colour {
            Colour::Grey => vec![grey(fill)],
            Colour::Rgb => fill.to_vec(),
        };
        let mut pixels = filler.repeat(width * height);
        let first = left.max(0);
        let last = (left + width as i64).min(self.width as i64);
        for row in 0..height {
            let source = top + row as i64;
            if first >= last || source < 0 || source >= self.height as i64 {
                continue;
            }
            let from = (source as usize * self.width + first as usize) * channels;
            let to = (row * width + (first - left) as usize) * channels;
            let count = (last - first) as usize * channels;
            pixels[to..to + count].copy_from_slice(&self.pixels[from..from + count]);
        }
        Self { width, height, colour: self.colour, pixels }
    }

    /// As a PNG file. The same picture gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the encoder refuses it.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let refused =
            |error: png::EncodingError| Error::Damaged(format!("the picture cannot be written as PNG: {error}"));
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(match self.colour {
            Colour::Grey => ColorType::Grayscale,
            Colour::Rgb => ColorType::Rgb,
        });
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::Fast);
        let mut writer = encoder.write_header().map_err(refused)?;
        writer.write_image_data(&self.pixels).map_err(refused)?;
        writer.finish().map_err(refused)?;
        Ok(file)
    }
}

/// The light of a colour.
pub(super) fn grey([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 0x8000) >> 16) as u8
}
