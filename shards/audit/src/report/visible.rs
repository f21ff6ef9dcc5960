//! Text as a reader sees it. What systems call things is not ours, and some characters say one thing and show another.

/// The same text with nothing hidden in it: what has no shape of its own, or changes the shape of others, is written as
/// what it is. `\u{202e}` becomes `⟨U+202E⟩`, a line break `␊`, a tab `␉`.
///
/// Joiners, which some scripts need within words, are shown as well: two names that differ only in one look the same, and
/// that is what these reports are about.
pub(crate) fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut seen, c| {
        show(&mut seen, c);
        seen
    })
}

/// The same, but lines stay lines and tabs stay tabs: for text that somebody laid out.
pub(crate) fn visible_lines(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut seen, c| {
        match c {
            '\n' | '\t' => seen.push(c),
            _ => show(&mut seen, c),
        }
        seen
    })
}

fn show(seen: &mut String, c: char) {
    match c {
        // The pictures of the control characters stand in the same order (U+2400 and on).
        '\0'..='\x1f' => seen.extend(char::from_u32(0x2400 + u32::from(c))),
        '\x7f' => seen.push('\u{2421}'),
        _ if is_hidden(c) => seen.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
        _ => seen.push(c),
    }
}

/// Whether a character has no shape: controls of C1, bidirectional controls, joiners, fillers, selectors of variants, tags,
/// and what Unicode calls no character.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(u32::from(c),
        0x80..=0x9f
        | 0xad
        | 0x34f
        | 0x61c
        | 0x115f | 0x1160
        | 0x17b4 | 0x17b5
        | 0x180b..=0x180f
        | 0x200b..=0x200f
        | 0x2028..=0x202e
        | 0x2060..=0x206f
        | 0x2800
        | 0x3164
        | 0xfdd0..=0xfdef
        | 0xfe00..=0xfe0f
        | 0xfeff
        | 0xffa0
        | 0xfff0..=0xfffb
        | 0x1bca0..=0x1bca3
        | 0x1d173..=0x1d17a
        | 0xe0000..=0xe0fff)
        // The last two of every plane.
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_shape_is_written_as_what_it_is() {
        for (text, seen) in [
            ("Zoë Müller 日本", "Zoë Müller 日本"),
            ("PC\u{202e}10-\u{200b}", "PC⟨U+202E⟩10-⟨U+200B⟩"),
            ("a\r\nb\tc\0\x7f", "a␍␊b␉c␀␡"),
            ("\u{85}\u{2028}\u{feff}\u{e0041}\u{10ffff}", "⟨U+0085⟩⟨U+2028⟩⟨U+FEFF⟩⟨U+E0041⟩⟨U+10FFFF⟩"),
        ] {
            assert_eq!(visible(text), seen);
        }
        assert_eq!(visible_lines("a\r\n\tb\u{2066}"), "a␍\n\tb⟨U+2066⟩");
    }
}
