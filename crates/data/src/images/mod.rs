//! Datasets of pictures: a zip, a tar, a folder (which the command line sends as a tar), or IDX becomes a version.
//!
//! The version's Parquet has one row per picture; the pictures' bytes lie in packs: the imported tar itself, or files of
//! at most 256 MiB that hold them one behind the other. A file that is broken, or is no picture, is listed with the
//! reason and left out; what an honest archive does not hold is refused (see [`archive`]).

pub(crate) mod archive;
mod coco;
pub(crate) mod files;
pub(crate) mod gather;
mod idx;
pub(crate) mod labels;
mod lists;
mod manifest;
mod packs;
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use meuse_core::events::Level;
use meuse_core::job::{FileFormat, ImportSpec};
use meuse_core::media::{self, Pack};
use meuse_core::profile::{FileProblem, ImagesProfile, Profile};
use meuse_core::schema::{ColumnSchema, ColumnType, Schema};

use self::archive::{Allowance, Archive, Kind};
use self::gather::{Gathered, Gatherer};
use self::packs::PackWriter;
use crate::import::{preview, write_json};
use crate::profile::{Profiled, profile, tell_repeated};
use crate::{Error, Watch, database, texts};

/// The most problems that a profile lists; it counts them all.
const LISTED: usize = 1000;
/// The largest IDX file, unpacked, in bytes.
const MAX_IDX: u64 = 1 << 30;

/// Whether a file is an archive of pictures or texts: because it is asked for, or by its first bytes.
pub(crate) fn is_meant(spec: &ImportSpec) -> Result<bool, Error> {
    match spec.options.format {
        Some(format) => Ok(matches!(format, FileFormat::Images | FileFormat::Texts)),
        None => archive::kind(&spec.source).map(|kind| kind.is_some()),
    }
}

/// Whether a file begins as an archive or a file of pictures does, or may.
pub(crate) fn is_begun_by(head: &[u8]) -> bool {
    archive::may_begin(head)
}

/// Imports pictures: writes what a table's import writes, the list of pictures, and packs. An archive of texts goes to
/// [`texts`].
pub(crate) fn import(spec: &ImportSpec, out: &Path, watch: &dyn Watch) -> Result<(), Error> {
    let beside = out.parent().unwrap_or(out);
    let temporary = tempfile::tempdir_in(beside).map_err(Error::writing(beside))?;
    let opened = open(spec, out, watch)?;
    let gathered = match opened {
        Opened::Archive(archive, _) if texts::are_meant(spec, &archive) => {
            return texts::import(spec, archive, temporary.path(), out, watch);
        }
        opened => gather(opened, spec, watch)?,
    };
    if gathered.rows.is_empty() {
        return Err(nothing(&gathered));
    }
    let data = out.join("data.parquet");
    table::write(&gathered.rows, &data)?;
    write_json(&out.join(media::PACKS), &gathered.packs)?;
    table::write_index(&gathered.rows, &out.join(media::INDEX))?;

    let connection = database::open(spec.limits, &temporary.path().join("spill"), &[&data])?;
    let columns = table::columns();
    let Profiled { mut profile, categories } = profile(&connection, &data, &columns, spec.limits, watch)?;
    // Every path, hash and offset is different, which is nobody's news.
    profile.warnings.clear();
    profile.warnings.extend_from_slice(&gathered.warnings);
    for warning in &gathered.warnings {
        watch.log(Level::Warning, warning);
    }
    let described = described(&gathered);
    profile.warnings.extend(repeated(&described, profile.rows));
    if let Some(first) = gathered.problems.first() {
        let (count, FileProblem { file, reason }) = (gathered.left_out, first);
        watch.log(Level::Warning, &format!("{count} things were left out; the first one is {file}: {reason}"));
    }
    profile.images = Some(described);
    let schema = profile.columns.iter().zip(categories).map(|(column, categories)| ColumnSchema {
        name: column.name.clone(),
        column_type: column.column_type,
        nullable: column.missing > 0,
        categories: categories.filter(|_| ["label", "split", "format"].contains(&column.name.as_str())),
    });
    let mut schema = Schema { columns: schema.collect() };
    // In the table stands the path of a picture; to people and models it is the picture.
    if let (Some(picture), Some(profiled)) = (schema.columns.first_mut(), profile.columns.first_mut()) {
        picture.column_type = ColumnType::Image;
        profiled.column_type = ColumnType::Image;
        profiled.text = None;
    }
    tell_repeated(&profile, watch);
    boxes(&gathered, &mut schema, &mut profile);
    write_json(&out.join("schema.json"), &schema)?;
    write_json(&out.join("profile.json"), &profile)?;
    write_json(&out.join("preview.json"), &preview::preview(&connection, &data, &schema)?)
}

