//! A shard's prompts and documents. Getting one runs the guest, so it is recorded, bounded and scrubbed like a call.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{ClientName, Fault, Host, Principal, apart, asked_of, in_time, keep};
use crate::audit::{self, Crossing, Ending, Event, Facts, Note, Scrubbed};
use crate::egress::{AnswerMemory, Caller};
use crate::shard::{Failure, Shard};
use crate::tool::{Body, Document, Message, PromptError};

/// Who asks for a prompt or a document.
pub struct Reader {
    pub principal: Principal,
    pub client: Option<ClientName>,
    pub cancelled: CancellationToken,
    /// To be held for as long as anything of the answer is there.
    pub memory: AnswerMemory,
}

impl Host {
    pub async fn prompt(
        &self,
        name: &str,
        arguments: &[(String, String)],
        reader: Reader,
    ) -> Result<Vec<Message>, Fault> {
        let found = self.router.prompts().find(|(_, prompt)| prompt.name.as_str() == name);
        let Some((shard, prompt)) = found else { return Err(self.unknown_document(&reader, "unknown-prompt").await) };
        let known = |key: &str| prompt.arguments.iter().any(|argument| argument.name == key);
        let given = |key: &str| arguments.iter().any(|(given, _)| given == key);
        if arguments.iter().any(|(key, _)| !known(key)) {
            return Err(Fault::InvalidArguments("the prompt has no such argument: see prompts/list".into()));
        }
        if let Some(missing) = prompt.arguments.iter().find(|argument| argument.required && !given(&argument.name)) {
            return Err(Fault::InvalidArguments(format!("argument {} is missing", missing.name)));
        }
        let most = shard.rights.limits.output_bytes;
        let what = format!("prompt {}", prompt.name);
        self.recorded(shard, what, reader, async |caller| {
            match shard.get_prompt(&self.door, caller, &prompt.name, arguments).await? {
                Ok(messages) => {
                    let bytes = messages.iter().map(|message| message.text.len()).sum();
                    if let Err(busy) = keep(caller, bytes) {
                        return Ok(Err(busy));
                    }
                    let clean = |message: Message| Message { text: self.door.clean_text(&message.text), ..message };
                    let clean = apart(bytes, || messages.into_iter().map(clean).collect());
                    Ok(in_time(&caller.cancelled, caller.deadline, async { Ok(clean.await) }).await)
                }
                Err(PromptError::NotFound) => Ok(Err(Fault::NotFound)),
                Err(PromptError::TooLarge) => Ok(Err(Fault::OutputTooLarge { most })),
                Err(PromptError::InvalidArguments(text)) => {
                    Ok(Err(Fault::InvalidArguments(self.door.clean_text(&text))))
                }
            }
        })
        .await
    }

    pub async fn document(&self, uri: &str, reader: Reader) -> Result<(&Document, Body), Fault> {
        let found = self.router.documents().find(|(_, document)| document.uri == uri);
        let Some((shard, document)) = found else {
            return Err(self.unknown_document(&reader, "unknown-resource").await);
        };
        let most = shard.rights.limits.output_bytes;
        let what = format!("document {}", document.name);
        let body = self
            .recorded(shard, what, reader, async |caller| {
                let Some(body) = shard.read_document(&self.door, caller, uri).await? else {
                    return Ok(Err(Fault::NotFound));
                };
                if body.bytes() > most {
                    return Ok(Err(Fault::OutputTooLarge { most }));
                }
                if let Err(busy) = keep(caller, body.bytes()) {
                    return Ok(Err(busy));
                }
                let clean = apart(body.bytes(), || self.door.clean_body(body));
                Ok(in_time(&caller.cancelled, caller.deadline, async { Ok(clean.await) }).await)
            })
            .await?;
        Ok((document, body))
    }

    /// Somebody tried: that is on record too. The name is anybody's text and is not.
    pub(super) async fn unknown_document(&self, reader: &Reader, code: &'static str) -> Fault {
        let subject = self.asker(reader.principal, reader.client.as_ref());
        let note = Note { subject: Arc::new(subject), ..Note::new(Event::Refused { code }) };
        match self.door.ledger().note(note).await {
            Ok(_) => Fault::NotFound,
            Err(_) => Fault::Unrecorded,
        }
    }

    /// Both lines, the room, the deadline. The shard may ask for nothing: it answers from itself.
    async fn recorded<T>(
        &self,
        shard: &Arc<Shard>,
        what: String,
        reader: Reader,
        run: impl AsyncFnOnce(&Arc<Caller>) -> Result<Result<T, Fault>, Failure>,
    ) -> Result<T, Fault> {
        let _under_way = self.under_way.read().await;
        let asker = self.asker(reader.principal, reader.client.as_ref());
        let subject = Arc::new(asked_of(shard, audit::Category::Read, asker));
        let asked = audit::Asked {
            what: Crossing::Call,
            parent: None,
            subject: subject.clone(),
            args_summary: Some(Scrubbed::already_scrubbed(self.door.clean_text(&what))),
            subjects: Vec::new(),
            request_bytes: None,
        };
        let unrecorded = |error: audit::LedgerError| {
            tracing::error!(%error, "prompt or document withheld: it cannot be recorded");
            Fault::Unrecorded
        };
        let entry = self.door.ledger().ask(asked).await.map_err(unrecorded)?;
        let result = match self.router.admit(shard) {
            None => Err(Fault::Busy),
            Some(room) => {
                let deadline = Instant::now() + shard.rights.limits.deadline;
                let cancelled = self.cancelled(shard, &reader.cancelled);
                let stop = cancelled.token.clone();
                let caller = Caller::reader(shard.rights.clone(), subject, entry.event_id(), deadline, stop);
                let caller = Arc::new(caller.within(room.memory()).nth(room.nth()).answering(reader.memory));
                let ended = run(&caller).await.unwrap_or_else(|failure| Err(self.failed(shard, &failure)));
                caller.close();
                ended
            }
        };
        let ending = match &result {
            Ok(_) => Ending::Release { facts: Facts::default() },
            Err(fault) => fault.ending(),
        };
        entry.close(ending, result).await.map_err(unrecorded)?.into_inner()
    }
}
