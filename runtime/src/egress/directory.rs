//! Searches through the door: judged when they are opened, and page by page on record.
//!
//! Nothing is asked of a directory before the first page is, so a search that is opened and left has not left. Each page is
//! a crossing with its two lines, and counts against `egress-calls`.

use std::time::{Instant, SystemTime};

use super::caller::Way;
use super::pace::LaneOf;
use super::record::{self, Plan};
use super::{Caller, Door, budget, chance, credential_lane};
use crate::audit::{Ending, Facts, Released};
use crate::outbound::{DirectorySearch, GuestSearch};
use crate::policy::Pace;
use crate::redact::CleanPage;
use crate::refusal::Refusal;
use crate::wire::{RawPage, SearchRun, WireError, retry};

/// A search that the policy has permitted, with the account it binds as.
pub struct OpenSearch {
    run: SearchRun,
    plan: Plan,
    lanes: Vec<(LaneOf, Pace)>,
    destination: String,
    is_fresh: bool,
}

impl Door {
    /// Reads and judges a search. A refused one is on record, an open one when its first page is asked for.
    pub async fn open(&self, caller: &Caller, asked: GuestSearch) -> Result<OpenSearch, Refusal> {
        caller.still_reads(&self.ledger, Way::Directory)?;
        match self.judge_search(caller, asked) {
            Ok(open) => Ok(open),
            Err(refused) => Err(self.deny(caller, Way::Directory, *refused).await),
        }
    }

    fn judge_search(&self, caller: &Caller, asked: GuestSearch) -> Result<OpenSearch, Box<(Plan, Refusal)>> {
        let rights = &caller.rights;
        let unread =
            |error: crate::outbound::BadSearch| (Plan::no_search(None), crate::outbound::Malformed::from(error).into());
        let search = DirectorySearch::parse(asked).map_err(|error| Box::new(unread(error)))?;
        let permit = rights
            .directories
            .permit(caller.tool.as_ref(), search)
            .map_err(|error| Box::new((Plan::no_search(Some(&error)), error.into())))?;
        let plan = Plan::search(&permit);
        if let Err(leak) = self.scrubber.leak_of_search(permit.search()) {
            return Err(Box::new((plan, leak.into())));
        }
        let (grant, credential) = (permit.grant(), permit.grant().credential.clone());
        let destination = format!("ldap://{}:{}", grant.server.host, grant.server.port);
        let lanes = vec![(LaneOf::Grant(permit.grant_key().clone()), grant.pace), credential_lane(rights, &credential)];
        match rights.vault.bind(permit) {
            Ok(sealed) => Ok(OpenSearch { run: self.wire.search(sealed), plan, lanes, destination, is_fresh: true }),
            Err(error) => Err(Box::new((plan, error.into()))),
        }
    }

    /// The next page, or none after the last.
    pub async fn next_page(
        &self,
        caller: &Caller,
        search: &mut OpenSearch,
    ) -> Result<Option<Released<CleanPage>>, Refusal> {
        if search.run.has_ended() {
            return Ok(None);
        }
        caller.still_reads(&self.ledger, Way::Directory)?;
        if let Err(refusal) = caller.spend(Way::Directory) {
            return Err(self.deny(caller, Way::Directory, (search.plan.clone(), refusal)).await);
        }
        let mut attempt = 1;
        loop {
            let started = Instant::now();
            let entry = self.ask(caller, search.plan.crossing()).await?;
            let error = match self.ask_page(caller, search).await {
                Ok(Ok(Some(raw))) => {
                    search.is_fresh = false;
                    let page = self.scrubber.page(raw);
                    caller.crossed(search.plan.found(&page, started.elapsed()));
                    let facts = record::page_facts(&page);
                    return Ok(Some(entry.close(Ending::Release { facts }, page).await?));
                }
                // It had ended after all: nothing was asked.
                Ok(Ok(None)) => {
                    drop(entry.close(Ending::Release { facts: Facts::default() }, ()).await?);
                    return Ok(None);
                }
                Ok(Err(error)) => error,
                Err(refusal) => return Err(self.refuse(caller, entry, &search.plan, refusal, started).await),
            };
            let pause = search.is_fresh.then(|| again(caller, attempt, &error)).flatten();
            let refusal = self.refuse(caller, entry, &search.plan, error.into(), started).await;
            let Some(pause) = pause else { return Err(refusal) };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// One attempt, in its lanes and past the breaker.
    async fn ask_page(
        &self,
        caller: &Caller,
        search: &mut OpenSearch,
    ) -> Result<Result<Option<RawPage>, WireError>, Refusal> {
        let room = self.paces.enter(&caller.rights.shard, search.lanes.iter().cloned(), caller.deadline).await?;
        room.start(caller.deadline).await?;
        let pass = self.breaker.pass(search.destination.clone(), Instant::now())?;
        let page = search.run.next(&budget(caller)).await;
        pass.end_search(page.as_ref().map(drop), Instant::now());
        Ok(page)
    }
}

/// Only a search of which nothing has come may be asked again.
fn again(caller: &Caller, attempt: u32, error: &WireError) -> Option<std::time::Duration> {
    let attempt = retry::Attempt {
        number: attempt,
        idempotent: true,
        remaining: caller.deadline.saturating_duration_since(tokio::time::Instant::now()),
        now: SystemTime::now(),
        jitter: chance(),
    };
    retry::decide(&attempt, Err(error))
}
