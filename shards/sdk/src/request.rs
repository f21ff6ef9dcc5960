//! One HTTP request, built from parts. Escaping is done here, once, and what cannot be escaped is an error.

use std::fmt::Display;

use serde::Serialize;

use crate::url::{Keep, encode, is_base};
use crate::{Call, Reply, ToolError};

/// A request as the contract carries it. The host judges it; nothing here makes it allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRequest {
    /// An upper-case HTTP method.
    pub method: String,
    /// An absolute URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// The name of a credential of the manifest.
    pub credential: Option<String>,
}

/// A request under construction.
///
/// The first mistake is kept and comes out of [`Request::send`]; nothing is sent then.
#[must_use = "a request that is not sent does nothing"]
#[derive(Debug, Clone)]
pub struct Request {
    method: &'static str,
    url: String,
    has_query: bool,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    credential: Option<String>,
    mistake: Option<ToolError>,
}

impl Request {
    /// `GET` from a base such as `https://graph.microsoft.com`: scheme, host, perhaps a port, no path.
    pub fn get(base: &str) -> Self {
        Self::new("GET", base)
    }

    /// `POST` to a base.
    pub fn post(base: &str) -> Self {
        Self::new("POST", base)
    }

    /// Any other method, in upper case.
    pub fn new(method: &'static str, base: &str) -> Self {
        let mut request = Self {
            method,
            url: base.to_owned(),
            has_query: false,
            headers: Vec::new(),
            body: None,
            credential: None,
            mistake: None,
        };
        if !is_base(base) {
            request.wrong(ToolError::internal("a request starts from a base such as https://host, without a path"));
        }
        request
    }

    /// One or more segments that the author writes: `v1.0/users`. For a value from outside use [`Request::segment`].
    pub fn path(mut self, literal: &str) -> Self {
        for segment in literal.split('/') {
            if matches!(segment, "" | "." | "..") || segment.contains('\\') || segment.chars().any(char::is_control) {
                self.wrong(ToolError::internal(
                    "a literal path has an empty segment, a dot segment or a control character",
                ));
            }
            self.push_segment(segment, Keep::Literal);
        }
        self
    }

    /// One segment holding a value. Everything but letters, digits, `-._~` and `@` is percent-encoded.
    ///
    /// Empty, `.` and `..` would name another resource, and `/`, `\` and control characters cannot be sent in a segment
    /// (the host refuses `%2F`): these are errors, and the request is never sent.
    pub fn segment(mut self, value: &str) -> Self {
        let problem = if value.is_empty() {
            Some("a value that goes into a path is empty")
        } else if matches!(value, "." | "..") {
            Some("a value that goes into a path is . or .., which would name something else")
        } else if value.contains(['/', '\\']) {
            Some("a value that goes into a path has a slash, which would name something else")
        } else if value.chars().any(char::is_control) {
            Some("a value that goes into a path has a control character")
        } else {
            None
        };
        if let Some(problem) = problem {
            self.wrong(ToolError::invalid_arguments(problem));
        }
        self.push_segment(value, Keep::Value);
        self
    }

    /// One query pair; key and value are percent-encoded. Path parts come before it.
    pub fn query(mut self, key: &str, value: impl Display) -> Self {
        if key.is_empty() {
            self.wrong(ToolError::internal("a query key is empty"));
        }
        self.url.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        encode(&mut self.url, key, Keep::Key);
        self.url.push('=');
        encode(&mut self.url, &value.to_string(), Keep::Value);
        self
    }

    /// A header. The host owns some names and refuses them; see the contract.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            self.wrong(ToolError::internal("a header name is not a token"));
        }
        // A line break would begin another header.
        if value.chars().any(|c| c.is_control() && c != '\t') {
            self.wrong(ToolError::invalid_arguments("a header value has a control character"));
        }
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// A JSON body, and the header that says so.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = Some(bytes),
            Err(_) => self.wrong(ToolError::internal("a request body cannot be written as JSON")),
        }
        self.header("content-type", "application/json")
    }

    /// A body of any kind.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// The name of the manifest's credential that the host is to add.
    pub fn credential(mut self, name: &str) -> Self {
        self.credential = Some(name.to_owned());
        self
    }

    /// Sends it. Any HTTP status is a reply; a refusal of the host is an error.
    pub fn send(self, call: &Call) -> Result<Reply, ToolError> {
        let request = self.build()?;
        let host = crate::url::Link::parse(&request.url).map(|link| link.host).unwrap_or_default();
        let reply = call.exchange(&request)?;
        Ok(Reply { upstream: host, ..reply })
    }

    /// The finished request, or the first mistake.
    pub fn build(self) -> Result<RawRequest, ToolError> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => Ok(RawRequest {
                method: self.method.to_owned(),
                url: self.url,
                headers: self.headers,
                body: self.body,
                credential: self.credential,
            }),
        }
    }

    fn push_segment(&mut self, segment: &str, keep: Keep) {
        if self.has_query {
            self.wrong(ToolError::internal("a path part comes after a query part"));
        }
        self.url.push('/');
        encode(&mut self.url, segment, keep);
    }

    fn wrong(&mut self, mistake: ToolError) {
        self.mistake.get_or_insert(mistake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(request: Request) -> String {
        request.build().unwrap().url
    }

    #[test]
    fn a_request_says_what_its_parts_say() {
        let request = Request::get("https://graph.microsoft.com")
            .path("v1.0/users")
            .segment("x_adatum.com#EXT#@contoso.com")
            .query("$select", "id,mail")
            .query("$filter", "mail eq 'o''brien@x.y'");
        assert_eq!(
            url(request),
            "https://graph.microsoft.com/v1.0/users/x_adatum.com%23EXT%23@contoso.com\
             ?$select=id%2Cmail&$filter=mail%20eq%20%27o%27%27brien@x.y%27"
        );
        assert_eq!(
            url(Request::get("https://h.test").path("entry/HPD:IncidentInterface").query("q", "")),
            "https://h.test/entry/HPD:IncidentInterface?q="
        );
    }

    #[test]
    fn a_value_that_would_name_something_else_is_never_sent() {
        for value in ["", ".", "..", "a/b", "../auditLogs/signIns", "a\\b", "a\nb", "a\0b"] {
            let built = Request::get("https://h.test").path("users").segment(value).build();
            assert!(matches!(built, Err(ToolError::InvalidArguments(_))), "{value:?}");
        }
    }

    #[test]
    fn the_first_mistake_is_the_one_reported() {
        let built = Request::get("https://h.test/x").segment("..").build();
        assert!(matches!(built, Err(ToolError::Internal(_))));
        for wrong in [
            Request::get("https://h.test").query("a", 1).path("b"),
            Request::get("https://h.test").path("a//b"),
            Request::get("https://h.test").path("a/../b"),
            Request::get("https://h.test").header("a b", "c"),
            Request::get("https://h.test").header("a", "b\r\nc: d"),
            Request::get("https://u@h.test"),
        ] {
            assert!(wrong.clone().build().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_json_body_says_that_it_is_json() {
        let built = Request::post("https://h.test").json(&["a"]).credential("c").build().unwrap();
        assert_eq!(built.method, "POST");
        assert_eq!(built.body.as_deref(), Some(b"[\"a\"]".as_slice()));
        assert_eq!(built.headers, [("content-type".to_owned(), b"application/json".to_vec())]);
        assert_eq!(built.credential.as_deref(), Some("c"));
    }
}
