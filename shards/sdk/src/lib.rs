//! The Rust SDK for Nexus shards. A tool is a typed function; this crate does the rest.
//!
//! What it promises to an author:
//!
//! - the schemas a client sees are those of the Rust types ([`arguments`], [`data`]), limits included;
//! - a request says what the author meant: values are escaped, and what cannot be said unambiguously is an error
//!   ([`Request`], and the conditions of [`ar`]);
//! - a collection is read to a proven end or says that it was not ([`odata`], [`offset`], [`rows`]), and half an answer is
//!   none ([`graphql`]);
//! - a condition on entries of a directory is data, and a value in it stays a value ([`directory`]);
//! - times, days and amounts of money look the same whoever sent them ([`Utc`], [`Date`], [`Money`]);
//! - a result that lacks something says so: [`Output::partial`] is the only way to leave something out, and it wants a reason;
//! - an error never carries a value from a reply ([`ToolError`]), but at most an upstream's short code ([`Source`]);
//! - only what is called becomes an import of the component.
//!
//! What it does not know: what a manifest grants, and any credential. The host judges both.
//!
//! Natively (in `cargo test`) the host is a [`testing::Fake`].

// The attributes write `::nexus_shard`, also inside this crate's tests.
#[cfg(test)]
extern crate self as nexus_shard;

pub use nexus_shard_macros::{arguments, data, tool};
pub use {schemars, serde, serde_json};

pub use calendar::{Date, Utc};
pub use call::{Call, Level, Resumed};
pub use error::{Refusal, ToolError};
pub use money::Money;
pub use output::{Body, Content, Data, NoData, Outcome, Output, Question};
pub use peers::{Artifact, Kept, Origin, PeerAnswer, PeerCall, PeerError};
pub use reply::{Reply, nullable};
pub use request::{RawRequest, Request};
pub use source::Source;
pub use tool::{Annotations, Answer, Answered, Category, Definition, Entry, NoArguments, Returned, Tool};

pub mod ar;
mod calendar;
mod call;
pub mod directory;
mod error;
pub mod graph;
pub mod graphql;
mod host;
mod money;
pub mod odata;
pub mod offset;
mod output;
mod peers;
mod reply;
mod request;
pub mod rows;
pub mod schema;
mod source;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod tool;
mod url;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;

/// Exports the tools of a shard: once per crate, at its root.
///
/// ```text
/// nexus_shard::shard! { tools: [list_users, get_user] }
/// ```
///
/// It defines `TOOLS`, which tests hand to [`testing::Fake::call`], and on `wasm32` the exports of the contract.
#[macro_export]
macro_rules! shard {
    (tools: [$($tool:ty),* $(,)?] $(,)?) => {
        $crate::shard!(@tools [$($tool),*]);

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Shard;

            $crate::shard!(@export Shard, $crate::wasm);
            $crate::wasm::export_tools!(Shard with_types_in $crate::wasm);
        };
    };

    (@tools [$($tool:ty),*]) => {
        /// The tools of this shard, in the order in which they are listed.
        pub const TOOLS: &[$crate::Entry] = &[$($crate::Entry::of::<$tool>()),*];
    };

    (@export $shard:ident, $($world:tt)+) => {
        impl $($world)+::exports::nexus::shard::tools::Guest for $shard {
            fn list_tools() -> Vec<$($world)+::exports::nexus::shard::tools::Tool> {
                $($world)+::bridge::list(TOOLS)
            }

            fn call_tool(
                name: String,
                arguments: String,
                context: $($world)+::exports::nexus::shard::tools::CallContext,
            ) -> Result<
                $($world)+::exports::nexus::shard::tools::Outcome,
                $($world)+::exports::nexus::shard::tools::ToolError,
            > {
                $($world)+::bridge::call(TOOLS, &name, &arguments, context)
            }
        }
    };
}
