//! Who may do what: projects, principals, roles, keys, sessions.
//!
//! A caller is found in memory, without the database: [`Access`] holds the present state, which each change replaces at
//! once, and which changes by other replicas replace within a second.

mod caller;
mod change;
mod directory;
mod first_start;
mod keys;
mod permissions;
mod principals;
mod projects;
mod secret_key;
mod sessions;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use meuse_core::time::Clock;
use meuse_store::records::access as records;
use meuse_store::{MacKey, Secret, Store};
use parking_lot::Mutex;

pub use caller::Caller;
pub use permissions::{Action, PERMISSIONS};
pub use sessions::SignedIn;
pub(crate) use sessions::sweep;

use crate::{App, Error};
use directory::Directory;
pub(crate) use first_start::HandOver;

/// How often changes by other replicas are looked for.
const POLL: Duration = Duration::from_secs(1);

/// The present state of access.
pub struct Access {
    clock: Clock,
    mac: MacKey,
    session_macs: sessions::Macs,
    current: ArcSwap<Directory>,
    // One at a time, so that an older state never replaces a newer one.
    publishing: Mutex<()>,
    first_key: Mutex<Option<String>>,
}

impl Access {
    /// Reads the records. At the very first start it makes the project `default`, the principal `admin`, and a key.
    pub(crate) async fn open(
        store: &Store,
        secret: &Secret,
        clock: Clock,
        hand_over: HandOver<'_>,
    ) -> Result<Self, Error> {
        let mac = secret.derive("api keys");
        let first_key = first_start::make_first_key(store, &mac, clock.now(), hand_over).await?;
        let current = ArcSwap::from_pointee(Directory::new(records::load(&store.db).await?));
        let session_macs = sessions::Macs::new(secret);
        Ok(Self { clock, mac, session_macs, current, publishing: Mutex::default(), first_key: Mutex::new(first_key) })
    }

    /// Finds the caller by key, in the key's home project or in the named one.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a key that is unknown, revoked or expired; [`Error::NotFound`] for a project that
    /// does not exist, or that the caller may not see, which is the same to them.
    pub fn authenticate(&self, key: &str, project: Option<&str>) -> Result<Caller, Error> {
        let directory = self.current.load();
        let found = secret_key::prefix(secret_key::KEY, key).and_then(|prefix| directory.key_of_prefix(prefix));
        let found = found.filter(|found| secret_key::is_secret(key, &found.mac, &self.mac));
        let found = found.ok_or_else(|| {
            Error::Unauthenticated("this key is not known here: check it, or ask an administrator for one".into())
        })?;
        if let Some(at) = found.revoked_at {
            return Err(Error::Unauthenticated(format!(
                "the key mk_{}… was revoked at {at}: ask an administrator for another one",
                found.prefix
            )));
        }
        if let Some(at) = found.expires_at.filter(|at| *at <= self.clock.now()) {
            return Err(Error::Unauthenticated(format!(
                "the key mk_{}… expired at {at}: ask an administrator for another one",
                found.prefix
            )));
        }
        caller_in(&directory, found, project)
    }

    /// The admin key that the first start made, once: whoever takes it writes it where its owner finds it.
    pub fn take_first_key(&self) -> Option<String> {
        self.first_key.lock().take()
    }

    /// Makes this the present state, unless a later one is there already.
    fn publish(&self, directory: Directory) {
        let _turn = self.publishing.lock();
        if directory.turns() > self.current.load().turns() {
            self.current.store(Arc::new(directory));
        }
    }

    /// Reads what other replicas changed, if they changed anything.
    pub async fn catch_up(&self, store: &Store) -> Result<(), Error> {
        if records::turns(&store.db).await? != self.current.load().turns() {
            self.publish(Directory::new(records::load(&store.db).await?));
        }
        Ok(())
    }
}

fn caller_in(directory: &Directory, key: &records::Key, project: Option<&str>) -> Result<Caller, Error> {
    let project = match project {
        Some(name) => directory.project(name).ok_or_else(|| no_project(name))?,
        None => directory.project_of_id(&key.project_id).ok_or_else(|| no_project("of this key"))?,
    };
    let role = directory.opens(key, project).ok_or_else(|| no_project(&project.name))?;
    let principal = directory.principal_of_id(&key.principal_id);
    Ok(Caller {
        principal: principal.map_or_else(String::new, |principal| principal.name.clone()),
        principal_id: key.principal_id.clone(),
        project: project.name.clone(),
        project_id: project.id.clone(),
        role,
        key_id: key.id.clone(),
        key_prefix: key.prefix.clone(),
        session_id: None,
        in_first_project: project.made_with.is_none(),
    })
}

fn no_project(name: &str) -> Error {
    Error::not_found(format!("there is no project `{name}`"), "`meuse projects list` shows what is there")
}

/// Follows the changes that other replicas make, until the app stops.
pub(crate) async fn refresh(app: Arc<App>) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = app.stop().cancelled() => return,
            () = tokio::time::sleep(POLL) => {}
        }
        let looked = app.access.catch_up(&app.store).await;
        match &looked {
            Err(error) if !failing => tracing::warn!(%error, "changes of keys and roles elsewhere cannot be seen"),
            Ok(()) if failing => tracing::info!("changes of keys and roles elsewhere can be seen again"),
            _ => {}
        }
        failing = looked.is_err();
    }
}

impl App {
    /// Who is asking.
    pub fn me(&self, caller: &Caller) -> meuse_core::api::Me {
        caller.me()
    }

    /// The admin key that the first start made, once.
    pub fn take_first_key(&self) -> Option<String> {
        self.access.take_first_key()
    }
}
