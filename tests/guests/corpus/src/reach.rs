//! Requests that no honest shard would make. With `n` = 0 each makes the granted one.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingRequest, Scheme};

use crate::nexus::shard::egress::{Header, Request, send};
use crate::nexus::shard::types::Refusal;
use crate::{Answer, told};

pub(crate) const GRANTED: &str = "https://graph.microsoft.com/v1.0/users?$top=1";

fn request(method: &str, url: &str, headers: Vec<Header>) -> Request {
    Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers,
        body: None,
        credential: Some("graph".to_owned()),
    }
}

fn sent(request: &Request) -> String {
    match send(request) {
        Ok(reply) => reply.status.to_string(),
        Err(refusal) => code(refusal).to_owned(),
    }
}

pub(crate) fn code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed => "malformed",
        Refusal::NotGranted => "not-granted",
        Refusal::Leak => "leak",
        Refusal::Credential => "credential",
        Refusal::OverBudget => "over-budget",
        Refusal::Busy => "busy",
        Refusal::Timeout => "timeout",
        Refusal::Unreachable => "unreachable",
        Refusal::Untrusted => "untrusted",
        Refusal::BadReply => "bad-reply",
        Refusal::Unrecorded => "unrecorded",
        Refusal::Cancelled => "cancelled",
        Refusal::Internal => "internal",
    }
}

pub(crate) fn get(url: &str) -> String {
    sent(&request("GET", url, Vec::new()))
}

pub(crate) fn url(n: u64, url: &str) -> Answer {
    told(&get(if n == 0 { GRANTED } else { url }))
}

pub(crate) fn method(n: u64, method: &str) -> Answer {
    told(&sent(&request(if n == 0 { "GET" } else { method }, GRANTED, Vec::new())))
}

/// With 0 a header that says nothing to anybody.
pub(crate) fn header(n: u64, name: &str, value: &str) -> Answer {
    let (name, value) = if n == 0 { ("x-note", "harmless") } else { (name, value) };
    told(&with_header(name, value))
}

pub(crate) fn with_header(name: &str, value: &str) -> String {
    let header = Header { name: name.to_owned(), value: value.as_bytes().to_vec() };
    sent(&request("GET", GRANTED, vec![header]))
}

pub(crate) fn with_credential(name: &str) -> String {
    sent(&Request { credential: Some(name.to_owned()), ..request("GET", GRANTED, Vec::new()) })
}

/// `n` headers.
pub(crate) fn many_headers(n: u64) -> Answer {
    let headers = (0..n).map(|n| Header { name: format!("x-note-{n}"), value: b"harmless".to_vec() });
    told(&sent(&request("GET", GRANTED, headers.collect())))
}

/// Another host, by `wasi:http`.
pub(crate) fn wasi_other_host(n: u64) -> Answer {
    told(&by_wasi(if n == 0 { "graph.microsoft.com" } else { "evil.test" }, None))
}

/// A `Host` beside the authority, by `wasi:http`, which owns that header too.
pub(crate) fn wasi_host_header(n: u64) -> Answer {
    told(&by_wasi("graph.microsoft.com", (n > 0).then_some("evil.test")))
}

fn by_wasi(authority: &str, host: Option<&str>) -> String {
    let try_it = || -> Result<String, String> {
        let fields = Fields::new();
        fields.append("nexus-credential", b"graph").map_err(|error| format!("header {error:?}"))?;
        if let Some(host) = host {
            fields.append("host", host.as_bytes()).map_err(|_| "header refused")?;
        }
        let request = OutgoingRequest::new(fields);
        request.set_scheme(Some(&Scheme::Https)).map_err(|()| "scheme")?;
        request.set_authority(Some(authority)).map_err(|()| "authority")?;
        request.set_path_with_query(Some("/v1.0/users?$top=1")).map_err(|()| "path")?;
        let body = request.body().map_err(|()| "body")?;
        let pending = handle(request, None).map_err(denied)?;
        OutgoingBody::finish(body, None).map_err(denied)?;
        pending.subscribe().block();
        let response = pending.get().ok_or("no response")?.map_err(|()| "taken twice")?.map_err(denied)?;
        Ok(response.status().to_string())
    };
    try_it().unwrap_or_else(|error| error)
}

fn denied(error: ErrorCode) -> String {
    match error {
        ErrorCode::HttpRequestDenied => "denied".to_owned(),
        ErrorCode::HttpRequestUriInvalid => "invalid".to_owned(),
        other => format!("{other:?}"),
    }
}
