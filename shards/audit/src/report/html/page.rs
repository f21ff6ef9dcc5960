//! The page around it: head, style, table of contents, and the one function that escapes.

use crate::report::visible::visible;

const STYLE: &str = include_str!("page.css");

/// A page that is being written.
pub(crate) struct Page {
    title: String,
    warning: Option<&'static str>,
    /// Of each section: its anchor, and its heading as HTML.
    contents: Vec<(String, String)>,
    body: String,
}

impl Page {
    pub(crate) fn new(title: &str, warning: Option<&'static str>) -> Self {
        Self { title: title.to_owned(), warning, contents: Vec::new(), body: String::new() }
    }

    /// Adds HTML as it is.
    pub(crate) fn push(&mut self, html: &str) {
        self.body.push_str(html);
    }

    /// Begins a section. `n` is how many things it lists.
    pub(crate) fn section(&mut self, id: &str, title: &str, n: Option<usize>) {
        let number = n.map(|n| format!(" <span class=\"count\">{n}</span>")).unwrap_or_default();
        let heading = format!("{}{number}", escape(title));
        self.push(&format!("<h2 id=\"{}\">{heading}</h2>\n", escape(id)));
        self.contents.push((id.to_owned(), heading));
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.push(&format!("<h3>{}</h3>\n", escape(text)));
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.push(&format!("<p><bdi>{}</bdi></p>\n", escape(text)));
    }

    pub(crate) fn note(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.push(&format!("<p class=\"note\"><strong>Note:</strong> {}</p>\n", escape(text)));
        }
    }

    pub(crate) fn notes(&mut self, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        let items: String = notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
        self.push(&format!("<div class=\"note\"><strong>Notes</strong>\n<ul>\n{items}</ul>\n</div>\n"));
    }

    /// Names and values, in small print.
    pub(crate) fn facts(&mut self, facts: &[(&str, &str)]) {
        let rows = facts.iter().map(|(name, value)| {
            format!("<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>\n", escape(name), escape(value))
        });
        let rows: String = rows.collect();
        self.push(&format!("<dl>\n{rows}</dl>\n"));
    }

    pub(crate) fn more(&mut self, all: usize, shown: usize, what: &str) {
        if all > shown {
            let rest = all - shown;
            self.push(&format!(
                "<p class=\"more\">{rest} more {what} are in the JSON and the CSV of this report.</p>\n"
            ));
        }
    }

    /// Cells are HTML already. Without a row there is no table.
    pub(crate) fn table(&mut self, caption: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let rows: String = rows.map(|row| format!("<tr><td>{}</td></tr>\n", row.join("</td><td>"))).collect();
        if rows.is_empty() {
            self.push("<p>None.</p>\n");
            return;
        }
        let heads: String = columns.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
        self.push(&format!(
            "<div class=\"scroll\"><table>\n<caption>{}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
             </table></div>\n",
            escape(caption)
        ));
    }

    /// The whole page. The policy forbids everything but the style that stands in it, should any of the escaping fail.
    pub(crate) fn into_html(self) -> String {
        let title = escape(&self.title);
        let name = if self.warning.is_some() { format!("MOCK: {title}") } else { title.clone() };
        let warning = self.warning.map(|text| format!("<p class=\"mock\" role=\"note\">{}</p>\n", escape(text)));
        let warning = warning.unwrap_or_default();
        let items =
            self.contents.iter().map(|(id, heading)| format!("<li><a href=\"#{}\">{heading}</a></li>\n", escape(id)));
        let items: String = items.collect();
        let contents = if self.contents.is_empty() {
            String::new()
        } else {
            format!("<nav aria-label=\"Contents\">\n<ol>\n{items}</ol>\n</nav>\n")
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n{warning}<h1>{title}</h1>\n</header>\n\
             {contents}<main>\n{}</main>\n</body>\n</html>\n",
            self.body
        )
    }
}

/// A number, in a column of numbers.
pub(crate) fn number(digits: &str) -> String {
    format!("<span class=\"number\">{}</span>", escape(digits))
}

/// What stands where nothing is known.
pub(crate) fn none(why: &str) -> String {
    format!("<span class=\"none\">{}</span>", escape(why))
}

/// An identifier.
pub(crate) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Text for an element or a quoted attribute, with nothing hidden in it.
pub(crate) fn escape(text: &str) -> String {
    entities(&visible(text))
}

/// The same without making anything visible.
pub(crate) fn entities(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
        escaped
    })
}
