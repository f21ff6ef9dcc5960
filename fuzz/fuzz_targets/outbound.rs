//! Requests and what a manifest grants. The first line is a method and an URL; of the lines behind it one that begins with a
//! slash is a path template, one that begins with `host ` is a host pattern, and any other is a header.
//!
//! An URL is accepted if a slow reader of the table in `outbound/mod.rs` accepts it, which then has the same parts; what is written
//! of it reads back as the same. Templates cover what a matcher covers that tries everything, lie within each other if all
//! that they can cover does, and overlap if there is a path that both cover. One grant of them permits what they say together.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::fuzz_target;
use nexus_fuzz::outbound::{GuestRequest, Host, MAX_HEADER_BYTES, MAX_HEADERS, MAX_KEY, MAX_URL, Outbound, Scheme};
use nexus_fuzz::policy::{EgressGrant, Grants, HostPattern, Pace, PathTemplate};

/// What a second reader makes of an URL.
#[derive(Debug, PartialEq)]
struct Parts {
    scheme: &'static str,
    host: String,
    port: u16,
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

/// Reads by the rules, one after the other, over the whole text each time. Names with A-labels are left to IDNA.
fn slow_url(url: &str) -> Option<Parts> {
    let visible = |c: char| c.is_ascii_graphic() && !"\\#\"<>^`{|}".contains(c);
    if url.len() > MAX_URL || !url.chars().all(visible) {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, default) = match scheme.to_ascii_lowercase().as_str() {
        "https" => ("https", 443),
        "http" => ("http", 80),
        _ => return None,
    };
    let end = rest.chars().take_while(|c| *c != '/' && *c != '?').count();
    let (authority, rest) = (&rest[..end], &rest[end..]);
    let (host, port) = slow_authority(authority)?;
    let is_127 = host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.octets()[0] == 127);
    let is_loopback = host == "localhost" || is_127 || host == "[::1]";
    if scheme == "http" && !is_loopback || rest.contains(['[', ']']) {
        return None;
    }
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    Some(Parts {
        scheme,
        host,
        port: port.unwrap_or(default),
        segments: slow_path(path)?,
        query: query.map_or(Some(Vec::new()), slow_query)?,
    })
}

fn slow_authority(text: &str) -> Option<(String, Option<u16>)> {
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, port) = (text[..end].to_ascii_lowercase(), &text[end..]);
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return None,
        Some(digits) => Some(digits.parse().ok().filter(|port: &u16| *port > 0 && port.to_string() == digits)?),
    };
    let labels: Vec<&str> = host.split('.').collect();
    let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    let last = *labels.last()?;
    let like_a_number =
        !last.is_empty() && last.chars().all(|c| c.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hex);
    let is_host = if host.starts_with('[') {
        slow_ipv6(&host[1..end - 1])
    } else if like_a_number {
        let is_byte = |label: &&str| (0..=255u8).any(|byte| byte.to_string() == *label);
        labels.len() == 4 && labels.iter().all(is_byte)
    } else {
        host.len() <= 253 && labels.iter().all(|label| slow_label(label))
    };
    is_host.then_some((host, port))
}

fn slow_label(label: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let hyphens = label.len() > 3 && &label[2..4] == "--" && !label.starts_with("xn--");
    (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-') && !hyphens
}

/// RFC 5952, and no IPv4 address within.
fn slow_ipv6(text: &str) -> bool {
    let Ok(address) = text.parse::<std::net::Ipv6Addr>() else { return false };
    let groups = address.segments();
    // The leftmost of the longest runs of zeros, if it has two groups or more.
    let run = |from: usize| groups[from..].iter().take_while(|group| **group == 0).count();
    let longest = (0..8).map(run).max().filter(|length| *length > 1);
    let start = longest.and_then(|length| (0..8).find(|from| run(*from) == length));
    let write = |groups: &[u16]| groups.iter().map(|group| format!("{group:x}")).collect::<Vec<_>>().join(":");
    let written = match (start, longest) {
        (Some(start), Some(length)) => format!("{}::{}", write(&groups[..start]), write(&groups[start + length..])),
        _ => write(&groups),
    };
    let ipv4_inside = groups[..5].iter().all(|group| *group == 0) && (groups[5] == 0xffff || groups[5] == 0);
    written == text && (!ipv4_inside || text == "::1" || text == "::")
}

fn slow_decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut at, mut decoded) = (0, Vec::new());
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = text.get(at + 1..at + 3).filter(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).ok()
}

