//! From arguments to answers: one file per noun of the command line.

mod access;
mod audit;
mod augment;
mod backup;
mod data;
mod doctor;
mod download;
mod folder;
mod follow;
mod jobs;
mod login;
mod models;
mod predict;
mod recipe;
mod setup;

use std::process::ExitCode;

use crate::arguments::{Arguments, Command, ConfigCommand, Recipe};
use crate::client::Client;
use crate::{config, output, wiring};

/// What every client command needs.
pub(crate) struct Session {
    /// The server.
    pub(crate) client: Client,
    /// Whether to answer in JSON.
    pub(crate) json: bool,
}

/// Runs one command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let json = arguments.json;
    match arguments.command {
        Command::Serve(flags) => wiring::serve(&flags),
        Command::Doctor => doctor::run(json),
        Command::Setup(order) => setup::run(&order),
        Command::Login { server } => login::run(&server, &arguments.connection).map(|()| ExitCode::SUCCESS),
        Command::Recipe(Recipe::Schema) => output::json(&meuse_core::recipe::json_schema()).map(|()| ExitCode::SUCCESS),
        Command::Config(ConfigCommand::Show { config }) => {
            config::show(config.as_deref(), json).map(|()| ExitCode::SUCCESS)
        }
        Command::Audit(crate::arguments::Audit::Verify { home: Some(home) }) => audit::verify_home(&home, json),
        Command::Restore(order) => backup::restore(&order, json),
        Command::Backup(order) => backup::run(&order, &arguments.connection, json),
        command => {
            let session = Session { client: Client::new(&arguments.connection)?, json };
            with_server(&session, command)
        }
    }
}

fn with_server(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Whoami => access::whoami(session)?,
        Command::Data(command) => return data::run(session, command),
        Command::Recipe(command) => return recipe::run(session, command),
        Command::Augment(command) => augment::run(session, &command)?,
        Command::Train { file, model, follow } => return jobs::train(session, &file, model, follow),
        Command::Jobs(command) => return jobs::run(session, command),
        Command::Models(command) => models::run(session, command)?,
        Command::Predict { model, rows, text, image } => {
            let asked = predict::Asked { rows: rows.as_deref(), text: text.as_deref(), images: &image };
            predict::run(session, &model, &asked)?;
        }
        Command::Audit(command) => return audit::run(session, command),
        Command::Projects(command) => access::projects(session, command)?,
        Command::Principals(command) => access::principals(session, command)?,
        Command::Keys(command) => access::keys(session, command)?,
        Command::Serve(_)
        | Command::Doctor
        | Command::Setup(_)
        | Command::Login { .. }
        | Command::Config(_)
        | Command::Backup(_)
        | Command::Restore(_) => {
            unreachable!("`run` has taken the commands that need no server")
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The text of a file, or of standard input for `-`.
fn read_text(path: &std::path::Path) -> anyhow::Result<String> {
    use anyhow::Context as _;
    if path.as_os_str() == "-" {
        return std::io::read_to_string(std::io::stdin()).context("cannot read standard input");
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
