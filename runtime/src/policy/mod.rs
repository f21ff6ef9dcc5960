//! Whether a request may leave: the manifest's grants, and nothing else, decide.
//!
//! Promises: a request is permitted only if *one* grant allows all of it; what two grants allow in halves stays. An
//! empty list grants nothing. A refusal says which part was refused and which manifest lines would allow this very
//! request and no more. `Grants::permit` is the only maker of a `Permit`, and `Directories::permit` of a
//! `DirectoryPermit`.
//!
//! Does not know: who holds which secret, what a name resolves to, what has been approved. It resolves no name, reads
//! no clock, opens no socket and no file. `address` judges addresses that somebody else resolved.
//!
//! # What a grant says
//!
//! | part | written | covers | refused, because it looks like more |
//! |---|---|---|---|
//! | host | `api.example.com`, `api.example.com:8443`, `192.0.2.1`, `[2001:db8::1]` | that host, on that port (443 unless said) | `api.example.com.`, odd addresses, U-labels, URLs |
//! | | `*.example.com` | exactly one label more: `a.example.com`, not `example.com`, not `a.b.example.com` | `*`, `*.com`, `*.co.uk`, `*.github.io` (public suffixes), `a*.example.com`, `*.192.0.2.1` |
//! | scheme | `https`; `http` | `http` only for `localhost`, 127.0.0.0/8, `[::1]` | `http` for any other host |
//! | method | `GET` | that method; no other is implied (`HEAD` is not) | - |
//! | path | `/v1.0/users` | that path; `/v1.0/users/` and `/V1.0/users` are others | `v1.0/users`, `/a//b`, dot segments, `%`, `?`, `#`, `;`, `\` |
//! | | `/users/{id}` | exactly one segment, not empty | `/users/x{id}`, `/{}`, `/{setting:X}` (resolved before it comes here) |
//! | | `/files/**` | one or more segments, and a trailing slash behind them; not `/files`, not `/files/` | `/**/x`, `/a*` |
//! | query | `$select` | that key with any value, or its absence | - |
//! | credential | `graph` | requests that name `graph`, and those that name none and go without | - |
//! | documents | `queries/assets.graphql` | a `POST` whose JSON body has that GraphQL document as its `query`, byte for byte, and any `variables`; absent: any body | every other text, lists of requests, `extensions`, members twice: `document.rs` |
//! | tools | `entra_list_users` | calls of that tool; absent: any tool | - |
//! | keep | `/value/*/id` | that field of every element, and all below it | `/`, `//`, `value/id` |
//!
//! Literals of a path are written decoded, in ASCII, and compared byte by byte with the decoded segments of the request.
//!
//! # Which grant, if several allow it
//!
//! The narrowest, so that the order of a manifest decides as little as possible: the one whose credential is just what
//! the request names, then an exact host, the more literal path, one bound to tools, one bound to documents, one that
//! keeps fewer fields; of equals the first.
//!
//! # What a grant of a directory says
//!
//! | part | written | covers | not |
//! |---|---|---|---|
//! | name | `ad` | searches that name `ad`; several grants may share a name | a host: a shard names none |
//! | host, port, tls | `dc1.example.com`, 636, `ldaps` | that server | patterns; talk without TLS |
//! | bases | `OU=Users,DC=example,DC=com` | that entry and all below it, part by part | names that end alike: `OU=EvilDC=example,DC=com` |
//! | | `""`, the root | the root alone, in the scope `base` | what stands below the root, which is all that the server has |
//! | scopes | `subtree` | that scope | any other: `base` is not implied |
//! | attributes | `mail` | what is returned: that attribute, in any case | options, its OID |
//! | filter-attributes | `mail` | what a filter looks at, wherever in it, also within a `no` | what is returned only: what a filter finds tells what it looked at |
//! | rules | `1.2.840.113556.1.4.803` | that matching rule, on any attribute that may be filtered by | any other; absent: all |
//! | credential | `ad` | the account as which the host binds; the search names none | - |
//! | tools | `ad_get_user` | calls of that tool; absent: any tool | - |
//!
//! Of several that allow a search the narrowest is used: one bound to tools, then the one that returns fewer attributes,
//! then the one that returns fewer entries; of equals the first.

//! # What a grant of peers and of artifacts says
//!
//! | part | written | covers | not |
//! |---|---|---|---|
//! | tools | `ad_list_users` | calls of that tool, under its own shard's grants | patterns; what that tool calls in turn is its own manifest's matter |
//! | media-types | `text/html` | artifacts of that type | parameters, capitals, patterns |

pub mod address;

mod artifacts;
mod directory;
mod document;
mod grant;
mod host;
mod keep;
mod path;
mod peers;
mod refused;
#[cfg(test)]
mod tests;
mod within;

pub use artifacts::{ArtifactGrant, ArtifactPermit, Artifacts, NotKept, is_media_type};
pub use directory::{Directories, DirectoryGrant, DirectoryPermit, LdapServer, NotPermitted, SearchPart, Tls};
pub use document::{Document, DocumentDigest, NoDocument};
pub use grant::{EgressGrant, GrantKey, Grants, Pace, Permit};
pub use host::{BadHost, HostPattern};
pub use keep::{BadKeep, KeepPath, KeepStep};
pub use path::{BadPath, PathTemplate};
pub use peers::{NotAPeer, PeerGrant, PeerPermit, Peers};
pub use refused::{Destination, NotGranted, Reason};
pub use within::{Beyond, BeyondAt, directory_beyond, egress_beyond};
