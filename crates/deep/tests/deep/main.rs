//! Promises of `deep`: every layer answers in ONNX Runtime what it answers in libtorch, a training that is interrupted
//! ends in the same weights, and what goes wrong is said; published backbones answer what
//! PyTorch answers, and their files are believed in nothing.

mod backbones;
mod faults;
mod layers;
mod learning;
#[path = "../../../../tests/fuzz/mutate.rs"]
#[allow(dead_code)]
mod mutate;
mod precision;
mod published;
mod recurrent;
mod resume;
mod sharing;
mod stacks;
mod support;
