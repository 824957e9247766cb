//! Promises of `deep`: every layer answers in ONNX Runtime what it answers in libtorch, a training that is interrupted
//! ends in the same weights, and what goes wrong is said.

mod faults;
mod layers;
mod learning;
mod resume;
mod support;
