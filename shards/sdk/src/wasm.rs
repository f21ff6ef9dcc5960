//! The contract's bindings and the translation between its types and ours. Only on `wasm32`.
//!
//! Each function of [`Host`] calls one import. Those that a shard never reaches are dropped by the linker, and with them
//! the import. What is exported has its own types in each world, so that translation is a macro, which
//! `nexus-shard-documents` uses for the other world of the contract.

use std::time::Duration;

use self::nexus::shard::{artifacts, directory, egress, log, peers, progress, types};
use crate::directory::{Node, RawEntry, RawPage, RawSearch, Scope};
use crate::{
    Artifact, Call, Kept, Level, Origin, PeerAnswer, PeerCall, PeerError, RawRequest, Refusal, Reply, Resumed,
    ToolError,
};

wit_bindgen::generate!({
    inline: "
        package nexus:sdk@0.1.0;

        world guest {
            include nexus:shard/shard@0.1.0;
            import wasi:clocks/wall-clock@0.2.12;
        }
    ",
    path: "../../wit",
    world: "nexus:sdk/guest@0.1.0",
    pub_export_macro: true,
    export_macro_name: "export_tools",
    default_bindings_module: "nexus_shard::wasm",
    generate_all,
});

pub(crate) struct Host;

impl Host {
    pub(crate) fn exchange(&self, request: &RawRequest) -> Result<Reply, Refusal> {
        let headers = request.headers.iter();
        let reply = egress::send(&egress::Request {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: headers.map(|(name, value)| egress::Header { name: name.clone(), value: value.clone() }).collect(),
            body: request.body.clone(),
            credential: request.credential.clone(),
        })
        .map_err(refusal)?;
        let headers = reply.headers.into_iter().map(|header| (header.name, header.value)).collect();
        Ok(Reply { status: reply.status, headers, body: reply.body, upstream: String::new() })
    }

    pub(crate) fn open(&self, search: &RawSearch) -> Result<Pages, Refusal> {
        let pages = directory::open(&directory::Search {
            server: search.server.clone(),
            base: search.base.clone(),
            scope: match search.scope {
                Scope::Base => directory::Scope::Base,
                Scope::OneLevel => directory::Scope::OneLevel,
                Scope::Subtree => directory::Scope::Subtree,
            },
            filter: search.filter.iter().cloned().map(filter_node).collect(),
            attributes: search.attributes.clone(),
            page_size: search.page_size,
        });
        pages.map(Pages).map_err(refusal)
    }

    pub(crate) fn peers(&self, calls: &[PeerCall]) -> Vec<Result<PeerAnswer, PeerError>> {
        let calls: Vec<_> = calls.iter().map(peer_call).collect();
        peers::call_all(&calls).into_iter().map(peer_answer).collect()
    }

    pub(crate) fn put(&self, artifact: &Artifact) -> Result<String, Refusal> {
        artifacts::put(&artifacts::Artifact {
            name: artifact.name.clone(),
            media_type: artifact.media_type.clone(),
            data: artifact.data.clone(),
        })
        .map_err(refusal)
    }

    pub(crate) fn latest(&self, name_prefix: &str, media_type: &str) -> Result<Option<Kept>, Refusal> {
        let kept = artifacts::latest(name_prefix, media_type).map_err(refusal)?;
        Ok(kept.map(|kept| Kept { uri: kept.uri, name: kept.name, data: kept.data }))
    }

    pub(crate) fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        progress::report(done, total, message);
    }

    pub(crate) fn log(&self, level: Level, line: &str) {
        log::write(log_level(level), line);
    }

    pub(crate) fn now(&self) -> Duration {
        let now = wasi::clocks::wall_clock::now();
        Duration::new(now.seconds, now.nanoseconds)
    }
}

fn peer_call(call: &PeerCall) -> peers::PeerCall {
    peers::PeerCall { tool: call.tool.clone(), arguments: call.arguments.to_string() }
}

