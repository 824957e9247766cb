//! A home of one's own for each test of access, on either database.

use std::sync::Arc;

use meuse_app::access::Caller;
use meuse_app::{App, AppConfig, Error};
use meuse_core::api::{CreatedKey, NewKey, NewPrincipal, NewProject, Role};
use meuse_core::time::{Clock, Micros};
use tempfile::TempDir;

/// 2026-11-23, as good a day as any.
const START: Micros = Micros(1_795_392_000_000_000);

/// A home folder, and a clock that stands still; the folder goes when this goes.
pub(crate) struct TestHome {
    pub(crate) folder: TempDir,
    pub(crate) config: AppConfig,
}

impl TestHome {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // No job runs in these tests, so neither program nor library is needed.
        let mut config = AppConfig::new(folder.path().join("home"), "meuse-job", "native");
        config.clock = Clock::manual(START);
        Self { folder, config }
    }

    pub(crate) fn postgres() -> Self {
        let mut home = Self::sqlite();
        home.config.database = Some(crate::postgres::new_database());
        home
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.config.clock
    }

    pub(crate) async fn open(&self) -> Arc<App> {
        App::open(self.config.clone()).await.expect("the home opens")
    }

    /// The first start: the app, and its admin.
    pub(crate) async fn first_start(&self) -> (Arc<App>, Caller) {
        let app = self.open().await;
        let key = app.take_first_key().expect("the first start makes a key");
        let admin = app.access.authenticate(&key, None).expect("the key is valid");
        (app, admin)
    }
}

/// Gives somebody a role in the caller's project and a key there.
pub(crate) async fn join(app: &App, admin: &Caller, name: &str, role: Role) -> CreatedKey {
    give_role(app, admin, name, role).await.expect("an administrator gives roles");
    new_key(app, admin, name).await.expect("an administrator makes keys")
}

pub(crate) async fn give_role(app: &App, caller: &Caller, name: &str, role: Role) -> Result<(), Error> {
    app.put_principal(caller, NewPrincipal { name: name.into(), role }).await.map(drop)
}

pub(crate) async fn new_key(app: &App, caller: &Caller, owner: &str) -> Result<CreatedKey, Error> {
    let new = NewKey { principal: Some(owner.into()), note: "for a test".into(), expires_in_days: None };
    app.create_key(caller, new).await
}

/// Makes a project; the same principal as its administrator.
pub(crate) async fn new_project(app: &App, caller: &Caller, key: &str, name: &str) -> Caller {
    app.create_project(caller, NewProject { name: name.into() }).await.expect("an administrator makes projects");
    app.access.authenticate(key, Some(name)).expect("its maker may enter")
}

/// Makes a test for each database out of each function, which takes a [`TestHome`].
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(crate::tenants::TestHome::sqlite()).await })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(crate::tenants::TestHome::postgres()).await })*
        }
    };
}
pub(crate) use on_both;
