//! Published weights in the safetensors format, of any kind of number; our own files ([`crate::tensors_file`]) are of
//! 32-bit floats only.

use std::collections::BTreeMap;

use super::numbers::{Kind, Place, Run};
use crate::tensors_file;

/// Where each tensor lies.
pub(super) fn places(bytes: &[u8]) -> Result<BTreeMap<String, Place>, String> {
    let table = tensors_file::table(bytes)?;
    let mut places = BTreeMap::new();
    for (name, entry) in table.entries {
        let [start, end] = entry.data_offsets;
        let length = end.checked_sub(start).filter(|_| end <= bytes.len() - table.data);
        let length = length.ok_or_else(|| format!("`{name}` lies beyond the end: the file is cut short"))?;
        let kind = kind(&entry.dtype).ok_or_else(|| format!("`{name}` is of the unknown type {}", entry.dtype))?;
        let run = Run { kind, start: table.data + start, count: length / kind.size() };
        let place = Place::whole(run, entry.shape).map_err(|reason| format!("`{name}` {reason}"))?;
        places.insert(name, place);
    }
    Ok(places)
}

fn kind(name: &str) -> Option<Kind> {
    match name {
        "F64" => Some(Kind::F64),
        "F32" => Some(Kind::F32),
        "F16" => Some(Kind::F16),
        "BF16" => Some(Kind::Bf16),
        "I64" | "U64" => Some(Kind::Whole(8)),
        "I32" | "U32" => Some(Kind::Whole(4)),
        "I16" | "U16" => Some(Kind::Whole(2)),
        "I8" | "U8" | "BOOL" => Some(Kind::Whole(1)),
        _ => None,
    }
}
