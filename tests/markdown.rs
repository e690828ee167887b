//! The renderer against a reference parser of `CommonMark`, and against itself in pieces.
//!
//! What is compared is the meaning, not the layout: each visible character with its attributes (headings, emphasis,
//! code, links, table heads), the depth of every list item, and the lines of every code block. Where the renderer
//! differs on purpose, [`the_differences_are_these`] says so and why.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a fixture that cannot be read fails the test"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use llmgw::cli::render::Colour;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

#[path = "support/rendering.rs"]
mod rendering;

use rendering::{hold, render};

/// What a text means, layout aside.
#[derive(Debug, Default, PartialEq, Eq)]
struct Meaning {
    /// Visible characters, a run for each change of attributes: `[b]Note:`.
    runs: Vec<String>,
    /// The depth of each list item.
    items: Vec<usize>,
    /// The code blocks.
    blocks: Vec<String>,
}

impl Meaning {
    fn add(&mut self, style: &str, text: &str) {
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            let mark = format!("[{style}]");
            match self.runs.last_mut() {
                Some(run) if run.starts_with(&mark) => run.push(c),
                _ => self.runs.push(format!("{mark}{c}")),
            }
        }
    }
}

/// A corpus of Markdown as models write it.
fn corpus() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/markdown");
    let mut texts: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    texts.sort();
    assert!(texts.len() >= 8, "the corpus is there");
    texts
}

// === What the renderer shows ===

fn shown(source: &str) -> Meaning {
    let mut meaning = Meaning::default();
    let mut depths = Vec::new();
    let mut block: Option<Vec<String>> = None;
    for line in render([source], 100, Colour::On).lines() {
        let runs = dressed(line);
        for (style, text) in runs.iter().filter(|(style, _)| !style.contains('d')) {
            meaning.add(style, text);
        }
        let is_fence = runs.iter().any(|(style, text)| {
            style == "d" && (text.starts_with("```") || text.starts_with("~~~"))
        });
        if is_fence {
            block = match block.take() {
                Some(lines) => {
                    meaning.blocks.push(lines.join("\n"));
                    None
                }
                None => Some(Vec::new()),
            };
        } else if let Some(lines) = &mut block {
            let code = runs.iter().find(|(style, _)| style == "c");
            lines.push(code.map(|(_, text)| text.clone()).unwrap_or_default());
        } else {
            item(&runs, &mut depths, &mut meaning.items);
        }
    }
    meaning
}

/// The depth of a line that is a list item, by the columns of the items above it.
fn item(runs: &[(String, String)], depths: &mut Vec<usize>, items: &mut Vec<usize>) {
    let plain: String = runs
        .iter()
        .filter(|(style, _)| style != "d")
        .map(|(_, text)| text.as_str())
        .collect();
    let column = plain.len() - plain.trim_start().len();
    let body = plain.trim_start();
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let is_item = body.starts_with("• ") || digits > 0 && body[digits..].starts_with(". ");
    if !is_item {
        if column == 0 && !body.is_empty() {
            depths.clear();
        }
        return;
    }
    depths.retain(|above| *above < column);
    depths.push(column);
    items.push(depths.len());
}

/// The runs of one line, with their attributes as letters.
fn dressed(line: &str) -> Vec<(String, String)> {
    let mut runs = Vec::new();
    for (at, piece) in line.split("\u{1b}[0").enumerate() {
        let (parameters, text) = match at {
            0 => ("", piece),
            _ => piece.split_once('m').unwrap(),
        };
        let letters = parameters.split(';').filter(|one| !one.is_empty());
        let style: String = letters.map(letter).collect();
        if !text.is_empty() {
            runs.push((style, text.to_owned()));
        }
    }
    runs
}

fn letter(parameter: &str) -> char {
    match parameter {
        "1" => 'b',
        "2" => 'd',
        "3" => 'i',
        "4" => 'u',
        "9" => 's',
        "36" => 'c',
        other => panic!("no attribute of ours: {other}"),
    }
}

// === What the reference reads ===

