//! Tools that answer at once.

use std::borrow::Cow;
use std::time::Duration;

use nexus_shard::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use nexus_shard::serde::Deserialize;
use nexus_shard::{Body, Call, Content, Level, Output, ToolError, serde_json, tool};

/// Returns one text.
#[tool(name = "test_simple_text", title = "Simple text", category = read, open_world = false)]
pub(crate) fn simple_text() -> Result<Output, ToolError> {
    Ok(Output::text("This is a simple text response for testing."))
}

/// Returns one picture.
#[tool(name = "test_image_content", title = "Image", category = read, open_world = false)]
pub(crate) fn image_content() -> Result<Output, ToolError> {
    Ok(Output::new(nexus_shard::NoData).content(red_pixel()))
}

/// Returns one sound.
#[tool(name = "test_audio_content", title = "Audio", category = read, open_world = false)]
pub(crate) fn audio_content() -> Result<Output, ToolError> {
    Ok(Output::new(nexus_shard::NoData).content(Content::Audio(silence(), "audio/wav".to_owned())))
}

/// Returns one embedded resource.
#[tool(name = "test_embedded_resource", title = "Embedded resource", category = read, open_world = false)]
pub(crate) fn embedded_resource() -> Result<Output, ToolError> {
    let resource = embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.");
    Ok(Output::new(nexus_shard::NoData).content(resource))
}

/// Returns a text, a picture and an embedded resource.
#[tool(name = "test_multiple_content_types", title = "Several blocks", category = read, open_world = false)]
pub(crate) fn multiple_content_types() -> Result<Output, ToolError> {
    let resource = embedded("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#);
    Ok(Output::text("Multiple content types test:").content(red_pixel()).content(resource))
}

/// Fails, always.
#[tool(name = "test_error_handling", title = "Error", category = read, open_world = false)]
pub(crate) fn error_handling() -> Result<Output, ToolError> {
    Err(ToolError::upstream("This tool intentionally returns an error for testing"))
}

/// Reports progress three times.
#[tool(name = "test_tool_with_progress", title = "Progress", category = read, open_world = false)]
pub(crate) fn tool_with_progress(call: &Call) -> Result<Output, ToolError> {
    call.progress(0.0, Some(100.0), None);
    wait(call);
    call.progress(50.0, Some(100.0), None);
    wait(call);
    call.progress(100.0, Some(100.0), None);
    Ok(Output::text("Progress was reported three times."))
}

/// Logs three lines.
#[tool(name = "test_tool_with_logging", title = "Logging", category = read, open_world = false)]
pub(crate) fn tool_with_logging(call: &Call) -> Result<Output, ToolError> {
    call.log(Level::Info, "Tool execution started");
    wait(call);
    call.log(Level::Info, "Tool processing data");
    wait(call);
    call.log(Level::Info, "Tool execution completed");
    Ok(Output::text("Three lines were logged."))
}

/// Logs one line. A client that asked for no log must not see it.
#[tool(name = "test_logging_tool", title = "Logging, unasked", category = read, open_world = false)]
pub(crate) fn logging_tool(call: &Call) -> Result<Output, ToolError> {
    call.log(Level::Info, "Nobody asked for this line.");
    Ok(Output::text("One line was logged."))
}

/// Tool with JSON Schema 2020-12 features
#[tool(name = "json_schema_2020_12_tool", title = "JSON Schema 2020-12", category = read, open_world = false)]
pub(crate) fn json_schema(arguments: EveryKeyword) -> Result<Output, ToolError> {
    let EveryKeyword(arguments) = arguments;
    Ok(Output::text(format!("{} arguments were given.", arguments.len())))
}

/// Arguments whose schema has keywords that hosts like to lose.
#[derive(Deserialize)]
#[serde(crate = "nexus_shard::serde")]
pub(crate) struct EveryKeyword(serde_json::Map<String, serde_json::Value>);

impl JsonSchema for EveryKeyword {
    fn schema_name() -> Cow<'static, str> {
        "EveryKeyword".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {
                "address": {
                    "$anchor": "addressDef",
                    "type": "object",
                    "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
                },
            },
            "properties": {
                "name": { "type": "string" },
                "address": { "$ref": "#/$defs/address" },
                "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                "phone": { "type": "string" },
                "email": { "type": "string" },
            },
            "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
            "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
            "then": { "required": ["phone"] },
            "else": { "required": ["email"] },
            "additionalProperties": false,
        })
    }
}

pub(crate) fn red_pixel() -> Content {
    Content::Image(RED_PIXEL.to_vec(), "image/png".to_owned())
}

/// A PNG of one red pixel.
pub(crate) const RED_PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01, 0x01, 0x00, 0xc9, 0xfe, 0x92, 0xef,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// A WAV file of eight silent samples: mono, 8 bit, 8000 Hz.
fn silence() -> Vec<u8> {
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&44_u32.to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&8000_u32.to_le_bytes());
    wav.extend_from_slice(&8000_u32.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&8_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&8_u32.to_le_bytes());
    wav.extend_from_slice(&[0x80; 8]);
    wav
}

fn embedded(uri: &str, media_type: &str, text: &str) -> Content {
    Content::Embedded {
        uri: uri.to_owned(),
        media_type: Some(media_type.to_owned()),
        body: Body::Text(text.to_owned()),
    }
}

/// A shard cannot sleep. It can look at the clock until 50 ms have passed.
fn wait(call: &Call) {
    let until = call.now() + Duration::from_millis(50);
    while call.now() < until {}
}
