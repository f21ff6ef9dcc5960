//! The attributes of `nexus-shard`. They are documented here and re-exported there.
//!
//! Nothing is decided in this crate: an attribute turns into the serde, schemars or trait code an author would otherwise
//! write by hand, always by absolute `::nexus_shard` paths, so that a shard needs one dependency.

use proc_macro::TokenStream;

mod fields;
mod tool;

/// Makes a function a tool.
///
/// ```text
/// /// Lists the users of the directory.
/// #[tool(name = "entra_list_users", title = "List Entra users", category = read)]
/// fn list_users(arguments: ListUsers, call: &Call) -> Result<Output<UserList>, ToolError> { .. }
/// ```
///
/// Keys: `name`, `title`, `category` (`read`, `audit`, `report`, `write`), and the hints `destructive`, `idempotent`,
/// `open_world` (`true` or `false`). Unless said, a tool that is not `write` is read-only, idempotent and never destructive;
/// a `write` tool is destructive; both deal with the open world. The doc comment is the description and is required.
/// The function takes its arguments (or none) and then `&Call` (or nothing).
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    tool::expand(attribute.into(), item.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Arguments of a tool: unknown names are refused, doc comments are descriptions.
///
/// `#[field(..)]` on a field takes
///
/// - `range = 1..=100`: the numbers allowed,
/// - `length = 1..=320`: how many characters (or items) are allowed,
/// - `pattern = "^[a-z]+$"`: a regular expression the text must match,
/// - `default = 100`: makes the argument optional and states its default in the schema,
/// - `class = person`: the field class (`person`, `pay`, `secret`, `health`, ..), by which the host redacts.
///
/// Ranges, lengths and patterns are part of the schema, which the host checks before it starts the shard: a value outside
/// is an error for the caller, never quietly changed.
#[proc_macro_attribute]
pub fn arguments(attribute: TokenStream, item: TokenStream) -> TokenStream {
    fields::expand(fields::Role::Arguments, attribute.into(), item.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// The result of a tool. Takes the same `#[field(..)]` keys as `arguments`, except `default`.
#[proc_macro_attribute]
pub fn data(attribute: TokenStream, item: TokenStream) -> TokenStream {
    fields::expand(fields::Role::Data, attribute.into(), item.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
