//! A reply's body: whole, bounded as it arrives, and bounded again once it is decompressed.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout_at;

use crate::wire::{BadReply, Budget, Phase, RawReply, WireError};

/// Decompressed between two looks at what else there is to do.
const STRIDE: usize = 64 * 1024;

pub(super) async fn read(reply: Response<Incoming>, method: &Method, budget: &Budget) -> Result<RawReply, WireError> {
    let (mut head, body) = reply.into_parts();
    let coding = coding(&head.headers)?;
    let body = timeout_at(budget.deadline, collect(body, budget.reply_bytes))
        .await
        .map_err(|_| WireError::Timeout(Phase::Body))??;
    let bodiless = method == Method::HEAD || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = match coding {
        Coding::Gzip if !bodiless => {
            // These describe what was sent, not what is handed on.
            head.headers.remove(CONTENT_ENCODING);
            head.headers.remove(CONTENT_LENGTH);
            timeout_at(budget.deadline, gunzip(&body, budget.reply_bytes))
                .await
                .map_err(|_| WireError::Timeout(Phase::Body))??
        }
        Coding::Gzip | Coding::Identity => body,
    };
    Ok(RawReply::new(head.status, head.headers, body))
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, WireError> {
    let too_large = || WireError::TooLarge { limit };
    // What it announces need not be read to be refused.
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Shorter than its content-length, a chunk cut off, or TLS ended without saying so.
        let frame = frame.map_err(|_| WireError::BadReply(BadReply::Torn))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - whole.len() {
            return Err(too_large());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

enum Coding {
    Identity,
    Gzip,
}

/// Only what was offered is accepted. Several codings, one over the other, were not.
fn coding(headers: &HeaderMap) -> Result<Coding, WireError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(Coding::Identity),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(Coding::Identity),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"gzip") => Ok(Coding::Gzip),
        (Some(_), _) => Err(WireError::BadReply(BadReply::Encoding)),
    }
}

/// Stops at the limit, however much more a small body would become.
async fn gunzip(packed: &[u8], limit: usize) -> Result<Bytes, WireError> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut whole = Vec::new();
    loop {
        let room = limit - whole.len();
        let stride = room.saturating_add(1).min(STRIDE);
        let n_before = whole.len();
        let read = decoder.by_ref().take(stride as u64).read_to_end(&mut whole);
        read.map_err(|_| WireError::BadReply(BadReply::Gzip))?;
        if whole.len() > limit {
            return Err(WireError::TooLarge { limit });
        }
        if whole.len() - n_before < stride {
            return Ok(Bytes::from(whole));
        }
        tokio::task::yield_now().await;
    }
}
