//! How a picture is to be turned before it is seen, as a camera notes it in EXIF.

use super::Picture;

/// EXIF's orientation, from 1 to 8; 1 is as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation(u16);

impl Default for Orientation {
    fn default() -> Self {
        Self(1)
    }
}

/// The tag of the orientation, and the type of its value.
const TAG: u16 = 0x0112;
const SHORT: u16 = 3;

impl Orientation {
    /// What an EXIF block says; as stored, when it says nothing that can be read.
    pub(super) fn of_exif(exif: Option<&[u8]>) -> Self {
        exif.and_then(read).filter(|number| (1..=8).contains(number)).map(Self).unwrap_or_default()
    }

    /// The picture as it is to be seen.
    pub(super) fn apply(self, picture: Picture) -> Picture {
        let (width, height) = (picture.width(), picture.height());
        let turned = self.0 >= 5;
        let (new_width, new_height) = if turned { (height, width) } else { (width, height) };
        if self.0 == 1 {
            return picture;
        }
        let channels = picture.channels();
        let mut pixels = Vec::with_capacity(picture.pixels().len());
        for y in 0..new_height {
            for x in 0..new_width {
                let (right, lower) = (new_width - 1 - x, new_height - 1 - y);
                let (from_x, from_y) = match self.0 {
                    2 => (right, y),
                    3 => (right, lower),
                    4 => (x, lower),
                    5 => (y, x),
                    6 => (y, right),
                    7 => (lower, right),
                    _ => (lower, x),
                };
                let at = (from_y * width + from_x) * channels;
                pixels.extend_from_slice(&picture.pixels()[at..at + channels]);
            }
        }
        Picture::made(new_width, new_height, picture.colour(), pixels)
    }
}

fn read(exif: &[u8]) -> Option<u16> {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let big = match exif.get(..4)? {
        [b'I', b'I', 42, 0] => false,
        [b'M', b'M', 0, 42] => true,
        _ => return None,
    };
    let two = |at: usize| {
        let bytes = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let four = |at: usize| {
        let (first, second) = (u32::from(two(at)?), u32::from(two(at + 2)?));
        Some(if big { first << 16 | second } else { second << 16 | first } as usize)
    };
    let directory = four(4)?;
    let entries = usize::from(two(directory)?);
    let entry = |number: usize| directory.checked_add(2 + 12 * number);
    let mut entries = (0..entries).map_while(entry);
    let found = entries.find(|at| two(*at) == Some(TAG) && at.checked_add(2).and_then(two) == Some(SHORT))?;
    two(found + 8)
}
