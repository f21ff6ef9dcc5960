//! Markdown that somebody else wrote, as HTML in which nothing can act.
//!
//! Each kind of element is written here or not at all: HTML in the Markdown is text, pictures are their descriptions, and a
//! link leads to `http`, `https` or `mailto` or is text. What the parser does not know cannot appear.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::html::page::entities;
use super::visible::visible_lines;

/// Short Markdown can be long HTML, as a quotation in a quotation in a quotation is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// The HTML of the Markdown, at most so many bytes.
pub(crate) fn render(markdown: &str, most: usize) -> Result<String, TooLong> {
    // Lines end in one way, whatever they ended in.
    let markdown = markdown.replace("\r\n", "\n").replace('\r', "\n");
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::default();
    for event in Parser::new_ext(&markdown, options) {
        writer.event(event);
        if writer.html.len() > most {
            return Err(TooLong);
        }
    }
    Ok(writer.html)
}

#[derive(Default)]
struct Writer {
    html: String,
    /// Whether each open link is one.
    links: Vec<bool>,
    /// Of the table that is open: alignments, whether its head is open, and the cell that comes next.
    columns: Vec<Alignment>,
    is_head: bool,
    column: usize,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            // What was HTML, or mathematics, is read as it was written.
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => self.text(&text),
            Event::Code(text) => {
                self.push("<code>");
                self.text(&text);
                self.push("</code>");
            }
            Event::SoftBreak => self.push("\n"),
            Event::HardBreak => self.push("<br>\n"),
            Event::Rule => self.push("<hr>\n"),
            Event::TaskListMarker(done) => self.push(if done { "☑ " } else { "☐ " }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock | Tag::MetadataBlock(_) | Tag::FootnoteDefinition(_) => self.push("<p>"),
            Tag::Heading { level, .. } => self.push(&format!("<{}>", heading(level))),
            Tag::BlockQuote(_) => self.push("<blockquote>\n"),
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => self.push("<pre><code>"),
            Tag::List(Some(first)) => self.push(&format!("<ol start=\"{first}\">\n")),
            Tag::List(None) => self.push("<ul>\n"),
            Tag::Item => self.push("<li>"),
            Tag::DefinitionList => self.push("<dl>\n"),
            Tag::DefinitionListTitle => self.push("<dt>"),
            Tag::DefinitionListDefinition => self.push("<dd>"),
            Tag::Table(columns) => {
                self.columns = columns;
                self.push("<div class=\"scroll\"><table>\n");
            }
            Tag::TableHead => {
                (self.is_head, self.column) = (true, 0);
                self.push("<thead><tr>");
            }
            Tag::TableRow => {
                self.column = 0;
                self.push("<tr>");
            }
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.push("<em>"),
            Tag::Strong => self.push("<strong>"),
            Tag::Strikethrough => self.push("<s>"),
            Tag::Superscript => self.push("<sup>"),
            Tag::Subscript => self.push("<sub>"),
            Tag::Link { dest_url, .. } => {
                let is_safe = is_safe(&dest_url);
                self.links.push(is_safe);
                if is_safe {
                    let url = entities(&dest_url);
                    self.push(&format!("<a href=\"{url}\" rel=\"noopener noreferrer nofollow\">"));
                }
            }
            // Fetching a picture would tell somebody that the report is read.
            Tag::Image { .. } => self.push("[picture: "),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) | TagEnd::FootnoteDefinition => {
                self.push("</p>\n");
            }
            TagEnd::Heading(level) => self.push(&format!("</{}>\n", heading(level))),
            TagEnd::BlockQuote(_) => self.push("</blockquote>\n"),
            TagEnd::CodeBlock => self.push("</code></pre>\n"),
            TagEnd::List(true) => self.push("</ol>\n"),
            TagEnd::List(false) => self.push("</ul>\n"),
            TagEnd::Item => self.push("</li>\n"),
            TagEnd::DefinitionList => self.push("</dl>\n"),
            TagEnd::DefinitionListTitle => self.push("</dt>"),
            TagEnd::DefinitionListDefinition => self.push("</dd>\n"),
            TagEnd::Table => self.push("</tbody>\n</table></div>\n"),
            TagEnd::TableHead => {
                self.is_head = false;
                self.push("</tr></thead>\n<tbody>\n");
            }
            TagEnd::TableRow => self.push("</tr>\n"),
            TagEnd::TableCell => self.push(if self.is_head { "</th>" } else { "</td>" }),
            TagEnd::Emphasis => self.push("</em>"),
            TagEnd::Strong => self.push("</strong>"),
            TagEnd::Strikethrough => self.push("</s>"),
            TagEnd::Superscript => self.push("</sup>"),
            TagEnd::Subscript => self.push("</sub>"),
            TagEnd::Link => {
                if self.links.pop() == Some(true) {
                    self.push("</a>");
                }
            }
            TagEnd::Image => self.push("]"),
        }
    }

    fn cell(&mut self) {
        let name = if self.is_head { "th" } else { "td" };
        let style = match self.columns.get(self.column) {
            Some(Alignment::Center) => " style=\"text-align:center\"",
            Some(Alignment::Right) => " style=\"text-align:right\"",
            Some(Alignment::Left | Alignment::None) | None => "",
        };
        self.column += 1;
        self.push(&format!("<{name}{style}>"));
    }

    fn text(&mut self, text: &str) {
        self.html.push_str(&entities(&visible_lines(text)));
    }

    fn push(&mut self, html: &str) {
        self.html.push_str(html);
    }
}

/// One level down: the page's own heading is the title.
fn heading(level: HeadingLevel) -> &'static str {
    match level {
        HeadingLevel::H1 => "h2",
        HeadingLevel::H2 => "h3",
        HeadingLevel::H3 => "h4",
        HeadingLevel::H4 => "h5",
        HeadingLevel::H5 | HeadingLevel::H6 => "h6",
    }
}

/// Browsers pass over blanks and controls before a scheme and in it, so a link with any has none of these schemes.
fn is_safe(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let plain = !url.chars().any(|c| c.is_whitespace() || c.is_control());
    plain && scheme.is_some_and(|scheme| matches!(scheme.as_str(), "http" | "https" | "mailto"))
}
