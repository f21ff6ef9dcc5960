//! Spellings as encoders are known to write them, for tests to plant. Redaction itself lists none of these: it takes escapes
//! away (see `decode`).

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode};

use super::needles;

/// A value in every spelling that is sought as such, and escaped as common encoders escape.
pub(super) fn forms(value: &str) -> Vec<String> {
    let sought = needles::spellings(value).into_iter().map(|needle| needle.bytes().to_vec());
    let mut forms: Vec<String> = sought.filter_map(|bytes| String::from_utf8(bytes).ok()).collect();
    forms.extend(json_forms(value));
    forms.extend(html_forms(value));
    forms.extend(percent_forms(value.as_bytes()));
    forms.sort();
    forms.dedup();
    forms
}

/// As JSON writers write it: only what must be escaped; with `\/`; without non-ASCII; safe for HTML (Go, .NET); and
/// every character escaped.
fn json_forms(text: &str) -> Vec<String> {
    type Escapes = fn(char) -> bool;
    let writers: [Escapes; 5] = [
        |c| matches!(c, '"' | '\\') || c.is_control(),
        |c| matches!(c, '"' | '\\') || c.is_control() || !c.is_ascii(),
        |c| matches!(c, '"' | '\\' | '<' | '>' | '&') || c.is_control(),
        |c| matches!(c, '"' | '\\' | '<' | '>' | '&' | '\'' | '+' | '`') || c.is_control() || !c.is_ascii(),
        |_| true,
    ];
    let mut forms = Vec::new();
    for escapes in writers {
        for upper in [false, true] {
            for numeric in [false, true] {
                let mut form = String::new();
                for c in text.chars() {
                    json_char(c, escapes(c), numeric || escapes('a'), upper, &mut form);
                }
                forms.push(form.replace('/', "\\/"));
                // Escaped once more: JSON that stands in a string of other JSON.
                forms.push(form.replace('\\', "\\\\").replace('"', "\\\""));
                forms.push(form);
            }
        }
    }
    forms
}

fn json_char(c: char, escape: bool, numeric: bool, upper: bool, form: &mut String) {
    let short = match c {
        _ if !escape || numeric => None,
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        '\t' => Some("\\t"),
        _ => None,
    };
    match short {
        Some(short) => form.push_str(short),
        None if escape => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let code = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                form.push_str(&code);
            }
        }
        None => form.push(c),
    }
}

/// The named references, and both ways to write a quote.
fn html_forms(text: &str) -> Vec<String> {
    let named = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut forms = vec![named.clone()];
    for quote in ["&quot;", "&#34;", "&#x22;"] {
        for apostrophe in ["&#39;", "&#x27;", "&apos;", "'"] {
            let form = named.replace('"', quote).replace('\'', apostrophe);
            forms.push(form.replace('/', "&#x2F;").replace('=', "&#x3D;").replace('`', "&#x60;"));
            forms.push(form.replace('+', "&#43;"));
            forms.push(form.replace('/', "&#x2F;"));
            forms.push(form);
        }
    }
    forms.push(text.chars().map(|c| format!("&#{};", u32::from(c))).collect());
    forms.push(text.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect());
    forms.push(text.chars().map(|c| format!("&#x{:X};", u32::from(c))).collect());
    forms
}

const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// JavaScript's `encodeURIComponent`.
const COMPONENT: AsciiSet = UNRESERVED.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
/// HTML forms: a blank becomes a plus afterwards.
const FORM: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// All that a path segment may hold is left as it is.
const SEGMENT: AsciiSet =
    COMPONENT.remove(b'$').remove(b'&').remove(b'+').remove(b',').remove(b';').remove(b'=').remove(b':').remove(b'@');
/// Only what cannot stand in a URL at all.
const MINIMAL: AsciiSet =
    CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');
/// JavaScript's `encodeURI`.
const WHOLE_URL: AsciiSet = SEGMENT.remove(b'/').remove(b'?').remove(b'#');

fn percent_forms(bytes: &[u8]) -> Vec<String> {
    let every: String = bytes.iter().map(|b| format!("%{b:02X}")).collect();
    let mut forms = vec![every];
    for set in [&UNRESERVED, NON_ALPHANUMERIC, &COMPONENT, &SEGMENT, &MINIMAL, &WHOLE_URL] {
        forms.push(percent_encode(bytes, set).to_string());
    }
    forms.push(percent_encode(bytes, &FORM).to_string().replace("%20", "+"));
    let mut all = Vec::new();
    for form in forms {
        let lower = lower_escapes(&form);
        all.push(form.replace('%', "%25"));
        all.push(lower.replace('%', "%25"));
        all.push(lower);
        all.push(form);
    }
    all
}

/// `%2F` to `%2f`, and nothing else.
fn lower_escapes(text: &str) -> String {
    let mut escape = 0;
    text.chars()
        .map(|c| {
            escape = if c == '%' { 3 } else { escape };
            let lower = if escape > 0 { c.to_ascii_lowercase() } else { c };
            escape = i32::max(escape - 1, 0);
            lower
        })
        .collect()
}
