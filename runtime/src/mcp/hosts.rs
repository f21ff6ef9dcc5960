//! Whether a request says in one way only for which host it is.
//!
//! The check of allowed hosts behind this one reads a name out of the header and does not look at the rest: it takes the
//! first of two headers, what stands after an `@`, and what stands within any brackets. A proxy before us may read another
//! name out of the same text, so a text with two readings is refused before it is compared.

use std::net::Ipv6Addr;

use http::{HeaderMap, Uri, header};

/// One `Host` header, and one reading of it; where the target names a host too, the same one. A request without the
/// header is left to the check behind this one.
pub(super) fn has_one_host(target: &Uri, headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::HOST).iter();
    let host = all.next().map(|host| host.as_bytes());
    let is_plain = |host: &[u8]| std::str::from_utf8(host).is_ok_and(is_host);
    let named = target.authority().map(|authority| authority.as_str().as_bytes());
    all.next().is_none()
        && host.is_none_or(is_plain)
        && named.is_none_or(|named| is_plain(named) && host.is_none_or(|host| host.eq_ignore_ascii_case(named)))
}

/// `name`, `name:port`, an IPv4 address, or an IPv6 address in brackets. An underscore is let through: names of
/// containers have them.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, rest)) => {
            if address.parse::<Ipv6Addr>().is_err() {
                return false;
            }
            (None, (!rest.is_empty()).then_some(rest.strip_prefix(':').unwrap_or("?")))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(text), None),
        },
    };
    let is_name = |host: &str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
    };
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    host.is_none_or(is_name) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn taken(target: &str, hosts: &[&[u8]]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_bytes(host).unwrap());
        }
        has_one_host(&target.parse().unwrap(), &headers)
    }

    #[test]
    fn a_host_with_two_readings_is_refused() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1",
            "127.0.0.1:65535",
            "[::1]",
            "[::1]:8080",
            "nexus.example.com",
            "nexus_1:8080",
        ] {
            assert!(taken("/mcp", &[host.as_bytes()]), "{host}");
            assert!(!taken("/mcp", &[host.as_bytes(), host.as_bytes()]), "{host} twice");
            // Both in the target's own form.
            assert!(taken(&format!("http://{host}/mcp"), &[host.as_bytes()]), "{host}");
            assert!(!taken("http://evil.example/mcp", &[host.as_bytes()]), "{host}");
        }
        for host in [
            "",
            "x@127.0.0.1",
            "evil.example@localhost",
            "localhost@evil.example",
            "a:b@127.0.0.1:80",
            "127.0.0.1:80:80",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "127.0.0.1:8o",
            "127.0.0.1:+80",
            "::1",
            "[::1",
            "[::1]80",
            "[::1]:",
            "[127.0.0.1]",
            "[[::1]]",
            "localhost, evil.example",
            "localhost evil.example",
            "localhost/",
            "localhost?",
            "localhost#",
            "localhost\\evil.example",
            "local%68ost",
            ":80",
        ] {
            assert!(!taken("/mcp", &[host.as_bytes()]), "{host}");
        }
        assert!(!taken("/mcp", &[b"localh\xffst"]));
        assert!(taken("/mcp", &[]));
        assert!(taken("http://localhost/mcp", &[]));
        assert!(!taken("http://x@localhost/mcp", &[]));
    }
}
