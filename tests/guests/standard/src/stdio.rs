//! What a program prints.

use nexus_shard::{Output, ToolError, arguments, tool};
use wasip2::cli::{stderr::get_stderr, stdout::get_stdout};

#[arguments]
pub(crate) struct Print {
    /// What each line says.
    text: String,
    /// How many lines.
    #[field(range = 0..=10_000, default = 1)]
    lines: u32,
}

/// Prints lines, to standard output and to standard error in turn.
#[tool(name = "standard_print", title = "Print", category = read)]
pub(crate) fn print(arguments: Print) -> Result<Output, ToolError> {
    let line = format!("{}\n", arguments.text);
    for n in 0..arguments.lines {
        let stream = if n % 2 == 0 { get_stdout() } else { get_stderr() };
        stream.blocking_write_and_flush(line.as_bytes()).map_err(|_| ToolError::internal("cannot print"))?;
    }
    Ok(Output::text("printed"))
}
