//! `wasi:http/outgoing-handler`: the standard way out, through the same door as `egress`.
//!
//! A guest names its credential in the header `nexus-credential`, for the standard has no field for one; the host takes
//! the header off and it never travels.
//!
//! # Nothing is repaired
//!
//! `handle` is a function of our own, because the one of `wasmtime-wasi-http` builds an [`http::Uri`] first: that cuts a fragment
//! off, puts `https` where the guest names no scheme, and gives an error of its own where the guest names no host. Here
//! the door gets the guest's own text, so what it refuses for `egress` it refuses here, and both are on record.
//!
//! What cannot be seen here is what the setters of `outgoing-request` and `fields` refuse: a host with a blank, a path
//! with a control character, a header that is the connection's, a length that is not the body's. The guest gets an error from the setter and has no
//! request to send, so nothing leaves and no line is written. Names of headers come in lower case, as the door reads
//! them. `request-options` are not read: the manifest says how long a request may take.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use tokio_util::sync::CancellationToken;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode, HostOutgoingRequest as _, Method, Scheme};
use wasmtime_wasi_http::p2::body::{HyperIncomingBody, HyperOutgoingBody};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::egress::{Caller, Door, Held};
use crate::outbound::{self, GuestRequest};
use crate::refusal::Code;
use crate::shard::instance::State;

/// Names the credential; the same rules as `request.credential` of `egress`.
const CREDENTIAL: HeaderName = HeaderName::from_static("nexus-credential");

/// Bytes of a body that a guest may write at once. With two of them each outgoing body stays within what a resource may
/// cost the host.
const CHUNK: usize = 16 << 10;

/// Bytes of one text of a request: its path, authority, scheme or method. More than the door lets through, so that the
/// door sees what it refuses, and no more than a resource may cost the host.
const MAX_TEXT: usize = 16 << 10;

