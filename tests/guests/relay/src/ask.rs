//! Any calls of other shards' tools, and what became of each.

use nexus_shard::{Call, Output, PeerCall, PeerError, ToolError, arguments, data, serde_json};

#[arguments]
pub(crate) struct Ask {
    /// Made all at once.
    calls: Vec<One>,
}

#[arguments]
pub(crate) struct One {
    /// Asked as it is.
    tool: String,
    /// JSON text, sent as it is where it is JSON.
    arguments: String,
}

/// What became of the calls, in their order.
#[data]
pub(crate) struct Asked {
    answers: Vec<Answered>,
}

#[data]
pub(crate) struct Answered {
    /// The code of the refusal, or null.
    refusal: Option<String>,
    /// The tool's own error, or null.
    error: Option<String>,
    /// The result's text, or null.
    text: Option<String>,
    complete: Option<bool>,
    notes: Vec<String>,
    call_id: Option<String>,
    source: Option<String>,
    as_of: Option<String>,
    /// Milliseconds that this guest had when it began.
    remaining_ms: u64,
}

pub(crate) fn ask(arguments: &Ask, call: &Call) -> Result<Output<Asked>, ToolError> {
    let raw = |one: &One| {
        let arguments = serde_json::from_str(&one.arguments).unwrap_or(serde_json::Value::Null);
        PeerCall::new(&one.tool, arguments)
    };
    let calls: Vec<_> = arguments.calls.iter().map(raw).collect();
    let remaining_ms = u64::try_from(call.remaining().as_millis()).unwrap_or(u64::MAX);
    let nothing = || Answered {
        refusal: None,
        error: None,
        text: None,
        complete: None,
        notes: Vec::new(),
        call_id: None,
        source: None,
        as_of: None,
        remaining_ms,
    };
    let answers = call.peers(&calls).into_iter().map(|answer| match answer {
        Ok(answer) => Answered {
            text: answer.data,
            complete: Some(answer.complete),
            notes: answer.notes,
            call_id: Some(answer.call_id),
            source: Some(answer.origin.as_str().to_owned()),
            as_of: Some(answer.as_of),
            ..nothing()
        },
        Err(PeerError::Refused(refusal)) => Answered { refusal: Some(refusal.code().to_owned()), ..nothing() },
        Err(PeerError::Tool(error)) => Answered { error: Some(error.text().to_owned()), ..nothing() },
    });
    Ok(Output::new(Asked { answers: answers.collect() }))
}
