//! The two forms of an answer over HTTP, JSON and a stream of events, and clients that take one of them alone.
//!
//! The protocol wants clients to take both, and many say so of one, or of nothing. Which form an answer has is known once it
//! is there; so every request is let through, and its answer is put into the form that the client takes. What is lost are
//! reports of progress, which a client that takes no events cannot be told.

use std::convert::Infallible;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use sse_stream::SseStream;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// The forms that a client takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Accepted {
    pub(super) json: bool,
    pub(super) events: bool,
}

impl Accepted {
    /// By its `Accept` headers; without any it takes everything (RFC 9110, section 12.5.1). What has weight 0 is not taken, but
    /// where it is named beside a range that takes it nobody can tell, so it is.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let all = headers.get_all(header::ACCEPT);
        if all.iter().next().is_none() {
            return Self { json: true, events: true };
        }
        let mut accepted = Self { json: false, events: false };
        for range in all.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            if weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32)) {
                continue;
            }
            accepted.json |= matches!(media.as_str(), "application/json" | "application/*" | "*/*");
            accepted.events |= matches!(media.as_str(), "text/event-stream" | "text/*" | "*/*");
        }
        accepted
    }

    /// There is no answer that it would take.
    pub(super) fn is_nothing(self) -> bool {
        !self.json && !self.events
    }

    /// As the protocol's library wants to be told.
    pub(super) fn tell(headers: &mut HeaderMap) {
        headers.insert(header::ACCEPT, BOTH);
    }

    /// The answer in a form that the client takes.
    pub(super) async fn fit(
        self,
        answer: Response<BoxBody<Bytes, Infallible>>,
    ) -> Response<BoxBody<Bytes, Infallible>> {
        let is = |kind: &HeaderValue| answer.headers().get(header::CONTENT_TYPE) == Some(kind);
        match (self.json, self.events) {
            (true, false) if is(&EVENTS) => {
                let (mut head, body) = answer.into_parts();
                head.headers.insert(header::CONTENT_TYPE, JSON);
                Response::from_parts(head, Full::new(message(body).await).boxed())
            }
            (false, true) if is(&JSON) => {
                let (mut head, body) = answer.into_parts();
                head.headers.insert(header::CONTENT_TYPE, EVENTS);
                head.headers.remove(header::CONTENT_LENGTH);
                let told = match body.collect().await {
                    Ok(whole) => [b"data: ", &whole.to_bytes()[..], b"\n\n"].concat(),
                    Err(never) => match never {},
                };
                Response::from_parts(head, Full::new(told.into()).boxed())
            }
            _ => answer,
        }
    }
}

/// The first message of a stream that answers a request.
async fn message(body: BoxBody<Bytes, Infallible>) -> Bytes {
    let mut events = SseStream::new(body);
    while let Some(Ok(event)) = std::future::poll_fn(|cx| Pin::new(&mut events).poll_next(cx)).await {
        let Some(data) = event.data else { continue };
        let is_answer = serde_json::from_str::<Value>(&data)
            .is_ok_and(|message| message.get("result").is_some() || message.get("error").is_some());
        if is_answer {
            return data.into();
        }
    }
    Bytes::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_takes_is_what_it_says() {
        for (accept, json, events) in [
            (&[][..], true, true),
            (&["application/json, text/event-stream"], true, true),
            (&["application/json", "text/event-stream"], true, true),
            (&["application/json"], true, false),
            (&["Application/JSON; charset=utf-8"], true, false),
            (&["text/event-stream"], false, true),
            (&["*/*"], true, true),
            (&["text/html, */*;q=0.1"], true, true),
            (&["application/*"], true, false),
            (&["text/*;q=0.5"], false, true),
            (&["application/json, text/event-stream;q=0"], true, false),
            (&["application/json;q=0.0, text/event-stream"], false, true),
            (&["text/html"], false, false),
            (&["application/jsonx"], false, false),
            (&[""], false, false),
        ] {
            let mut headers = HeaderMap::new();
            for one in accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(one));
            }
            assert_eq!(Accepted::of(&headers), Accepted { json, events }, "{accept:?}");
        }
    }
}