fn peer_answer(answer: Result<peers::Answer, peers::PeerError>) -> Result<PeerAnswer, PeerError> {
    let answer = answer.map_err(|error| match error {
        peers::PeerError::Refusal(code) => PeerError::Refused(refusal(code)),
        peers::PeerError::Tool(error) => PeerError::Tool(match error {
            types::ToolError::InvalidArguments(text) => ToolError::InvalidArguments(text),
            types::ToolError::NotFound(text) => ToolError::NotFound(text),
            types::ToolError::Upstream(text) => ToolError::Upstream(text),
            types::ToolError::Refused(text) => ToolError::Refused(text),
            types::ToolError::Internal(text) => ToolError::Internal(text),
        }),
    })?;
    let peers::Answer { output, call_id, source, as_of } = answer;
    let origin = match source {
        peers::Source::Live => Origin::Live,
        peers::Source::Mock => Origin::Mock,
    };
    Ok(PeerAnswer { data: output.data, complete: output.complete, notes: output.notes, call_id, origin, as_of })
}

/// A search that the host has begun.
pub(crate) struct Pages(directory::Pages);

impl Pages {
    pub(crate) fn next(&mut self) -> Result<Option<RawPage>, Refusal> {
        let page = self.0.next().map_err(refusal)?;
        Ok(page
            .map(|page| RawPage { entries: page.entries.into_iter().map(raw_entry).collect(), partial: page.partial }))
    }
}

fn raw_entry(entry: directory::Entry) -> RawEntry {
    let attributes = entry.attributes.into_iter().map(|attribute| (attribute.name, attribute.values)).collect();
    RawEntry { dn: entry.dn, attributes }
}

fn filter_node(node: Node) -> directory::FilterNode {
    use directory::{Assertion, FilterNode, Matching, Substrings};
    match node {
        Node::All(members) => FilterNode::All(members),
        Node::Any(members) => FilterNode::Any(members),
        Node::No(member) => FilterNode::No(member),
        Node::Equal { attribute, value } => FilterNode::Equal(Assertion { attribute, value }),
        Node::AtLeast { attribute, value } => FilterNode::AtLeast(Assertion { attribute, value }),
        Node::AtMost { attribute, value } => FilterNode::AtMost(Assertion { attribute, value }),
        Node::Substrings { attribute, starts_with, contains, ends_with } => {
            FilterNode::Substrings(Substrings { attribute, starts_with, contains, ends_with })
        }
        Node::Present(attribute) => FilterNode::Present(attribute),
        Node::Matching { attribute, rule, value } => FilterNode::Matching(Matching { attribute, rule, value }),
    }
}

