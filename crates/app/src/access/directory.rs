//! Projects, principals, roles, keys and sessions in memory, ready to be asked. It never changes: a change makes a new one.

use std::collections::{BTreeSet, HashMap};

use meuse_core::api::Role;
use meuse_core::time::Micros;
use meuse_store::records::access::{Key, Principal, Project, Records, Session};

/// One consistent state of everything there is about access.
#[derive(Debug, Default)]
pub(super) struct Directory {
    records: Records,
    keys_by_prefix: HashMap<String, usize>,
    keys_by_id: HashMap<String, usize>,
    sessions_by_prefix: HashMap<String, usize>,
    roles: HashMap<(String, String), Role>,
}

impl Directory {
    pub(super) fn new(records: Records) -> Self {
        let keys = || records.keys.iter().enumerate();
        let sessions = records.sessions.iter().enumerate();
        let grants = records.grants.iter();
        Self {
            keys_by_prefix: keys().map(|(index, key)| (key.prefix.clone(), index)).collect(),
            keys_by_id: keys().map(|(index, key)| (key.id.clone(), index)).collect(),
            sessions_by_prefix: sessions.map(|(index, session)| (session.prefix.clone(), index)).collect(),
            roles: grants.map(|grant| ((grant.project_id.clone(), grant.principal_id.clone()), grant.role)).collect(),
            records,
        }
    }

    /// Which state it is: a later one has a larger number.
    pub(super) fn turns(&self) -> i64 {
        self.records.turns
    }

    pub(super) fn projects(&self) -> &[Project] {
        &self.records.projects
    }

    pub(super) fn principals(&self) -> &[Principal] {
        &self.records.principals
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.records.keys
    }

    pub(super) fn project(&self, name: &str) -> Option<&Project> {
        self.records.projects.iter().find(|project| project.name == name)
    }

    pub(super) fn project_of_id(&self, id: &str) -> Option<&Project> {
        self.records.projects.iter().find(|project| project.id == id)
    }

    pub(super) fn principal(&self, name: &str) -> Option<&Principal> {
        self.records.principals.iter().find(|principal| principal.name == name)
    }

    pub(super) fn principal_of_id(&self, id: &str) -> Option<&Principal> {
        self.records.principals.iter().find(|principal| principal.id == id)
    }

    pub(super) fn key(&self, id: &str) -> Option<&Key> {
        self.keys_by_id.get(id).map(|index| &self.records.keys[*index])
    }

    pub(super) fn key_of_prefix(&self, prefix: &str) -> Option<&Key> {
        self.keys_by_prefix.get(prefix).map(|index| &self.records.keys[*index])
    }

    pub(super) fn sessions(&self) -> &[Session] {
        &self.records.sessions
    }

    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        self.records.sessions.iter().find(|session| session.id == id)
    }

    pub(super) fn session_of_prefix(&self, prefix: &str) -> Option<&Session> {
        self.sessions_by_prefix.get(prefix).map(|index| &self.records.sessions[*index])
    }

    /// The key of a session that has not ended: neither by itself nor with its key.
    pub(super) fn key_of_session(&self, session: &Session, now: Micros) -> Option<&Key> {
        let key = self.key(&session.key_id).filter(|key| is_valid(key, now));
        key.filter(|_| now < session.expires_at)
    }

    /// What a principal may do in a project, given the right key.
    pub(super) fn role(&self, project: &Project, principal_id: &str) -> Option<Role> {
        self.roles.get(&(project.id.clone(), principal_id.to_owned())).copied()
    }

    /// What a key may do in a project; nothing says that it may not even know of it.
    ///
    /// Its principal needs a role there, and the key must reach it: each key reaches its home project, and what the key
    /// that made it reaches, there as an administrator when it made the key for somebody else. Without this, whoever
    /// may make keys in one project could make one for a colleague and walk into every other project of theirs.
    pub(super) fn opens(&self, key: &Key, project: &Project) -> Option<Role> {
        let role = self.role(project, &key.principal_id)?;
        let mut key = key;
        loop {
            let is_home = key.project_id == project.id || project.made_with.as_ref() == Some(&key.id);
            let Some(maker) = key.made_with.as_ref().filter(|_| !is_home) else { return Some(role) };
            let maker = self.key(maker)?;
            let is_own = maker.principal_id == key.principal_id;
            if !is_own && self.role(project, &maker.principal_id) != Some(Role::Admin) {
                return None;
            }
            key = maker;
        }
    }

    /// The projects that nobody administers any more, by id: no valid key opens them as administrator.
    pub(super) fn ungoverned(&self, now: Micros) -> BTreeSet<&str> {
        let valid: Vec<&Key> = self.records.keys.iter().filter(|key| is_valid(key, now)).collect();
        let governed = |project: &Project| valid.iter().any(|key| self.opens(key, project) == Some(Role::Admin));
        let ungoverned = self.records.projects.iter().filter(|project| !governed(project));
        ungoverned.map(|project| project.id.as_str()).collect()
    }
}

/// Whether a key is neither revoked nor expired.
pub(super) fn is_valid(key: &Key, now: Micros) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|at| now < at)
}
