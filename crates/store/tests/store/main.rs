//! What `store` promises, on SQLite and on Postgres.

mod audit;
mod backup;
mod blobs;
mod datasets;
mod jobs;
mod migrations;
mod models;
#[path = "../support/postgres.rs"]
mod postgres;
mod support;
mod sweep;
