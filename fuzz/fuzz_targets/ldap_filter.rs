//! Searches of a directory as a shard may write them. A line is a node:
//!
//! ```text
//! & 0 1        all of these earlier nodes; | any; ! none
//! = mail x     equal; > at least; < at most; the value is the rest of the line
//! ~ mail a*b*  substrings, between stars
//! ? mail       present
//! : a 1.2 x    a matching rule
//! @ DC=corp    no node: a DN
//! ```
//!
//! What is accepted is what a slow reading of the rules accepts; its text reads back as the same tree; and what is sent of it is
//! that tree, by an encoder of our own. A DN reads back as itself, and is below what it ends with and nothing else.

#![no_main]

use ldap3::asn1::{ASNTag as _, write};
use libfuzzer_sys::fuzz_target;
use nexus_fuzz::outbound::{Dn, Filter, GuestNode};

fn node(line: &str) -> Option<GuestNode> {
    let mut chars = line.chars();
    let (sign, rest) = (chars.next()?, chars.as_str().trim_start_matches(' '));
    let places = || rest.split(' ').filter_map(|place| place.parse().ok()).collect::<Vec<u32>>();
    let named = || {
        let (attribute, value) = rest.split_once(' ').unwrap_or((rest, ""));
        (attribute.to_owned(), value)
    };
    Some(match sign {
        '&' => GuestNode::All(places()),
        '|' => GuestNode::Any(places()),
        '!' => GuestNode::No(places().first().copied().unwrap_or(u32::MAX)),
        '=' => GuestNode::Equal { attribute: named().0, value: named().1.into() },
        '>' => GuestNode::AtLeast { attribute: named().0, value: named().1.into() },
        '<' => GuestNode::AtMost { attribute: named().0, value: named().1.into() },
        '?' => GuestNode::Present(rest.to_owned()),
        ':' => {
            let (attribute, rest) = named();
            let (rule, value) = rest.split_once(' ').unwrap_or((rest, ""));
            GuestNode::Matching { attribute, rule: rule.to_owned(), value: value.into() }
        }
        '~' => {
            let (attribute, rest) = named();
            let mut parts: Vec<String> = rest.split('*').map(str::to_owned).collect();
            let ends_with = parts.pop().filter(|part| !part.is_empty());
            let mut parts = parts.into_iter();
            let starts_with = parts.next().filter(|part| !part.is_empty());
            GuestNode::Substrings { attribute, starts_with, contains: parts.collect(), ends_with }
        }
        _ => return None,
    })
}

fn members(node: &GuestNode) -> Option<&[u32]> {
    match node {
        GuestNode::All(places) | GuestNode::Any(places) => Some(places),
        GuestNode::No(place) => Some(std::slice::from_ref(place)),
        _ => None,
    }
}

/// The rules of `outbound/directory/filter.rs`, each by itself.
fn is_filter(nodes: &[GuestNode]) -> bool {
    fn depth(nodes: &[GuestNode], at: usize) -> usize {
        let below = members(&nodes[at]).into_iter().flatten().map(|place| depth(nodes, *place as usize));
        1 + below.max().unwrap_or(0)
    }
    let mut used = vec![0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        for place in members(node).unwrap_or_default() {
            if *place as usize >= at {
                return false;
            }
            used[*place as usize] += 1;
        }
    }
    let in_order = (1..=64).contains(&nodes.len()) && used.pop() == Some(0) && used.iter().all(|n| *n == 1);
    in_order && nodes.iter().all(is_node) && depth(nodes, nodes.len() - 1) <= 16
}

fn is_node(node: &GuestNode) -> bool {
    let name = |text: &str| {
        text.len() <= 64
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && text.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
    };
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    match node {
        GuestNode::All(places) | GuestNode::Any(places) => !places.is_empty(),
        GuestNode::No(_) => true,
        GuestNode::Equal { attribute, value } | GuestNode::AtLeast { attribute, value } | GuestNode::AtMost { attribute, value } => {
            name(attribute) && (1..=4096).contains(&value.len())
        }
        GuestNode::Present(attribute) => name(attribute),
        GuestNode::Matching { attribute, rule, value } => {
            let is_rule = rule.len() <= 64 && rule.split('.').count() > 1 && rule.split('.').all(number);
            name(attribute) && is_rule && (1..=4096).contains(&value.len())
        }
        GuestNode::Substrings { attribute, starts_with, contains, ends_with } => {
            let parts: Vec<_> = starts_with.iter().chain(contains).chain(ends_with).collect();
            let total: usize = parts.iter().map(|part| part.len()).sum();
            name(attribute) && !parts.is_empty() && parts.iter().all(|part| !part.is_empty()) && total <= 4096
        }
    }
}