fn reference(source: &str) -> Meaning {
    let mut meaning = Meaning::default();
    let mut styles: Vec<&str> = Vec::new();
    let mut lists: Vec<Option<u64>> = Vec::new();
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for event in Parser::new_ext(source, options) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                styles.push(if level == HeadingLevel::H1 { "bu" } else { "b" });
            }
            Event::Start(Tag::Strong | Tag::TableHead) => styles.push("b"),
            Event::Start(Tag::Emphasis) => styles.push("i"),
            Event::Start(Tag::Strikethrough) => styles.push("s"),
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => styles.push("u"),
            Event::Start(Tag::CodeBlock(kind)) => {
                assert!(matches!(kind, CodeBlockKind::Fenced(_)), "{source}");
                styles.push("c");
                meaning.blocks.push(String::new());
            }
            Event::End(TagEnd::CodeBlock) => {
                styles.pop();
                let block = meaning.blocks.last_mut().unwrap();
                block.truncate(block.trim_end_matches('\n').len());
            }
            Event::End(
                TagEnd::Heading(_)
                | TagEnd::Strong
                | TagEnd::TableHead
                | TagEnd::Emphasis
                | TagEnd::Strikethrough
                | TagEnd::Link
                | TagEnd::Image,
            ) => {
                styles.pop();
            }
            Event::Start(Tag::List(first)) => lists.push(first),
            Event::End(TagEnd::List(_)) => {
                lists.pop();
            }
            Event::Start(Tag::Item) => {
                meaning.items.push(lists.len());
                match lists.last_mut().unwrap() {
                    Some(number) => {
                        meaning.add("", &format!("{number}."));
                        *number += 1;
                    }
                    None => meaning.add("", "•"),
                }
            }
            Event::Text(text) => {
                if styles.contains(&"c") {
                    meaning.blocks.last_mut().unwrap().push_str(&text);
                }
                meaning.add(&letters(&styles, ""), &text);
            }
            Event::Code(text) => meaning.add(&letters(&styles, "c"), &text),
            _ => {}
        }
    }
    meaning
}

/// The attributes that are open, in the order in which the renderer writes them.
fn letters(styles: &[&str], more: &str) -> String {
    let open = |letter: &char| {
        styles.iter().any(|style| style.contains(*letter)) || more.contains(*letter)
    };
    ['b', 'i', 'u', 's', 'c'].into_iter().filter(open).collect()
}

fn check(source: &str) {
    assert_eq!(shown(source), reference(source), "source:\n{source}");
}

#[test]
fn the_corpus_means_what_the_reference_reads() {
    for (name, text) in corpus() {
        // Between ideographs emphasis goes by what its writer meant: see the differences.
        if name != "cjk.md" {
            assert_eq!(shown(&text), reference(&text), "{name}");
        }
    }
}

#[test]
fn random_documents_mean_what_the_reference_reads() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..600 {
        check(&random.document());
    }
}

/// Each is a decision, not an accident.
#[test]
fn the_differences_are_these() {
    let differs = |source: &str, why: &str| {
        assert_ne!(
            shown(source),
            reference(source),
            "{source:?} no longer differs: {why}"
        );
    };
    differs(
        "这是**“重点”**内容",
        "beside ideographs punctuation does not hinder emphasis, as their writers expect",
    );
    differs(
        "an **open mark",
        "what opens and never closes has been written by the time that is known",
    );
    differs(
        "a lone ` tick",
        "the same: code begins at its mark and ends with its line at the latest",
    );
    differs(
        "Heading\n=======\n",
        "a line that is written cannot become a heading; models do not write these",
    );
    differs(
        "[text][ref]\n\n[ref]: https://example.org",
        "the address comes long after the text has been written",
    );
    differs("a <b>tag</b>", "HTML is shown as it was written");
    differs("a &amp; b", "so are entities");
    differs(
        "<https://example.org>",
        "so are addresses in angle brackets",
    );
    differs(
        "| a | b |\n|---|---|\n| `x|y` | z |",
        "a bar inside code is code: models forget to escape it",
    );
    differs(
        "a | b\n---|---\n1 | 2",
        "a table begins with a bar, so that no line of prose has to wait for the next one",
    );
    differs(
        "1. one\n1. one again",
        "numbers are shown as they were written",
    );
}

// === Pieces ===

#[test]
fn ten_thousand_cuts_give_the_same_output() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let texts = corpus();
    for round in 0..10_000 {
        let (_, text) = &texts[round % texts.len()];
        // A part of the text, so that all of it begins and ends everywhere.
        let from = text.ceil_char_boundary(random.below(text.len()));
        let part = &text[from..text.ceil_char_boundary((from + 160).min(text.len()))];
        let longest = if round % 2 == 0 { 8 } else { 100 };
        hold(part, &random.pieces(part, longest), 20 + random.below(80));
    }
}

#[test]
fn the_laws_hold_for_any_soup_of_marks() {
    let mut random = Random(0x0bad_cafe_dead_beef);
    let alphabet: Vec<char> = "ab *_`~#>-+|[]()\\:!1.日👩é\t\n\n \u{301}\u{1b}\u{9b}\u{200d}"
        .chars()
        .collect();
    for _ in 0..1500 {
        let text: String = (0..random.below(120))
            .map(|_| alphabet[random.below(alphabet.len())])
            .collect();
        hold(&text, &random.pieces(&text, 7), 20 + random.below(20));
    }
}

