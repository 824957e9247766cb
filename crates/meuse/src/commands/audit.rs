//! `meuse audit`: the trail, and whether it is whole.

use std::path::Path;
use std::process::ExitCode;

use meuse_core::api::{AuditEntry, AuditVerification, Page};
use ureq::http::Method;

use super::Session;
use crate::arguments::Audit;
use crate::output;

pub(super) fn run(session: &Session, command: Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::List { after, limit } => {
            list(session, after, limit)?;
            Ok(ExitCode::SUCCESS)
        }
        Audit::Verify { .. } => {
            let found = session.client.call(Method::POST, "/api/v1/audit/verify", &serde_json::json!({}))?;
            report(&found, session.json)
        }
    }
}

/// Verifies the trail of a home folder without a server.
pub(super) fn verify_home(home: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let found = crate::wiring::verify_home(home)?;
    report(&found, json)
}

fn list(session: &Session, after: i64, limit: u32) -> anyhow::Result<()> {
    let page: Page<AuditEntry> = session.client.get(&format!("/api/v1/audit?after={after}&limit={limit}"))?;
    if session.json {
        return output::json(&page);
    }
    let row = |entry: &AuditEntry| {
        vec![
            entry.seq.to_string(),
            entry.at.to_string(),
            entry.actor.clone(),
            entry.action.clone(),
            entry.subject.clone(),
            entry.details.to_string(),
        ]
    };
    let head = ["#", "when", "who", "what", "to what", "details"];
    output::table(&head, &[0], page.items.iter().map(row).collect());
    if let Some(next) = page.next {
        eprintln!("more: meuse audit list --after {next}");
    }
    Ok(())
}

fn report(found: &AuditVerification, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        output::json(found)?;
    } else if found.intact {
        output::line(&format!("the audit trail is intact: {} entries", found.entries));
    } else {
        output::line(&format!("the audit trail is NOT intact ({} entries read):", found.entries));
        for finding in &found.findings {
            output::line(&format!("  entry {}: {}: {}", finding.seq, finding.kind, finding.message));
        }
    }
    Ok(if found.intact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
