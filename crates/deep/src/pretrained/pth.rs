//! The two containers of `torch.save`: since PyTorch 1.6 a zip, before that pickles one after the other with the numbers
//! behind them.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use super::numbers::{Place, Run};
use super::pickle::{self, Loaded, Object, Storage, Value};

/// How a file before PyTorch 1.6 begins: a pickle of its magic number.
pub(super) const BEFORE_ZIP: &[u8] =
    &[0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
/// Its version, which never changed.
const PROTOCOL: i64 = 1001;
/// The most entries of a zip; ResNet-50 has 324.
const MOST_ENTRIES: usize = 100_000;
/// Where a training script keeps the weights beside other things.
const TABLES: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// Where each tensor of a zip lies.
pub(super) fn of_zip(bytes: &[u8]) -> Result<BTreeMap<String, Place>, String> {
    let entries = entries(bytes)?;
    let inside = |name: &str| name.strip_suffix("data.pkl").is_some_and(|folder| folder.matches('/').count() <= 1);
    let (program, range) =
        entries.iter().find(|(name, _)| inside(name)).ok_or("it is a zip, but not one that torch.save wrote")?;
    let folder = program.strip_suffix("data.pkl").unwrap_or_default();
    let order = entries.get(&format!("{folder}byteorder")).and_then(|range| bytes.get(range.clone()));
    if order.is_some_and(|order| order != b"little") {
        return Err("its numbers have their highest byte first, which is not read".into());
    }
    let loaded = pickle::load(bytes.get(..range.end).unwrap_or_default(), range.start)?;
    places(&loaded, |storage| {
        let range = entries.get(&format!("{folder}data/{}", storage.key));
        let range = range.ok_or_else(|| format!("is in `data/{}`, which is missing", storage.key))?;
        let count = range.len() / storage.kind.size();
        if count < storage.count {
            return Err(format!("has {} numbers, and `data/{}` has {count}", storage.count, storage.key));
        }
        Ok(Run { kind: storage.kind, start: range.start, count: storage.count })
    })
}

/// Where the bytes of each entry lie.
fn entries(bytes: &[u8]) -> Result<BTreeMap<String, std::ops::Range<usize>>, String> {
    let damaged = |error: zip::result::ZipError| format!("its zip is damaged or cut short: {error}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > MOST_ENTRIES {
        return Err(format!("it has {} entries, and {MOST_ENTRIES} are read", archive.len()));
    }
    let mut entries = BTreeMap::new();
    for number in 0..archive.len() {
        let entry = archive.by_index_raw(number).map_err(damaged)?;
        let name = entry.name().to_owned();
        if entry.encrypted() || entry.compression() != CompressionMethod::Stored {
            return Err(format!("its entry `{name}` is packed, which torch.save never does"));
        }
        let (start, size) = (entry.data_start() as usize, usize::try_from(entry.size()).unwrap_or(usize::MAX));
        let end = start.checked_add(size).filter(|end| *end <= bytes.len());
        let end = end.ok_or_else(|| format!("its entry `{name}` lies beyond the end: the file is cut short"))?;
        entries.insert(name, start..end);
    }
    Ok(entries)
}

/// Where each tensor lies in a file before PyTorch 1.6: magic number, version, sizes, what `torch.save` was given, the
/// names of its storages, and for each of these its count and numbers.
pub(super) fn of_pickles(bytes: &[u8]) -> Result<BTreeMap<String, Place>, String> {
    let version = pickle::load(bytes, BEFORE_ZIP.len())?;
    if version.root != Value::Whole(PROTOCOL) {
        return Err(format!("its version is not {PROTOCOL}"));
    }
    let sizes = pickle::load(bytes, version.end)?;
    if table(&sizes, sizes.root).and_then(|sizes| sizes.get("little_endian").copied()) != Some(Value::Yes) {
        return Err("its numbers have their highest byte first, which is not read".into());
    }
    let loaded = pickle::load(bytes, sizes.end)?;
    let keys = pickle::load(bytes, loaded.end)?;
    let runs = runs(bytes, &loaded, &keys)?;
    places(&loaded, |storage| {
        let run = runs.get(storage.key.as_str()).filter(|run| run.count == storage.count && run.kind == storage.kind);
        run.copied().ok_or_else(|| format!("is in the storage `{}`, which is missing", storage.key))
    })
}

/// Where the numbers of each storage lie.
fn runs<'a>(bytes: &[u8], loaded: &'a Loaded, keys: &Loaded) -> Result<HashMap<&'a str, Run>, String> {
    let mut storages: HashMap<&str, &Storage> = HashMap::new();
    for object in &loaded.objects {
        if let Object::Storage(storage) = object {
            storages.insert(&storage.key, storage);
        }
    }
    let Some(Object::List(list)) = keys.object(keys.root) else {
        return Err("the list of its storages is missing".into());
    };
    let mut runs = HashMap::new();
    let mut at = keys.end;
    for key in list {
        let known = keys.text(*key).and_then(|key| storages.get(key));
        let storage = *known.ok_or("it has a storage that no tensor is in")?;
        let cut_short = || format!("the numbers of its storage `{}` are cut short", storage.key);
        let head = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).ok_or_else(cut_short)?;
        let count = usize::try_from(u64::from_le_bytes(*head)).unwrap_or(usize::MAX);
        let start = at + head.len();
        let end = count.checked_mul(storage.kind.size()).and_then(|length| length.checked_add(start));
        at = end.filter(|end| *end <= bytes.len()).ok_or_else(cut_short)?;
        runs.insert(storage.key.as_str(), Run { kind: storage.kind, start, count });
    }
    Ok(runs)
}

/// A table's values by those of its keys that are texts.
fn table(loaded: &Loaded, value: Value) -> Option<BTreeMap<&str, Value>> {
    let Some(Object::Table(pairs)) = loaded.object(value) else { return None };
    Some(pairs.iter().filter_map(|(key, value)| Some((loaded.text(*key)?, *value))).collect())
}

/// The tensors of the table that the file is, or of the one that a training script put into it.
fn places(
    loaded: &Loaded,
    run_of: impl Fn(&Storage) -> Result<Run, String>,
) -> Result<BTreeMap<String, Place>, String> {
    let outer = table(loaded, loaded.root).ok_or("it holds no table of tensors")?;
    let inner = TABLES.iter().find_map(|name| outer.get(name).and_then(|value| table(loaded, *value)));
    let mut places = BTreeMap::new();
    for (name, value) in inner.unwrap_or(outer) {
        let Some(Object::Tensor(tensor)) = loaded.object(value) else { continue };
        let run = run_of(&tensor.storage);
        let place = run.and_then(|run| Place::within(run, tensor.offset, tensor.shape.clone(), tensor.strides.clone()));
        places.insert(name.to_owned(), place.map_err(|reason| format!("its tensor `{name}` {reason}"))?);
    }
    if places.is_empty() { Err("it holds no tensors".into()) } else { Ok(places) }
}
