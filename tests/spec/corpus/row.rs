//! A row of the corpus: an attempt, its ending, and the same where it is allowed.

/// One attempt.
pub(super) struct Row {
    /// The escape of `tests/guests/corpus`, or `raw-` and the file of `tests/guests/raw`.
    pub escape: &'static str,
    pub tries: &'static str,
    pub holds: &'static str,
    pub ending: Ending,
    pub control: Control,
    pub ask: Ask,
    /// How far it goes.
    pub n: u64,
    /// What stands in the manifest, and what in its place.
    pub edits: &'static [(&'static str, &'static str)],
}

/// What the attempt comes to.
pub(crate) enum Ending {
    /// The call fails, with one of these codes.
    Fails(&'static [&'static str]),
    /// The call succeeds, and the shard could do no more than say this.
    Told(&'static str),
    /// The shard does not serve, for a reason with this in it.
    Out(&'static str),
    /// The shard serves, and this is what its tool says of itself.
    Listed(&'static str),
}

impl Ending {
    pub(crate) fn is(&self, seen: &str) -> bool {
        match self {
            Self::Fails(codes) => codes.contains(&seen),
            Self::Told(told) | Self::Listed(told) => seen == *told,
            // That nobody approved it is no reason: its neighbours were.
            Self::Out(reason) => seen
                .strip_prefix("stays out: ")
                .is_some_and(|seen| seen.contains(reason) && !seen.starts_with("not approved")),
        }
    }

    pub(crate) fn words(&self) -> String {
        match self {
            Self::Fails(codes) => format!("the call fails: {}", codes.join(" or ")),
            Self::Told(told) => format!("the shard is told: {told}"),
            Self::Out("") => "the shard stays out".to_owned(),
            Self::Out(reason) => format!("the shard stays out: \"{reason}\""),
            Self::Listed(told) => format!("listed: {told}"),
        }
    }
}

/// The same where it is allowed: it succeeds, and the shard says this.
pub(super) enum Control {
    /// The same component goes only so far.
    Less(u64, &'static str),
    /// Another component does honestly what this one does not.
    Twin(&'static str, &'static str),
    /// The same component with other edits of the manifest.
    Allowed(&'static [(&'static str, &'static str)], &'static str),
}

/// What is asked of the component.
#[derive(Clone, Copy)]
pub(crate) enum Ask {
    Call,
    Prompt,
    Document,
}

impl Row {
    const fn new(
        escape: &'static str,
        tries: &'static str,
        holds: &'static str,
        n: u64,
        ending: Ending,
        control: Control,
    ) -> Self {
        Self { escape, tries, holds, ending, control, ask: Ask::Call, n, edits: &[] }
    }

    pub(super) const fn with(self, edits: &'static [(&'static str, &'static str)]) -> Self {
        Self { edits, ..self }
    }

    pub(super) const fn asked_by(self, ask: Ask) -> Self {
        Self { ask, ..self }
    }
}

/// A call that fails with one of these codes; its control goes less far and says that.
pub(super) const fn fails(
    escape: &'static str,
    tries: &'static str,
    holds: &'static str,
    n: u64,
    codes: &'static [&'static str],
    (less, said): (u64, &'static str),
) -> Row {
    Row::new(escape, tries, holds, n, Ending::Fails(codes), Control::Less(less, said))
}

/// A call in which the shard is told this; its control goes less far and says that.
pub(super) const fn told(
    escape: &'static str,
    tries: &'static str,
    holds: &'static str,
    n: u64,
    told: &'static str,
    (less, said): (u64, &'static str),
) -> Row {
    Row::new(escape, tries, holds, n, Ending::Told(told), Control::Less(less, said))
}

/// A shard that stays out; its control is another component that serves.
pub(super) const fn out(
    escape: &'static str,
    tries: &'static str,
    holds: &'static str,
    reason: &'static str,
    (twin, said): (&'static str, &'static str),
) -> Row {
    Row::new(escape, tries, holds, 0, Ending::Out(reason), Control::Twin(twin, said))
}

/// A shard that serves, and whose tool says this of itself; its control is another component.
pub(super) const fn listed(
    escape: &'static str,
    tries: &'static str,
    holds: &'static str,
    description: &'static str,
    (twin, said): (&'static str, &'static str),
) -> Row {
    Row::new(escape, tries, holds, 0, Ending::Listed(description), Control::Twin(twin, said))
}

/// A component that may not have what it imports or offers; the same one serves with these edits of its manifest.
pub(super) const fn out_unless(
    escape: &'static str,
    tries: &'static str,
    holds: &'static str,
    reason: &'static str,
    (edits, said): (&'static [(&'static str, &'static str)], &'static str),
) -> Row {
    Row::new(escape, tries, holds, 0, Ending::Out(reason), Control::Allowed(edits, said))
}
