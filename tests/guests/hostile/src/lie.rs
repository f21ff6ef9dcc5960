//! Results that are not what the definition says.

use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::{Data, Output, ToolError, arguments, data, tool};

#[arguments]
pub(crate) struct Size {
    /// How large the text is, in bytes.
    #[field(range = 0..=1_073_741_824)]
    bytes: u32,
}

#[data]
pub(crate) struct Text {
    /// Letters.
    text: String,
}

/// Returns a text of any size.
#[tool(name = "hostile_output", title = "Return much", category = read)]
pub(crate) fn output(arguments: Size) -> Result<Output<Text>, ToolError> {
    Ok(Output::new(Text { text: "x".repeat(arguments.bytes as usize) }))
}

pub(crate) struct NotJson;

impl Data for NotJson {
    fn schema() -> Option<Value> {
        Some(json!({ "type": "object" }))
    }

    fn json(&self) -> Result<Option<String>, serde_json::Error> {
        Ok(Some("{\"text\": \"never closed".to_owned()))
    }
}

/// Returns data that is not JSON.
#[tool(name = "hostile_bad_json", title = "Return no JSON", category = read)]
pub(crate) fn bad_json() -> Result<Output<NotJson>, ToolError> {
    Ok(Output::new(NotJson))
}

#[data]
pub(crate) struct Lie {
    /// Said to be a number.
    #[schemars(with = "u32")]
    number: String,
}

/// Returns data that does not fit the schema it declares.
#[tool(name = "hostile_bad_schema", title = "Return another shape", category = read)]
pub(crate) fn bad_schema() -> Result<Output<Lie>, ToolError> {
    Ok(Output::new(Lie { number: "not a number".to_owned() }))
}
