//! The little of RFC 3986 that a shard needs: encode one part, and take a link apart to compare it with another.

use std::fmt::Write as _;

/// What may stand for itself, besides letters, digits and `-._~`.
#[derive(Clone, Copy)]
pub(crate) enum Keep {
    /// A segment the author wrote: everything RFC 3986 calls `pchar`, as in `HPD:IncidentInterface`.
    Literal,
    /// A segment or query value from outside. `@` stays, because addresses are common in paths.
    Value,
    /// A query key. `$` stays, because grants list `$select` as it is.
    Key,
}

pub(crate) fn encode(into: &mut String, text: &str, keep: Keep) {
    let extra: &[u8] = match keep {
        Keep::Literal => b"!$&'()*+,;=:@",
        Keep::Value => b"@",
        Keep::Key => b"$@",
    };
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || extra.contains(&byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// Whether a base is `http(s)://host` or `http(s)://host:port` and nothing more.
pub(crate) fn is_base(base: &str) -> bool {
    Link::parse(base).is_some_and(|link| link.path.is_empty() && !base.contains('?'))
}

/// A URL's parts as they stand, none of them decoded. Anything odd is not a link at all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link<'a> {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: &'a str,
}

impl<'a> Link<'a> {
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        // Other parsers disagree about these, so nothing that holds them can be compared safely.
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains(['\\', '#']) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = match authority.split_once(':') {
            None => (authority, if https { 443 } else { 80 }),
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()?),
            Some(_) => return None,
        };
        // Userinfo (`a@b`) and address literals (`[::1]`) fail here.
        let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if host.is_empty() || !host.bytes().all(named) {
            return None;
        }
        let path = rest.split('?').next().unwrap_or_default();
        Some(Self { https, host: host.to_ascii_lowercase(), port, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_encoded_and_nothing_else_can_come_of_it() {
        for (text, expected) in [
            ("alice@nexus.corp", "alice@nexus.corp"),
            ("x_adatum.com#EXT#@contoso.com", "x_adatum.com%23EXT%23@contoso.com"),
            ("a b+c&d=e?f", "a%20b%2Bc%26d%3De%3Ff"),
            ("100%", "100%25"),
            ("%2e%2e", "%252e%252e"),
            ("O'Brien", "O%27Brien"),
            ("Zoë", "Zo%C3%AB"),
            ("$x:y", "%24x%3Ay"),
        ] {
            let mut encoded = String::new();
            encode(&mut encoded, text, Keep::Value);
            assert_eq!(encoded, expected);
        }
    }

    #[test]
    fn a_link_is_taken_apart_or_refused() {
        let link = Link::parse("HTTPS://Graph.Microsoft.com/v1.0/users?$skiptoken=a").unwrap();
        assert_eq!(
            (link.https, link.host.as_str(), link.port, link.path),
            (true, "graph.microsoft.com", 443, "/v1.0/users")
        );
        for odd in [
            "https://graph.microsoft.com@evil.test/v1.0/users",
            "https://a:b@graph.microsoft.com/",
            "https://graph.microsoft.com\\@evil.test/",
            "https://graph.microsoft.com/#",
            "https://[::1]/",
            "https:///v1.0/users",
            "https://graph.microsoft.com:/x:y",
            "https://graph.microsoft.com:99999/",
            "//graph.microsoft.com/",
            "ftp://graph.microsoft.com/",
            "https://gr\u{430}ph.microsoft.com/",
            "https://graph.microsoft.com/ x",
            "",
        ] {
            assert_eq!(Link::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_base_is_a_scheme_a_host_and_a_port() {
        for (base, fits) in [
            ("https://graph.microsoft.com", true),
            ("http://127.0.0.1:8080", true),
            ("https://graph.microsoft.com/", false),
            ("https://graph.microsoft.com?", false),
            ("graph.microsoft.com", false),
        ] {
            assert_eq!(is_base(base), fits, "{base}");
        }
    }
}
