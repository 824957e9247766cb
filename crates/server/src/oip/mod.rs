//! The Open Inference protocol v2 over REST, for clients made for KServe and Triton.
//!
//! The folder holds no behaviour: it turns tensors into what `app` takes and predictions into tensors. Source:
//! <https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol>, and Triton's extension
//! for binary tensors.

mod binary;
mod datatype;
pub(crate) mod error;
mod outputs;
pub(crate) mod rest;
mod tensors;

/// Whether errors of this path are written in this protocol's shape.
pub(crate) fn owns(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/")
}
