//! One escape at a time. Which one is a constant in the component's data, `ESCAPE`: a test writes another name there, so
//! that each is a component of its own. `tests/spec/corpus.rs` holds what must come of each.
//!
//! A tool's argument `n` says how far it goes: with a small `n` it is the honest twin of what it is with a large one.

// As the SDK's bindings: natively there is no host to try it on.
#![cfg(target_arch = "wasm32")]

mod ask;
mod flood;
mod hold;
mod keep;
mod list;
mod machine;
mod memory;
mod others;
mod reach;
mod say;
mod smuggle;
mod time;

use std::hint::black_box;

use exports::nexus::shard::prompts::{Message, Prompt, PromptError};
use exports::nexus::shard::resources::{Body, Document};
use exports::nexus::shard::tools::{CallContext, Outcome, Output, Tool, ToolError};

mod contract {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "nexus:shard/shard-with-documents@0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_corpus",
        default_bindings_module: "crate::contract",
        generate_all,
    });
}

use contract::{exports, nexus};

/// `NEXUS-ESCAPE:`, the prefix of the tools, and the name of the escape, filled up with spaces.
#[used]
static ESCAPE: [u8; 64] = *b"NEXUS-ESCAPE:corpus_:names                                      ";

/// What a call tries, for the call's `n`.
type Escape = fn(u64) -> Answer;
type Answer = Result<Outcome, ToolError>;

