//! The audit trail: read, and verified. Entries are written by whoever does something, in the same transaction.

use std::path::Path;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use meuse_core::api::{AuditEntry, AuditVerification, Page};
use meuse_store::records::audit;
pub use meuse_store::records::audit::{Filter, Order, Query};
use meuse_store::{DatabaseAddress, Secret, StoreConfig};

use crate::access::{Action, Caller};
use crate::{App, Error};

/// The most entries of one page.
pub const MOST_ENTRIES: u32 = 1000;
/// The longest text of a filter, in bytes.
const LONGEST_FILTER: usize = 500;

impl App {
    /// Entries of the caller's project, at most `limit` (from 1 to [`MOST_ENTRIES`]).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit out of range, and for a filter that is longer than anything it could find.
    pub async fn audit_entries(&self, caller: &Caller, query: &Query) -> Result<Page<AuditEntry>, Error> {
        caller.require(Action::ReadAudit)?;
        if !(1..=MOST_ENTRIES).contains(&query.limit) {
            let hint = "ask for the next page with `after`";
            return Err(Error::invalid("limit", format!("must be from 1 to {MOST_ENTRIES}"), hint));
        }
        let Filter { actor, action, subject, .. } = &query.filter;
        for (field, text) in [("actor", actor), ("action", action), ("subject", subject)] {
            if text.as_ref().is_some_and(|text| text.len() > LONGEST_FILTER || text.contains('\0')) {
                let reason = format!("has more than {LONGEST_FILTER} bytes, or a zero byte");
                return Err(Error::invalid(field, reason, "filter by something shorter"));
            }
        }
        Ok(audit::list(&self.store.db, caller.project(), query).await?)
    }

    /// All entries that a filter lets through, page by page, so that a long trail needs no more memory than a short one.
    ///
    /// # Errors
    /// As [`App::audit_entries`].
    pub async fn audit_export(
        self: &Arc<Self>,
        caller: &Arc<Caller>,
        filter: Filter,
        order: Order,
    ) -> Result<impl Stream<Item = Result<Vec<AuditEntry>, Error>> + Send + use<>, Error> {
        let query = Query { filter, order, after: None, limit: MOST_ENTRIES };
        // What is wrong with the question is said before the first byte of the answer.
        let first = self.audit_entries(caller, &query).await?;
        let (app, caller) = (Arc::clone(self), Arc::clone(caller));
        let rest = stream::try_unfold(first.next.clone(), move |after| {
            let (app, caller, query) = (Arc::clone(&app), Arc::clone(&caller), query.clone());
            async move {
                let Some(after) = after.and_then(|after| after.parse().ok()) else { return Ok(None) };
                let page = app.audit_entries(&caller, &query.after(after)).await?;
                Ok(Some((page.items, page.next)))
            }
        });
        Ok(stream::iter([Ok(first.items)]).chain(rest))
    }

    /// Checks the trail from its first entry to its last, of all projects: it is one chain. What is found names
    /// entries by number and tells nothing of what they say.
    pub async fn audit_verify(&self, caller: &Caller) -> Result<AuditVerification, Error> {
        caller.require(Action::ReadAudit)?;
        Ok(audit::verify(&self.store).await?)
    }
}

/// Checks the trail in a home folder with its own SQLite file, whether or not a server runs on it; changes nothing.
pub async fn verify_home(home: &Path) -> Result<AuditVerification, Error> {
    let config = StoreConfig {
        database: DatabaseAddress::Sqlite(home.join("meuse.db")),
        blobs: home.join("blobs"),
        audit_head: home.join("audit.head"),
        secret: Secret::read(&home.join("secret"))?,
    };
    Ok(audit::verify_apart(&config).await?)
}