/// Translates what is exported. The argument is the `tools` module of one world's exports, below the current module.
#[doc(hidden)]
#[macro_export]
macro_rules! __bridge {
    ($($tools:ident)::+) => {
        #[doc(hidden)]
        pub mod bridge {
            use super::$($tools)::+ as wit;
            use $crate::{Answered, Body, Category, Content, Entry, Question, Resumed, ToolError};

            /// The tools, as the contract lists them.
            pub fn list(tools: &[Entry]) -> Vec<wit::Tool> {
                let tools = tools.iter().map(Entry::define);
                tools
                    .map(|tool| wit::Tool {
                        name: tool.name.to_owned(),
                        title: tool.title.to_owned(),
                        description: tool.description.to_owned(),
                        input_schema: tool.input_schema.to_string(),
                        output_schema: tool.output_schema.map(|schema| schema.to_string()),
                        category: match tool.category {
                            Category::Read => wit::Category::Read,
                            Category::Audit => wit::Category::Audit,
                            Category::Report => wit::Category::Report,
                            Category::Write => wit::Category::Write,
                        },
                        annotations: wit::Annotations {
                            read_only: tool.annotations.read_only,
                            destructive: tool.annotations.destructive,
                            idempotent: tool.annotations.idempotent,
                            open_world: tool.annotations.open_world,
                        },
                    })
                    .collect()
            }

            /// Calls a tool, as the contract calls it.
            pub fn call(tools: &[Entry], name: &str, arguments: &str, context: wit::CallContext) -> Result<wit::Outcome, wit::ToolError> {
                let Some(tool) = tools.iter().find(|tool| tool.name() == name) else {
                    return Err(wit::ToolError::Internal("this shard has no tool of that name".to_owned()));
                };
                let resumed = context.resumed.map(|resumed| Resumed { state: resumed.state, answers: resumed.answers });
                let call = $crate::wasm::context(context.call_id, context.remaining_ms, context.settings, resumed);
                match tool.call(arguments, &call) {
                    Ok(answered) => Ok(outcome(answered)),
                    Err(error) => Err(tool_error(error)),
                }
            }

            fn outcome(answered: Answered) -> wit::Outcome {
                match answered {
                    Answered::Done { data, content: blocks, complete, notes } => {
                        wit::Outcome::Done(wit::Output { data, content: blocks.into_iter().map(content).collect(), complete, notes })
                    }
                    Answered::Ask { questions, state } => {
                        let questions = questions.into_iter().map(question).collect();
                        wit::Outcome::InputRequired(wit::InputRequired { questions, state })
                    }
                }
            }

            fn question(question: Question) -> wit::Question {
                wit::Question { id: question.id, message: question.message, schema: question.schema.to_string() }
            }

            fn content(content: Content) -> wit::Content {
                match content {
                    Content::Text(text) => wit::Content::Text(text),
                    Content::Image(data, media_type) => wit::Content::Image(wit::Media { data, media_type }),
                    Content::Audio(data, media_type) => wit::Content::Audio(wit::Media { data, media_type }),
                    Content::Link { uri, name, description, media_type } => {
                        wit::Content::Link(wit::Link { uri, name, description, media_type })
                    }
                    Content::Embedded { uri, media_type, body } => {
                        let body = match body {
                            Body::Text(text) => wit::Body::Text(text),
                            Body::Blob(bytes) => wit::Body::Blob(bytes),
                        };
                        wit::Content::Embedded(wit::Embedded { uri, media_type, body })
                    }
                }
            }

            fn tool_error(error: ToolError) -> wit::ToolError {
                match error {
                    ToolError::InvalidArguments(text) => wit::ToolError::InvalidArguments(text),
                    ToolError::NotFound(text) => wit::ToolError::NotFound(text),
                    ToolError::Upstream(text) => wit::ToolError::Upstream(text),
                    ToolError::Refused(text) => wit::ToolError::Refused(text),
                    ToolError::Internal(text) => wit::ToolError::Internal(text),
                }
            }
        }
    };
}
__bridge!(exports::nexus::shard::tools);

/// Begins to serve a call.
pub fn context(id: String, remaining_ms: u64, settings: Vec<(String, String)>, resumed: Option<Resumed>) -> Call {
    // A panic is a trap, which says nothing. The log line says where.
    std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string())));
    Call { host: Host, id, remaining: Duration::from_millis(remaining_ms), settings, resumed }
}

fn log_level(level: Level) -> log::Level {
    match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    }
}

fn refusal(refusal: types::Refusal) -> Refusal {
    match refusal {
        types::Refusal::Malformed => Refusal::Malformed,
        types::Refusal::NotGranted => Refusal::NotGranted,
        types::Refusal::Leak => Refusal::Leak,
        types::Refusal::Credential => Refusal::Credential,
        types::Refusal::OverBudget => Refusal::OverBudget,
        types::Refusal::Busy => Refusal::Busy,
        types::Refusal::Timeout => Refusal::Timeout,
        types::Refusal::Unreachable => Refusal::Unreachable,
        types::Refusal::Untrusted => Refusal::Untrusted,
        types::Refusal::BadReply => Refusal::BadReply,
        types::Refusal::Unrecorded => Refusal::Unrecorded,
        types::Refusal::Cancelled => Refusal::Cancelled,
        types::Refusal::Internal => Refusal::Internal,
    }
}
