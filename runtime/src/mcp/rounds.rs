//! Multi-round requests (MCP 2026-07-28): a shard asks the person something, and the call goes on with the answers.
//!
//! The shard's state travels through the client and comes back as anybody's bytes. It is sealed, and bound to the tool
//! and the principal that it was made for: a state cannot be forged, nor used for another tool or by somebody else.

use std::time::Duration;

use rmcp::model::{CallToolRequestParams, InputRequest, InputRequiredResult, RequestStateCodec, SealOptions};
use serde_json::{Value, json};

use crate::call::Principal;
use crate::tool::{InputRequired, Resumed};

/// How long a person may take to answer.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

pub(super) struct Rounds {
    codec: Option<RequestStateCodec>,
}

#[derive(Debug, thiserror::Error)]
#[error("requestState is not one of this server's for this tool, or has expired: call the tool again without it")]
pub(super) struct BadState;

impl Rounds {
    /// With a key of this process: a state does not outlive it.
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        let codec = getrandom::fill(&mut key).ok().and_then(|()| RequestStateCodec::try_new(key).ok());
        Self { codec }
    }

    pub(super) fn resume(
        &self,
        request: &CallToolRequestParams,
        principal: Principal,
    ) -> Result<Option<Resumed>, BadState> {
        let Some(sealed) = &request.request_state else { return Ok(None) };
        let codec = self.codec.as_ref().ok_or(BadState)?;
        let state = codec.open_with(sealed, binding(&request.name, principal).as_bytes()).map_err(|_| BadState)?;
        let state = String::from_utf8(state).map_err(|_| BadState)?;
        let responses = request.input_responses.iter().flatten();
        let answers = responses.filter_map(|(id, response)| Some((id.clone(), accepted(response)?.to_string())));
        Ok(Some(Resumed { state, answers: answers.collect() }))
    }

    /// None if the questions cannot be put as elicitation requests.
    pub(super) fn ask(&self, tool: &str, asked: &InputRequired, principal: Principal) -> Option<InputRequiredResult> {
        let binding = binding(tool, principal);
        let options = SealOptions::new().associated_data(binding.as_bytes()).ttl(PATIENCE);
        let state = self.codec.as_ref()?.seal_with(asked.state.as_bytes(), &options);
        let requests = asked.questions.iter().map(|question| {
            let request = json!({
                "method": "elicitation/create",
                "params": { "mode": "form", "message": question.message, "requestedSchema": question.schema },
            });
            Some((question.id.clone(), serde_json::from_value::<InputRequest>(request).ok()?))
        });
        let mut result = InputRequiredResult::from_input_requests(requests.collect::<Option<_>>()?);
        result.request_state = Some(state);
        Some(result)
    }
}

/// The content of an elicitation that the person accepted. Declined and cancelled ones have none.
fn accepted(response: &Value) -> Option<&Value> {
    if response.get("action")? == "accept" { response.get("content") } else { None }
}

fn binding(tool: &str, principal: Principal) -> String {
    format!("{}|{tool}", principal.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resumed(rounds: &Rounds, tool: &str, state: &str, principal: Principal) -> Option<String> {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.request_state = Some(state.to_owned());
        rounds.resume(&request, principal).ok().map(|resumed| resumed.unwrap().state)
    }

    #[test]
    fn a_state_is_good_for_one_tool_one_principal_and_one_process() {
        let (rounds, others) = (Rounds::new(), Rounds::new());
        let asked = InputRequired { questions: Vec::new(), state: "half way".to_owned() };
        let ask = |tool: &str, principal| rounds.ask(tool, &asked, principal).unwrap().request_state.unwrap();
        let principals = [Principal::Local, Principal::Loopback, Principal::Token];
        for given_to in principals {
            let state = ask("a_tool", given_to);
            for principal in principals {
                for tool in ["a_tool", "a_tool2", "b_tool", ""] {
                    let expected = (tool == "a_tool" && principal == given_to).then(|| "half way".to_owned());
                    assert_eq!(resumed(&rounds, tool, &state, principal), expected, "{tool} {principal:?}");
                }
            }
            assert_eq!(resumed(&others, "a_tool", &state, given_to), None);
            let mut changed = state.into_bytes();
            let last = changed.len() - 1;
            changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
            assert_eq!(resumed(&rounds, "a_tool", std::str::from_utf8(&changed).unwrap(), given_to), None);
        }
    }
}
