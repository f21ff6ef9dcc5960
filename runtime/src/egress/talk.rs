//! What leaves a guest in words: log lines, progress, results and error texts. Scrubbed here, bounded here.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::{Caller, Door, Progress};
use crate::audit::{Event, Note};
use crate::redact::Redactions;
use crate::refusal::{Refusal, story};
use crate::tool::{Body, Content, InputRequired, Output};

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Lines of one call that are passed on. The ledger says how many were not.
const LOG_LINES: u32 = 200;
/// Characters of a line, and of a progress message.
const LINE: usize = 2000;

impl Door {
    /// One line of a guest, for the operator's log.
    pub fn log(&self, caller: &Caller, level: Level, line: &str) {
        if caller.log_lines.fetch_add(1, Ordering::Relaxed) >= LOG_LINES {
            return;
        }
        let line = self.clean_line(line);
        let (shard, tool) = (&caller.rights.shard, caller.tool.as_ref().map_or("", |tool| tool.as_str()));
        match level {
            Level::Debug => tracing::debug!(target: "shard", %shard, tool, "{line}"),
            Level::Info => tracing::info!(target: "shard", %shard, tool, "{line}"),
            Level::Warn => tracing::warn!(target: "shard", %shard, tool, "{line}"),
            Level::Error => tracing::error!(target: "shard", %shard, tool, "{line}"),
        }
    }

    pub fn progress(&self, caller: &Caller, done: f64, total: Option<f64>, message: Option<&str>) {
        caller.report(Progress { done, total, message: message.map(|message| self.clean_line(message)) });
    }

    /// Says in the ledger what was left out of the log.
    pub async fn end_of_call(&self, caller: &Caller) {
        let suppressed = caller.log_lines.load(Ordering::Relaxed).saturating_sub(LOG_LINES);
        if suppressed == 0 {
            return;
        }
        let note = Note {
            parent: caller.call,
            subject: caller.subject.clone(),
            count: Some(suppressed.into()),
            ..Note::new(Event::LogSuppressed)
        };
        if let Err(error) = self.ledger.note(note).await {
            tracing::error!(%error, suppressed, "suppressed log lines cannot be recorded");
        }
    }

    pub fn clean_text(&self, text: &str) -> String {
        self.scrubber.text(text).value
    }

    /// Cut, and without control characters: a log is lines, and a terminal obeys escapes.
    fn clean_line(&self, line: &str) -> String {
        let cut: String = line.chars().take(LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.clean_text(&cut)
    }

    /// A result without secrets, and how often each rule struck.
    pub fn clean_output(&self, output: Output) -> (Output, BTreeMap<&'static str, u64>) {
        let mut found = Redactions::default();
        let mut text = |text: String| {
            let clean = self.scrubber.text(&text);
            found.merge(clean.redactions);
            clean.value
        };
        let content = output.content.into_iter().map(|content| clean_content(content, &mut text)).collect();
        let notes = output.notes.into_iter().map(&mut text).collect();
        let data = output.data.map(|data| {
            let clean = self.scrubber.json(data);
            found.merge(clean.redactions);
            clean.value
        });
        (Output { data, content, complete: output.complete, notes, bytes: output.bytes }, found.by_rule())
    }

    pub fn clean_questions(&self, mut asked: InputRequired) -> InputRequired {
        for question in &mut asked.questions {
            question.message = self.clean_text(&question.message);
            question.schema = self.scrubber.json(question.schema.take()).value;
        }
        asked.state = self.clean_text(&asked.state);
        asked
    }

    /// The operator's copy of a refusal: the whole chain, and what the manifest would have to say.
    pub(super) fn tell(&self, caller: &Caller, refusal: &Refusal) {
        let (shard, tool) = (&caller.rights.shard, caller.tool.as_ref().map_or("", |tool| tool.as_str()));
        let story = self.clean_text(&story(refusal));
        match refusal.suggestion() {
            Some(suggestion) => {
                let suggestion = self.clean_text(&suggestion);
                tracing::warn!(%shard, tool, "refused: {story}; the manifest would have to say:\n{suggestion}");
            }
            None => tracing::warn!(%shard, tool, "refused: {story}"),
        }
    }
}

fn clean_content(content: Content, text: &mut impl FnMut(String) -> String) -> Content {
    match content {
        Content::Text(body) => Content::Text(text(body)),
        Content::Image(image) => Content::Image(image),
        Content::Audio(audio) => Content::Audio(audio),
        Content::Link { uri, name, description, media_type } => Content::Link {
            uri: text(uri),
            name: text(name),
            description: description.map(text),
            media_type,
        },
        Content::Embedded { uri, media_type, body } => Content::Embedded {
            uri: text(uri),
            media_type,
            body: match body {
                Body::Text(body) => Body::Text(text(body)),
                Body::Blob(blob) => Body::Blob(blob),
            },
        },
    }
}
