//! Records of datasets and their immutable versions.
//!
//! What a version holds (cells, schema, profile, preview) is in the blobs that its record names.

use meuse_core::time::Micros;
use serde::{Deserialize, Serialize};

use crate::blobs::Digest;
use crate::db::{Db, Tx, on};
use crate::error::Error;

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DatasetRow {
    /// Its id.
    pub id: String,
    /// Its name, unique within its project.
    pub name: String,
    /// When its first version was registered, in microseconds since 1970.
    pub created_at: i64,
}

/// A version of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// The dataset's name.
    pub dataset: String,
    /// The version's number, from 1.
    pub version: u32,
    /// When it was registered.
    pub created_at: Micros,
    /// Who imported it.
    pub created_by: String,
    /// What was found in the source file.
    pub contents: Contents,
    /// The blob of its CSV, once somebody asked for it.
    pub csv: Option<Digest>,
    /// The file that it came from.
    pub source: SourceRow,
}

/// What an import made of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Number of rows.
    pub rows: u64,
    /// Size of the Parquet in bytes.
    pub bytes: u64,
    /// The Parquet.
    pub data: Digest,
    /// A [`meuse_core::schema::Schema`] as JSON.
    pub schema: Digest,
    /// A [`meuse_core::profile::Profile`] as JSON.
    pub profile: Digest,
    /// A [`meuse_core::api::Preview`] as JSON.
    pub preview: Digest,
    /// Where its pictures are, for a dataset of pictures.
    pub media: Option<Media>,
}

/// Where the pictures of a version are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// A list of them; see [`meuse_core::media`].
    pub index: Digest,
    /// Their bytes, in the order in which the list names packs.
    pub packs: Vec<Digest>,
}

/// The same, as a record has it.
#[derive(Serialize, Deserialize)]
struct MediaText {
    index: String,
    packs: Vec<String>,
}

impl Media {
    /// As a record has it.
    fn text(&self) -> Result<String, Error> {
        let packs = self.packs.iter().map(Digest::to_string).collect();
        let text = MediaText { index: self.index.to_string(), packs };
        serde_json::to_string(&text).map_err(|error| Error::record("media", error))
    }

    /// As a record has it.
    pub(super) fn of_text(text: &str) -> Result<Self, Error> {
        let text: MediaText = serde_json::from_str(text).map_err(|error| Error::record("media", error))?;
        let packs = text.packs.iter().map(|pack| pack.parse()).collect::<Result<_, _>>()?;
        Ok(Self { index: text.index.parse()?, packs })
    }

    /// Every blob that it names.
    pub(super) fn blobs(self) -> impl Iterator<Item = Digest> {
        self.packs.into_iter().chain([self.index])
    }
}

/// The file that a version came from, and how it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its name, without folders.
    pub file: String,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// The options, as JSON.
    pub options: String,
}

/// A version to be registered.
#[derive(Debug, Clone)]
pub struct NewVersion<'a> {
    /// The project's id.
    pub project: &'a str,
    /// The dataset's name; the dataset is made when it is not there.
    pub dataset: &'a str,
    /// When.
    pub at: Micros,
    /// Who asked for it.
    pub by: &'a str,
    /// The job that made it.
    pub job: &'a str,
    /// What was found.
    pub contents: &'a Contents,
    /// The file that it came from.
    pub source: &'a SourceRow,
}

#[derive(sqlx::FromRow)]
struct Raw {
    dataset: String,
    version: i64,
    created_at: i64,
    created_by: String,
    row_count: i64,
    byte_count: i64,
    data_blob: String,
    schema_blob: String,
    profile_blob: String,
    preview_blob: String,
    csv_blob: Option<String>,
    media: Option<String>,
    source_file: String,
    source_sha256: String,
    source_bytes: i64,
    source_options: String,
}

