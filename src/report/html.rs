//! A [`RunReport`] as one page to read and print. The words are the Markdown's; this file knows the little Markdown
//! that `markdown` writes, and nothing else of it.

use super::markdown::{Section, sections};
use super::{RunReport, drawing};

/// Tables with more columns than this get a sheet across.
const WIDE: usize = 12;

pub(super) fn report(report: &RunReport) -> String {
    let mut html = String::new();
    for (section, text) in sections(report) {
        let drawings = match section {
            Section::Training => drawing::curves(&report.curve),
            Section::Other => String::new(),
        };
        html.push_str(&convert(&text, &drawings));
    }
    html
}

/// Markdown to HTML; `drawings` come after its first heading.
fn convert(text: &str, drawings: &str) -> String {
    let mut html = String::new();
    let mut drawings = Some(drawings);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let heading = line.len() - line.trim_start_matches('#').len();
        if line.trim().is_empty() {
            continue;
        }
        if heading > 0 {
            let words = inline(line[heading..].trim());
            html.push_str(&format!("<h{heading}>{words}</h{heading}>"));
            html.push_str(drawings.take().unwrap_or_default());
        } else if line.starts_with("```") {
            html.push_str("<pre>");
            for code in lines.by_ref().take_while(|code| !code.starts_with("```")) {
                html.push_str(&escape(code));
                html.push('\n');
            }
            html.push_str("</pre>");
        } else if let Some(item) = line.strip_prefix("- ") {
            html.push_str(&format!("<ul><li>{}</li>", inline(item)));
            while let Some(item) = lines.peek().and_then(|next| next.strip_prefix("- ")) {
                html.push_str(&format!("<li>{}</li>", inline(item)));
                lines.next();
            }
            html.push_str("</ul>");
        } else if line.starts_with('|') {
            let mut rows = vec![line];
            while let Some(row) = lines.next_if(|next| next.starts_with('|')) {
                rows.push(row);
            }
            table(&mut html, &rows);
        } else {
            html.push_str(&format!("<p>{}</p>", inline(line)));
        }
    }
    html
}

fn table(html: &mut String, rows: &[&str]) {
    let head = cells(rows[0]);
    let class = if head.len() > WIDE {
        " class=\"wide\""
    } else {
        ""
    };
    html.push_str(&format!("<table{class}><thead>"));
    row(html, &head, "scope=\"col\"");
    html.push_str("</thead><tbody>");
    // The second line only says that the first is a head.
    for line in rows.iter().skip(2) {
        row(html, &cells(line), "");
    }
    html.push_str("</tbody></table>");
}

/// The first cell of a row names it; with `head` all of them are headings.
fn row(html: &mut String, cells: &[String], head: &str) {
    html.push_str("<tr>");
    for (index, cell) in cells.iter().enumerate() {
        let words = inline(cell);
        html.push_str(&match (index, head) {
            (0, "") => format!("<th scope=\"row\">{words}</th>"),
            (_, "") => format!("<td>{words}</td>"),
            _ => format!("<th {head}>{words}</th>"),
        });
    }
    html.push_str("</tr>");
}

/// The cells of a row; `\|` is a bar inside one.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for letter in inner.chars() {
        let last = cells.len() - 1;
        match letter {
            '\\' if !escaped => escaped = true,
            '|' if !escaped => cells.push(String::new()),
            letter => {
                if escaped && letter != '|' {
                    cells[last].push('\\');
                }
                cells[last].push(letter);
                escaped = false;
            }
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// `**bold**` and `*emphasis*` around a whole text, and `code` anywhere.
fn inline(text: &str) -> String {
    for (mark, tag) in [("**", "strong"), ("*", "em")] {
        let inner = text
            .strip_prefix(mark)
            .and_then(|rest| rest.strip_suffix(mark));
        if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
            return format!("<{tag}>{}</{tag}>", inline(inner));
        }
    }
    let parts: Vec<&str> = text.split('`').collect();
    // An odd mark at the end is a letter like any other.
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let code = |(index, part): (usize, &&str)| match index % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    parts.iter().enumerate().map(code).collect()
}

/// File names and adapter names come from outside.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markdown_of_a_report_becomes_elements() {
        let html = convert(
            "# Run\n\n- seed: 7\n- data: `a`\n\n## Sums\n\n| | spiking |\n|---|---|\n| **sum** | a \\| b |\n\nWords.\n```json\n{\"a\": 1}\n```\n",
            "",
        );
        assert_eq!(
            html,
            "<h1>Run</h1><ul><li>seed: 7</li><li>data: <code>a</code></li></ul><h2>Sums</h2><table><thead><tr><th scope=\"col\"></th><th scope=\"col\">spiking</th></tr></thead><tbody><tr><th scope=\"row\"><strong>sum</strong></th><td>a | b</td></tr></tbody></table><p>Words.</p><pre>{\"a\": 1}\n</pre>"
        );
    }

    #[test]
    fn what_comes_from_outside_stays_text() {
        let html = convert("- device: CPU, <img src=x onerror=alert(1)> & co.", "");
        assert!(
            html.contains("&lt;img src=x onerror=alert(1)&gt; &amp; co."),
            "{html}"
        );
        assert!(!html.contains("<img"), "{html}");
    }

    #[test]
    fn drawings_come_after_the_heading_of_their_section() {
        assert_eq!(
            convert("## Training\n\nWords.", "<svg/>"),
            "<h2>Training</h2><svg/><p>Words.</p>"
        );
    }
}
