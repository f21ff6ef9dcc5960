//! Tools that ask the person and go on afterwards.

use nexus_shard::schemars::JsonSchema;
use nexus_shard::serde::Deserialize;
use nexus_shard::{Call, Outcome, Output, Question, ToolError, tool};

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "nexus_shard::serde")]
#[schemars(crate = "nexus_shard::schemars")]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "nexus_shard::serde")]
#[schemars(crate = "nexus_shard::schemars")]
struct Color {
    color: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "nexus_shard::serde")]
#[schemars(crate = "nexus_shard::schemars")]
struct Confirmation {
    ok: bool,
}

/// Asks for a name and greets.
#[tool(name = "test_input_required_result_elicitation", title = "Ask for a name", category = read, open_world = false)]
pub(crate) fn elicitation(call: &Call) -> Result<Outcome, ToolError> {
    match call.answer::<Name>("user_name")? {
        Some(Name { name }) => Ok(Outcome::Done(Output::text(format!("Hello, {name}!")))),
        None => Ok(ask(Question::new::<Name>("user_name", "What is your name?"), "")),
    }
}

/// Asks for a confirmation and looks at the state that comes back.
#[tool(name = "test_input_required_result_request_state", title = "State", category = read, open_world = false)]
pub(crate) fn request_state(call: &Call) -> Result<Outcome, ToolError> {
    confirm(call, "state-1", "state-ok")
}

/// Asks for a confirmation. A state that was changed on its way must not get here.
#[tool(name = "test_input_required_result_tampered_state", title = "Changed state", category = read, open_world = false)]
pub(crate) fn tampered_state(call: &Call) -> Result<Outcome, ToolError> {
    confirm(call, "state-2", "The state came back as it was.")
}

/// Asks for a name, then for a colour.
#[tool(name = "test_input_required_result_multi_round", title = "Two rounds", category = read, open_world = false)]
pub(crate) fn multi_round(call: &Call) -> Result<Outcome, ToolError> {
    let state = call.resumed().map(|resumed| resumed.state.as_str()).unwrap_or_default();
    // The second state carries the first answer: nothing a shard keeps in memory outlives a call.
    if let Some(name) = state.strip_prefix("name:")
        && let Some(Color { color }) = call.answer::<Color>("step2")?
    {
        return Ok(Outcome::Done(Output::text(format!("{name} likes {color}."))));
    }
    match call.answer::<Name>("step1")? {
        Some(Name { name }) => {
            let question = Question::new::<Color>("step2", "Step 2: What is your favorite color?");
            Ok(ask(question, &format!("name:{name}")))
        }
        None => Ok(ask(Question::new::<Name>("step1", "Step 1: What is your name?"), "round-1")),
    }
}

/// Reports progress and then asks. Nothing but the result may ask: no request of its own on the stream.
#[tool(name = "test_streaming_elicitation", title = "Ask while streaming", category = read, open_world = false)]
pub(crate) fn streaming_elicitation(call: &Call) -> Result<Outcome, ToolError> {
    call.progress(0.0, Some(1.0), None);
    match call.answer::<Name>("user_name")? {
        Some(Name { name }) => Ok(Outcome::Done(Output::text(format!("Hello, {name}!")))),
        None => Ok(ask(Question::new::<Name>("user_name", "What is your name?"), "")),
    }
}

fn confirm(call: &Call, state: &str, text: &str) -> Result<Outcome, ToolError> {
    let question = Question::new::<Confirmation>("confirm", "Please confirm");
    let Some(resumed) = call.resumed() else {
        return Ok(ask(question, state));
    };
    if resumed.state != state {
        return Err(ToolError::invalid_arguments("the state is not the one that was given out"));
    }
    match call.answer::<Confirmation>("confirm")? {
        Some(Confirmation { ok: true }) => Ok(Outcome::Done(Output::text(text))),
        Some(Confirmation { ok: false }) => Ok(Outcome::Done(Output::text("Not confirmed."))),
        None => Ok(ask(question, state)),
    }
}

fn ask(question: Question, state: &str) -> Outcome {
    Outcome::Ask { questions: vec![question], state: state.to_owned() }
}
