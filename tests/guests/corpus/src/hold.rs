//! Things of the host's that are never given back.

use wasip2::cli::stdout::get_stdout;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::poll::poll;
use wasip2::io::streams::OutputStream;

use crate::{Answer, told};

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

fn held<T>(n: u64, make: impl FnMut(u64) -> T) -> Answer {
    let all: Vec<T> = (0..n).map(make).collect();
    told(if all.len() as u64 == n { "held" } else { "less" })
}

/// `n` outgoing requests that are never sent.
pub(crate) fn requests(n: u64) -> Answer {
    held(n, |_| OutgoingRequest::new(Fields::new()))
}

/// `n` outgoing bodies with as much written as the host takes, never sent.
pub(crate) fn bodies(n: u64) -> Answer {
    held(n, |_| filled())
}

type Filled = (Option<OutputStream>, Option<OutgoingBody>, OutgoingRequest);

/// A request that is never sent, with as much in its body as the host takes.
pub(crate) fn filled() -> Filled {
    let chunk = [b'b'; 4096];
    let request = OutgoingRequest::new(Fields::new());
    let body = request.body().ok();
    let stream = body.as_ref().and_then(|body| body.write().ok());
    while let Some(room) = stream.as_ref().and_then(|stream| stream.check_write().ok()).filter(|room| *room > 0) {
        let part = chunk.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(&chunk);
        if stream.as_ref().is_none_or(|stream| stream.write(part).is_err()) {
            break;
        }
    }
    (stream, body, request)
}

/// `n` empty lists of header fields.
pub(crate) fn fields(n: u64) -> Answer {
    held(n, |_| Fields::new())
}

/// `n` fields of 1 KiB in one list.
pub(crate) fn field_bytes(n: u64) -> Answer {
    let fields = Fields::new();
    let refused = (0..n).filter(|n| fields.append(&format!("x-{n}"), &[b'f'; 1024]).is_err()).count();
    told(if refused == 0 { "held" } else { "refused" })
}

/// `n` things to wait for, that nobody waits for.
pub(crate) fn pollables(n: u64) -> Answer {
    held(n, |_| subscribe_duration(SECOND))
}

/// Waits for `n` things at once, none of which comes in a day; with 0 for one that comes.
pub(crate) fn subscribed(n: u64) -> Answer {
    let mut all: Vec<_> = (0..n).map(|_| subscribe_duration(86_400 * SECOND)).collect();
    if n == 0 {
        all.push(subscribe_duration(1));
    }
    poll(&all.iter().collect::<Vec<_>>());
    told("came")
}

/// `n` handles of standard output.
pub(crate) fn streams(n: u64) -> Answer {
    held(n, |_| get_stdout())
}

fn granted() -> OutgoingRequest {
    let fields = Fields::new();
    let named = fields.append("nexus-credential", b"graph");
    let request = OutgoingRequest::new(fields);
    let set = [
        request.set_scheme(Some(&Scheme::Https)),
        request.set_authority(Some("graph.microsoft.com")),
        request.set_path_with_query(Some("/v1.0/users?$top=1")),
    ];
    debug_assert!(named.is_ok() && set.iter().all(Result::is_ok));
    request
}

/// `n` granted requests whose replies are waited for and not read.
pub(crate) fn responses(n: u64) -> Answer {
    let mut kept = Vec::new();
    let mut failed = 0;
    for _ in 0..n {
        let request = granted();
        let body = request.body();
        let Ok(response) = handle(request, None) else {
            failed += 1;
            continue;
        };
        let finished = body.is_ok_and(|body| OutgoingBody::finish(body, None).is_ok());
        response.subscribe().block();
        if !finished || !matches!(response.get(), Some(Ok(Ok(_)))) {
            failed += 1;
        }
        kept.push(response);
    }
    told(if failed == 0 { "held" } else { "refused" })
}

/// Sends a request whose body it never finishes, and waits for the reply; with 0 it finishes it.
pub(crate) fn unfinished_body(n: u64) -> Answer {
    let request = granted();
    let body = request.body().ok();
    let Ok(response) = handle(request, None) else {
        return told("refused");
    };
    if n == 0 {
        drop(body.map(|body| OutgoingBody::finish(body, None)));
        response.subscribe().block();
        return told("answered");
    }
    response.subscribe().block();
    told(if body.is_some() { "answered early" } else { "no body" })
}
