//! What the app promises, entered where the server enters: children are real processes, records a real database.

mod access;
mod clock;
mod compute;
mod data;
mod home;
mod models;
#[path = "../../../store/tests/support/postgres.rs"]
mod postgres;
mod sessions;
mod tenants;
mod world;
