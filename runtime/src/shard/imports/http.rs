//! `wasi:http/outgoing-handler`: the standard way out, through the same door as `egress`.
//!
//! A guest names its credential in the header `nexus-credential`, for the standard has no field for one; the host takes
//! the header off and it never travels.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::egress::{Caller, Door, Held};
use crate::outbound::{self, GuestRequest};
use crate::refusal::Code;

/// Names the credential; the same rules as `request.credential` of `egress`.
const CREDENTIAL: HeaderName = HeaderName::from_static("nexus-credential");

/// Bytes of a body that a guest may write at once. With two of them each outgoing body stays within what a resource may
/// cost the host.
const CHUNK: usize = 16 << 10;

pub(in crate::shard) struct Hooks {
    pub door: Arc<Door>,
    pub caller: Arc<Caller>,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Hooks {
    fn set_host_header(&mut self) -> bool {
        false
    }

    /// The host keeps two chunks of each body, and a guest may begin many.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<(http::Response<WasiBody>, Io)>> + Send> {
        let (door, caller) = (self.door.clone(), self.caller.clone());
        Box::new(async move { cross(&door, &caller, request).await })
    }
}

async fn cross(door: &Door, caller: &Caller, request: http::Request<WasiBody>) -> Sent {
    let (mut parts, body) = request.into_parts();
    let body = collected(caller, body).await?;
    // Two of them, or one that is no text, is no credential's name, so the door refuses it as malformed.
    let named: Vec<_> =
        parts.headers.get_all(&CREDENTIAL).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let credential = (!named.is_empty()).then(|| named.join(","));
    parts.headers.remove(&CREDENTIAL);
    // The host measures the body itself, and the length was checked against it before it came here.
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(HOST);
    let asked = GuestRequest {
        method: parts.method.as_str().to_owned(),
        url: parts.uri.to_string(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
        body: body.bytes.to_vec(),
        credential,
    };
    let reply = door.cross(caller, asked).await.map_err(|refusal| error(refusal.code()))?.into_inner();
    drop(body);
    let kept = caller.memory.hold(reply.body.len()).ok_or(Error::HttpResponseBodySize(None))?;
    let body = Full::new(Bytes::from_owner(Kept { bytes: reply.body, _held: kept }));
    let mut response = http::Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = reply.status;
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok((response, Box::new(async { Ok(()) })))
}

/// Bytes that the host keeps for a guest. They count for as long as anybody holds a part of them.
struct Kept {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The whole body of a request, counted as it comes.
async fn collected(caller: &Caller, body: WasiBody) -> Result<Kept, Error> {
    let too_large = || Error::HttpRequestBodySize(None);
    let mut held = caller.memory.hold(0).ok_or_else(too_large)?;
    let mut bytes = BytesMut::new();
    let mut body = std::pin::pin!(body);
    while let Some(frame) = body.frame().await {
        // Trailers are not sent on.
        let Ok(data) = frame?.into_data() else { continue };
        if bytes.len() + data.len() > outbound::MAX_BODY || !held.grow(data.len()) {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Kept { bytes: bytes.freeze(), _held: held })
}

fn error(code: Code) -> Error {
    match code {
        Code::Malformed => Error::HttpRequestUriInvalid,
        Code::NotGranted | Code::Leak | Code::Credential | Code::OverBudget | Code::Unrecorded => {
            Error::HttpRequestDenied
        }
        Code::Busy => Error::ConnectionLimitReached,
        Code::Timeout => Error::ConnectionTimeout,
        Code::Unreachable => Error::ConnectionRefused,
        Code::Untrusted => Error::TlsCertificateError,
        Code::BadReply => Error::HttpResponseIncomplete,
        Code::Cancelled | Code::Internal => Error::InternalError(None),
    }
}