impl TryFrom<Raw> for VersionRow {
    type Error = Error;
    fn try_from(raw: Raw) -> Result<Self, Error> {
        let name = format!("dataset version {}:{}", raw.dataset, raw.version);
        let digest = |text: &str| text.parse::<Digest>().map_err(|error| Error::record(&name, error));
        Ok(Self {
            version: raw.version as u32,
            created_at: Micros(raw.created_at),
            created_by: raw.created_by,
            contents: Contents {
                rows: raw.row_count as u64,
                bytes: raw.byte_count as u64,
                data: digest(&raw.data_blob)?,
                schema: digest(&raw.schema_blob)?,
                profile: digest(&raw.profile_blob)?,
                preview: digest(&raw.preview_blob)?,
                media: raw.media.as_deref().map(Media::of_text).transpose()?,
            },
            csv: raw.csv_blob.as_deref().map(digest).transpose()?,
            source: SourceRow {
                file: raw.source_file,
                sha256: raw.source_sha256,
                bytes: raw.source_bytes as u64,
                options: raw.source_options,
            },
            dataset: raw.dataset,
        })
    }
}

/// The datasets of a project, by name.
pub async fn list(db: &Db, project: &str) -> Result<Vec<DatasetRow>, Error> {
    const SQL: &str = "SELECT id, name, created_at FROM dataset WHERE project_id = $1 ORDER BY name";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).fetch_all(pool).await)?)
}

/// The dataset of this name.
pub async fn find(db: &Db, project: &str, name: &str) -> Result<Option<DatasetRow>, Error> {
    const SQL: &str = "SELECT id, name, created_at FROM dataset WHERE project_id = $1 AND name = $2";
    Ok(on!(db, pool => sqlx::query_as(SQL).bind(project).bind(name).fetch_optional(pool).await)?)
}

/// The versions of a dataset, newest first.
pub async fn versions(db: &Db, project: &str, dataset: &str) -> Result<Vec<VersionRow>, Error> {
    const SQL: &str = "SELECT dataset.name AS dataset, dataset_version.* FROM dataset_version \
        JOIN dataset ON dataset.id = dataset_version.dataset_id \
        WHERE dataset.project_id = $1 AND dataset.name = $2 ORDER BY version DESC";
    let rows: Vec<Raw> = on!(db, pool => sqlx::query_as(SQL).bind(project).bind(dataset).fetch_all(pool).await)?;
    rows.into_iter().map(VersionRow::try_from).collect()
}

/// The newest version of each dataset of a project, by the dataset's name.
pub async fn newest_versions(db: &Db, project: &str) -> Result<Vec<VersionRow>, Error> {
    const SQL: &str = "SELECT dataset.name AS dataset, dataset_version.* FROM dataset_version \
        JOIN dataset ON dataset.id = dataset_version.dataset_id \
        WHERE dataset.project_id = $1 AND version = \
            (SELECT MAX(version) FROM dataset_version AS other WHERE other.dataset_id = dataset.id) \
        ORDER BY dataset.name";
    let rows: Vec<Raw> = on!(db, pool => sqlx::query_as(SQL).bind(project).fetch_all(pool).await)?;
    rows.into_iter().map(VersionRow::try_from).collect()
}

/// The version of this number; the newest when no number is given.
pub async fn version(db: &Db, project: &str, dataset: &str, number: Option<u32>) -> Result<Option<VersionRow>, Error> {
    const SQL: &str = "SELECT dataset.name AS dataset, dataset_version.* FROM dataset_version \
        JOIN dataset ON dataset.id = dataset_version.dataset_id \
        WHERE dataset.project_id = $1 AND dataset.name = $2 AND ($3 = 0 OR version = $3) \
        ORDER BY version DESC LIMIT 1";
    let number = i64::from(number.unwrap_or(0));
    let row: Option<Raw> =
        on!(db, pool => sqlx::query_as(SQL).bind(project).bind(dataset).bind(number).fetch_optional(pool).await)?;
    row.map(VersionRow::try_from).transpose()
}

