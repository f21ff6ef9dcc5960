//! Requests that no honest shard would make.

use nexus_shard::{Call, Output, RawRequest, Refusal, Reply, ToolError, arguments, data, tool};

#[arguments]
pub(crate) struct Fetch {
    /// Sent as it is.
    method: String,
    /// Sent as it is.
    url: String,
    /// Sent as they are.
    #[field(default = Vec::new())]
    headers: Vec<Header>,
    /// Sent as it is.
    body: Option<String>,
    /// The credential to name.
    credential: Option<String>,
}

#[arguments]
pub(crate) struct Header {
    name: String,
    value: String,
}

/// What became of a request.
#[data]
pub(crate) struct Fetched {
    /// The code of the refusal, or null.
    refusal: Option<String>,
    /// The status of the reply, or null.
    status: Option<u16>,
    /// The headers of the reply.
    headers: Vec<ReplyHeader>,
    /// The body of the reply; what is not UTF-8 is replaced.
    body: Option<String>,
}

#[data]
pub(crate) struct ReplyHeader {
    name: String,
    value: String,
}

/// Sends any request and tells what became of it.
#[tool(name = "hostile_fetch", title = "Fetch anything", category = read)]
pub(crate) fn fetch(arguments: Fetch, call: &Call) -> Result<Output<Fetched>, ToolError> {
    let headers = arguments.headers.into_iter();
    let request = RawRequest {
        method: arguments.method,
        url: arguments.url,
        headers: headers.map(|header| (header.name, header.value.into_bytes())).collect(),
        body: arguments.body.map(String::into_bytes),
        credential: arguments.credential,
    };
    Ok(Output::new(fetched(call.exchange(&request))))
}

#[arguments]
pub(crate) struct Flood {
    /// How many requests.
    #[field(range = 1..=10_000)]
    n: u32,
}

/// What became of many requests.
#[data]
pub(crate) struct Flooded {
    /// The status or the code of the refusal, one each, in order.
    outcomes: Vec<String>,
}

/// Sends the one granted request again and again, and does not stop when refused.
#[tool(name = "hostile_flood", title = "Fetch often", category = read)]
pub(crate) fn flood(arguments: Flood, call: &Call) -> Result<Output<Flooded>, ToolError> {
    let request = RawRequest {
        method: "GET".to_owned(),
        url: "https://graph.microsoft.com/v1.0/users?$top=1".to_owned(),
        headers: Vec::new(),
        body: None,
        credential: Some("graph".to_owned()),
    };
    let outcome = |_| match call.exchange(&request) {
        Ok(reply) => reply.status.to_string(),
        Err(refusal) => refusal.code().to_owned(),
    };
    Ok(Output::new(Flooded { outcomes: (0..arguments.n).map(outcome).collect() }))
}

fn fetched(outcome: Result<Reply, Refusal>) -> Fetched {
    match outcome {
        Err(refusal) => {
            Fetched { refusal: Some(refusal.code().to_owned()), status: None, headers: Vec::new(), body: None }
        }
        Ok(reply) => Fetched {
            refusal: None,
            status: Some(reply.status),
            headers: reply
                .headers
                .iter()
                .map(|(name, value)| ReplyHeader { name: name.clone(), value: lossy(value) })
                .collect(),
            body: Some(lossy(&reply.body)),
        },
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
