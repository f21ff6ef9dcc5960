//! The way to the operator's collector: what the host says about itself, and nothing of a shard's. The collector is the
//! operator's to name, on this machine and in private networks too; plain `http` does not leave this machine.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};

use super::dial::Dialer;
use super::{AGENT, FRAMING, NetworkError, NetworkOptions, head_error, reply};
use crate::outbound::{GuestRequest, Malformed, Outbound};
use crate::policy::address::Reach;
use crate::wire::{Budget, Phase, RawReply, WireError};

/// How long one message may take, from the name to the end of the reply.
const PATIENCE: Duration = Duration::from_secs(5);
/// A collector answers with a word.
const REPLY_BYTES: usize = 64 * 1024;

pub struct Collector {
    dialer: Dialer,
}

impl Collector {
    pub fn new(options: NetworkOptions) -> Result<Self, NetworkError> {
        let options = NetworkOptions { allow_private: true, allow_loopback: true, ..options };
        Ok(Self { dialer: Dialer::new(options)? })
    }

    /// An address at which something can be posted.
    pub fn address(url: &str) -> Result<Outbound, Malformed> {
        let post = Method::POST.to_string();
        Outbound::parse(GuestRequest {
            method: post,
            url: url.to_owned(),
            headers: vec![],
            body: vec![],
            credential: None,
        })
    }

    /// One message, on a connection of its own.
    pub async fn post(&self, to: &Outbound, headers: &HeaderMap, body: Bytes) -> Result<RawReply, WireError> {
        let deadline = Instant::now() + PATIENCE;
        let reach = self.dialer.reach(to.host(), Reach { private: true, loopback: true });
        let mut connection = self.dialer.dial(to, reach, deadline).await?;
        let authority = HeaderValue::from_str(&to.authority()).map_err(|error| WireError::Unsendable(error.into()))?;
        let mut request = Request::post(to.path_and_query()).body(Full::new(body)).map_err(WireError::Unsendable)?;
        // Those that the operator set for the collector, such as its key; framing is ours.
        request.headers_mut().clone_from(headers);
        for name in FRAMING {
            request.headers_mut().remove(name);
        }
        request.headers_mut().insert(HOST, authority);
        request.headers_mut().insert(USER_AGENT, AGENT);
        let sent = timeout_at(deadline, connection.sender.send_request(request)).await;
        let reply = sent.map_err(|_| WireError::Timeout(Phase::Reply))?.map_err(head_error)?;
        reply::read(reply, &Method::POST, &Budget { deadline, reply_bytes: REPLY_BYTES }).await
    }
}
