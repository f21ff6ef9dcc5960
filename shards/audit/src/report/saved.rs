//! `save_report`: a report that somebody else wrote, for the host to keep.

use nexus_shard::{Artifact, Call, Content, Output, Refusal, ToolError, arguments, data, tool};
use unicode_normalization::UnicodeNormalization;

use super::bounds::MOST_BYTES;
use super::commonmark;
use super::html::page::Page;

/// Bytes of Markdown.
const MOST_CONTENT: usize = 1024 * 1024;

/// Characters of an artifact's name, and of each of its two parts.
const MOST_NAME: usize = 100;
const MOST_SUBFOLDER: usize = 40;

#[arguments]
pub(crate) struct SaveReport {
    /// What the report is about, for people.
    #[field(length = 1..=200, class = person)]
    title: String,
    /// The report, in Markdown: at most 1 MiB.
    #[field(length = 1..=1_048_576, class = person)]
    content: String,
    /// Groups reports: it is put before the name, for artifacts have no folders.
    #[field(length = 1..=100, default = None)]
    subfolder: Option<String>,
    /// The name, without extension. Without it, the name is made of the title.
    #[field(length = 1..=200, default = None)]
    filename: Option<String>,
    /// `md`: as it was written. `html`: as a page of its own.
    #[field(default = Format::Md)]
    format: Format,
}

/// What a report is kept as.
#[arguments]
#[derive(Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    Md,
    Html,
}

/// A report that is kept.
#[data]
pub(crate) struct SavedReport {
    /// `saved`: a report that could not be kept is an error instead.
    status: String,
    /// Read it as an MCP resource.
    uri: String,
    /// What it is called now.
    name: String,
    /// How large it is.
    size_bytes: usize,
}

/// Keeps a report written in Markdown in the host's report folder, as Markdown or as an HTML page, and returns its URI.
///
/// The name becomes lower-case letters, digits, `-` and `.`, at most 100 characters; whatever else it holds becomes `-`. A
/// name that is taken gets a new version, and nothing is overwritten. In HTML, what is HTML in the Markdown stays text,
/// pictures are left out, and links lead to http, https or mailto only. PDF and DOCX are not offered: print the HTML page.
#[tool(
    name = "save_report",
    title = "Save a report",
    category = write,
    destructive = false,
    idempotent = false,
    open_world = false
)]
pub(crate) fn save_report(arguments: SaveReport, call: &Call) -> Result<Output<SavedReport>, ToolError> {
    let SaveReport { title, content, subfolder, filename, format } = arguments;
    if content.len() > MOST_CONTENT {
        return Err(ToolError::invalid_arguments(format!(
            "content has {} bytes, and {MOST_CONTENT} are the most",
            content.len()
        )));
    }
    let (extension, media_type) = match format {
        Format::Md => ("md", "text/markdown"),
        Format::Html => ("html", "text/html"),
    };
    let name = name(&title, subfolder.as_deref(), filename.as_deref(), extension);
    let data = match format {
        Format::Md => content,
        Format::Html => page(&title, &content)?,
    };
    let artifact = Artifact { name: name.clone(), media_type: media_type.to_owned(), data: data.into_bytes() };
    let uri = call.put(&artifact).map_err(not_kept)?;
    let link = Content::Link {
        uri: uri.clone(),
        name: name.clone(),
        description: Some(title),
        media_type: Some(media_type.to_owned()),
    };
    let size_bytes = artifact.data.len();
    Ok(Output::new(SavedReport { status: "saved".to_owned(), uri, name, size_bytes }).content(link))
}

fn page(title: &str, content: &str) -> Result<String, ToolError> {
    let too_long = || ToolError::invalid_arguments("content is too long as HTML: save it as md");
    let mut page = Page::new(title, None);
    page.push(&commonmark::render(content, MOST_BYTES).map_err(|_| too_long())?);
    let html = page.into_html();
    if html.len() > MOST_BYTES { Err(too_long()) } else { Ok(html) }
}

/// The general texts speak of requests that are sent, and this is none.
fn not_kept(refusal: Refusal) -> ToolError {
    let code = refusal.code();
    match refusal {
        Refusal::Leak => {
            ToolError::refused(format!("the report holds something like a credential, and is not kept ({code})"))
        }
        Refusal::OverBudget => {
            ToolError::refused(format!("the report is too large, or the host's report folder is full ({code})"))
        }
        Refusal::Internal => {
            ToolError::refused(format!("the host keeps no reports, or could not keep this one ({code})"))
        }
        Refusal::Malformed
        | Refusal::NotGranted
        | Refusal::Credential
        | Refusal::Busy
        | Refusal::Timeout
        | Refusal::Unreachable
        | Refusal::Untrusted
        | Refusal::BadReply
        | Refusal::Unrecorded
        | Refusal::Cancelled => ToolError::refused(format!("the host did not keep the report ({code})")),
    }
}

fn name(title: &str, subfolder: Option<&str>, filename: Option<&str>, extension: &str) -> String {
    let folder = subfolder.map(|folder| slug(folder, MOST_SUBFOLDER)).filter(|folder| !folder.is_empty());
    let room = MOST_NAME - extension.len() - 1 - folder.as_ref().map_or(0, |folder| folder.len() + 1);
    let given = filename.map(without_extension).unwrap_or(title);
    let stem = [given, title].into_iter().map(|name| slug(name, room)).find(|stem| !stem.is_empty());
    let stem = stem.unwrap_or_else(|| "report".to_owned());
    match folder {
        Some(folder) => format!("{folder}.{stem}.{extension}"),
        None => format!("{stem}.{extension}"),
    }
}

/// The extension says what the report is, and that is decided by `format`.
fn without_extension(name: &str) -> &str {
    let known = |extension: &str| ["md", "markdown", "html", "htm"].contains(&extension.to_ascii_lowercase().as_str());
    match name.rsplit_once('.') {
        Some((stem, extension)) if known(extension) => stem,
        _ => name,
    }
}

/// Letters and digits of ASCII in small letters, without their accents; a dot between two of them; everything else is one
/// dash. No underscore: the reports that this shard generates have one in their names, so none of these passes for one.
fn slug(text: &str, most: usize) -> String {
    let mut slug = String::new();
    for c in text.nfkd() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'A'..='Z' => slug.push(c.to_ascii_lowercase()),
            '\u{300}'..='\u{36f}' => {}
            '.' if slug.ends_with('.') => {}
            '.' if !slug.ends_with('-') => slug.push('.'),
            _ if !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
        if slug.len() > most {
            break;
        }
    }
    slug.truncate(most);
    // What is left of `../` or of a dot before a dash.
    let tidy: Vec<_> = slug.split('-').map(|part| part.trim_matches('.')).filter(|part| !part.is_empty()).collect();
    tidy.join("-")
}