fn slow_path(text: &str) -> Option<Vec<String>> {
    let raw: Vec<&str> = if text.is_empty() { vec![""] } else { text[1..].split('/').collect() };
    let mut segments = Vec::new();
    for (at, raw_segment) in raw.iter().enumerate() {
        let segment = slow_decode(raw_segment)?;
        let is_escape = |at: usize| segment[at..].as_bytes().iter().skip(1).take(2).filter(|b| b.is_ascii_hexdigit()).count() == 2;
        let twice = segment.char_indices().any(|(at, c)| c == '%' && is_escape(at));
        let dots = !segment.is_empty() && segment.chars().all(|c| c == '.' || c == ' ');
        let odd = segment.contains(['/', '\\', ';']) || segment.chars().any(char::is_control);
        if twice || dots || odd || segment.is_empty() && at + 1 < raw.len() {
            return None;
        }
        segments.push(segment);
    }
    Some(segments)
}

fn slow_query(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split('&') {
        let (key, value) = pair.split_once('=')?;
        let (key, value) = (slow_decode(key)?, slow_decode(value)?);
        let is_key = !key.is_empty() && key.len() <= MAX_KEY && key.chars().all(|c| c.is_ascii_graphic());
        if !is_key || value.contains('\0') || pairs.iter().any(|(other, _)| *other == key) {
            return None;
        }
        pairs.push((key, value));
    }
    (!text.contains('+')).then_some(pairs)
}

fn parts(outbound: &Outbound) -> Parts {
    Parts {
        scheme: outbound.scheme().as_str(),
        host: outbound.host().to_string(),
        port: outbound.port(),
        segments: outbound.segments().to_vec(),
        query: outbound.query().to_vec(),
    }
}

/// Tries every way in which the pieces of a template may take segments.
fn slow_covers(pieces: &[&str], segments: &[String]) -> bool {
    match (pieces, segments) {
        ([], []) => true,
        ([], _) => false,
        (["**"], segments) => segments.first().is_some_and(|first| !first.is_empty()),
        ([piece, pieces @ ..], [segment, segments @ ..]) => {
            let takes = if piece.starts_with('{') { !segment.is_empty() } else { piece == segment };
            takes && slow_covers(pieces, segments)
        }
        _ => false,
    }
}

fn pieces(template: &str) -> Vec<&str> {
    template.split('/').skip(1).collect()
}

/// A segment that stands in no template.
const FRESH: &str = "\u{1f410}";

/// Of the paths that a template covers, those that no wider template misses by accident.
fn witnesses(template: &str) -> Vec<Vec<String>> {
    let pieces = pieces(template);
    let fixed = |piece: &&str| if piece.starts_with('{') { FRESH.to_owned() } else { (*piece).to_owned() };
    match pieces.split_last() {
        Some((&"**", front)) => {
            let front: Vec<String> = front.iter().map(fixed).collect();
            [vec![FRESH], vec![FRESH, FRESH], vec![FRESH, ""]]
                .iter()
                .map(|back| front.iter().cloned().chain(back.iter().map(|segment| (*segment).to_owned())).collect())
                .collect()
        }
        _ => vec![pieces.iter().map(fixed).collect()],
    }
}

/// Every path over the words of both, one segment longer than the longer of them.
fn slow_overlap(one: &str, other: &str) -> Option<bool> {
    let (one, other) = (pieces(one), pieces(other));
    let plain = |piece: &&&str| !piece.starts_with('{') && **piece != "**";
    let words: BTreeSet<&str> = one.iter().chain(&other).filter(plain).copied().chain([FRESH, ""]).collect();
    let longest = one.len().max(other.len()) + 1;
    if words.len().checked_pow(longest as u32)? > 2000 {
        return None;
    }
    let mut paths: Vec<Vec<String>> = vec![Vec::new()];
    for _ in 0..longest {
        let longer: Vec<Vec<String>> = paths
            .iter()
            .flat_map(|path| words.iter().map(|word| path.iter().cloned().chain([(*word).to_owned()]).collect()))
            .collect();
        if longer.iter().any(|path| slow_covers(&one, path) && slow_covers(&other, path)) {
            return Some(true);
        }
        // An empty segment stands at the end alone.
        paths = longer.into_iter().filter(|path| path.last().is_some_and(|last| !last.is_empty())).collect();
    }
    Some(false)
}

fn check_templates(templates: &[&str], segments: Option<&[String]>) -> Vec<PathTemplate> {
    let mut read: Vec<(&str, PathTemplate)> = Vec::new();
    for text in templates {
        let Ok(template) = PathTemplate::parse(text) else { continue };
        assert_eq!(template.to_string(), *text, "a template is written as it was read");
        if let Some(segments) = segments {
            assert_eq!(template.covers(segments), slow_covers(&pieces(text), segments), "{text} and {segments:?}");
        }
        for witness in witnesses(text) {
            assert!(template.covers(&witness), "{text} and {witness:?}");
        }
        for (other_text, other) in &read {
            for (a, b, text) in [(&template, other, text), (other, &template, other_text)] {
                let within = witnesses(text).iter().all(|witness| b.covers(witness));
                assert_eq!(a.is_within(b), within, "{a} within {b}");
            }
            assert_eq!(template.overlaps(other), other.overlaps(&template), "{text} and {other_text}");
            if let Some(expected) = slow_overlap(text, other_text) {
                assert_eq!(template.overlaps(other), expected, "{text} and {other_text}");
            }
        }
        read.push((text, template));
    }
    read.into_iter().map(|(_, template)| template).collect()
}

