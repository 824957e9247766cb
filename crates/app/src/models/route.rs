//! Which version answers: deployed, rolled back, and every such decision kept.
//!
//! The list of routes is append-only, so what answered at an instant is one look at it. A rollback appends what
//! answered before, and a second one what answered before that: deployments are a stack, on which "nothing" can lie too.

use meuse_core::api::{DeployRequest, RollbackRequest, Route, UndeployRequest};
use meuse_core::names::ModelName;
use meuse_core::time::Micros;
use meuse_store::Tx;
use meuse_store::records::models::{self, ModelRow, NewRoute, RouteRow, VersionRow};
use serde_json::json;

use super::{no_model, no_version};
use crate::access::{Action, Caller};
use crate::{App, Error};

/// The word of a deployment.
const DEPLOY: &str = "deploy";
/// The word of a rollback.
const ROLLBACK: &str = "rollback";
/// The word of the end of a deployment: from then on nothing answers. Its route names the version that answered.
pub(super) const UNDEPLOY: &str = "undeploy";
/// What lies on the stack of deployments where nothing answered; no version has this number.
const NOTHING: i64 = 0;

/// The longest reason, in characters; it stands in the record and in the audit trail for ever.
const LONGEST_REASON: usize = 1000;

impl App {
    /// Lets a version answer. It is loaded first: what cannot answer is not deployed. A version that answers already goes
    /// on by its route: a list of decisions does not grow by one that decides nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`] when the version cannot be loaded.
    pub async fn deploy(&self, caller: &Caller, name: &ModelName, request: DeployRequest) -> Result<Route, Error> {
        caller.require(Action::Deploy)?;
        check_reason(&request.reason)?;
        self.load_version(caller, name, request.version).await?;
        let mut tx = self.store.begin().await?;
        let model = hold(&mut tx, caller, name).await?;
        let versions = models::versions_in(&mut tx, &model.id).await?;
        if !is_there(&versions, request.version) {
            return Err(no_version(name, request.version));
        }
        let routes = models::routes_in(&mut tx, &model.id).await?;
        if let Some(now) = routes.last().filter(|_| present(&routes) == Some(request.version)) {
            return Ok(shown(now));
        }
        let decision = Decision { version: request.version, reason: &request.reason, action: DEPLOY };
        self.append(tx, caller, name, &model, &decision).await
    }

    /// Lets answer again what answered before the version that answers now.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when nothing answered before.
    pub async fn rollback(&self, caller: &Caller, name: &ModelName, request: RollbackRequest) -> Result<Route, Error> {
        caller.require(Action::Deploy)?;
        let mut tx = self.store.begin().await?;
        let model = hold(&mut tx, caller, name).await?;
        let versions = models::versions_in(&mut tx, &model.id).await?;
        let routes = models::routes_in(&mut tx, &model.id).await?;
        let earlier = earlier(&routes, &versions).ok_or_else(|| {
            Error::Conflict(match routes.last() {
                None => format!("no version of model `{name}` was ever deployed: there is nothing to go back to"),
                Some(now) => format!(
                    "nothing that still exists answered before {name}:{}: there is nothing to go back to",
                    now.version
                ),
            })
        })?;
        let decision = Decision { version: earlier, reason: &request.reason, action: ROLLBACK };
        self.append(tx, caller, name, &model, &decision).await
    }

    /// Lets nothing answer the calls to a model that name no version; its versions and aliases go on answering.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when nothing answers.
    pub async fn undeploy(&self, caller: &Caller, name: &ModelName, request: UndeployRequest) -> Result<Route, Error> {
        caller.require(Action::Deploy)?;
        let mut tx = self.store.begin().await?;
        let model = hold(&mut tx, caller, name).await?;
        let routes = models::routes_in(&mut tx, &model.id).await?;
        let version = present(&routes).ok_or_else(|| {
            Error::Conflict(format!("no version of model `{name}` is deployed: nothing is to be done"))
        })?;
        let decision = Decision { version, reason: &request.reason, action: UNDEPLOY };
        self.append(tx, caller, name, &model, &decision).await
    }

