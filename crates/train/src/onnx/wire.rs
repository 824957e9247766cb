//! Protocol buffers as fields that need not be understood: what a published model holds beyond our few messages is
//! carried over byte for byte.

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// Its number.
    pub(super) number: u64,
    /// All of it, tag and length included.
    pub(super) whole: &'a [u8],
    /// The value of a field with a length: a message, a text or bytes. Empty for others.
    pub(super) content: &'a [u8],
}

/// The fields of a message, in order; nothing when the bytes are none.
pub(super) fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut rest = message;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let start = rest;
        let tag = number(&mut rest)?;
        let mut content: &[u8] = &[];
        match tag & 7 {
            0 => drop(number(&mut rest)?),
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                (content, rest) = rest.split_at_checked(length)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
        found.push(Field { number: tag >> 3, whole: &start[..start.len() - rest.len()], content });
    }
    Some(found)
}

/// A field with a length.
pub(super) fn write(number: u64, content: &[u8], into: &mut Vec<u8>) {
    write_number(number << 3 | 2, into);
    write_number(content.len() as u64, into);
    into.extend_from_slice(content);
}

/// A number of up to 64 bits, seven of them to a byte.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn write_number(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_written_again_and_damage_is_no_message() {
        let mut message = vec![0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4];
        write(1000, &[7; 300], &mut message);
        let found = fields(&message).expect("a message");
        let numbers: Vec<u64> = found.iter().map(|field| field.number).collect();
        assert_eq!((numbers, found[2].content), (vec![1, 2, 1000], &[7; 300][..]));
        assert_eq!(found.iter().flat_map(|field| field.whole).copied().collect::<Vec<u8>>(), message);
        assert!(fields(&message[..message.len() - 1]).is_none(), "cut short");
        assert!(fields(&[0xff; 20]).is_none(), "a number without an end");
        assert!(fields(&[0x0b]).is_none(), "a group");
    }
}
