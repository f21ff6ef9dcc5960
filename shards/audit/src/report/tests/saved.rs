//! `save_report`.

use nexus_shard::serde_json::{Value, json};
use nexus_shard::testing::Fake;
use nexus_shard::{Category, Refusal, ToolError};

use crate::TOOLS;
use crate::report::commonmark;

fn host() -> Fake {
    Fake::replies([])
}

fn save(host: &Fake, arguments: Value) -> Result<Value, ToolError> {
    host.call(TOOLS, "save_report", arguments).map(|seen| seen.data)
}

fn html(markdown: &str) -> String {
    commonmark::render(markdown, 1024 * 1024).unwrap()
}

#[test]
fn a_name_is_a_slug_wherever_it_was_to_lead() {
    for (title, subfolder, filename, name) in [
        ("Q2 Review", None, None, "q2-review.md"),
        ("Q2 Review", Some("Audits 2026"), Some("Final Draft.md"), "audits-2026.final-draft.md"),
        ("x", Some("../../etc"), Some("../passwd"), "etc.passwd.md"),
        ("x", Some("a/b\\c"), Some("..\\..\\boot.ini"), "a-b-c.boot.ini.md"),
        ("x", Some("/"), Some("/etc/shadow"), "etc-shadow.md"),
        ("x", None, Some("C:\\Windows\\win.HTML"), "c-windows-win.md"),
        ("x", None, Some(".hidden"), "hidden.md"),
        ("x", None, Some("a..b...c"), "a.b.c.md"),
        ("x", None, Some("nul\0byte\n"), "nul-byte.md"),
        ("Zoë Müller, Ærø", None, None, "zoe-muller-r.md"),
        ("日本", None, None, "report.md"),
        ("Title", None, Some("日本"), "title.md"),
        ("weekly_report_2026-w25", None, None, "weekly-report-2026-w25.md"),
    ] {
        let host = host();
        let arguments = json!({ "title": title, "content": "x", "subfolder": subfolder, "filename": filename });
        let saved = save(&host, arguments).unwrap();
        assert_eq!(saved["name"], name, "{title} {subfolder:?} {filename:?}");
        assert_eq!(host.kept()[0].name, name);
    }
    let long = "ab ".repeat(66);
    let saved = save(&host(), json!({ "title": long, "content": "x", "subfolder": long, "format": "html" })).unwrap();
    let name = saved["name"].as_str().unwrap();
    assert!(
        name.len() <= 100 && name.starts_with("ab-ab-") && name.ends_with(".html") && name.contains(".ab-"),
        "{name}"
    );
}

#[test]
fn markdown_is_kept_as_it_was_written() {
    let host = host();
    let content = "# Über\n\n<b>bold</b>\n";
    let saved = save(&host, json!({ "title": "T", "content": content })).unwrap();
    assert_eq!(
        saved,
        json!({
            "status": "saved", "uri": "nexus://artifacts/test/t.md/1", "name": "t.md", "size_bytes": content.len(),
        })
    );
    let kept = &host.kept()[0];
    assert_eq!((kept.data.as_slice(), kept.media_type.as_str()), (content.as_bytes(), "text/markdown"));
}

