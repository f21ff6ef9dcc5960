//! Kept fields: which parts of a JSON reply a shard may see.
//!
//! A path is a JSON pointer (RFC 6901) with one addition: a whole step `*` stands for every element of a list, or every
//! member of an object. A number is a member's name and never a position. What a path reaches is kept with all below it.
//! `/` within a name is written `~1`, `~` is written `~0`, and a member whose name is `*` is reached by `*` alone.

use std::fmt;

/// One kept part of a reply. Displayed as the manifest writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeepPath(Vec<KeepStep>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeepStep {
    /// The member of this name.
    Field(String),
    /// Every element of a list, every member of an object.
    Each,
}

/// A text that is no such path. The operator's own text, so it is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("keep {found:?}: {problem}; accepted are paths such as `/value/*/id`")]
pub struct BadKeep {
    pub found: String,
    pub problem: BadKeepProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeepProblem {
    #[error("it does not start with a slash")]
    NotAbsolute,
    #[error("it has an empty step: to keep a whole reply, leave out `keep`")]
    EmptyStep,
    #[error("it has more than {} steps or {} bytes", MAX_STEPS, MAX)]
    TooLong,
    #[error("`~` is followed by neither 0 nor 1")]
    Tilde,
    #[error("`*` is a whole step")]
    Star,
    #[error("it holds a control character")]
    Control,
}

const MAX_STEPS: usize = 32;
/// Bytes of a path.
const MAX: usize = 1024;

impl KeepPath {
    pub fn parse(text: &str) -> Result<Self, BadKeep> {
        read(text).map_err(|problem| BadKeep { found: text.chars().take(80).collect(), problem })
    }

    /// Never empty.
    pub fn steps(&self) -> &[KeepStep] {
        &self.0
    }
}

impl fmt::Display for KeepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                KeepStep::Field(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1"))?,
                KeepStep::Each => f.write_str("/*")?,
            }
        }
        Ok(())
    }
}

fn read(text: &str) -> Result<KeepPath, BadKeepProblem> {
    let steps: Vec<&str> = text.strip_prefix('/').ok_or(BadKeepProblem::NotAbsolute)?.split('/').collect();
    if steps.len() > MAX_STEPS || text.len() > MAX {
        return Err(BadKeepProblem::TooLong);
    }
    steps.into_iter().map(read_step).collect::<Result<_, _>>().map(KeepPath)
}

fn read_step(text: &str) -> Result<KeepStep, BadKeepProblem> {
    if text.is_empty() {
        return Err(BadKeepProblem::EmptyStep);
    }
    if text == "*" {
        return Ok(KeepStep::Each);
    }
    if text.contains('*') {
        return Err(BadKeepProblem::Star);
    }
    if text.contains(char::is_control) {
        return Err(BadKeepProblem::Control);
    }
    if text.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
        return Err(BadKeepProblem::Tilde);
    }
    // In this order, so that `~01` is `~1` and no slash.
    Ok(KeepStep::Field(text.replace("~1", "/").replace("~0", "~")))
}
