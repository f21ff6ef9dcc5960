//! What leaves a guest in words: log lines, progress, results and error texts. Scrubbed here, bounded here.

use super::{Caller, Door, Progress};
use crate::redact::Redactions;
use crate::refusal::{Refusal, story};
use crate::tool::{Body, Content, InputRequired, Media, Output};

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Characters of a line, and of a progress message.
const LINE: usize = 2000;

impl Door {
    /// One line of a guest, for the operator's log. The ledger says how many were not passed on.
    pub fn log(&self, caller: &Caller, level: Level, line: &str) {
        if !caller.tally.passes_on(&self.ledger, caller.call, &caller.subject) {
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

    /// Manifest lines of our own making: only a secret that the shard wrote into its request can be in them.
    pub(super) fn clean_suggestion(&self, refusal: &Refusal) -> Option<String> {
        let lines = refusal.suggestion()?;
        Some(String::from_utf8_lossy(&self.scrubber.exact(lines.as_bytes()).value).into_owned())
    }

    pub fn clean_text(&self, text: &str) -> String {
        self.scrubber.text(text).value
    }

    /// Cut, and without control characters: a log is lines, and a terminal obeys escapes.
    fn clean_line(&self, line: &str) -> String {
        let cut: String = line.chars().take(LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.clean_text(&cut)
    }

    /// A result without secrets, and what went.
    pub fn clean_output(&self, output: Output) -> (Output, Redactions) {
        let mut found = Redactions::default();
        let content = output.content.into_iter().map(|content| self.clean_content(content, &mut found)).collect();
        let notes = output.notes.iter().map(|note| self.clean(note, &mut found)).collect();
        let data = output.data.map(|data| {
            let clean = match &output.written {
                Some(text) => self.scrubber.json_of(data, text),
                None => self.scrubber.json(data),
            };
            found.merge(clean.redactions);
            clean.value
        });
        (Output { data, written: None, content, complete: output.complete, notes }, found)
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
    ///
    /// A guest decides how often it is refused, so the log tells the first ones of a call.
    pub(super) fn tell(&self, caller: &Caller, refusal: &Refusal) {
        if !caller.tally.tells() {
            return;
        }
        let (shard, tool) = (&caller.rights.shard, caller.tool.as_ref().map_or("", |tool| tool.as_str()));
        let story = self.clean_text(&story(refusal));
        match self.clean_suggestion(refusal) {
            Some(suggestion) => {
                tracing::warn!(%shard, tool, "refused: {story}; the manifest would have to say:\n{suggestion}");
            }
            None => tracing::warn!(%shard, tool, "refused: {story}"),
        }
    }

    fn clean(&self, text: &str, found: &mut Redactions) -> String {
        let clean = self.scrubber.text(text);
        found.merge(clean.redactions);
        clean.value
    }

    fn clean_bytes(&self, bytes: &[u8], found: &mut Redactions) -> Vec<u8> {
        let clean = self.scrubber.exact(bytes);
        found.merge(clean.redactions);
        clean.value
    }

    pub fn clean_body(&self, body: Body) -> Body {
        self.clean_embedded(body, &mut Redactions::default())
    }

    fn clean_embedded(&self, body: Body, found: &mut Redactions) -> Body {
        match body {
            Body::Text(text) => Body::Text(self.clean(&text, found)),
            Body::Blob(blob) => Body::Blob(self.clean_bytes(&blob, found)),
        }
    }

    fn clean_content(&self, content: Content, found: &mut Redactions) -> Content {
        let media = |media: Media, found: &mut Redactions| Media {
            data: self.clean_bytes(&media.data, found),
            media_type: self.clean(&media.media_type, found),
        };
        match content {
            Content::Text(text) => Content::Text(self.clean(&text, found)),
            Content::Image(image) => Content::Image(media(image, found)),
            Content::Audio(audio) => Content::Audio(media(audio, found)),
            Content::Link { uri, name, description, media_type } => Content::Link {
                uri: self.clean(&uri, found),
                name: self.clean(&name, found),
                description: description.map(|text| self.clean(&text, found)),
                media_type: media_type.map(|text| self.clean(&text, found)),
            },
            Content::Embedded { uri, media_type, body } => Content::Embedded {
                uri: self.clean(&uri, found),
                media_type: media_type.map(|text| self.clean(&text, found)),
                body: self.clean_embedded(body, found),
            },
        }
    }
}
