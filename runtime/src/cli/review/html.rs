//! One page for the ticket: no script, nothing loaded from anywhere, every value escaped.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::text::path;
use super::words::{line, may};
use super::{Review, Reviewed};
use crate::lock::{Severity, visible};

const STYLE: &str = "
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem;border-bottom:1px solid #ccc}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #e4e4e4}
th{font-weight:600}code,pre{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
pre{background:#f5f5f5;padding:.6rem;margin:.3rem 0}.high{color:#a40000;font-weight:600}.medium{color:#8a5200;font-weight:600}.low{color:#444}
.add{color:#116611}.del{color:#a40000}.quiet{color:#666}.good{color:#116611}
@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}pre{background:#222}td,th{border-color:#333}h2{border-color:#444}
.high,.del{color:#ff8a80}.medium{color:#ffc46b}.low{color:#bbb}.add,.good{color:#8fd98f}.quiet{color:#999}}
";

pub(super) fn say(review: &Review) -> String {
    let findings = review.count();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                // The page runs nothing and loads nothing, and says so to whatever shows it.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Nexus review" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Nexus review: " (findings) @if findings == 1 { " finding" } @else { " findings" } }
                @if let Some(revision) = &review.against { p { "Held against the lock of " code { (revision) } "." } }
                @if findings > 0 { p { "Token of this review: " code { (review.token) } } }
                @for shard in &review.shards { (of(shard)) }
                @for untold in &review.untold {
                    h2 { (untold.name) ": cannot be told" }
                    pre { (visible(&untold.reason)) }
                }
                @if !review.joins.is_empty() {
                    h2 { "Across shards" }
                    p { "Together these bring personal data, text that others wrote and a way to write outside into one conversation." }
                    ul { @for join in &review.joins { li { (path(join)) } } }
                }
            }
        }
    };
    page.into_string()
}

fn of(shard: &Reviewed) -> Markup {
    html! {
        h2 { (shard.shard) " " (visible(&shard.authority.version)) }
        p.quiet {
            (shard.manifest.display()) br;
            code { (shard.authority.component) } br;
            @match &shard.approval {
                Some(approval) => { "Approved by " (approval.by) " on " (approval.at) ": " (approval.why) }
                None => { "Not approved" }
            }
        }
        @if let Some(stopped) = &shard.stopped { p.high { (stopped) } }
        h3 { "What it can newly do" }
        @if shard.findings.is_empty() { p.good { "Nothing." } }
        @else {
            table {
                tr { th { "severity" } th { "finding" } th { "what" } }
                @for finding in &shard.findings {
                    tr {
                        @let severity = match finding.code.severity() { Severity::High => "high", Severity::Medium => "medium", Severity::Low => "low" };
                        td class=(severity) { (severity) }
                        td { code { (finding.code) } br; (finding.code.title()) }
                        td {
                            code { (visible(&finding.what)) }
                            div.quiet { "line " (line(&shard.text, &finding.at)) ". " (finding.code.why()) }
                            @if let Some(diff) = &finding.diff { (changes(diff)) }
                        }
                    }
                }
            }
        }
        @if !shard.remarks.is_empty() {
            h3 { "Look at" }
            ul { @for remark in &shard.remarks { li { code { (remark.code) } " " (visible(&remark.what)) } } }
        }
        h3 { "What it may do" }
        table {
            @for (heading, lines) in may(&shard.authority) {
                tr { th { (heading) } td { @for line in lines { code { (line) } br; } } }
            }
        }
    }
}

fn changes(diff: &str) -> Markup {
    html! {
        pre {
            @for line in diff.lines() {
                @let class = match line.as_bytes().first() { Some(b'+') => "add", Some(b'-') => "del", _ => "quiet" };
                span class=(class) { (visible(line)) } "\n"
            }
        }
    }
}
