//! What a client asks, and all that it can get.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::peers::Within;
use super::{ClientName, Principal};
use crate::audit::{Ending, Facts, Position, Scrubbed};
use crate::egress::{AnswerMemory, Crossed, Progress};
use crate::redact::{MARK, Redactions, Rule};
use crate::tool::{Content, InputRequired, Output, Resumed};
use crate::wire::Source;

/// One call as it came in.
pub struct Asked {
    pub tool: String,
    /// An object.
    pub arguments: Value,
    pub principal: Principal,
    pub client: Option<ClientName>,
    pub cancelled: CancellationToken,
    /// Where progress goes, if the client wants it.
    pub progress: Option<mpsc::Sender<Progress>>,
    pub resumed: Option<Resumed>,
    /// To be held for as long as anything of the answer is there.
    pub memory: AnswerMemory,
    /// What a call of a peer inherits from its caller. A client's call: nothing.
    pub within: Option<Within>,
}

/// How a call ended. `position` is absent only if the ledger could not be written.
#[derive(Debug)]
pub struct Answer {
    pub tool: String,
    pub result: Result<Good, Fault>,
    pub position: Option<Position>,
    pub source: Source,
    pub as_of: Timestamp,
    /// Its shard served without approval.
    pub dev: bool,
    pub crossings: Vec<Crossed>,
    /// The most memory that its guest had, in bytes; 0 where none ran.
    pub memory: usize,
}

#[derive(Debug)]
pub enum Good {
    Done(Done),
    InputRequired(InputRequired),
}

/// A result that fits its schema and has been scrubbed.
#[derive(Debug)]
pub struct Done {
    pub data: Option<Value>,
    /// `data` as JSON text: what the ledger's digest is of.
    pub text: Option<String>,
    pub content: Vec<Content>,
    pub complete: bool,
    pub notes: Vec<String>,
    pub redactions: Redactions,
}

/// Why there is no result. The texts are for the client and have been scrubbed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("unknown tool")]
    UnknownTool,
    #[error("there is no such prompt or document")]
    NotFound,
    #[error("{0}")]
    InvalidArguments(String),
    #[error("too many calls are under way; try again in a moment")]
    Busy,
    #[error("{text}")]
    Tool { code: &'static str, text: String },
    #[error("{}", guest_text(.0))]
    Guest(&'static str),
    #[error("the result is larger than this tool may return ({most} bytes); ask for less")]
    OutputTooLarge { most: usize },
    /// More than the host takes of something else than bytes; says of what.
    #[error("{0}; ask for less")]
    OutputTooMuch(String),
    #[error("the tool returned something else than its schema promises, so it is withheld")]
    OutputMisfit,
    #[error("the report cannot be read; the operator's log says why")]
    Kept,
    #[error("the call cannot be recorded, so it is not made; the operator's log says why")]
    Unrecorded,
}

impl Fault {
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTool => "unknown-tool",
            Self::NotFound => "not-found",
            Self::InvalidArguments(_) => "invalid-arguments",
            Self::Busy => "busy",
            Self::Tool { code, .. } => code,
            Self::Guest(code) => code,
            Self::OutputTooLarge { .. } | Self::OutputTooMuch(_) => "output-too-large",
            Self::OutputMisfit => "output-misfit",
            Self::Kept => "unreadable",
            Self::Unrecorded => "unrecorded",
        }
    }

    /// As the ledger has it.
    pub(super) fn ending(&self) -> Ending {
        let facts = Facts::default();
        if self.is_refusal() {
            Ending::Refuse { code: self.code(), facts }
        } else {
            Ending::Fail { code: self.code(), message: self.recorded(), facts }
        }
    }

    /// Whether we said no, rather than something going wrong.
    fn is_refusal(&self) -> bool {
        match self {
            Self::UnknownTool | Self::NotFound | Self::InvalidArguments(_) | Self::Busy | Self::Unrecorded => true,
            Self::Guest(_) | Self::OutputTooLarge { .. } | Self::OutputTooMuch(_) | Self::OutputMisfit | Self::Kept => {
                false
            }
            Self::Tool { code, .. } => matches!(*code, "refused" | "invalid-arguments"),
        }
    }

    /// What the ledger keeps of the text: nothing of a tool's own, which may name a person.
    fn recorded(&self) -> Option<Scrubbed> {
        match self {
            Self::Tool { .. } | Self::InvalidArguments(_) => None,
            Self::UnknownTool
            | Self::NotFound
            | Self::Busy
            | Self::Guest(_)
            | Self::OutputTooLarge { .. }
            | Self::OutputTooMuch(_)
            | Self::OutputMisfit
            | Self::Kept
            | Self::Unrecorded => Some(Scrubbed::already_scrubbed(self.to_string())),
        }
    }
}