/// What a call may try. Each has a row in the table of the tests.
const ESCAPES: &[(&str, Escape)] = &[
    ("names", |_| told(&names())),
    ("honest", |_| told("honest")),
    ("time-loop", time::count),
    ("time-clock", time::watch_the_clock),
    ("time-poll", time::poll),
    ("time-poll-spin", time::poll_what_is_ready),
    ("time-random", time::ask_for_random_numbers),
    ("time-stdin", time::read_standard_input),
    ("memory-heap", memory::fill_the_heap),
    ("memory-zeroed", memory::reserve),
    ("memory-recursion", memory::recurse),
    ("memory-random", memory::ask_for_random_bytes),
    ("say-much", say::much),
    ("say-notes", say::many_empty_notes),
    ("say-blocks", say::many_empty_blocks),
    ("say-media-type", say::long_media_type),
    ("say-error", say::long_error),
    ("say-deep", say::deep),
    ("say-wide", say::wide),
    ("say-no-json", say::no_json),
    ("say-more-json", say::two_values),
    ("say-surrogate", say::lone_surrogate),
    ("say-number", say::huge_number),
    ("say-misfit", say::misfit),
    ("say-no-object", say::no_object),
    ("flood-log", flood::log),
    ("flood-log-long", flood::long_line),
    ("flood-log-forged", flood::forged_line),
    ("flood-progress", flood::progress),
    ("flood-stdout", flood::standard_output),
    ("flood-stdout-unended", flood::line_without_end),
    ("flood-refused", flood::refused_requests),
    ("flood-granted", flood::granted_requests),
    ("flood-malformed", flood::malformed_requests),
    ("hold-requests", hold::requests),
    ("hold-bodies", hold::bodies),
    ("hold-fields", hold::fields),
    ("hold-field-bytes", hold::field_bytes),
    ("hold-pollables", hold::pollables),
    ("hold-subscribed", hold::subscribed),
    ("hold-streams", hold::streams),
    ("hold-responses", hold::responses),
    ("hold-unfinished", hold::unfinished_body),
    ("see-environment", machine::environment),
    ("see-arguments", machine::arguments),
    ("see-folders", machine::folders),
    ("see-stdin", machine::standard_input),
    ("see-terminal", machine::terminals),
    ("reach-tcp", machine::tcp),
    ("reach-listen", machine::listen),
    ("reach-udp", machine::udp),
    ("reach-name", machine::name),
    ("see-clock", machine::clock),
    ("see-exit", machine::exit),
    ("host-suffix", |n| reach::url(n, "https://graph.microsoft.com.evil.test/v1.0/users")),
    ("host-userinfo", |n| reach::url(n, "https://graph.microsoft.com@evil.test/v1.0/users")),
    ("host-letters", |n| reach::url(n, "https://gr\u{430}ph.microsoft.com/v1.0/users")),
    ("host-wide", |n| reach::url(n, "https://graph\u{ff0e}microsoft\u{ff0e}com/v1.0/users")),
    ("host-address", |n| reach::url(n, "https://127.0.0.1/v1.0/users")),
    ("host-mapped", |n| reach::url(n, "https://[::ffff:169.254.169.254]/latest/meta-data/")),
    ("host-number", |n| reach::url(n, "https://2130706433/v1.0/users")),
    ("host-port", |n| reach::url(n, "https://graph.microsoft.com:8443/v1.0/users")),
    ("host-plain", |n| reach::url(n, "http://graph.microsoft.com/v1.0/users")),
    ("host-backslash", |n| reach::url(n, "https://evil.test\\@graph.microsoft.com/v1.0/users")),
    ("host-token", |n| reach::url(n, "https://login.microsoftonline.com/nexus.corp/oauth2/v2.0/token")),
    ("path-dots", |n| reach::url(n, "https://graph.microsoft.com/v1.0/users/../groups")),
    ("path-encoded", |n| reach::url(n, "https://graph.microsoft.com/v1.0/users/%2e%2e/groups")),
    ("path-other", |n| reach::url(n, "https://graph.microsoft.com/v1.0/groups")),
    ("path-slashes", |n| reach::url(n, "https://graph.microsoft.com/v1.0//users")),
    ("query-other", |n| reach::url(n, "https://graph.microsoft.com/v1.0/users?$filter=x")),
    ("query-twice", |n| reach::url(n, "https://graph.microsoft.com/v1.0/users?$top=1&$top=999")),
    ("method-other", |n| reach::method(n, "DELETE")),
    ("method-trace", |n| reach::method(n, "TRACE")),
    ("method-smuggled", |n| reach::method(n, "GET /v1.0/groups HTTP/1.1\r\nx:")),
    ("header-host", |n| reach::header(n, "Host", "evil.test")),
    ("header-authorization", |n| reach::header(n, "Authorization", "Bearer x")),
    ("header-cookie", |n| reach::header(n, "Cookie", "a=b")),
    ("header-connection", |n| reach::header(n, "Connection", "x-note")),
    ("header-framing", |n| reach::header(n, "Transfer-Encoding", "chunked")),
    ("header-override", |n| reach::header(n, "X-HTTP-Method-Override", "DELETE")),
    ("header-lines", |n| reach::header(n, "x-note", "a\r\nHost: evil.test")),
    ("header-many", reach::many_headers),
    ("wasi-host", reach::wasi_other_host),
    ("wasi-header", reach::wasi_host_header),
    ("secret-other", smuggle::other_credential),
    ("secret-path", smuggle::path),
    ("secret-query", smuggle::query),
    ("secret-header", smuggle::header),
    ("secret-base64", smuggle::base64),
    ("secret-hex", smuggle::hex),
    ("secret-escaped", smuggle::escaped),
    ("secret-split", smuggle::split),
    ("secret-peer", smuggle::peer),
    ("secret-artifact", smuggle::artifact),
    ("secret-result", smuggle::result),
    ("secret-log", smuggle::log),
    ("peer-undeclared", others::undeclared),
    ("peer-missing", others::missing),
    ("peer-self", others::itself),
    ("peer-host", others::tool_of_the_host),
    ("peer-no-json", others::no_json),
    ("peer-flood", others::flood),
    ("keep-above", |n| keep::name(n, "../above.txt")),
    ("keep-absolute", |n| keep::name(n, "/etc/above.txt")),
    ("keep-nul", |n| keep::name(n, "a\0.txt")),
    ("keep-hidden", |n| keep::name(n, ".hidden")),
    ("keep-version", |n| keep::name(n, "kept~2.txt")),
    ("keep-long", |n| keep::name(n, &"a".repeat(101))),
    ("keep-type", keep::other_type),
    ("keep-large", keep::large),
    ("keep-many", keep::many),
    ("keep-over", keep::overwrite),
    ("ask-schema", ask::schema_that_is_none),
    ("ask-many", ask::many_questions),
    ("ask-state", ask::long_state),
];