/// Says of the column of boxes that it is one, and which things are in them.
fn boxes(gathered: &Gathered, schema: &mut Schema, profile: &mut Profile) {
    let labels: BTreeSet<&str> =
        gathered.rows.iter().flat_map(|row| &row.boxes).map(|labelled| labelled.label.as_str()).collect();
    for column in schema.columns.iter_mut().filter(|column| column.name == table::BOXES) {
        column.column_type = ColumnType::Boxes;
        column.categories = Some(labels.iter().map(|label| (*label).to_owned()).collect());
    }
    for column in profile.columns.iter_mut().filter(|column| column.name == table::BOXES) {
        column.column_type = ColumnType::Boxes;
        column.text = None;
    }
}

/// What was sent, looked through.
enum Opened {
    Archive(Archive, PackWriter),
    Idx(PackWriter),
}

fn open(spec: &ImportSpec, out: &Path, watch: &dyn Watch) -> Result<Opened, Error> {
    let source = spec.source.as_path();
    watch.progress("look through archive", 0, 0);
    let mut packs = PackWriter::new(out);
    let kind = archive::kind(source)?;
    let archive = match kind {
        Some(Kind::Tar) => {
            packs.take(Pack::Source);
            Archive::tar(source)?
        }
        Some(Kind::TarGz) => {
            // Unpacked, it is a pack as it stands.
            let name = packs.name();
            let unpacked = archive::gunzip(source, &out.join(&name))?;
            packs.take(Pack::File(name));
            Archive::tar(&unpacked)?
        }
        Some(Kind::Zip) => Archive::zip(source)?,
        Some(Kind::Idx) if spec.options.format != Some(FileFormat::Texts) => return Ok(Opened::Idx(packs)),
        _ if spec.options.format == Some(FileFormat::Texts) => {
            let message = "the file is no zip and no tar";
            return Err(Error::refused("", message, "pack the texts as a zip or tar, or name their folder"));
        }
        _ => {
            let message = "the file is no zip, no tar and no IDX";
            return Err(Error::refused("", message, "pack the pictures as a zip or tar, or name their folder"));
        }
    };
    Ok(Opened::Archive(archive, packs))
}

fn gather(opened: Opened, spec: &ImportSpec, watch: &dyn Watch) -> Result<Gathered, Error> {
    let sent = std::fs::metadata(&spec.source).map_err(Error::reading(&spec.source))?.len();
    let allowance = Allowance::of(sent);
    match opened {
        Opened::Archive(archive, packs) => {
            let mut gatherer = Gatherer::new(packs, allowance, spec.limits.threads, watch);
            gatherer.archive(archive)?;
            gatherer.finish()
        }
        Opened::Idx(packs) => {
            let bytes = archive::whole(&spec.source, MAX_IDX)?;
            let mut gatherer = Gatherer::new(packs, allowance, spec.limits.threads, watch);
            gatherer.lone_idx(bytes)?;
            gatherer.finish()
        }
    }
}

/// What every document of Word, Excel and PowerPoint holds, which is a zip.
const OFFICE: &str = "[Content_Types].xml";

/// What is said of an archive without a picture.
fn nothing(gathered: &Gathered) -> Error {
    if gathered.problems.iter().any(|problem| problem.file == OFFICE) {
        let message = "the file is an Office document, as an Excel workbook is, and not a table or pictures";
        return Error::refused("", message, "save the sheet as CSV and import that");
    }
    let first =
        gathered.problems.first().map(|FileProblem { file, reason }| format!("; the first file: {file}: {reason}"));
    let message = format!("there is no picture that can be read{}", first.unwrap_or_default());
    Error::refused("", message, "send PNG, JPEG, WebP, BMP or GIF files, one folder per class, or IDX")
}

/// That pictures are there more than once, where they are.
fn repeated(images: &ImagesProfile, rows: u64) -> Option<String> {
    let count = images.duplicates;
    (count > 0).then(|| {
        format!(
            "`image` repeats itself: {count} of {rows} rows hold the picture of an earlier row; a recipe leaves them out \
             with drop_duplicates = true under [preprocessing.columns.image]"
        )
    })
}

fn described(gathered: &Gathered) -> ImagesProfile {
    let rows = &gathered.rows;
    let most = 10_000;
    let size = |row: &table::Row| Some(format!("{} × {}", row.width, row.height));
    ImagesProfile {
        bytes: rows.iter().map(|row| u64::from(row.length)).sum(),
        classes: table::counted(rows.iter().map(|row| row.label.clone()), most),
        unlabelled: rows.iter().filter(|row| row.label.is_none()).count() as u64,
        splits: table::counted(rows.iter().map(|row| row.split.clone()), most),
        formats: table::counted(rows.iter().map(|row| Some(row.format.word().to_owned())), most),
        channels: table::counted(rows.iter().map(|row| Some(row.channels.to_string())), most),
        sizes: table::counted(rows.iter().map(size), 20),
        duplicates: rows.iter().filter(|row| row.duplicate_of.is_some()).count() as u64,
        boxes: rows.iter().map(|row| row.boxes.len() as u64).sum(),
        left_out: gathered.left_out,
        problems: gathered.problems.iter().take(LISTED).cloned().collect(),
    }
}