/// The interfaces by name, because the crate links its own functions and lets nobody leave one out.
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";
const TYPES: &str = "wasi:http/types@0.2.12";

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, WasiHttp>(linker, &LinkOptions::default().into(), State::http)?;
    let handle = |mut store: StoreContextMut<'_, State>, (request, options): (Request, Option<Options>)| {
        Ok((store.data_mut().handle(request, options)?,))
    };
    linker.instance(HANDLER)?.func_wrap("handle", handle)?;
    // The crate keeps whatever text it is given, for as long as the guest keeps the request.
    linker.allow_shadowing(true);
    let mut setters = linker.instance(TYPES)?;
    setters.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store, (request, text): Set<Option<String>>| {
            let fits = text.as_ref().is_none_or(|text| text.len() <= MAX_TEXT);
            bounded(&mut store, fits, |mut http| http.set_path_with_query(request, text))
        },
    )?;
    setters.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store, (request, text): Set<Option<String>>| {
            let fits = text.as_ref().is_none_or(|text| text.len() <= MAX_TEXT);
            bounded(&mut store, fits, |mut http| http.set_authority(request, text))
        },
    )?;
    setters.func_wrap("[method]outgoing-request.set-scheme", |mut store, (request, scheme): Set<Option<Scheme>>| {
        let fits = !matches!(&scheme, Some(Scheme::Other(text)) if text.len() > MAX_TEXT);
        bounded(&mut store, fits, |mut http| http.set_scheme(request, scheme))
    })?;
    setters.func_wrap("[method]outgoing-request.set-method", |mut store, (request, method): Set<Method>| {
        let fits = !matches!(&method, Method::Other(text) if text.len() > MAX_TEXT);
        bounded(&mut store, fits, |mut http| http.set_method(request, method))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

type Set<T> = (Request, T);

fn bounded(
    store: &mut StoreContextMut<'_, State>,
    fits: bool,
    set: impl FnOnce(WasiHttpCtxView<'_>) -> wasmtime::Result<Result<(), ()>>,
) -> wasmtime::Result<(Result<(), ()>,)> {
    Ok((if fits { set(store.data_mut().http())? } else { Err(()) },))
}

type Request = Resource<HostOutgoingRequest>;
type Options = Resource<RequestOptions>;
type Reply = Resource<HostFutureIncomingResponse>;

impl State {
    /// `handle`. Every error is the reply's: nothing is decided before the door was asked.
    fn handle(&mut self, request: Request, options: Option<Options>) -> wasmtime::Result<Result<Reply, ErrorCode>> {
        let (door, caller, ended) = (Arc::clone(&self.door), Arc::clone(&self.caller), self.ended.clone());
        let table = self.http().table;
        if let Some(options) = options {
            table.delete(options)?;
        }
        let request = table.delete(request)?;
        // The call is not over before this is.
        let tracked = caller.clone();
        let reply = spawn(tracked.track(async move { cross(&door, &caller, request, &ended).await }));
        Ok(Ok(table.push(HostFutureIncomingResponse::Pending(reply))?))
    }
}

/// The crate's own way out, which leads nowhere: requests go by [`State::handle`].
pub(in crate::shard) struct Hooks;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    /// The host keeps two chunks of each body, and a guest may begin many.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<(Response<WasiBody>, Io)>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

type Replied = (Response<HyperIncomingBody>, AbortOnDropJoinHandle<()>);

async fn cross(
    door: &Door,
    caller: &Caller,
    request: HostOutgoingRequest,
    ended: &CancellationToken,
) -> Result<Replied, Error> {
    let url = url(&request);
    let HostOutgoingRequest { method, headers, body, .. } = request;
    // What is read counts until the door is done with it.
    let mut held = caller.memory.hold(0).ok_or(Error::HttpRequestBodySize(None))?;
    let body = match body {
        Some(body) => Body::read(body, &mut held).await?,
        None => Body::default(),
    };
    // A body whose writer is gone looks finished: what the guest had not written yet is not sent without.
    if ended.is_cancelled() {
        return Err(Error::HttpProtocolError);
    }
    let is_too_large = body.bytes.len() > outbound::MAX_BODY;
    let asked = GuestRequest {
        method: method_text(method),
        url,
        credential: credential(&headers),
        headers: guest_headers(&headers, &body),
        body: body.bytes,
    };
    let reply = door.cross(caller, asked).await.map_err(|refusal| {
        let is_its_size = is_too_large && refusal.code() == Code::Malformed;
        if is_its_size { Error::HttpRequestBodySize(None) } else { error(refusal.code()) }
    })?;
    drop(held);
    let reply = reply.into_inner();
    let kept = caller.memory.hold(reply.body.len()).ok_or(Error::HttpResponseBodySize(None))?;
    let body = Full::new(Bytes::from_owner(Kept { bytes: reply.body, _held: kept }));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = reply.status;
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok((response, spawn(async {})))
}

/// The guest's own text. Without a scheme it begins with `//`, which no request may.
fn url(request: &HostOutgoingRequest) -> String {
    let scheme = match &request.scheme {
        None => "",
        Some(Scheme::Http) => "http:",
        Some(Scheme::Https) => "https:",
        Some(Scheme::Other(other)) => &format!("{other}:"),
    };
    let authority = request.authority.as_deref().unwrap_or_default();
    let path = request.path_with_query.as_deref().unwrap_or_default();
    format!("{scheme}//{authority}{path}")
}

fn method_text(method: Method) -> String {
    let text = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => return other,
    };
    text.to_owned()
}

/// Two of them, or one that is no text, is no credential's name, so the door refuses it as malformed.
fn credential(headers: &HeaderMap) -> Option<String> {
    let named: Vec<_> =
        headers.get_all(&CREDENTIAL).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!named.is_empty()).then(|| named.join(","))
}

/// The guest's headers, for the door to judge. A length that is the body's says nothing new and is left out, because the
/// host measures the body itself; any other stays and is refused as every length is.
fn guest_headers(headers: &HeaderMap, body: &Body) -> Vec<(String, Vec<u8>)> {
    let length = body.bytes.len().to_string();
    let is_left_out = |name: &HeaderName, value: &HeaderValue| {
        *name == CREDENTIAL || (*name == CONTENT_LENGTH && value.as_bytes() == length.as_bytes())
    };
    let mut asked: Vec<_> = headers
        .iter()
        .filter(|(name, value)| !is_left_out(name, value))
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    if body.has_trailers {
        // `egress` has no trailers, and the header that announces them is refused.
        asked.push(("trailer".to_owned(), Vec::new()));
    }
    asked
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

#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    has_trailers: bool,
}

impl Body {
    /// Reads until the end, counting what it keeps. Of more than the door lets through one byte is kept, so that the door
    /// sees it.
    async fn read(mut body: HyperOutgoingBody, held: &mut Held) -> Result<Self, Error> {
        let mut read = Self::default();
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => {
                    let room = (outbound::MAX_BODY + 1).saturating_sub(read.bytes.len());
                    let data = data.get(..room).unwrap_or(&data);
                    if !held.grow(data.len()) {
                        return Err(Error::HttpRequestBodySize(None));
                    }
                    read.bytes.extend_from_slice(data);
                }
                Err(_) => read.has_trailers = true,
            }
        }
        Ok(read)
    }
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
