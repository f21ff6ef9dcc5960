//! The reasons for which a request cannot be read, one per rule.

use super::{BadSearch, HostHeader};

/// Why a request has no single reading. Holds nothing of the request, so that it may be shown and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("method is not one of GET, HEAD, POST, PUT, PATCH, DELETE")]
    Method,

    #[error("URL is longer than {} bytes", super::MAX_URL)]
    UrlTooLong,
    #[error("URL holds a control character")]
    Control,
    #[error("URL holds a character outside ASCII: write it percent-encoded, a host as its A-label (xn--)")]
    NonAscii,
    #[error("URL holds a blank: write it %20")]
    Whitespace,
    #[error("URL holds a backslash")]
    Backslash,
    #[error("URL holds a fragment (#): a # that is meant is written %23")]
    Fragment,
    #[error("URL holds a character that must be percent-encoded: one of \" < > ^ ` {{ | }}, or [ ] outside the host")]
    RawCharacter,
    #[error("URL is not absolute: it starts with https:// or http://")]
    NotAbsolute,
    #[error("scheme is neither https nor http")]
    Scheme,
    #[error("http is for this machine alone (localhost, 127.0.0.1, [::1]): write https")]
    PlainHttp,

    #[error("URL holds a user or password: name a credential instead")]
    UserInfo,
    #[error("host is empty")]
    EmptyHost,
    #[error("host ends in a dot")]
    TrailingDot,
    #[error("host is percent-encoded")]
    EncodedHost,
    #[error("host is not a DNS name: labels of letters, digits and inner hyphens, A-labels that IDNA accepts")]
    HostName,
    #[error("host is an odd spelling of an IP address: accepted are a.b.c.d and [RFC 5952], with no IPv4 inside IPv6")]
    OddAddress,
    #[error("port is not a number from 1 to 65535, written without leading zeros")]
    Port,

    #[error("a percent sign is not followed by two hex digits")]
    Escape,
    #[error("escapes do not decode to UTF-8")]
    NotUtf8,
    #[error("path has an empty segment before its end")]
    EmptySegment,
    #[error("path has a dot segment")]
    DotSegment,
    #[error("path has an encoded slash or backslash in a segment")]
    EncodedSlash,
    #[error("path has an encoded control character")]
    EncodedControl,
    #[error("path is encoded twice")]
    EncodedTwice,
    #[error("path has a parameter (;)")]
    PathParameter,

    #[error("query is empty: leave out the question mark")]
    EmptyQuery,
    #[error("query has a key without =, or nothing between two &")]
    BareKey,
    #[error("query has a key that is not 1 to {} visible ASCII characters", super::MAX_KEY)]
    Key,
    #[error("query has a key twice")]
    DuplicateKey,
    #[error("query has a raw +: write %20 for a blank, %2B for a plus")]
    RawPlus,
    #[error("query has an encoded NUL")]
    EncodedNul,

    #[error("more than {} headers", super::MAX_HEADERS)]
    TooManyHeaders,
    #[error("headers are longer than {} bytes", super::MAX_HEADER_BYTES)]
    HeadersTooLarge,
    #[error("header name is not a token")]
    HeaderName,
    #[error("header value is not visible ASCII with inner blanks")]
    HeaderValue,
    #[error("a header comes twice")]
    DuplicateHeader,
    #[error("header belongs to the host: {0}")]
    HostHeader(HostHeader),

    #[error("body is larger than {} bytes", super::MAX_BODY)]
    BodyTooLarge,
    #[error("GET and HEAD carry no body")]
    BodyWithoutMeaning,
    #[error("credential is not a credential's name")]
    Credential,

    #[error("search cannot be read: {0}")]
    Search(#[from] BadSearch),
}
