use super::*;

fn render(source: &str, width: usize, colour: Colour) -> String {
    let mut out = Vec::new();
    let mut renderer = Renderer::new(width, colour);
    renderer.push(source, &mut out).unwrap();
    renderer.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Escapes as letters: `<b>` for bold and so on, `<>` for plain.
fn check(source: &str, expect: &str) {
    let mut shown = render(source, 40, Colour::On);
    for (parameter, letter) in [
        ("\x1b[0m", "<>"),
        ("\x1b[0;1m", "<b>"),
        ("\x1b[0;2m", "<d>"),
        ("\x1b[0;3m", "<i>"),
        ("\x1b[0;4m", "<u>"),
        ("\x1b[0;9m", "<s>"),
        ("\x1b[0;36m", "<c>"),
        ("\x1b[0;1;3m", "<bi>"),
        ("\x1b[0;1;4m", "<bu>"),
        ("\x1b[0;1;36m", "<bc>"),
        ("\x1b[0;3;4m", "<iu>"),
    ] {
        shown = shown.replace(parameter, letter);
    }
    assert_eq!(shown, expect, "source: {source:?}");
}

fn check_plain(source: &str, width: usize, expect: &str) {
    assert_eq!(
        render(source, width, Colour::Off),
        expect,
        "source: {source:?}"
    );
}

#[test]
fn marks_become_attributes() {
    check("a **b** c", "a <b>b<> c\n");
    check("*a* and _b_", "<i>a<> and <i>b<>\n");
    check("***a***", "<bi>a<>\n");
    check("~~a~~ `b *c*`", "<s>a<> <c>b *c*<>\n");
    check("``a`b``", "<c>a`b<>\n");
}

#[test]
fn one_newline_ends_it_whatever_is_open() {
    let check = |source: &str, expect: &str| {
        check_plain(source, 40, expect);
        assert!(
            !render(source, 40, Colour::On).ends_with("\n\n"),
            "{source:?}"
        );
    };
    check("~~~\na\n\n\n", "~~~\na\n");
    check("```\n\n", "```\n");
    check("    a\n\n\n", "    a\n");
    check("a\n\n\n", "a\n");
    check("| a |\n|---|\n| |\n\n", "a\n─\n");
    check("```\n\na\n\n```\n", "```\n\na\n\n```\n");
    check("\n\n", "");
}

#[test]
fn what_only_looks_like_a_mark_stays() {
    check("2 * 3 * 4", "2 * 3 * 4\n");
    check("2**3 and a*b", "2**3 and a*b\n");
    check("snake_case_name", "snake_case_name\n");
    check(r"\*a\* \(x\)", "*a* \\(x\\)\n");
    check("[1] and [x](", "[1] and [x](\n");
    check("- [ ] task", "• [ ] task\n");
    check("a lone ` tick", "a lone  <c>tick<>\n");
    check("#hashtag", "#hashtag\n");
    check("1.5 times", "1.5 times\n");
    check("-5 degrees", "-5 degrees\n");
}

#[test]
fn bold_begins_and_ends_inside_ideographs() {
    check("这是**重点**内容", "这是<b>重点<>内容\n");
}

#[test]
fn headings_rules_and_blank_lines() {
    check("# One\n\n\n\ntext\n", "<bu>One<>\n\ntext\n");
    check("### Three **x** y", "<b>Three x y<>\n");
    check(
        "a\n\n---\n\nb",
        &format!("a\n\n<d>{}<>\n\nb\n", "─".repeat(40)),
    );
    check("\n\n", "");
    check("", "");
}

#[test]
fn lists_hang() {
    check(
        "- one\n- two\n  - deep\n1. first\n10) tenth",
        "• one\n• two\n  • deep\n1. first\n10) tenth\n",
    );
    check(
        "- this item is longer than the line and wraps",
        "• this item is longer than the line and\n  wraps\n",
    );
    check("* *slanted* item", "• <i>slanted<> item\n");
    check(
        "1. ```sh\n   ls\n   ```\n2. next",
        "1. <d>```sh<>\n   <c>ls<>\n   <d>```<>\n2. next\n",
    );
}

#[test]
fn quotes_have_bars_on_every_line() {
    check(
        "> this quote is longer than the line it is on\n> > in",
        "<d>│<> this quote is longer than the line it\n<d>│<> is on\n<d>│ │<> in\n",
    );
    check(
        "> ```\n> a\n> ```\nb",
        "<d>│<> <d>```<>\n<d>│<> <c>a<>\n<d>│<> <d>```<>\nb\n",
    );
    check("> ```\n> a\nb", "<d>│<> <d>```<>\n<d>│<> <c>a<>\nb\n");
}

#[test]
fn code_is_not_wrapped_and_marks_in_it_stay() {
    let long = "let x = \"**a**\"; // ".repeat(5);
    check(
        &format!("```rust\n{long}\n\n  ``\n```\nafter"),
        &format!("<d>```rust<>\n<c>{long}<>\n\n<c>  ``<>\n<d>```<>\nafter\n"),
    );
    check("````\n```\n````", "<d>````<>\n<c>```<>\n<d>````<>\n");
    check("```\nunclosed\n", "<d>```<>\n<c>unclosed<>\n");
    check(
        "a\n\n    indented *code*\n",
        "a\n\n    <c>indented *code*<>\n",
    );
}

#[test]
fn links_show_their_address() {
    check(
        "see [the *docs*](https://a.b/c_(d)) now",
        "see <u>the<> <iu>docs<> <d>(https://a.b/c_(d))<> now\n",
    );
    check("[https://a.b](https://a.b)", "<u>https://a.b<>\n");
    check("![cat](c.png)", "<u>cat<> <d>(c.png)<>\n");
    check("[a [b] c](d \"title\")", "<u>a [b] c<> <d>(d)<>\n");
}

#[test]
fn tables_align_by_what_a_terminal_shows() {
    check(
        "| Name | N |\n|:--|--:|\n| 日本 | 1 |\n| **b** | `20` |\n\nend",
        "<b>Name<><d> │ <> <b>N<>\n<d>─────┼───<>\n日本<d> │ <> 1\n<b>b<>   <d> │ <><c>20<>\n\nend\n",
    );
}

#[test]
fn a_wide_table_wraps_in_its_cells() {
    check_plain(
        "|a|b|\n|-|-|\n|x|one two three four five six seven eight|",
        24,
        "a │ b\n──┼─────────────────────\nx │ one two three four\n  │ five six seven eight\n",
    );
}

#[test]
fn rows_without_a_rule_are_text() {
    check_plain(
        "| a | b |\n| c | d |\nend",
        40,
        "| a | b |\n| c | d |\nend\n",
    );
    check_plain("|| true", 40, "|| true\n");
}

#[test]
fn without_colour_the_marks_stay() {
    let source = "# Head\n\n**bold** `code` [a](b) \\*\n\n```sh\nls\n```\n";
    check_plain(source, 40, source);
}

#[test]
fn wide_characters_count_two_columns() {
    check_plain(
        "日本語の文章は空白なしで折り返されます。",
        20,
        "日本語の文章は空白な\nしで折り返されます。\n",
    );
    check_plain("👩‍👩‍👧 ok ok ok ok ok ok", 20, "👩‍👩‍👧 ok ok ok ok ok ok\n");
}

#[test]
fn a_long_address_is_not_broken() {
    let url = format!("https://{}", "x".repeat(60));
    check_plain(&format!("see {url} now"), 40, &format!("see\n{url}\nnow\n"));
}

#[test]
fn control_characters_do_not_pass() {
    let source = "a\u{1b}]52;c;aGk=\u{7}b\u{9b}2Jc\rd\u{8}\n```\n\u{1b}[31mred\n```";
    let shown = render(source, 80, Colour::Off);
    assert!(
        shown.chars().all(|c| c == '\n' || !c.is_control()),
        "{shown:?}"
    );
    assert!(shown.starts_with("a]52;c;aGk=b2Jcd\n"), "{shown:?}");
}

#[test]
fn only_attributes_are_ever_written() {
    let shown = render(SAMPLE, 60, Colour::On);
    for piece in shown.split('\u{1b}').skip(1) {
        let (parameters, _) = piece.split_once('m').expect("a sequence ends in m");
        assert!(
            parameters
                .trim_start_matches('[')
                .chars()
                .all(|c| c.is_ascii_digit() || c == ';')
        );
    }
}

const SAMPLE: &str = "# Title *x*\n\nSome **bold *and italic* text** with `code` and [a link](https://example.org/a_(b)) that is long \
    enough to wrap 🦀 日本語の文章 ~~no~~ \\* end.\n\n- one\n- two **b**\n    - deep `x\n10. ten\n\n> quote\n> > deeper [x] \n\n| a | b |\n\
    |:-:|--|\n| 1 `|` | two **three** |\n\n| not\n| table\n```rust\nfn main() {}\n  ``\n```\n***\n* * *\n- - x\n    code\n1. ```\n   a\n   ```\n\
    ![i](u) ![ [y](z) **open\n\n_end_ ** * __x__ \t tab ``";

#[test]
fn any_cut_gives_the_same_output() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let alphabet: Vec<char> = "ab *_`~#>-+|[]()\\:!1.日👩\n\n \u{301}".chars().collect();
    for round in 0..3000 {
        let source: String = if round % 10 == 0 {
            SAMPLE.to_owned()
        } else {
            (0..random() % 120)
                .map(|_| {
                    let at = random() % alphabet.len() as u64;
                    alphabet[usize::try_from(at).unwrap()]
                })
                .collect()
        };
        let colour = if round % 3 == 0 {
            Colour::Off
        } else {
            Colour::On
        };
        let whole = render(&source, 30, colour);
        let mut out = Vec::new();
        let mut renderer = Renderer::new(30, colour);
        let mut rest = source.as_str();
        while !rest.is_empty() {
            let at = rest.ceil_char_boundary(1 + (random() % 7) as usize);
            renderer.push(&rest[..at], &mut out).unwrap();
            rest = &rest[at..];
        }
        renderer.finish(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), whole, "source: {source:?}");
    }
}
