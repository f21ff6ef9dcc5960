//! For the description of a pull request, or a comment on it. What a shard says of itself is somebody's text: it is spelled so
//! that it can neither leave its place nor become a link, a mention or a picture.

use super::text::path;
use super::words::may;
use super::{Review, Reviewed};
use crate::lock::visible;

pub(super) fn say(review: &Review) -> String {
    let findings = review.count();
    let mut text = format!("## Nexus review: {findings} finding{}\n\n", if findings == 1 { "" } else { "s" });
    if let Some(revision) = &review.against {
        text += &format!("Held against the lock of {}.\n\n", code(revision));
    }
    for shard in &review.shards {
        text += &of(shard);
    }
    for untold in &review.untold {
        text += &format!("### {}: cannot be told\n\n{}\n\n", code(&untold.name), code(&untold.reason));
    }
    if !review.joins.is_empty() {
        text += "### Across shards\n\nTogether these bring personal data, text that others wrote and a way to write outside into one conversation:\n\n";
        for join in &review.joins {
            text += &format!("- {}\n", code(&path(join)));
        }
        text.push('\n');
    }
    if findings > 0 {
        text += &format!("Token of this review: `{}`. To approve: `nexus approve`.\n", review.token);
    }
    text.trim_end().to_owned()
}

fn of(shard: &Reviewed) -> String {
    let mut text = format!(
        "### `{}`: {}\n\n",
        shard.shard,
        match shard.findings.len() {
            0 => "nothing new".to_owned(),
            1 => "1 finding".to_owned(),
            n => format!("{n} findings"),
        }
    );
    if let Some(stopped) = &shard.stopped {
        text += &format!("**Stopped:** {}\n\n", code(stopped));
    }
    if !shard.findings.is_empty() {
        text += "| | finding | what | why it matters |\n|---|---|---|---|\n";
        for finding in &shard.findings {
            let (severity, why) = (finding.code.severity(), finding.code.why());
            text += &format!("| {severity:?} | `{}` | {} | {why} |\n", finding.code, cell(&finding.what));
        }
        text.push('\n');
        for finding in shard.findings.iter().filter(|finding| finding.diff.is_some()) {
            text += &format!("{} {}\n\n", code(finding.code.as_str()), code(&finding.what));
            text += &fence("diff", finding.diff.as_deref().unwrap_or_default());
        }
    }
    if !shard.remarks.is_empty() {
        text += "Look at:\n\n";
        for remark in &shard.remarks {
            text += &format!("- `{}` {}\n", remark.code, code(&remark.what));
        }
        text.push('\n');
    }
    text += "<details><summary>What it may do</summary>\n\n";
    let lines = may(&shard.authority).into_iter().flat_map(|(heading, lines)| {
        std::iter::once(format!("{heading}:")).chain(lines.into_iter().map(|line| format!("  {line}")))
    });
    text += &fence("text", &lines.collect::<Vec<_>>().join("\n"));
    text += "</details>\n\n";
    text
}

/// Inline code, whatever is in it (CommonMark 6.1): longer ticks around, and one line.
fn code(text: &str) -> String {
    let text = visible(text).replace(['\n', '\r'], " ");
    let ticks = "`".repeat(longest_ticks(&text) + 1);
    format!("{ticks} {text} {ticks}")
}

/// The same in a table, where a bar ends a cell even within code.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A block of code that nothing in it can end (CommonMark 4.5).
fn fence(language: &str, text: &str) -> String {
    let text = text.lines().map(visible).collect::<Vec<_>>().join("\n");
    let ticks = "`".repeat(longest_ticks(&text).max(2) + 1);
    format!("{ticks}{language}\n{text}\n{ticks}\n\n")
}

fn longest_ticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
