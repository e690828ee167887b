//! Our own words in the columns that there are: lines break between words, and between the items of a row.

use unicode_width::UnicodeWidthStr as _;

/// A line that is indented as far as this is a command, to be copied as it is.
const COMMAND: usize = 4;

/// Breaks lines that are too long between words; 0 columns means that nobody knows how many there are.
pub(crate) fn folded(text: &str, columns: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        if columns == 0 || indent >= COMMAND || line.trim_end().width() <= columns {
            shown.push_str(line);
            continue;
        }
        // What stands apart on a line gets a line of its own.
        let apart = body.trim_end().split("   ").map(str::trim);
        let lines = apart.filter(|part| !part.is_empty()).flat_map(|part| {
            let words: Vec<&str> = part.split_whitespace().collect();
            rows(&words, " ", columns.saturating_sub(indent))
        });
        // A dot between two things is none where a line ends between them.
        let lines = lines.map(|line| line.trim_matches([' ', '·']).to_owned());
        let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
        let margin = " ".repeat(indent);
        shown.push_str(&margin);
        shown.push_str(&lines.join(&format!("\n{margin}")));
        shown.push_str(if line.ends_with('\n') { "\n" } else { "" });
    }
    shown
}

/// The items in as many lines as it takes; 0 columns means that nobody knows how many there are.
pub(crate) fn listed<S: AsRef<str>>(items: &[S], columns: usize) -> String {
    let columns = if columns == 0 { usize::MAX } else { columns };
    rows(items, " · ", columns).join("\n")
}

/// As many items on each line as fit, with the separator between them. An item that is too long has a line of its own.
pub(crate) fn rows<S: AsRef<str>>(items: &[S], separator: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items.iter().map(AsRef::as_ref) {
        match lines.last_mut() {
            Some(line) if line.width() + separator.width() + item.width() <= columns => {
                line.push_str(separator);
                line.push_str(item);
            }
            Some(_) | None => lines.push(item.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let check = |text, columns, expect: &str| assert_eq!(folded(text, columns), expect);
        check(
            "error: the model said no\n",
            12,
            "error: the\nmodel said\nno\n",
        );
        check("  did you mean a-b?", 10, "  did you\n  mean\n  a-b?");
        check("one two", 7, "one two");
        check("one two", 0, "one two");
        check("a  b\nanother one", 9, "a  b\nanother\none");
        check("日本 日本", 8, "日本\n日本");
        check("what?     all: x", 14, "what?\nall: x");
        check("one · two · three", 10, "one · two\nthree");
        check("one · two · three", 5, "one\ntwo\nthree");
        check("unbreakable", 4, "unbreakable");
    }

    #[test]
    fn a_command_stays_whole() {
        let command = "    export OPENAI_API_KEY=…\n";
        assert_eq!(folded(command, 10), command);
    }

    #[test]
    fn items_share_a_line_where_they_fit() {
        let items = ["12 requests", "1 failed", "$0.01"];
        assert_eq!(rows(&items, " · ", 20), ["12 requests", "1 failed · $0.01"]);
        assert!(rows::<&str>(&[], " · ", 20).is_empty());
        assert_eq!(listed(&items, 20), "12 requests\n1 failed · $0.01");
        assert_eq!(listed(&items, 0), "12 requests · 1 failed · $0.01");
    }
}