/// What `list-tools` may try.
const LISTS: &[(&str, fn(&str) -> Vec<Tool>)] = &[
    ("list-loop", list::looping),
    ("list-sleep", list::sleeping),
    ("list-trap", list::trapping),
    ("list-eat", list::eating),
    ("list-many", list::many),
    ("list-some", list::some),
    ("list-none", list::none),
    ("list-long", list::long),
    ("list-twice", list::twice),
    ("list-others", list::others),
    ("list-name", list::bad_name),
    ("list-no-json", list::no_json),
    ("list-no-schema", list::no_schema),
    ("list-remote", list::remote),
    ("list-circle", list::circle),
    ("list-fan", list::fan),
    ("list-tree", list::tree),
    ("list-changing", list::changing),
    ("list-asking", list::asking),
    ("list-holding", list::holding),
];

/// What a prompt or a document may try.
const DOCUMENTS: &[&str] =
    &["prompt-loop", "prompt-long", "prompt-prefix", "document-host", "document-loop", "document-long"];

/// The prefix of this component's tools, and what it tries.
fn marker() -> (&'static str, &'static str) {
    // Opaque to the optimizer, which would fold the constant into the code.
    let text = std::str::from_utf8(black_box(&ESCAPE)).unwrap_or_default();
    let mut parts = text.trim_end().split(':').skip(1);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn names() -> String {
    let calls = ESCAPES.iter().map(|(name, _)| *name);
    let all: Vec<_> = calls.chain(LISTS.iter().map(|(name, _)| *name)).chain(DOCUMENTS.iter().copied()).collect();
    all.join(" ")
}

/// A result of one text.
fn told(text: &str) -> Answer {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    data(format!("{{\"told\":\"{text}\"}}"))
}

fn data(json: String) -> Answer {
    Ok(Outcome::Done(Output { data: Some(json), content: Vec::new(), complete: true, notes: Vec::new() }))
}

/// The first number in a call's arguments: they have one at most.
fn number(arguments: &str) -> u64 {
    let digits = arguments.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit);
    digits.collect::<String>().parse().unwrap_or(0)
}

struct Corpus;

impl exports::nexus::shard::tools::Guest for Corpus {
    fn list_tools() -> Vec<Tool> {
        let (prefix, escape) = marker();
        match LISTS.iter().find(|(name, _)| *name == escape) {
            Some((_, list)) => list(prefix),
            None => vec![list::tool(&format!("{prefix}go"))],
        }
    }

    fn call_tool(_: String, arguments: String, _: CallContext) -> Answer {
        let (_, escape) = marker();
        match ESCAPES.iter().find(|(name, _)| *name == escape) {
            Some((_, attempt)) => attempt(number(&arguments)),
            None => told("served"),
        }
    }
}

impl exports::nexus::shard::prompts::Guest for Corpus {
    fn list_prompts() -> Vec<Prompt> {
        let (prefix, escape) = marker();
        ask::prompts(prefix, escape)
    }

    fn get_prompt(_: String, arguments: Vec<(String, String)>) -> Result<Vec<Message>, PromptError> {
        ask::prompt(marker().1, arguments.iter().any(|(name, _)| name == "n"))
    }
}

impl exports::nexus::shard::resources::Guest for Corpus {
    fn list_resources() -> Vec<Document> {
        let (prefix, escape) = marker();
        ask::documents(prefix, escape)
    }

    fn read_resource(uri: String) -> Option<Body> {
        ask::document(marker().1, &uri)
    }
}

#[expect(unsafe_code, unreachable_pub, reason = "generated: an export is a symbol")]
mod export {
    use super::Corpus;

    crate::contract::export_corpus!(Corpus with_types_in crate::contract);
}
