//! Promises of training, from metrics to whole bundles on real data.

mod detection;
mod embeddings;
mod leakage;
mod linear;
mod metrics;
mod parity_matrix;
mod pipeline;
mod scorecard;
mod sentences;
mod splits;
mod support;
mod texts;
