//! Sessions of the console: a key exchanged for the token of a cookie, for twelve hours at most.
//!
//! A session is found in memory, as a key is, and is no more than its key: it opens what the key opens, and ends with
//! it. A wrong key costs one look-up and one HMAC: no database, no record, no audit entry.

use std::sync::Arc;
use std::time::Duration;

use meuse_core::api::Session;
use meuse_core::time::Micros;
use meuse_store::records::access as records;
use meuse_store::records::audit::NewEntry;
use meuse_store::{MacKey, Secret, Tx, new_id};
use serde_json::{Value, json};

use super::directory::{Directory, is_valid};
use super::secret_key::{self, SecretKey};
use super::{Access, Caller, caller_in};
use crate::{App, Error};

/// How long a session lasts.
const LIFETIME: Duration = Duration::from_hours(12);
/// The most sessions of one key; the oldest ends when there is one more.
const MOST: usize = 20;
/// How often ended sessions are swept.
const SWEEP: Duration = Duration::from_mins(10);

/// What a session's secrets are made and checked with.
pub(super) struct Macs {
    token: MacKey,
    csrf: MacKey,
}

impl Macs {
    pub(super) fn new(secret: &Secret) -> Self {
        Self { token: secret.derive("sessions"), csrf: secret.derive("csrf") }
    }

    /// What a session's calls that change something must say: from its id, so that it need not be kept.
    fn csrf(&self, session_id: &str) -> String {
        hex::encode(self.csrf.mac(session_id.as_bytes()))
    }
}

/// A session that just began.
pub struct SignedIn {
    /// What its owner may see.
    pub session: Session,
    /// For the cookie. It is kept nowhere.
    pub token: String,
    /// How long it lasts from now on.
    pub lasts: Duration,
}

impl Access {
    /// Finds the caller by the token of a session, in the home project of its key or in the named one.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a session that is unknown or has ended; [`Error::NotFound`] as for a key.
    pub fn resume(&self, token: &str, project: Option<&str>) -> Result<Caller, Error> {
        let directory = self.current.load();
        let session = secret_key::prefix(secret_key::SESSION, token);
        let session = session.and_then(|prefix| directory.session_of_prefix(prefix));
        let session = session.filter(|found| secret_key::is_secret(token, &found.mac, &self.session_macs.token));
        let session = session.ok_or_else(ended)?;
        let key = directory.key_of_session(session, self.clock.now()).ok_or_else(ended)?;
        // Whoever lost their role in the key's home is signed out there, and not told that it does not exist.
        let caller =
            caller_in(&directory, key, project).map_err(|error| if project.is_some() { error } else { ended() })?;
        Ok(Caller { session_id: Some(session.id.clone()), ..caller })
    }

    /// Whether `text` is what this caller's session says on calls that change something. A caller with a key has no
    /// such thing.
    pub fn is_csrf(&self, caller: &Caller, text: &str) -> bool {
        let Some(id) = &caller.session_id else { return false };
        hex::decode(text).is_ok_and(|code| self.session_macs.csrf.is_mac(id.as_bytes(), &code))
    }
}

fn ended() -> Error {
    Error::Unauthenticated("this session has ended: sign in again".into())
}

impl App {
    /// Begins a session with a key.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a key that is not valid, without asking the database.
    pub async fn sign_in(&self, key: &str) -> Result<SignedIn, Error> {
        let caller = self.access.authenticate(key, None)?;
        let mut tx = self.store.begin().await?;
        let (directory, now) = (Directory::new(records::lock(&mut tx).await?), self.clock.now());
        let key = directory.key(&caller.key_id).filter(|key| is_valid(key, now)).ok_or_else(ended)?;
        make_room(&mut tx, &directory, &key.id).await?;
        let taken = |prefix: &str| directory.session_of_prefix(prefix).is_some();
        let secret = SecretKey::generate(secret_key::SESSION, taken);
        let end = now.plus(LIFETIME);
        let session = records::Session {
            id: new_id(),
            prefix: secret.prefix.clone(),
            mac: secret.mac(&self.access.session_macs.token),
            key_id: key.id.clone(),
            created_at: now,
            expires_at: key.expires_at.map_or(end, |stops| stops.min(end)),
        };
        records::insert_session(&mut tx, &session).await?;
        let entry =
            entry(&caller, now, "session.create", json!({ "id": session.id, "expires_at": session.expires_at }));
        let after = Directory::new(records::load_in(&mut tx).await?);
        self.commit_access(tx, entry, after).await?;
        let lasts = session.expires_at.since(now);
        let caller = Caller { session_id: Some(session.id), ..caller };
        Ok(SignedIn { session: self.session(&caller)?, token: secret.text, lasts })
    }

