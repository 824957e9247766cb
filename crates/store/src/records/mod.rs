//! Records: one module per kind of thing, each holding its SQL.

pub mod access;
pub mod audit;
pub mod datasets;
pub mod jobs;
pub(crate) mod meta;
pub mod models;
pub mod references;
