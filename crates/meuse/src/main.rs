//! The binary `meuse`: command line, configuration, wiring.
//!
//! Every command is an HTTP client of a server, except `serve`, `doctor`, `setup`, `config show`, `recipe schema`, `restore`,
//! `backup --home` and `audit verify --home`. Answers go to standard output, everything else to standard error.

mod arguments;
mod client;
mod commands;
mod config;
mod output;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let json = arguments.json;
    match commands::run(arguments) {
        Ok(code) => code,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error, json);
            ExitCode::FAILURE
        }
    }
}