    /// The session that the caller came by.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when they came by a key, or when it has just ended.
    pub fn session(&self, caller: &Caller) -> Result<Session, Error> {
        let id = id_of(caller)?;
        let expires_at = self.access.current.load().session(id).map(|session| session.expires_at);
        Ok(Session {
            me: caller.me(),
            projects: self.projects(caller)?,
            csrf: self.access.session_macs.csrf(id),
            expires_at: expires_at.ok_or_else(ended)?,
        })
    }

    /// Ends the session that the caller came by: on other replicas within a second. Ending it again changes nothing.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when they came by a key.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), Error> {
        let id = id_of(caller)?;
        let mut tx = self.store.begin().await?;
        let directory = Directory::new(records::lock(&mut tx).await?);
        if directory.session(id).is_none() {
            return Ok(());
        }
        records::delete_session(&mut tx, id).await?;
        // Noted where its beginning was, whichever project the call was about.
        let key = directory.key(&caller.key_id);
        let home = key.and_then(|key| directory.project_of_id(&key.project_id)).map(|project| project.name.clone());
        let entry = NewEntry {
            project: home.unwrap_or_else(|| caller.project.clone()),
            ..entry(caller, self.clock.now(), "session.delete", json!({ "id": id }))
        };
        let after = Directory::new(records::load_in(&mut tx).await?);
        self.commit_access(tx, entry, after).await
    }

    /// Removes the sessions that have ended, and says how many. It is not audited: they opened nothing any more.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sweep_sessions(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        if ended_sessions(&self.access.current.load(), now).is_empty() {
            return Ok(0);
        }
        let mut tx = self.store.begin().await?;
        let ended = ended_sessions(&Directory::new(records::lock(&mut tx).await?), now);
        for id in &ended {
            records::delete_session(&mut tx, id).await?;
        }
        let after = Directory::new(records::load_in(&mut tx).await?);
        tx.commit().await?;
        self.access.publish(after);
        Ok(ended.len())
    }
}

fn id_of(caller: &Caller) -> Result<&str, Error> {
    caller.session_id.as_deref().ok_or_else(|| {
        let message = "this call came with a key, not with a session: `POST /api/v1/session` begins one";
        Error::Unauthenticated(message.into())
    })
}

fn entry(caller: &Caller, at: Micros, action: &str, details: Value) -> NewEntry {
    NewEntry {
        at,
        actor: caller.principal.clone(),
        project: caller.project.clone(),
        action: action.to_owned(),
        subject: caller.key_prefix.clone(),
        details,
    }
}

/// Ends the oldest sessions of a key, so that one more may begin.
async fn make_room(tx: &mut Tx, directory: &Directory, key_id: &str) -> Result<(), Error> {
    let sessions: Vec<_> = directory.sessions().iter().filter(|session| session.key_id == key_id).collect();
    let surplus = (sessions.len() + 1).saturating_sub(MOST);
    for session in &sessions[..surplus] {
        records::delete_session(tx, &session.id).await?;
    }
    Ok(())
}

fn ended_sessions(directory: &Directory, now: Micros) -> Vec<String> {
    let sessions = directory.sessions().iter();
    let ended = sessions.filter(|session| directory.key_of_session(session, now).is_none());
    ended.map(|session| session.id.clone()).collect()
}

/// Sweeps from time to time, until the app stops.
pub(crate) async fn sweep(app: Arc<App>) {
    loop {
        tokio::select! {
            () = app.stop().cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        match app.sweep_sessions().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(sessions = count, "ended sessions were removed"),
            Err(error) => tracing::warn!(%error, "ended sessions could not be removed; it is tried again"),
        }
    }
}