/// The version that came from these bytes with these options.
pub async fn version_of_source(
    db: &Db,
    project: &str,
    dataset: &str,
    source: &SourceRow,
) -> Result<Option<VersionRow>, Error> {
    const SQL: &str = "SELECT dataset.name AS dataset, dataset_version.* FROM dataset_version \
        JOIN dataset ON dataset.id = dataset_version.dataset_id \
        WHERE dataset.project_id = $1 AND dataset.name = $2 AND source_sha256 = $3 AND source_options = $4";
    let row: Option<Raw> = on!(db, pool => sqlx::query_as(SQL)
        .bind(project).bind(dataset).bind(&source.sha256).bind(&source.options).fetch_optional(pool).await)?;
    row.map(VersionRow::try_from).transpose()
}

/// Registers a version, and its dataset when this is the first. The same bytes with the same options are registered
/// once: the number of the version that is there already is the answer then.
pub async fn register(tx: &mut Tx, new: &NewVersion<'_>) -> Result<u32, Error> {
    const DATASET: &str = "INSERT INTO dataset (id, project_id, name, created_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (project_id, name) DO UPDATE SET name = excluded.name RETURNING id";
    const KNOWN: &str = "SELECT version FROM dataset_version \
        WHERE dataset_id = $1 AND source_sha256 = $2 AND source_options = $3";
    // The row of the dataset, updated above, makes two registrations of one dataset queue on Postgres.
    const NEXT: &str = "SELECT COALESCE(MAX(version), 0) + 1 FROM dataset_version WHERE dataset_id = $1";
    let at = new.at.0;
    let dataset: String = on!(tx, connection => sqlx::query_scalar(DATASET)
        .bind(crate::new_id()).bind(new.project).bind(new.dataset).bind(at).fetch_one(connection).await)?;
    let known: Option<i64> = on!(tx, connection => sqlx::query_scalar(KNOWN)
        .bind(&dataset).bind(&new.source.sha256).bind(&new.source.options).fetch_optional(connection).await)?;
    if let Some(known) = known {
        return Ok(known as u32);
    }
    let next: i64 = on!(tx, connection => sqlx::query_scalar(NEXT).bind(&dataset).fetch_one(connection).await)?;
    insert(tx, &dataset, next, new).await?;
    Ok(next as u32)
}

async fn insert(tx: &mut Tx, dataset: &str, version: i64, new: &NewVersion<'_>) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO dataset_version \
        (dataset_id, version, created_at, created_by, job_id, row_count, byte_count, data_blob, schema_blob, \
         profile_blob, preview_blob, source_file, source_sha256, source_bytes, source_options, media) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let (contents, source) = (new.contents, new.source);
    let media = contents.media.as_ref().map(Media::text).transpose()?;
    on!(tx, connection => sqlx::query(SQL)
        .bind(dataset).bind(version).bind(new.at.0).bind(new.by).bind(new.job)
        .bind(contents.rows as i64).bind(contents.bytes as i64)
        .bind(contents.data.to_string()).bind(contents.schema.to_string())
        .bind(contents.profile.to_string()).bind(contents.preview.to_string())
        .bind(&source.file).bind(&source.sha256).bind(source.bytes as i64).bind(&source.options).bind(&media)
        .execute(connection).await.map(drop))?;
    Ok(())
}

/// Notes the blob of a version's CSV.
pub async fn note_csv(tx: &mut Tx, project: &str, dataset: &str, version: u32, csv: &Digest) -> Result<(), Error> {
    const SQL: &str = "UPDATE dataset_version SET csv_blob = $4 WHERE version = $3 AND dataset_id = \
        (SELECT id FROM dataset WHERE project_id = $1 AND name = $2)";
    on!(tx, connection => sqlx::query(SQL)
        .bind(project).bind(dataset).bind(i64::from(version)).bind(csv.to_string()).execute(connection).await.map(drop))?;
    Ok(())
}
