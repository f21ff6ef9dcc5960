//! A request through `wasi:http/outgoing-handler`.

use nexus_shard::{Output, ToolError, arguments, data, tool};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

#[arguments]
pub(crate) struct Fetch {
    /// Sent as it is.
    method: String,
    /// Sent as it is; none is set where it is empty.
    #[field(default = "https".to_owned())]
    scheme: String,
    /// `host` or `host:port`; none is set where it is empty.
    authority: String,
    /// Sent as it is; none is set where it is empty.
    path: String,
    /// Sent as they are.
    #[field(default = Vec::new())]
    headers: Vec<Header>,
    /// Sent as they are, after the body.
    #[field(default = Vec::new())]
    trailers: Vec<Header>,
    /// Sent as it is.
    body: Option<String>,
    /// How often the body is sent.
    #[field(default = 1)]
    times: u32,
}

#[arguments]
pub(crate) struct Header {
    name: String,
    value: String,
}

/// What became of a request.
#[data]
pub(crate) struct Fetched {
    /// The error, or null.
    error: Option<String>,
    /// The status of the reply, or null.
    status: Option<u16>,
    /// The body of the reply; what is not UTF-8 is replaced.
    body: Option<String>,
}

/// Sends any request over wasi:http and tells what became of it.
#[tool(name = "standard_fetch", title = "Fetch", category = read)]
pub(crate) fn fetch(arguments: Fetch) -> Result<Output<Fetched>, ToolError> {
    let fetched = match send(arguments) {
        Ok((status, body)) => Fetched { error: None, status: Some(status), body: Some(body) },
        Err(error) => Fetched { error: Some(error), status: None, body: None },
    };
    Ok(Output::new(fetched))
}

#[arguments]
pub(crate) struct Hoard {
    /// How many requests to begin.
    #[field(range = 1..=100_000, default = 1)]
    count: u32,
    /// Bytes to write into the body of each.
    #[field(range = 0..=16_777_216, default = 0)]
    bytes: u32,
    /// Bytes of the path of each.
    #[field(range = 0..=4_194_304, default = 0)]
    path: u32,
}

/// Begins requests, writes into their bodies, and neither sends nor drops any.
#[tool(name = "standard_hoard", title = "Hoard", category = read)]
pub(crate) fn hoard(arguments: Hoard) -> Result<Output, ToolError> {
    let chunk = vec![0xAA; 1 << 14];
    let path = format!("/{}", "a".repeat((arguments.path as usize).saturating_sub(1)));
    let mut kept = Vec::new();
    for _ in 0..arguments.count {
        let request = OutgoingRequest::new(Fields::new());
        if arguments.path > 0 {
            request.set_path_with_query(Some(&path)).map_err(|()| ToolError::internal("path"))?;
        }
        let body = request.body().map_err(|()| ToolError::internal("body"))?;
        let stream = body.write().map_err(|()| ToolError::internal("stream"))?;
        let mut left = arguments.bytes as usize;
        while left > 0 {
            let room = stream.check_write().map_err(|_| ToolError::internal("closed"))?;
            let now = left.min(chunk.len()).min(usize::try_from(room).unwrap_or(usize::MAX));
            if now == 0 {
                break;
            }
            stream.write(chunk.get(..now).unwrap_or_default()).map_err(|_| ToolError::internal("write"))?;
            left -= now;
        }
        // A stream goes before its body, and that before its request, when they are dropped at the end.
        kept.push((stream, body, request));
    }
    Ok(Output::text(format!("hoarded {}", kept.len())))
}

fn send(asked: Fetch) -> Result<(u16, String), String> {
    let request = OutgoingRequest::new(fields(asked.headers)?);
    request.set_method(&method(asked.method)).map_err(|()| "method")?;
    request.set_scheme(scheme(asked.scheme).as_ref()).map_err(|()| "scheme")?;
    request.set_authority(present(&asked.authority)).map_err(|()| "authority")?;
    request.set_path_with_query(present(&asked.path)).map_err(|()| "path")?;
    let body = request.body().map_err(|()| "body")?;
    let pending = handle(request, None).map_err(code)?;
    if let Some(text) = asked.body {
        let stream = body.write().map_err(|()| "body")?;
        for _ in 0..asked.times {
            for part in text.as_bytes().chunks(4096) {
                stream.blocking_write_and_flush(part).map_err(|error| format!("body: {error:?}"))?;
            }
        }
    }
    let trailers = if asked.trailers.is_empty() { None } else { Some(fields(asked.trailers)?) };
    OutgoingBody::finish(body, trailers).map_err(code)?;
    pending.subscribe().block();
    let response = pending.get().ok_or("no response")?.map_err(|()| "response taken twice")?.map_err(code)?;
    Ok((response.status(), read(&response)?))
}

fn fields(headers: Vec<Header>) -> Result<Fields, String> {
    let fields = Fields::new();
    for Header { name, value } in headers {
        fields.append(&name, value.as_bytes()).map_err(|error| format!("header: {error:?}"))?;
    }
    Ok(fields)
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn scheme(text: String) -> Option<Scheme> {
    match text.as_str() {
        "" => None,
        "https" => Some(Scheme::Https),
        "http" => Some(Scheme::Http),
        _ => Some(Scheme::Other(text)),
    }
}

fn read(response: &IncomingResponse) -> Result<String, String> {
    let body = response.consume().map_err(|()| "body")?;
    let stream = body.stream().map_err(|()| "stream")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(4096) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}

fn method(text: String) -> Method {
    match text.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        _ => Method::Other(text),
    }
}

fn code(error: ErrorCode) -> String {
    format!("{error:?}")
}