#[test]
fn a_page_has_the_title_and_the_text_and_nothing_that_acts() {
    let host = host();
    let content = "# One\n\n<script>alert(1)</script>\n\nSee <b onclick=x>this</b>.\n";
    save(&host, json!({ "title": "<i>T</i>", "content": content, "format": "html" })).unwrap();
    let page = String::from_utf8(host.kept()[0].data.clone()).unwrap();
    assert!(page.contains("<title>&lt;i&gt;T&lt;/i&gt;</title>") && page.contains("default-src 'none'"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("&lt;b onclick=x&gt;"));
    assert!(!page.contains("<script") && !page.contains("<b "));
    assert_eq!(host.kept()[0].media_type, "text/html");
}

#[test]
fn markdown_becomes_html_that_is_known_and_no_other() {
    for (markdown, expected) in [
        ("# A\n## B", "<h2>A</h2>\n<h3>B</h3>\n"),
        ("a *b* **c** ~~d~~ `e<`", "<p>a <em>b</em> <strong>c</strong> <s>d</s> <code>e&lt;</code></p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. a", "<ol start=\"3\">\n<li>a</li>\n</ol>\n"),
        ("- [x] done", "<ul>\n<li>☑ done</li>\n</ul>\n"),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>\n"),
        ("```rust\nlet a = 1;\n\tb\n```", "<pre><code>let a = 1;\n\tb\n</code></pre>\n"),
        ("a  \nb\n\n---", "<p>a<br>\nb</p>\n<hr>\n"),
        ("a\r\nb\rc", "<p>a\nb\nc</p>\n"),
        (
            "[a](https://x.test/?a=1&b=%22)",
            "<p><a href=\"https://x.test/?a=1&amp;b=%22\" rel=\"noopener noreferrer nofollow\">a</a></p>\n",
        ),
        (
            "[a](https://x.test/\"onclick=)",
            "<p><a href=\"https://x.test/&quot;onclick=\" rel=\"noopener noreferrer nofollow\">a</a></p>\n",
        ),
        ("[a](mailto:a@b.test)", "<p><a href=\"mailto:a@b.test\" rel=\"noopener noreferrer nofollow\">a</a></p>\n"),
        ("[a](javascript:alert(1))", "<p>a</p>\n"),
        ("[a](JaVaScRiPt:alert(1))", "<p>a</p>\n"),
        ("[a](<java\tscript:alert(1)>)", "<p>a</p>\n"),
        ("[a](&#106;avascript:alert(1))", "<p>a</p>\n"),
        ("[a](data:text/html,x)", "<p>a</p>\n"),
        ("[a](vbscript:x) [b](file:///etc/passwd) [c](//x.test) [d](/x) [e](#x)", "<p>a b c d e</p>\n"),
        ("![a](https://x.test/p.png)", "<p>[picture: a]</p>\n"),
        ("[![a](http://p)](javascript:x)", "<p>[picture: a]</p>\n"),
        ("<img src=x onerror=y>", "<p>&lt;img src=x onerror=y&gt;</p>\n"),
        ("a <!-- b --> &lt;c&gt; \u{202e}d", "<p>a &lt;!-- b --&gt; &lt;c&gt; ⟨U+202E⟩d</p>\n"),
        (
            "| a | b |\n|---|--:|\n| <x> | 2 |",
            "<div class=\"scroll\"><table>\n<thead><tr><th>a</th><th style=\"text-align:right\">b</th></tr></thead>\n\
             <tbody>\n<tr><td>&lt;x&gt;</td><td style=\"text-align:right\">2</td></tr>\n</tbody>\n</table></div>\n",
        ),
    ] {
        assert_eq!(html(markdown), expected, "{markdown}");
    }
}

#[test]
fn what_would_be_too_long_is_not_kept() {
    let host = host();
    let mut large = "x".repeat(1024 * 1024);
    for format in ["md", "html"] {
        save(&self::host(), json!({ "title": "T", "content": large, "format": format })).unwrap();
    }
    large.push('x');
    let error = save(&host, json!({ "title": "T", "content": large })).unwrap_err();
    assert!(matches!(error, ToolError::InvalidArguments(_)));
    let deep = json!({ "title": "T", "content": ">".repeat(1024 * 1024), "format": "html" });
    assert_eq!(save(&host, deep).unwrap_err().text(), "content is too long as HTML: save it as md");
    assert!(host.kept().is_empty());
    assert_eq!(commonmark::render("a\n\n\"b\"", 15), Err(commonmark::TooLong));
}

#[test]
fn short_markdown_does_not_become_endless_html() {
    let wide = format!("|{}\n|{}\n{}", "a|".repeat(2_000), "-|".repeat(2_000), "|\n".repeat(200_000));
    let links = format!("[a]: http:{}\n\n{}", "x".repeat(10_000), "[a]".repeat(300_000));
    for markdown in ["<http:a>".repeat(131_072), wide, links] {
        let html = commonmark::render(&markdown, 16 * 1024 * 1024);
        assert!(html.is_ok_and(|html| html.len() < 16 * 1024 * 1024));
    }
}

#[test]
fn a_report_that_the_host_does_not_keep_is_an_error() {
    for (refusal, says) in [
        (Refusal::Leak, "something like a credential"),
        (Refusal::OverBudget, "folder is full"),
        (Refusal::Internal, "keeps no reports"),
        (Refusal::Unrecorded, "did not keep the report (unrecorded)"),
    ] {
        let host = host().keeper(move |_| Err(refusal));
        let error = save(&host, json!({ "title": "T", "content": "x" })).unwrap_err();
        assert!(matches!(&error, ToolError::Refused(text) if text.contains(says)), "{error}");
    }
}

#[test]
fn the_tool_says_that_it_writes_and_destroys_nothing() {
    let tool = TOOLS.iter().find(|tool| tool.name() == "save_report").unwrap().define();
    assert_eq!(tool.category, Category::Write);
    let hints = tool.annotations;
    assert!(!hints.read_only && !hints.destructive && !hints.idempotent && !hints.open_world);
    assert_eq!(tool.input_schema["properties"]["format"]["enum"], json!(["md", "html"]));
    assert!(tool.description.contains("PDF and DOCX are not offered"));
    save(&host(), json!({ "title": "T", "content": "x", "format": "pdf" })).unwrap_err();
}
