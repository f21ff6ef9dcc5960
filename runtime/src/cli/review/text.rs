//! For a terminal.

use super::words::{line, may};
use super::{Review, Reviewed};
use crate::lock::{Join, Part, visible};

pub(super) fn say(review: &Review) -> String {
    let mut text = String::new();
    if let Some(revision) = &review.against {
        text += &format!("Held against the lock of {revision}.\n\n");
    }
    for shard in &review.shards {
        text += &of(shard);
        text.push('\n');
    }
    for untold in &review.untold {
        text += &format!("{}  CANNOT BE TOLD: {}\n\n", untold.name, untold.reason);
    }
    if !review.joins.is_empty() {
        text += "Across shards: together these bring personal data, text that others wrote and a way to write outside into one\nconversation.\n";
        for join in &review.joins {
            text += &format!("  {}\n", path(join));
        }
        text.push('\n');
    }
    let findings = review.count();
    text += &match (findings, review.untold.is_empty()) {
        (0, true) => "Nothing new.\n".to_owned(),
        (0, false) => "Not all could be told.\n".to_owned(),
        (n, _) => {
            let names =
                review.shards.iter().filter(|shard| !shard.findings.is_empty()).map(|shard| shard.shard.as_str());
            let names = names.collect::<Vec<_>>().join(" ");
            format!(
                "{n} finding{}. To approve: nexus approve {names}\nToken of this review: {}\n",
                if n == 1 { "" } else { "s" },
                review.token
            )
        }
    };
    text.trim_end().to_owned()
}

fn of(shard: &Reviewed) -> String {
    let authority = &shard.authority;
    let mut text = format!("{} {}", shard.shard, authority.version);
    text += &match &shard.approval {
        Some(approval) => format!(", approved by {} on {}: {}\n", approval.by, approval.at, approval.why),
        None => ", not approved\n".to_owned(),
    };
    text += &format!("  {}\n  {}\n", shard.manifest.display(), authority.component);
    for build in shard.approval.iter().flat_map(|approval| &approval.also) {
        text += &format!("  also approved as the build {build}\n");
    }
    if let Some(stopped) = &shard.stopped {
        text += &format!("  {stopped}\n");
    }
    for (heading, lines) in may(authority) {
        text += &section(heading, &lines);
    }
    for remark in &shard.remarks {
        text += &format!("  look at          [{}] {}\n", remark.code, visible(&remark.what));
    }
    if shard.findings.is_empty() {
        text += "  can newly do     nothing\n";
    }
    for finding in &shard.findings {
        let at = line(&shard.text, &finding.at);
        text += &format!("  CAN NEWLY DO     {}: {}\n", finding.code, visible(&finding.what));
        text += &format!("                   {}; line {at}\n", finding.code.title());
        for line in finding.diff.iter().flat_map(|diff| diff.lines()) {
            text += &format!("                   {}\n", visible(line));
        }
    }
    text
}

/// A heading beside its lines.
pub(in crate::cli) fn section(heading: &str, lines: &[String]) -> String {
    let headings = std::iter::once(heading).chain(std::iter::repeat(""));
    let line = |(heading, line): (&str, &String)| format!("  {heading:<17}{}\n", line.replace('\n', " "));
    headings.zip(lines).map(line).collect()
}

/// `workday_get_worker (personal data, untrusted text) → itsm_send (outbound write)`.
pub(super) fn path(join: &Join) -> String {
    let steps = join.path.iter().map(|step| {
        let brings: Vec<_> = step
            .brings
            .iter()
            .map(|part| match part {
                Part::PersonalData => "personal data",
                Part::UntrustedText => "untrusted text",
                Part::OutboundWrite => "outbound write",
            })
            .collect();
        let how = if step.as_peer { ", called by the next itself" } else { "" };
        format!("{} of {} ({}{how})", step.tool, step.shard, brings.join(", "))
    });
    steps.collect::<Vec<_>>().join(" → ")
}