fn guest_text(code: &str) -> &'static str {
    match code {
        "deadline" => "the tool did not finish in time",
        "cpu" => "the tool used up its computing time",
        "memory" => "the tool needed more memory than it may have",
        "cancelled" => "the call was cancelled",
        _ => "the tool failed",
    }
}

/// What a reader learns of the marks in a result: how many there are and by which rules, never of which values. The result is as
/// complete as it was. What the operator's policy masks has marks that name their class, and is no accident to be told.
fn masked(redactions: &Redactions, n_marks: u64) -> Vec<String> {
    let mut rules: BTreeMap<Rule, u64> = BTreeMap::new();
    for (rule, _, count) in redactions.iter() {
        *rules.entry(rule).or_default() += count;
    }
    rules.retain(|rule, _| !matches!(rule, Rule::ClassPerson | Rule::ClassPay | Rule::ClassHealth));
    let too_deep = rules.remove(&Rule::Depth).unwrap_or(0);
    let here: u64 = rules.values().sum();
    // The other marks were made before the shard got what it made the result of.
    let before = n_marks.saturating_sub(here);
    let by_rules = match rules.len() {
        1 => rules.keys().map(|rule| format!("rule {rule}")).collect(),
        _ => format!("rules {}", rules.iter().map(|(rule, n)| format!("{rule}: {n}")).collect::<Vec<_>>().join(", ")),
    };
    let by_rules = format!("({by_rules})");
    let told = |n: u64, one: &str, many: &str, why: &str| match n {
        0 => None,
        1 => Some(format!("1 value was masked {one} {why}")),
        n => Some(format!("{n} values were masked {many} {why}")),
    };
    let notes = [
        told(here, "as a secret", "as secrets", &by_rules),
        told(before, "as a secret", "as secrets", "before the tool got to see it"),
        told(too_deep, "unread", "unread", "for lying too deep (rule depth)"),
    ];
    notes.into_iter().flatten().collect()
}

fn marks(text: &str) -> u64 {
    text.matches(MARK).count() as u64
}

impl Done {
    pub(super) fn new(clean: Output, redactions: Redactions) -> Self {
        let Output { data, written: _, mut content, complete, mut notes } = clean;
        let text = data.as_ref().map(Value::to_string);
        // Texts say again what the data says.
        let texts = content.iter_mut().filter_map(Content::text_mut).map(|text| marks(text)).sum::<u64>();
        let n_marks = text.as_deref().map_or(0, marks).max(texts);
        notes.extend(masked(&redactions, n_marks));
        Self { data, text, content, complete, notes, redactions }
    }

    /// Of a list, its length; of an object with one list, that list's.
    pub(super) fn rows(&self) -> Option<u64> {
        let list = match self.data.as_ref()? {
            Value::Array(list) => list,
            Value::Object(fields) => {
                let mut lists = fields.values().filter_map(Value::as_array);
                let list = lists.next()?;
                if lists.next().is_some() {
                    return None;
                }
                list
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
        Some(list.len() as u64)
    }
}
