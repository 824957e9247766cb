//! Facts about the database itself.

use crate::db::{Db, on};
use crate::error::Error;
use crate::secret::Secret;

/// Notes at the first start which secret this database belongs to (not the secret: a code made with it), and refuses
/// another one ever after. Else every key would just look wrong, and every audit entry altered.
pub(crate) async fn check_secret(db: &Db, secret: &Secret) -> Result<(), Error> {
    const NOTE: &str = "INSERT INTO meta (name, value) VALUES ('secret_check', $1) ON CONFLICT (name) DO NOTHING";
    const READ: &str = "SELECT value FROM meta WHERE name = 'secret_check'";
    let expected = hex::encode(secret.derive("database").mac(b"this database belongs to this secret"));
    let read = async || on!(db, pool => sqlx::query_scalar::<_, String>(READ).fetch_optional(pool).await);
    let mut found = read().await?;
    if found.is_none() {
        on!(db, pool => sqlx::query(NOTE).bind(&expected).execute(pool).await.map(drop))?;
        found = read().await?;
    }
    if found.as_deref() == Some(expected.as_str()) { Ok(()) } else { Err(Error::OtherSecret) }
}
