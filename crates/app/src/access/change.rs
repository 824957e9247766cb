//! How access is changed: alone, on what is true now, with an audit entry, and seen at once.

use meuse_core::time::Micros;
use meuse_store::Tx;
use meuse_store::records::access as records;
use meuse_store::records::audit::{self, NewEntry};
use serde_json::Value;

use super::directory::{Directory, is_valid};
use super::{Action, Caller, caller_in};
use crate::{App, Error};

/// A change of access in the making. Nobody else changes access until it is [`App::finish`]ed or dropped.
pub(super) struct Change {
    pub(super) tx: Tx,
    /// The state before the change.
    pub(super) directory: Directory,
    /// The caller as they stand in that state.
    pub(super) caller: Caller,
    pub(super) at: Micros,
}

impl App {
    /// Begins a change by a caller who has this right, now: a role or key that was lost since they called counts.
    pub(super) async fn begin_change(&self, caller: &Caller, action: Action) -> Result<Change, Error> {
        caller.require(action)?;
        let mut tx = self.store.begin().await?;
        let directory = Directory::new(records::lock(&mut tx).await?);
        let at = self.clock.now();
        let key = directory.key(&caller.key_id).filter(|key| is_valid(key, at));
        let key = key.ok_or_else(|| Error::Unauthenticated("this key is not valid any more".into()))?;
        let has_ended = |id| directory.session(id).is_none_or(|session| session.expires_at <= at);
        if caller.session_id.as_deref().is_some_and(has_ended) {
            return Err(Error::Unauthenticated("this session has ended: sign in again".into()));
        }
        let caller = caller_in(&directory, key, Some(caller.project()))?;
        caller.require(action)?;
        Ok(Change { tx, directory, caller, at })
    }

    /// Commits the change and makes it the present state.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a project would be left that nobody administers.
    pub(super) async fn finish(
        &self,
        mut change: Change,
        action: &str,
        subject: &str,
        details: Value,
    ) -> Result<(), Error> {
        let after = Directory::new(records::load_in(&mut change.tx).await?);
        change.refuse_ungoverned(&after)?;
        let entry = NewEntry {
            at: change.at,
            actor: change.caller.principal().to_owned(),
            project: change.caller.project().to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            details,
        };
        self.commit_access(change.tx, entry, after).await
    }

    /// Commits with an audit entry, and makes what the transaction sees the present state.
    pub(super) async fn commit_access(&self, mut tx: Tx, entry: NewEntry, after: Directory) -> Result<(), Error> {
        audit::append(&mut tx, entry);
        tx.commit().await?;
        self.access.publish(after);
        Ok(())
    }
}

impl Change {
    fn refuse_ungoverned(&self, after: &Directory) -> Result<(), Error> {
        let before = self.directory.ungoverned(self.at);
        let lost = after.ungoverned(self.at).into_iter().find(|project| !before.contains(project));
        let Some(lost) = lost else { return Ok(()) };
        // A project on the other side of the wall is not named.
        let project = if lost == self.caller.project_id() {
            format!("the project `{}`", self.caller.project())
        } else {
            "another project".to_owned()
        };
        Err(Error::Conflict(format!(
            "{project} would have no administrator with a valid key left: make somebody else administrator there, with \
             a key of their own, first"
        )))
    }
}
