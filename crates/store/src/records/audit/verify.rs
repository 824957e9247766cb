//! Reads the whole trail and says whether it is what was written.

use std::path::Path;

use meuse_core::api::{AuditFinding, AuditVerification};

use super::{Row, diagnosis};
use crate::db::{Db, Tx, on};
use crate::error::Error;
use crate::secret::MacKey;
use crate::trail::{self, Head};
use crate::{Store, StoreConfig, migrations};

/// How many entries are read at a time.
const PAGE: i64 = 1000;

/// What the trail is checked against.
pub(super) struct Evidence {
    /// The head's row in the database.
    pub(super) head: Head,
    /// The head that was noted outside the database.
    pub(super) noted: Option<Head>,
}

/// Checks the trail of an open store; others may go on writing.
pub async fn verify(store: &Store) -> Result<AuditVerification, Error> {
    check(&store.db, store.trail().key(), store.trail().head_file()).await
}

/// Checks the trail of a store that is not open here, whether or not it is elsewhere; changes nothing.
///
/// # Errors
/// As [`Store::open`].
pub async fn verify_apart(config: &StoreConfig) -> Result<AuditVerification, Error> {
    let db = Db::open_for_reading(&config.database).await?;
    let checked = async {
        migrations::check(&db, &config.database).await?;
        check(&db, &config.secret.derive("audit"), &config.audit_head).await
    };
    let verification = checked.await;
    db.close().await;
    verification
}

async fn check(db: &Db, key: &MacKey, head_file: &Path) -> Result<AuditVerification, Error> {
    // The note first: an entry that is committed in between is then in the database and not yet in the note.
    let noted = trail::read_head(head_file)?;
    let mut tx = Tx::snapshot(db).await?;
    let evidence = Evidence { head: database_head(&mut tx).await?, noted };
    let (entries, whole) = walk(&mut tx, key, &evidence).await?;
    let mut findings = Vec::new();
    if !whole {
        let rows = page(&mut tx, i64::MIN, i64::MAX).await?;
        findings = diagnosis::findings(&rows, key, &evidence);
    }
    if evidence.noted.is_none() {
        findings.push(AuditFinding {
            seq: entries,
            kind: "cut".into(),
            message: format!("{} is missing: entries may have been cut from the end", head_file.display()),
        });
    }
    Ok(AuditVerification { intact: findings.is_empty(), entries, findings })
}

/// The fast way: from the first entry to the last, keeping nothing. Gives the number of entries, and whether each is
/// the one that follows, the last one is the head, and the noted one is among them.
async fn walk(tx: &mut Tx, key: &MacKey, evidence: &Evidence) -> Result<(i64, bool), Error> {
    let mut last = Head { seq: 0, mac: String::new() };
    let noted = evidence.noted.as_ref();
    let (mut entries, mut whole, mut after) = (0, true, i64::MIN);
    let mut met_noted = noted.is_none_or(|noted| *noted == last);
    loop {
        let rows = page(tx, after, PAGE).await?;
        for row in &rows {
            entries += 1;
            let follows = row.seq == last.seq.saturating_add(1) && row.previous == last.mac;
            whole &= follows && row.is_genuine_as(key, row.seq);
            last = Head { seq: row.seq, mac: row.mac.clone() };
            met_noted |= noted.is_some_and(|noted| *noted == last);
        }
        if (rows.len() as i64) < PAGE {
            return Ok((entries, whole && met_noted && last == evidence.head));
        }
        after = last.seq;
    }
}

async fn page(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<Row>, Error> {
    const SQL: &str = "SELECT seq, at, actor, project, action, subject, details, previous, mac FROM audit_entry \
        WHERE seq > $1 ORDER BY seq LIMIT $2";
    Ok(on!(tx, connection => sqlx::query_as(SQL).bind(after).bind(limit).fetch_all(connection).await)?)
}

async fn database_head(tx: &mut Tx) -> Result<Head, Error> {
    const SQL: &str = "SELECT seq, mac FROM audit_head";
    let found: Option<(i64, String)> = on!(tx, connection => sqlx::query_as(SQL).fetch_optional(connection).await)?;
    // A head row that was removed is a head that knows of no entry; the walk then says so.
    let (seq, mac) = found.unwrap_or_default();
    Ok(Head { seq, mac })
}