// === Random documents, as models write them ===

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// A text in pieces of at most so many bytes, or one character.
    fn pieces<'a>(&mut self, text: &'a str, longest: usize) -> Vec<&'a str> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(1 + self.below(longest)));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 16] = [
            "light", "a", "the", "model", "2", "x_y", "don't", "fast", "(so)", "word,", "end.",
            "日本", "🦀", "50%", "C++", "\"said\"",
        ];
        WORDS[self.below(WORDS.len())]
    }

    fn words(&mut self, most: usize) -> String {
        let words: Vec<&str> = (0..=self.below(most)).map(|_| self.word()).collect();
        words.join(" ")
    }

    /// Text of one line, with marks that nest.
    fn inline(&mut self, depth: usize) -> String {
        let mut text = self.word().to_owned();
        for _ in 0..=self.below(4) {
            text.push(' ');
            let piece = match self.below(if depth == 0 { 3 } else { 9 }) {
                0 | 1 => self.words(3),
                2 => format!("`{} = {}`", self.words(2), self.word()),
                3 => format!("**{}**", self.plain()),
                4 => format!("*{}*", self.words(2)),
                5 => format!("_{}_", self.words(2)),
                6 => format!("~~{}~~", self.words(2)),
                7 => format!(
                    "[{}](https://example.org/{})",
                    self.words(2),
                    self.below(99)
                ),
                _ => format!(
                    "**{}:** {}",
                    self.words(1).trim_end_matches(','),
                    self.word()
                ),
            };
            text.push_str(&piece);
        }
        text
    }

    /// Text inside of bold or a cell, not too long for a cell: slanted, code and words.
    fn plain(&mut self) -> String {
        match self.below(4) {
            0 => format!("{} *{}* {}", self.word(), self.words(1), self.word()),
            1 => format!("`{}` {}", self.word(), self.word()),
            _ => self.words(3),
        }
    }

    fn document(&mut self) -> String {
        let blocks: Vec<String> = (0..=self.below(6)).map(|_| self.block("")).collect();
        blocks.join("\n")
    }

    fn block(&mut self, indent: &str) -> String {
        match self.below(if indent.is_empty() { 9 } else { 6 }) {
            // Two lists with nothing between them would be one.
            2 => format!("{}\n{}", self.list(indent, 0), self.paragraph(indent)),
            3 => self.fence(indent),
            4 => format!(
                "{indent}{} {}\n",
                "#".repeat(1 + self.below(6)),
                self.inline(1)
            ),
            5 => self.quote(indent),
            6 => self.table(),
            7 => "---\n".to_owned(),
            _ => self.paragraph(indent),
        }
    }

    fn paragraph(&mut self, indent: &str) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(2) {
            // A letter first, so that no line begins a block by chance.
            writeln!(text, "{indent}So {}", self.inline(2)).unwrap();
        }
        text
    }

    fn list(&mut self, indent: &str, depth: usize) -> String {
        let mut text = String::new();
        let ordered = self.below(2) == 0;
        for number in 1..=1 + self.below(3) {
            let marker = if ordered {
                format!("{number}. ")
            } else {
                "- ".to_owned()
            };
            writeln!(text, "{indent}{marker}It {}", self.inline(2)).unwrap();
            let inner = format!("{indent}{}", " ".repeat(marker.len()));
            match self.below(5) {
                0 if depth < 2 => text.push_str(&self.list(&inner, depth + 1)),
                1 => text.push_str(&self.fence(&inner)),
                2 => writeln!(text, "{inner}and {}", self.words(4)).unwrap(),
                _ => {}
            }
        }
        text
    }

    fn fence(&mut self, indent: &str) -> String {
        let mark = ["```", "~~~", "````"][self.below(3)];
        let mut text = format!("{indent}{mark}{}\n", ["", "rust", "sh"][self.below(3)]);
        for _ in 0..self.below(4) {
            let line = [
                "let x = **y**;",
                "  # no heading",
                "- no item",
                "a`b``c",
                "| no | table |",
            ][self.below(5)];
            writeln!(text, "{indent}{line}").unwrap();
        }
        writeln!(text, "{indent}{mark}").unwrap();
        text
    }

    fn quote(&mut self, indent: &str) -> String {
        let inner = match self.below(3) {
            0 => self.list("", 1),
            1 => self.fence(""),
            _ => self.paragraph(""),
        };
        inner.lines().fold(String::new(), |mut text, line| {
            writeln!(text, "{indent}> {line}").unwrap();
            text
        })
    }

    fn table(&mut self) -> String {
        let columns = 1 + self.below(3);
        let row = |random: &mut Self, cell: fn(&mut Self) -> String| {
            let cells: Vec<String> = (0..columns).map(|_| cell(random)).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut text = row(self, |random| random.words(1));
        text.push_str(&row(self, |random| {
            [":--", "--:", ":-:", "---"][random.below(4)].to_owned()
        }));
        for _ in 0..self.below(4) {
            text.push_str(&row(self, Self::plain));
        }
        text
    }
}
