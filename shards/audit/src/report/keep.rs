//! From a report to what a tool returns: compared with the one before, kept in four formats, and cut to what a model reads.

use nexus_shard::{Artifact, Call, Content, Output, ToolError, Utc, arguments, data, serde_json};

use super::bounds::{self, MOST_BYTES};
use super::model::Report;
use super::tally::why_unknown;
use super::{compare, csv, html, markdown};

/// What every report takes.
#[arguments]
pub(crate) struct Generate {
    /// Whether the report is kept as JSON, CSV, Markdown and HTML, for people to open. Without, the result is all there is
    /// of it.
    #[field(default = true)]
    pub(crate) save_to_file: bool,
}

/// A report that was put together.
#[data]
pub(crate) struct Generated {
    /// The report. Long lists are cut here, the number beside each list is of all; the artifacts have the rest.
    report: Report,
    /// Where it is kept; none if it was not to be, or could not.
    artifacts: Vec<Saved>,
}

/// One artifact.
#[data]
#[derive(Eq)]
pub(crate) struct Saved {
    /// Read it as an MCP resource.
    uri: String,
    /// Its file name.
    name: String,
    /// `application/json`, `text/csv`, `text/markdown` or `text/html`.
    media_type: String,
    /// How large it is.
    size_bytes: usize,
}

/// The moment of a call, in whole seconds: a report is no stopwatch.
pub(crate) fn now(call: &Call) -> Result<Utc, ToolError> {
    let whole = std::time::Duration::from_secs(call.now().as_secs());
    Utc::since_1970(whole).ok_or_else(|| ToolError::internal("the clock is beyond the year 9999"))
}

/// Ends a report. The one before is looked up first: afterwards the newest is this one.
pub(crate) fn finish(mut report: Report, call: &Call, save_to_file: bool) -> Output<Generated> {
    compare::compare(&mut report, call);
    let report = bounds::to_fit(report);
    let mut failed = Vec::new();
    let mut artifacts = Vec::new();
    for format in if save_to_file { FORMATS } else { &[] } {
        match keep(&report, call, format) {
            Ok(saved) => artifacts.push(saved),
            Err(why) => failed.push(format!("the report could not be kept as {}: {why}", format.name)),
        }
    }
    let summary = Content::Text(markdown::summary(&report));
    let links: Vec<_> = artifacts.iter().map(|saved| link(&report, saved)).collect();
    let unread: Vec<_> = report
        .readings
        .iter()
        .filter_map(|read| why_unknown(&read.reading).map(|why| format!("{why} ({})", read.what)))
        .collect();
    let warning = report.warning();
    let output = Output::new(Generated { report: bounds::to_read(report), artifacts }).content(summary);
    let output = links.into_iter().fold(output, Output::content);
    let output = warning.into_iter().fold(output, Output::note);
    unread.into_iter().chain(failed).fold(output, Output::partial)
}

struct Format {
    /// For people.
    name: &'static str,
    extension: &'static str,
    media_type: &'static str,
    render: fn(&Report) -> Result<String, String>,
}

/// The canonical form first: if only one fits into what the host keeps, it is that one.
const FORMATS: &[Format] = &[
    Format { name: "JSON", extension: "json", media_type: "application/json", render: json },
    Format { name: "HTML", extension: "html", media_type: "text/html", render: |report| Ok(html::render(report)) },
    Format {
        name: "Markdown",
        extension: "md",
        media_type: "text/markdown",
        render: |report| Ok(markdown::render(report)),
    },
    Format { name: "CSV", extension: "csv", media_type: "text/csv", render: |report| Ok(csv::render(report)) },
];

fn json(report: &Report) -> Result<String, String> {
    serde_json::to_string(report).map_err(|_| "it cannot be written as JSON".to_owned())
}

fn keep(report: &Report, call: &Call, format: &Format) -> Result<Saved, String> {
    let data = (format.render)(report)?.into_bytes();
    let size_bytes = data.len();
    if size_bytes > MOST_BYTES {
        return Err(format!("it has {size_bytes} bytes, and {MOST_BYTES} are the most"));
    }
    let name = format!("{}.{}", report.kind.stem(report.generated_at), format.extension);
    let media_type = format.media_type.to_owned();
    let artifact = Artifact { name: name.clone(), media_type: media_type.clone(), data };
    let uri = call.put(&artifact).map_err(|refusal| format!("the host did not keep it ({})", refusal.code()))?;
    Ok(Saved { uri, name, media_type, size_bytes })
}

fn link(report: &Report, saved: &Saved) -> Content {
    Content::Link {
        uri: saved.uri.clone(),
        name: saved.name.clone(),
        description: Some(report.title.clone()),
        media_type: Some(saved.media_type.clone()),
    }
}

#[cfg(test)]
mod tests {
    use nexus_shard::testing::Fake;

    use super::*;
    use crate::report::kind::ReportKind;
    use crate::report::model::Window;

    #[test]
    fn a_report_of_as_many_bytes_as_the_manifest_grants_is_kept_and_one_byte_more_is_not() {
        let grants = include_str!("../../shard.toml");
        assert!(grants.contains("\nbytes = \"16MiB\"\n"), "what the host keeps of this shard");
        let host = Fake::replies([]);
        let now = Utc::parse("2026-06-15T09:00:00Z").unwrap();
        let report = Report::new(ReportKind::DriftReport, Window::at(now), &host.context(), now);
        let of = |render| Format { name: "text", extension: "txt", media_type: "text/plain", render };

        let full = keep(&report, &host.context(), &of(|_| Ok("x".repeat(16 * 1024 * 1024)))).unwrap();
        assert_eq!((full.size_bytes, host.kept()[0].data.len()), (16 << 20, 16 << 20));
        let why = keep(&report, &host.context(), &of(|_| Ok("x".repeat(16 * 1024 * 1024 + 1)))).unwrap_err();
        assert_eq!(why, "it has 16777217 bytes, and 16777216 are the most");
        assert_eq!(host.kept().len(), 1, "the host was not asked");
    }
}
