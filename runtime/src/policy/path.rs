//! Path templates: literals, `{x}` for one segment, and `**` at the end for the rest.

use std::fmt;

/// Which paths a grant covers. Displayed as the manifest writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathTemplate(Vec<Piece>);

/// In the order of what they cover: a literal is the narrowest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Piece {
    /// Decoded. Empty only at the end, where it is the trailing slash.
    Literal(String),
    /// Exactly one segment that is not empty. The name is for the reader.
    One(String),
    /// One segment that is not empty, and all behind it.
    Rest,
}

/// A text that is no path template. The operator's own text, so it is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "path {found:?}: {problem}; accepted are `/v1.0/users`, `/v1.0/users/{{id}}` (one segment) and `/files/**` (at the end, one or more)"
)]
pub struct BadPath {
    pub found: String,
    pub problem: BadPathProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPathProblem {
    #[error("it does not start with a slash")]
    NotAbsolute,
    #[error("it is longer than {} bytes", MAX)]
    TooLong,
    #[error("it has an empty segment before its end")]
    EmptySegment,
    #[error("it has a dot segment")]
    DotSegment,
    #[error("a query or fragment is no part of a path: query keys go into `query`")]
    Query,
    #[error("it holds a percent sign: write the path decoded")]
    Percent,
    #[error("it holds a character that no path may have: write visible ASCII without \\ and ;")]
    Character,
    #[error("`**` is a whole segment and the last one; `*` means nothing else")]
    Star,
    #[error("braces stand around a name and for a whole segment, as in `{{id}}`")]
    Braces,
    #[error("a setting must have its value before a path is read")]
    Setting,
}

/// Bytes of a template.
const MAX: usize = 1024;
/// Segments of a shape, each of at most `MAX_WORD` bytes: together less than `MAX`.
const MAX_SHAPE: usize = 16;
const MAX_WORD: usize = 40;

impl PathTemplate {
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        read(text).map_err(|problem| BadPath { found: text.chars().take(80).collect(), problem })
    }

    /// `segments` are those of a request: decoded, and none empty but the last.
    pub fn covers(&self, segments: &[String]) -> bool {
        let mut segments = segments.iter();
        for piece in &self.0 {
            let Some(segment) = segments.next() else { return false };
            let covered = match piece {
                Piece::Literal(literal) => literal == segment,
                Piece::One(_) => !segment.is_empty(),
                Piece::Rest => return !segment.is_empty(),
            };
            if !covered {
                return false;
            }
        }
        segments.next().is_none()
    }

    /// Every path that this covers, `wide` covers too. Exact.
    pub fn is_within(&self, wide: &Self) -> bool {
        let mut mine = self.0.iter();
        for theirs in &wide.0 {
            let Some(piece) = mine.next() else { return false };
            let is_covered = match (piece, theirs) {
                (Piece::Literal(literal), Piece::Rest) => return !literal.is_empty(),
                (Piece::One(_) | Piece::Rest, Piece::Rest) => return true,
                (Piece::Literal(literal), Piece::Literal(other)) => literal == other,
                (Piece::Literal(literal), Piece::One(_)) => !literal.is_empty(),
                (Piece::One(_), Piece::One(_)) => true,
                (Piece::One(_), Piece::Literal(_)) | (Piece::Rest, Piece::Literal(_) | Piece::One(_)) => false,
            };
            if !is_covered {
                return false;
            }
        }
        mine.next().is_none()
    }

    /// There is a path that both cover. Exact.
    pub fn overlaps(&self, other: &Self) -> bool {
        let mut pairs = (self.0.iter(), other.0.iter());
        loop {
            let meet = match (pairs.0.next(), pairs.1.next()) {
                (None, None) => return true,
                (None, Some(_)) | (Some(_), None) => return false,
                (Some(Piece::Literal(one)), Some(Piece::Literal(other))) => one == other,
                (Some(Piece::Rest), Some(Piece::Literal(text))) | (Some(Piece::Literal(text)), Some(Piece::Rest)) => {
                    return !text.is_empty();
                }
                (Some(Piece::Rest), Some(_)) | (Some(_), Some(Piece::Rest)) => return true,
                (Some(Piece::Literal(text)), Some(Piece::One(_)))
                | (Some(Piece::One(_)), Some(Piece::Literal(text))) => !text.is_empty(),
                (Some(Piece::One(_)), Some(Piece::One(_))) => true,
            };
            if !meet {
                return false;
            }
        }
    }

