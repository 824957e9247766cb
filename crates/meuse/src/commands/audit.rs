//! `meuse audit`: the trail, and whether it is whole.

use std::path::Path;
use std::process::ExitCode;

use meuse_core::api::{AuditEntry, AuditVerification, Page};
use ureq::http::Method;

use super::{Session, download};
use crate::arguments::{Audit, AuditFilter};
use crate::client::segment;
use crate::output;

pub(super) fn run(session: &Session, command: Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::List { filter, newest, after, limit } => {
            list(session, &filter, newest, after, limit)?;
            Ok(ExitCode::SUCCESS)
        }
        Audit::Export { file, filter } => {
            export(session, &file, &filter)?;
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

fn list(session: &Session, filter: &AuditFilter, newest: bool, after: Option<i64>, limit: u32) -> anyhow::Result<()> {
    let mut query = vec![format!("limit={limit}")];
    query.extend(newest.then(|| "order=desc".to_owned()));
    query.extend(after.map(|after| format!("after={after}")));
    query.extend(words(filter));
    let page: Page<AuditEntry> = session.client.get(&format!("/api/v1/audit?{}", query.join("&")))?;
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
        eprintln!("more: the same command with --after {next}");
    }
    Ok(())
}

/// A filter as parts of a query.
fn words(filter: &AuditFilter) -> Vec<String> {
    let AuditFilter { actor, action, subject, since, until } = filter;
    let all = [("actor", actor), ("action", action), ("subject", subject), ("since", since), ("until", until)];
    all.iter().filter_map(|(name, value)| Some(format!("{name}={}", segment(value.as_ref()?)))).collect()
}

fn export(session: &Session, file: &Path, filter: &AuditFilter) -> anyhow::Result<()> {
    let is_jsonl = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl"));
    let mut query = vec![format!("format={}", if is_jsonl { "jsonl" } else { "csv" })];
    query.extend(words(filter));
    let mut entries = session.client.get_stream(&format!("/api/v1/audit/export?{}", query.join("&")))?;
    if file.as_os_str() == "-" {
        std::io::copy(&mut entries, &mut std::io::stdout().lock())?;
        return Ok(());
    }
    download::to_file(&mut entries, file)?;
    if session.json {
        return output::json(&serde_json::json!({ "file": file }));
    }
    eprintln!("the audit trail is in {}", file.display());
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
