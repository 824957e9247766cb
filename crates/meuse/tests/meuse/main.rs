//! Promises of the product, kept by the real binaries: the walk from a file to an answer, what wrong input is told,
//! and the floors of the house.

mod archives;
mod backup;
mod backup_damage;
mod detection;
mod files;
mod floors;
mod homes;
mod networks;
mod pictures;
#[path = "../../../store/tests/support/postgres.rs"]
mod postgres;
mod refusals;
mod repeats;
mod sentences;
mod sequences;
mod start;
#[allow(dead_code, reason = "shared with the other test binary, which uses the rest")]
mod support;
mod texts;
mod upgrade;
mod uploads;
mod vision;
mod walk;
mod words;
