//! What a client is told whose message goes no further, and what the record says of it.

use rmcp::model::{ErrorCode, RequestId};
use serde_json::{Value, json};

use super::frame::{MessageId, RefusedFrame};
use crate::call::{Host, Principal};

/// For what the host has no room for now. The codes from -32000 on are the server's own.
pub(super) const BUSY: ErrorCode = ErrorCode(-32000);

/// Puts on record that a call was refused, if it was one, and says what to answer.
pub(super) async fn refuse(host: &Host, refused: &RefusedFrame, principal: Principal) -> Value {
    let RefusedFrame { fault, frame } = refused;
    let id = frame.id.clone().map(request_id);
    let id = id.as_ref();
    if !frame.is_tool_call() {
        return error(id, fault.code(), &fault.to_string(), None);
    }
    match host.refuse("invalid-request", frame.name.as_deref(), principal, None).await {
        Ok(position) => {
            let data = json!({
                "nexus/event-id": position.event_id.to_string(),
                "nexus/ledger-position": position.seq,
            });
            error(id, fault.code(), &fault.to_string(), Some(data))
        }
        Err(unrecorded) => error(id, ErrorCode::INTERNAL_ERROR.0, &unrecorded.to_string(), None),
    }
}

/// As the protocol's library has it.
pub(super) fn request_id(id: MessageId) -> RequestId {
    match id {
        MessageId::Number(number) => RequestId::Number(number),
        MessageId::Text(text) => RequestId::String(text.into()),
    }
}

/// A JSON-RPC error. Without an id where it is not known whose.
pub(super) fn error(id: Option<&RequestId>, code: i32, message: &str, data: Option<Value>) -> Value {
    let mut error = json!({ "code": code, "message": message });
    if let (Some(data), Some(error)) = (data, error.as_object_mut()) {
        error.insert("data".to_owned(), data);
    }
    let id = id.cloned().map_or(Value::Null, RequestId::into_json_value);
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}