/// `*.` stands for one label.
fn slow_host_covers(pattern: &str, parts: &Parts) -> bool {
    let default = if parts.scheme == "https" { 443 } else { 80 };
    let own = if parts.port == default { parts.host.clone() } else { format!("{}:{}", parts.host, parts.port) };
    let pattern = pattern.to_ascii_lowercase();
    let pattern = pattern.strip_suffix(&format!(":{default}")).unwrap_or(&pattern);
    match pattern.strip_prefix("*.") {
        None => pattern == own,
        Some(below) => {
            let is_name = matches!(Host::parse(&parts.host), Ok(Host::Dns(_)));
            is_name && own.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == below)
        }
    }
}

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let (method, url) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
    let rest: Vec<&str> = lines.take(24).collect();
    let templates: Vec<&str> = rest.iter().copied().filter(|line| line.starts_with('/')).take(6).collect();
    let headers = rest.iter().filter(|line| !line.starts_with('/') && !line.starts_with("host "));
    let headers: Vec<(String, Vec<u8>)> =
        headers.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.into())).collect();
    let ask = |url: &str, headers: &[(String, Vec<u8>)]| {
        let headers = headers.to_vec();
        Outbound::parse(GuestRequest { method: method.to_owned(), url: url.to_owned(), headers, ..GuestRequest::default() })
    };

    let slow = slow_url(url).filter(|_| ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method));
    let by_idna = url.to_ascii_lowercase().contains("xn--");
    let bare = ask(url, &[]);
    match (&bare, &slow) {
        (Ok(outbound), Some(slow)) => assert_eq!(parts(outbound), *slow),
        (Ok(_), None) => panic!("{method} {url} was accepted, and the slow reader refuses it"),
        (Err(why), Some(slow)) => assert!(by_idna, "{method} {url} was refused ({why}), and it is {slow:?}"),
        (Err(_), None) => {}
    }
    let read = check_templates(&templates, slow.as_ref().map(|slow| slow.segments.as_slice()));
    let Ok(outbound) = bare else { return };

    let written = format!("{}://{}{}", outbound.scheme(), outbound.authority(), outbound.path_and_query());
    let again = ask(&written, &[]).unwrap_or_else(|why| panic!("{url} is sent as {written}: {why}"));
    assert_eq!(parts(&again), parts(&outbound), "{url} is sent as {written}");
    assert_eq!(again.path_and_query(), outbound.path_and_query());
    written.parse::<http::Uri>().unwrap_or_else(|why| panic!("{written} cannot be sent: {why}"));

    if let Ok(outbound) = ask(url, &headers) {
        let total: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(headers.len() <= MAX_HEADERS && total <= MAX_HEADER_BYTES);
        assert_eq!(outbound.headers().len(), headers.len(), "each header comes once");
        let sent: BTreeMap<&str, &[u8]> = outbound.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        for (name, _) in &headers {
            let value = sent.get(name.to_ascii_lowercase().as_str()).expect("what was asked for is sent");
            assert!(value.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f || *byte == b'\t'), "{name}");
            assert!(!["host", "authorization", "content-length", "transfer-encoding", "connection", "cookie"].contains(&name.to_ascii_lowercase().as_str()));
        }
    }

    let parts = parts(&outbound);
    for pattern in rest.iter().filter_map(|line| line.strip_prefix("host ")).take(3) {
        let Ok(host) = HostPattern::parse(pattern, outbound.scheme()) else { continue };
        let covers_host = slow_host_covers(pattern, &parts);
        assert_eq!(host.covers(outbound.scheme(), outbound.host(), outbound.port()), covers_host, "{pattern} and {url}");
        let grant = EgressGrant {
            scheme: outbound.scheme(),
            host,
            methods: vec![http::Method::GET],
            paths: read.clone(),
            query: ["a", "$top"].map(str::to_owned).into(),
            credential: None,
            tools: None,
            documents: None,
            keep: None,
            idempotent: false,
            private: false,
            pace: Pace::default(),
        };
        let covers_path = templates.iter().any(|text| {
            PathTemplate::parse(text).is_ok() && slow_covers(&pieces(text), &parts.segments)
        });
        let covers_query = parts.query.iter().all(|(key, _)| key == "a" || key == "$top");
        let expected = covers_host && covers_path && covers_query && method == "GET";
        let permitted = Grants::new(vec![grant]).permit(None, ask(url, &[]).expect("it was accepted before"));
        assert_eq!(permitted.is_ok(), expected, "{method} {url}, granted {pattern} {templates:?}");
    }
    assert!(Scheme::parse(parts.scheme).is_ok());
});