/// RFC 4511, 4.5.1.7, by hand: what the server is to get.
fn encoded(filter: &Filter) -> Vec<u8> {
    let element = |tag: u8, content: &[u8]| {
        let mut bytes = vec![tag];
        match content.len() {
            short @ 0..=0x7f => bytes.push(short as u8),
            long => {
                let length = long.to_be_bytes();
                let skip = length.iter().take_while(|byte| **byte == 0).count();
                bytes.push(0x80 | (length.len() - skip) as u8);
                bytes.extend_from_slice(&length[skip..]);
            }
        }
        bytes.extend_from_slice(content);
        bytes
    };
    let all = |filters: &[Filter]| filters.iter().flat_map(encoded).collect::<Vec<u8>>();
    let pair = |attribute: &str, value: &[u8]| [element(0x04, attribute.as_bytes()), element(0x04, value)].concat();
    match filter {
        Filter::All(members) => element(0xa0, &all(members)),
        Filter::Any(members) => element(0xa1, &all(members)),
        Filter::No(member) => element(0xa2, &encoded(member)),
        Filter::Equal { attribute, value } => element(0xa3, &pair(attribute.as_str(), value)),
        Filter::AtLeast { attribute, value } => element(0xa5, &pair(attribute.as_str(), value)),
        Filter::AtMost { attribute, value } => element(0xa6, &pair(attribute.as_str(), value)),
        Filter::Present(attribute) => element(0x87, attribute.as_str().as_bytes()),
        Filter::Substrings { attribute, starts_with, contains, ends_with } => {
            let parts = starts_with.iter().map(|part| element(0x80, part.as_bytes()));
            let parts = parts.chain(contains.iter().map(|part| element(0x81, part.as_bytes())));
            let parts: Vec<u8> = parts.chain(ends_with.iter().map(|part| element(0x82, part.as_bytes()))).flatten().collect();
            element(0xa4, &[element(0x04, attribute.as_str().as_bytes()), element(0x30, &parts)].concat())
        }
        Filter::Matching { attribute, rule, value } => {
            let parts = [element(0x81, rule.as_bytes()), element(0x82, attribute.as_str().as_bytes()), element(0x83, value)];
            element(0xa9, &parts.concat())
        }
    }
}

fn check_filter(nodes: Vec<GuestNode>) {
    let expected = is_filter(&nodes);
    let Ok(filter) = Filter::parse(nodes) else {
        assert!(!expected, "refused, and yet it is a filter");
        return;
    };
    assert!(expected, "accepted, and yet it is no filter");
    let text = filter.to_rfc4515();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{text:?}");
    let tag = ldap3::parse_filter(&text).unwrap_or_else(|()| panic!("{text:?} is no filter to the one who sends it"));
    let mut sent = bytes::BytesMut::new();
    write::encode_into(&mut sent, tag.into_structure()).expect("memory is enough");
    // `ldap3` writes the default of `dnAttributes`; we leave it out.
    let ours = encoded(&filter);
    assert_eq!(values_of(&sent), values_of(&ours), "{text}");
    assert!(!filter.rules().is_empty() || sent == ours, "{text}");
}

/// Strings within elements, in order, without the lengths around them.
fn values_of(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [tag, first, rest @ ..] = bytes {
        let more = if *first < 0x80 { 0 } else { usize::from(first & 0x7f) };
        let length = if more == 0 { usize::from(*first) } else { rest[..more].iter().fold(0, |n, byte| n * 256 + usize::from(*byte)) };
        let content = &rest[more..more + length];
        if tag & 0x20 != 0 {
            found.push((*tag, Vec::new()));
            found.extend(values_of(content));
        } else if !(*tag == 0x84 && content == [0]) {
            found.push((*tag, content.to_vec()));
        }
        bytes = &rest[more + length..];
    }
    found
}

fn check_dn(text: &str, others: &[Dn]) -> Option<Dn> {
    let dn = Dn::parse(text).ok()?;
    let written = dn.to_string();
    let again = Dn::parse(&written).unwrap_or_else(|error| panic!("{text:?} is written {written:?}: {error}"));
    assert!(again == dn && again.to_string() == written, "{text:?} is written {written:?}");
    for other in others {
        let (below, above) = (dn.is_at_or_below(other), other.is_at_or_below(&dn));
        assert_eq!(below && above, dn == *other, "{dn} and {other}");
        if below && !other.is_root() {
            // A text that ends otherwise is no name below: what is escaped is written in one way.
            let end = |dn: &Dn| dn.to_string().to_ascii_lowercase();
            let multi = end(&dn).contains('+');
            assert!(multi || end(&dn).ends_with(&end(other)), "{dn} is not below {other}");
        }
    }
    Some(dn)
}

fuzz_target!(|text: &str| {
    let mut dns = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix('@')).take(4) {
        let dn = check_dn(line.strip_prefix(' ').unwrap_or(line), &dns);
        dns.extend(dn);
    }
    let nodes: Vec<_> = text.lines().filter_map(node).take(80).collect();
    if !nodes.is_empty() {
        check_filter(nodes);
    }
});
