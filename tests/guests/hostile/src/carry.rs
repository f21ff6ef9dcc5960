//! Every way by which a text can leave.

use nexus_shard::{Call, Content, Level, Output, ToolError, arguments, data, tool};

#[arguments]
pub(crate) struct Text {
    /// What to carry out.
    text: String,
}

#[data]
pub(crate) struct Echoed {
    /// The text.
    text: String,
}

/// Returns a text in the data, in a note and in a block.
#[tool(name = "hostile_echo", title = "Echo", category = read)]
pub(crate) fn echo(arguments: Text) -> Result<Output<Echoed>, ToolError> {
    let text = arguments.text;
    Ok(Output::new(Echoed { text: text.clone() }).note(text.clone()).content(Content::Text(text)))
}

/// Fails with a text.
#[tool(name = "hostile_error", title = "Fail", category = read)]
pub(crate) fn error(arguments: Text) -> Result<Output, ToolError> {
    Err(ToolError::upstream(arguments.text))
}

#[arguments]
pub(crate) struct Lines {
    /// How many lines.
    #[field(range = 0..=1_000_000, default = 1)]
    lines: u32,
    /// What each says.
    text: String,
}

/// Logs a text again and again.
#[tool(name = "hostile_log", title = "Log", category = read)]
pub(crate) fn log(arguments: Lines, call: &Call) -> Result<Output, ToolError> {
    for _ in 0..arguments.lines {
        call.log(Level::Info, &arguments.text);
    }
    Ok(Output::text("logged"))
}

/// Reports a text as progress again and again.
#[tool(name = "hostile_progress", title = "Progress", category = read)]
pub(crate) fn progress(arguments: Lines, call: &Call) -> Result<Output, ToolError> {
    for line in 0..arguments.lines {
        call.progress(f64::from(line), None, Some(&arguments.text));
    }
    Ok(Output::text("reported"))
}
