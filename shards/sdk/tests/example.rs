//! The example of the README, whole, and what it shows a client.

use nexus_shard::serde_json::json;
use nexus_shard::testing::{Fake, reply};
use nexus_shard::{Call, Category, Output, Request, ToolError, arguments, data, tool};

#[arguments]
struct GetBadge {
    /// Employee number, as printed on the badge.
    #[field(pattern = "^EMP-[0-9]{4}$", class = person)]
    employee_id: String,
    /// How many recent uses of the badge to return at most.
    #[field(range = 0..=50, default = 10)]
    uses: u32,
}

#[data]
#[derive(serde::Deserialize)]
struct Badge {
    /// Name of the holder.
    #[field(class = person)]
    holder: String,
    /// Whether the badge opens doors. Null means unknown.
    #[serde(deserialize_with = "nexus_shard::nullable")]
    is_active: Option<bool>,
    /// Times of use, RFC 3339 in UTC, the newest first.
    uses: Vec<String>,
}

/// Gets the badge of an employee, with the last times it was used.
///
/// Needs the permission `badges.read`.
#[tool(name = "badge_get", title = "Get a badge", category = read)]
fn get_badge(arguments: GetBadge, call: &Call) -> Result<Output<Badge>, ToolError> {
    let reply = Request::get("https://badges.example.com")
        .path("api/badges")
        .segment(&arguments.employee_id)
        .query("uses", arguments.uses)
        .credential("badges")
        .send(call)?;
    match reply.status {
        200 => {}
        404 => return Err(ToolError::not_found("no badge for this employee number")),
        status => return Err(ToolError::upstream(format!("the badge system answered {status}"))),
    }
    let badge: Badge = reply.json()?;
    let output = Output::new(badge);
    if output.data().is_active.is_none() {
        return Ok(output.partial("is_active is unknown: the badge system did not tell"));
    }
    Ok(output)
}

/// Says hello. Takes nothing and needs nothing.
#[tool(name = "badge_hello", title = "Hello", category = write, destructive = false, open_world = false)]
fn hello() -> Result<Output, ToolError> {
    Ok(Output::text("hello"))
}

nexus_shard::shard! { tools: [get_badge, hello] }

#[test]
fn the_definition_comes_from_the_types() {
    let tool = TOOLS[0].define();
    assert_eq!((tool.name, tool.title, tool.category), ("badge_get", "Get a badge", Category::Read));
    assert_eq!(
        tool.description,
        "Gets the badge of an employee, with the last times it was used.\n\nNeeds the permission `badges.read`."
    );
    assert!(tool.annotations.read_only && tool.annotations.idempotent && !tool.annotations.destructive);
    assert_eq!(
        tool.input_schema,
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["employee_id"],
            "properties": {
                "employee_id": {
                    "type": "string", "pattern": "^EMP-[0-9]{4}$", "x-nexus-class": "person",
                    "description": "Employee number, as printed on the badge.",
                },
                "uses": {
                    "type": "integer", "minimum": 0, "maximum": 50, "default": 10,
                    "description": "How many recent uses of the badge to return at most.",
                },
            },
        })
    );
    assert_eq!(tool.output_schema.unwrap()["required"], json!(["holder", "is_active", "uses"]));

    let hello = TOOLS[1].define();
    assert_eq!(hello.output_schema, None);
    let hints = hello.annotations;
    assert_eq!((hints.read_only, hints.destructive, hints.idempotent, hints.open_world), (false, false, false, false));
}

#[test]
fn a_call_is_one_request_and_a_typed_answer() {
    let fake = Fake::replies([reply(200, r#"{"holder":"Alice","is_active":true,"uses":[]}"#)]);
    let seen = fake.call(TOOLS, "badge_get", json!({ "employee_id": "EMP-1001" })).unwrap();
    assert_eq!(seen.data, json!({ "holder": "Alice", "is_active": true, "uses": [] }));
    assert!(seen.complete);
    assert_eq!(fake.sent()[0].url, "https://badges.example.com/api/badges/EMP-1001?uses=10");

    let fake = Fake::replies([reply(200, r#"{"holder":"Alice","is_active":null,"uses":[]}"#)]);
    let seen = fake.call(TOOLS, "badge_get", json!({ "employee_id": "EMP-1001" })).unwrap();
    assert!(!seen.complete);
    assert_eq!(seen.notes, ["is_active is unknown: the badge system did not tell"]);
}

#[test]
fn a_failure_has_no_data() {
    for (answer, expected) in [
        (reply(404, ""), ToolError::not_found("no badge for this employee number")),
        (reply(500, ""), ToolError::upstream("the badge system answered 500")),
        (
            reply(200, r#"{"holder":"Alice","uses":[]}"#),
            ToolError::upstream("badges.example.com answered JSON of an unexpected shape (no is_active)"),
        ),
    ] {
        let fake = Fake::replies([answer]);
        let error = fake.call(TOOLS, "badge_get", json!({ "employee_id": "EMP-1001" })).unwrap_err();
        assert_eq!(error, expected);
    }
    let fake = Fake::replies([]);
    let error = fake.call(TOOLS, "badge_get", json!({ "employee_id": "EMP-1001/../EMP-1002" })).unwrap_err();
    assert!(matches!(error, ToolError::InvalidArguments(_)));
    let error = fake.call(TOOLS, "badge_get", json!({ "employe_id": "EMP-1001" })).unwrap_err();
    assert!(matches!(error, ToolError::InvalidArguments(_)));
    assert!(fake.sent().is_empty());
}
