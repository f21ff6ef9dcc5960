//! Where the SDK meets the host: functions of the contract, called directly.
//!
//! On `wasm32` there is no trait between a call and its import. A table of functions would keep every import alive, and a
//! reviewer would see imports that the shard never uses. Natively the host is whatever a test says it is.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::{Host, Pages};
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::wasm::{Host, Pages};
