//! A store of one's own for each test.

use meuse_core::time::Micros;
use meuse_store::records::access::{self, Project};
use meuse_store::records::audit::{self, NewEntry};
use meuse_store::{DatabaseAddress, Db, Secret, Store, StoreConfig};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

/// A folder, a database and a secret; the folder goes when this goes.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) config: StoreConfig,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = DatabaseAddress::Sqlite(folder.path().join("meuse.db"));
        Self::new(folder, database)
    }

    pub(crate) fn postgres() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::new(folder, DatabaseAddress::parse(&crate::postgres::new_database()))
    }

    fn new(folder: TempDir, database: DatabaseAddress) -> Self {
        let path = |name: &str| folder.path().join(name);
        let secret = Secret::new([7; 32]);
        let config = StoreConfig { database, blobs: path("blobs"), audit_head: path("audit.head"), secret };
        Self { folder, config }
    }

    /// Another home on the same database.
    pub(crate) fn replica(&self, name: &str) -> StoreConfig {
        StoreConfig { audit_head: self.folder.path().join(name), ..self.config.clone() }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.config.clone()).await.expect("the store opens")
    }
}

/// Says what was done, in a transaction of its own.
pub(crate) async fn note(store: &Store, subject: &str) {
    let mut tx = store.begin().await.expect("a transaction begins");
    audit::append(&mut tx, entry(subject));
    tx.commit().await.expect("it commits");
}

/// A project whose id is its name.
pub(crate) async fn project(store: &Store, name: &str) {
    let (id, name) = (name.to_owned(), name.to_owned());
    let mut tx = store.begin().await.expect("a transaction begins");
    let project = Project { id, name, made_with: None, created_at: Micros(1) };
    access::insert_project(&mut tx, &project).await.expect("the project is new");
    tx.commit().await.expect("it commits");
}

pub(crate) fn entry(subject: &str) -> NewEntry {
    NewEntry {
        at: Micros(1_000_000),
        actor: "ana".into(),
        project: "lending".into(),
        action: "model.deploy".into(),
        subject: subject.into(),
        details: serde_json::json!({ "reason": "better" }),
    }
}

/// What an intruder with the database in their hands would run.
pub(crate) async fn run(store: &Store, sql: &str) {
    let done = match &store.db {
        Db::Sqlite(pool) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop),
        Db::Postgres(pool) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(drop),
    };
    done.expect(sql);
}

/// Makes a test for each database out of each function, which takes a [`Place`].
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() { super::$test(crate::support::Place::sqlite()).await })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() { super::$test(crate::support::Place::postgres()).await })*
        }
    };
}
pub(crate) use on_both;
