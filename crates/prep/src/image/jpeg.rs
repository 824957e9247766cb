//! The markers of a JPEG file: what they say of its size, and whether it is whole.
//!
//! A file is a row of segments, each behind a marker (FF and a byte that is not 00); nearly all begin with their length,
//! and are skipped by it, because what is in them may be a picture of its own: the thumbnail of a camera is.

/// Width and height in pixels: the frame header's, which stands behind any number of segments.
pub(super) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let marker = next_marker(bytes, &mut at)?;
        match marker {
            // Markers without a length.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            0xd9 | 0xda => return None,
            // Start of frame; C4, C8 and CC are none.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Some((u32::from(big16(bytes, at + 5)?), u32::from(big16(bytes, at + 3)?)));
            }
            _ => at += usize::from(big16(bytes, at)?.max(2)),
        }
    }
}

/// Whether the end of the picture stands behind its scans, of which a progressive file has several. A decoder does not
/// say: it fills what is missing with grey.
pub(super) fn has_end(bytes: &[u8]) -> bool {
    let (mut at, mut scanned) = (2, false);
    while let Some(marker) = next_marker(bytes, &mut at) {
        match marker {
            0xd9 => return scanned,
            // In a scan these are a value of FF, fill and restarts; none has a length.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            // Markers that the standard reserves: in a scan, damage that decoders read over.
            0x02..=0xbf if scanned => {}
            _ => {
                scanned |= marker == 0xda;
                let Some(length) = big16(bytes, at) else { return false };
                at += usize::from(length.max(2));
            }
        }
    }
    false
}

/// The next marker at or behind `at`, which is moved behind it; any number of FF may fill the room before one.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    *at += bytes.get(*at..)?.iter().position(|byte| *byte == 0xff)?;
    *at += bytes[*at..].iter().position(|byte| *byte != 0xff)?;
    *at += 1;
    Some(bytes[*at - 1])
}

fn big16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Limits, decode};

    fn file(name: &str) -> Vec<u8> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The file with a thumbnail in front, as cameras write it: a whole JPEG within a segment APP1.
    fn with_thumbnail(photo: &[u8]) -> Vec<u8> {
        let thumbnail = file("grey.jpg");
        let exif = [b"Exif\0\0II*\0\x08\0\0\0\0\0".as_slice(), &thumbnail].concat();
        let length = u16::try_from(exif.len() + 2).expect("a thumbnail is small");
        [&photo[..2], &[0xff, 0xe1], &length.to_be_bytes(), &exif, &photo[2..]].concat()
    }

    fn is_read(bytes: &[u8]) -> bool {
        decode(bytes, None, &Limits::default()).is_ok()
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_that_of_the_photo() {
        for name in ["baseline.jpg", "progressive.jpg"] {
            let photo = with_thumbnail(&file(name));
            assert_eq!(size(&photo), Some((20, 14)), "{name}: the photo's size, not the thumbnail's");
            assert!(is_read(&photo), "{name}");
            for cut in [2, 20, 60, 150] {
                assert!(!is_read(&photo[..photo.len() - cut]), "{name} without its last {cut} bytes");
            }
        }
    }

    #[test]
    fn what_stands_in_scans_and_behind_the_end_is_no_end() {
        let head = [0xff, 0xd8, 0xff, 0xda, 0, 2];
        let cases: [(&str, &[u8], bool); 7] = [
            ("an end", &[1, 2, 0xff, 0xd9], true),
            ("fill before the end", &[1, 0xff, 0xff, 0xff, 0xd9], true),
            ("more behind the end", &[1, 0xff, 0xd9, 0xff, 0xd8, 7], true),
            ("a value of FF, a restart, a second scan", &[0xff, 0, 0xff, 0xd0, 0xff, 0xda, 0, 2, 3, 0xff, 0xd9], true),
            ("a comment that holds an end", &[1, 0xff, 0xfe, 0, 4, 0xff, 0xd9], false),
            ("half a marker", &[1, 0xff], false),
            ("no length behind a marker", &[1, 0xff, 0xc4, 0], false),
        ];
        for (name, scan, whole) in cases {
            assert_eq!(has_end(&[&head, scan].concat()), whole, "{name}");
        }
        assert!(!has_end(&[0xff, 0xd8, 0xff, 0xd9]), "an end without a scan");
    }
}
