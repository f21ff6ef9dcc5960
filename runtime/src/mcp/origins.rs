//! Web pages as clients: whose may ask, and what their browsers are told (the CORS protocol of the Fetch standard).
//!
//! A browser names in `Origin` whose page asks. A page that the operator did not list gets no further, whatever else it
//! sends; one that is listed may read every answer, errors too. What has no `Origin` is no page's.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

/// What a page may send beside what every page may. Names that begin with `mcp-` come and go with the protocol's revisions.
const HEADERS: &str = "accept, authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version, \
                       mcp-session-id, traceparent, tracestate";
const OF_THE_PROTOCOL: &str = "mcp-";
/// What it may read of an answer's head.
const SHOWN: HeaderValue = HeaderValue::from_static("mcp-session-id, retry-after, www-authenticate");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
/// Seconds for which a browser need not ask again.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// The pages that the operator listed.
pub(super) struct Origins(Vec<Listed>);

enum Listed {
    /// Pages without an origin of their own, such as files.
    Null,
    Page(Origin, Port),
}

/// Which ports an entry means.
enum Port {
    Any,
    Its,
}

/// Scheme, host and port. Where the text has no port it is the scheme's own.
#[derive(PartialEq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// Who asks.
#[derive(Debug, PartialEq)]
pub(super) enum Page {
    None,
    Listed(HeaderValue),
    Other,
}

impl Origin {
    /// `scheme://host` or `scheme://host:port`, and nothing behind it.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        // An IPv6 address has colons of its own, in brackets.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (rest, None),
        };
        let scheme = scheme.to_ascii_lowercase();
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
        let is_whole = !scheme.is_empty() && !host.is_empty() && host.bytes().all(is_plain);
        let own = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        is_whole.then(|| Self { host: host.to_ascii_lowercase(), port: port.or(own), scheme })
    }
}

impl Origins {
    /// Entries as the settings have them. What is none matches nothing.
    pub(super) fn new(entries: &[String]) -> Self {
        let listed = |entry: &String| {
            if entry == "null" {
                return Some(Listed::Null);
            }
            match entry.strip_suffix(":*") {
                Some(any) => Some(Listed::Page(Origin::parse(any)?, Port::Any)),
                None => Some(Listed::Page(Origin::parse(entry)?, Port::Its)),
            }
        };
        Self(entries.iter().filter_map(listed).collect())
    }

    /// Whose page asks. Two headers, or one that is no origin, are nobody's that could be listed.
    pub(super) fn page(&self, headers: &HeaderMap) -> Page {
        let mut all = headers.get_all(header::ORIGIN).iter();
        let Some(value) = all.next() else { return Page::None };
        let is_listed = match value.to_str() {
            Ok("null") => self.0.iter().any(|listed| matches!(listed, Listed::Null)),
            Ok(text) => Origin::parse(text).is_some_and(|asking| self.lists(&asking)),
            Err(_) => false,
        };
        if is_listed && all.next().is_none() { Page::Listed(value.clone()) } else { Page::Other }
    }

    fn lists(&self, asking: &Origin) -> bool {
        self.0.iter().any(|listed| match listed {
            Listed::Null => false,
            Listed::Page(page, Port::Its) => page == asking,
            Listed::Page(page, Port::Any) => (&page.scheme, &page.host) == (&asking.scheme, &asking.host),
        })
    }
}

/// Whether a browser asks what it may ask, before it does.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that.
pub(super) fn preflight<B: Default>(headers: &HeaderMap) -> Response<B> {
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|asked| asked.to_str().ok());
    let asked = asked.into_iter().flat_map(|asked| asked.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let is_name = |name: &String| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let of_the_protocol = asked.filter(|name| name.starts_with(OF_THE_PROTOCOL) && is_name(name));
    let allowed = of_the_protocol.fold(HEADERS.to_owned(), |all, name| all + ", " + &name);
    let mut answer = Response::new(B::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let told = answer.headers_mut();
    told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    told.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    answer
}

/// Lets the page read the answer.
pub(super) fn show<B>(answer: &mut Response<B>, origin: HeaderValue) {
    let told = answer.headers_mut();
    told.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    told.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
    told.append(header::VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(listed: &[&str], asking: &[&str]) -> Page {
        let listed: Vec<_> = listed.iter().map(|entry| (*entry).to_owned()).collect();
        let mut headers = HeaderMap::new();
        for origin in asking {
            headers.append(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        Origins::new(&listed).page(&headers)
    }

    #[test]
    fn an_entry_means_one_scheme_one_host_and_one_port() {
        for (entry, asking, is_listed) in [
            ("https://app.example.com", "https://app.example.com", true),
            ("https://app.example.com", "https://app.example.com:443", true),
            ("https://app.example.com:443", "https://app.example.com", true),
            ("https://App.Example.com", "https://app.example.COM", true),
            ("https://app.example.com", "https://app.example.com:8443", false),
            ("https://app.example.com", "http://app.example.com", false),
            ("https://app.example.com", "https://example.com", false),
            ("https://example.com", "https://app.example.com", false),
            ("https://app.example.com", "https://app.example.com.evil.example", false),
            ("https://app.example.com", "https://app.example.com/", false),
            ("https://app.example.com", "https://x@app.example.com", false),
            ("https://app.example.com", "https://app.example.com:0443x", false),
            ("https://app.example.com", "https://app.example.com:", false),
            ("http://localhost:*", "http://localhost", true),
            ("http://localhost:*", "http://localhost:6274", true),
            ("http://localhost:*", "http://localhost.evil.example:80", false),
            ("http://[::1]:6274", "http://[::1]:6274", true),
            ("http://[::1]", "http://[::1]:80", true),
            ("http://[::1]:*", "http://[::1]:9", true),
            ("vscode-webview://a1b2", "vscode-webview://a1b2", true),
            ("vscode-webview://a1b2", "vscode-webview://a1b3", false),
            ("null", "null", true),
            ("https://null", "null", false),
            ("null", "https://null", false),
            ("https://app.example.com", "", false),
            ("https://app.example.com", "*", false),
            ("*", "https://app.example.com", false),
        ] {
            let expected = if is_listed { Page::Listed(HeaderValue::from_str(asking).unwrap()) } else { Page::Other };
            assert_eq!(page(&[entry], &[asking]), expected, "{entry} and {asking}");
        }
        assert_eq!(page(&["https://a.example"], &[]), Page::None);
        assert_eq!(page(&[], &["https://a.example"]), Page::Other);
        assert_eq!(page(&["https://a.example"], &["https://a.example", "https://a.example"]), Page::Other);
    }

    #[test]
    fn a_preflight_allows_what_the_protocol_sends_and_nothing_else() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        assert!(is_preflight(&Method::OPTIONS, &headers) && !is_preflight(&Method::POST, &headers));
        let asked = HeaderValue::from_static("authorization, Mcp-Param-Region, x-evil, mcp-a b, mcp-a_b");
        headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, asked);
        let answer: Response<String> = preflight(&headers);
        let allowed = answer.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert_eq!(allowed, format!("{HEADERS}, mcp-param-region"));
        assert_eq!(answer.status(), 204);
    }
}