    /// What a refusal shows of a path and suggests for it: its words, with `{id}` for each segment that may tell of a
    /// person or hold a secret, and `**` for what is behind the sixteenth. Covers `segments`.
    pub(super) fn shape(segments: &[String]) -> Self {
        let (front, back) = segments.split_at(segments.len().min(MAX_SHAPE));
        let piece = |segment: &String| {
            if segment.is_empty() || is_word(segment) {
                Piece::Literal(segment.clone())
            } else {
                Piece::One("id".to_owned())
            }
        };
        let rest = match back {
            [] => None,
            [slash] if slash.is_empty() => Some(Piece::Literal(String::new())),
            _ => Some(Piece::Rest),
        };
        Self(front.iter().map(piece).chain(rest).collect())
    }

    /// Orders templates that cover one path from narrow to wide, the leftmost difference first.
    pub(super) fn width(&self) -> Vec<u8> {
        let width = |piece: &Piece| match piece {
            Piece::Literal(_) => 0,
            Piece::One(_) => 1,
            Piece::Rest => 2,
        };
        self.0.iter().map(width).collect()
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => write!(f, "/{literal}")?,
                Piece::One(name) => write!(f, "/{{{name}}}")?,
                Piece::Rest => f.write_str("/**")?,
            }
        }
        Ok(())
    }
}

fn read(text: &str) -> Result<PathTemplate, BadPathProblem> {
    if text.len() > MAX {
        return Err(BadPathProblem::TooLong);
    }
    let pieces: Vec<&str> = text.strip_prefix('/').ok_or(BadPathProblem::NotAbsolute)?.split('/').collect();
    let last = pieces.len() - 1;
    pieces
        .into_iter()
        .enumerate()
        .map(|(at, piece)| read_piece(piece, at == last))
        .collect::<Result<_, _>>()
        .map(PathTemplate)
}

fn read_piece(text: &str, is_last: bool) -> Result<Piece, BadPathProblem> {
    if text == "**" && is_last {
        return Ok(Piece::Rest);
    }
    if text.contains('*') {
        return Err(BadPathProblem::Star);
    }
    if text.contains("{setting:") {
        return Err(BadPathProblem::Setting);
    }
    if text.contains(['{', '}']) {
        let name = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).filter(|name| is_name(name));
        return name.map(|name| Piece::One(name.to_owned())).ok_or(BadPathProblem::Braces);
    }
    if text.is_empty() && !is_last {
        return Err(BadPathProblem::EmptySegment);
    }
    if text.contains('%') {
        return Err(BadPathProblem::Percent);
    }
    if text.contains(['?', '#']) {
        return Err(BadPathProblem::Query);
    }
    // A blank is a character of a path (`My Form`), but dots and blanks alone are what servers strip.
    if !text.is_empty() && text.trim_matches(['.', ' ']).is_empty() {
        return Err(BadPathProblem::DotSegment);
    }
    if text.contains(['\\', ';']) || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return Err(BadPathProblem::Character);
    }
    Ok(Piece::Literal(text.to_owned()))
}

fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// `v1.0`, `customreport2`, `HPD:IncidentInterface`, `BMC_ComputerSystem`; not an address, a number, a GUID or a key.
fn is_word(segment: &str) -> bool {
    segment.len() <= MAX_WORD
        && segment.bytes().filter(u8::is_ascii_digit).count() <= 2
        && segment.bytes().any(|b| b.is_ascii_alphabetic())
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'_' | b'-'))
}