    /// What answered, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn routes(&self, caller: &Caller, name: &ModelName) -> Result<Vec<Route>, Error> {
        caller.require(Action::ReadModels)?;
        let model = self.model_row(caller, name).await?;
        let routes = models::routes(&self.store.db, &model.id).await?;
        Ok(routes.iter().map(shown).collect())
    }

    async fn load_version(&self, caller: &Caller, name: &ModelName, version: u32) -> Result<(), Error> {
        // Another replica may just have registered it.
        self.models.reload(&self.store).await?;
        let selector = meuse_core::names::Selector::Version(version);
        let reference = meuse_core::names::ModelRef { name: name.clone(), selector };
        let resolved = self.models.snapshot().resolve(caller.project_id(), &reference)?;
        self.serving.load(&resolved).await.map(drop)
    }

    async fn append(
        &self,
        mut tx: Tx,
        caller: &Caller,
        name: &ModelName,
        model: &ModelRow,
        decision: &Decision<'_>,
    ) -> Result<Route, Error> {
        check_reason(decision.reason)?;
        let new = NewRoute {
            model: &model.id,
            version: decision.version,
            at: self.clock.now(),
            by: caller.principal(),
            reason: decision.reason,
            action: decision.action,
        };
        let route = models::append_route(&mut tx, &new).await?;
        let subject = format!("{name}:{}", decision.version);
        let details = json!({ "route": route.number, "reason": decision.reason });
        self.note(&mut tx, caller, &format!("model.{}", decision.action), &subject, details);
        tx.commit().await?;
        self.models.reload(&self.store).await?;
        Ok(shown(&route))
    }
}

struct Decision<'a> {
    version: u32,
    reason: &'a str,
    action: &'static str,
}

fn check_reason(reason: &str) -> Result<(), Error> {
    if reason.chars().count() <= LONGEST_REASON {
        return Ok(());
    }
    let wrong = format!("it has more than {LONGEST_REASON} characters");
    Err(Error::invalid("reason", wrong, "say it shorter, and link to the rest"))
}

async fn hold(tx: &mut Tx, caller: &Caller, name: &ModelName) -> Result<ModelRow, Error> {
    let model = models::hold(tx, caller.project_id(), name.as_str()).await?;
    model.ok_or_else(|| no_model(name))
}

fn is_there(versions: &[VersionRow], number: u32) -> bool {
    versions.iter().any(|version| version.version == i64::from(number))
}

/// The version that answers now.
pub(super) fn present(routes: &[RouteRow]) -> Option<u32> {
    routes.last().filter(|route| route.action != UNDEPLOY).map(|route| route.version as u32)
}

/// What a rollback goes back to: the version below the present one on the stack of deployments, deleted ones left out.
fn earlier(routes: &[RouteRow], versions: &[VersionRow]) -> Option<u32> {
    let mut stack: Vec<i64> = Vec::new();
    for route in routes {
        if route.action == ROLLBACK {
            // What lay between the two was deleted when that rollback was made.
            while stack.last().is_some_and(|top| *top != route.version) {
                stack.pop();
            }
        } else if route.action == UNDEPLOY {
            stack.push(NOTHING);
        } else if stack.last() != Some(&route.version) {
            stack.push(route.version);
        }
    }
    let now = stack.pop()?;
    let mut below = stack.into_iter().rev().map(|version| version as u32);
    below.find(|version| i64::from(*version) != now && is_there(versions, *version))
}

/// A route as callers see it.
pub(super) fn shown(row: &RouteRow) -> Route {
    Route {
        number: row.number as u32,
        version: row.version as u32,
        at: Micros(row.created_at),
        by: row.created_by.clone(),
        reason: row.reason.clone(),
        action: row.action.clone(),
    }
}
