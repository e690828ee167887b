use super::*;

/// What follows `said` when `new` comes in these pieces; `None` if it does not fit.
fn joined(mut joint: Joint, pieces: &[&str]) -> Option<String> {
    let mut text = String::new();
    for piece in pieces {
        text += &joint.push(piece).ok()?;
    }
    text += &joint.finish().ok()?;
    Some(text)
}

#[track_caller]
fn check(joint: Joint, pieces: &[&str], expect: Option<&str>) {
    assert_eq!(joined(joint, pieces).as_deref(), expect);
}

#[test]
fn white_space_at_the_seam_is_said_once() {
    check(Joint::seam("a b "), &[" c"], Some("c"));
    check(Joint::seam("a b "), &["c"], Some("c"));
    check(Joint::seam("a\n\n"), &["\n", "\n", "\nb"], Some("\nb"));
    check(Joint::seam("a\n"), &[" b"], Some(" b"));
    check(Joint::seam("a"), &[" b"], Some(" b"));
    check(Joint::seam("a "), &[" "], Some(""));
}

#[test]
fn what_was_said_is_skipped_as_long_as_it_comes_again() {
    check(Joint::skip("one two"), &["one two three"], Some(" three"));
    check(
        Joint::skip("one two"),
        &["o", "ne ", "two", " th", "ree"],
        Some(" three"),
    );
    check(Joint::skip("one two"), &["one two"], Some(""));
    check(Joint::skip("one two"), &["one too"], None);
    check(Joint::skip("one two"), &["one "], None);
    check(Joint::skip("東京"), &["東", "京へ"], Some("へ"));
    check(Joint::skip(""), &["one"], Some("one"));
    check(Joint::skip("\n"), &["one"], Some("one"));
}

#[test]
fn the_longest_overlap_is_trimmed() {
    let said = "The quick brown fox jumps";
    check(Joint::overlap(said), &[" over"], Some(" over"));
    check(
        Joint::overlap(said),
        &["brown fox jumps over"],
        Some(" over"),
    );
    check(
        Joint::overlap(said),
        &["bro", "wn fox ju", "mps", " over"],
        Some(" over"),
    );
    check(Joint::overlap(said), &["ps over"], Some(" over"));
    check(Joint::overlap(said), &[said, " over"], Some(" over"));
    check(Joint::overlap("ha ha ha"), &["ha ha"], Some(""));
    check(Joint::overlap(said), &["fox ju"], Some("fox ju"));
    check(Joint::overlap("東京へ"), &["京へ行く"], Some("行く"));
    check(Joint::overlap("Hello "), &[" World"], Some("World"));
}

#[test]
fn one_character_in_a_word_is_no_overlap() {
    check(Joint::overlap("it costs 10"), &["0 euros"], Some("0 euros"));
    check(Joint::overlap("a but"), &["ter"], Some("ter"));
    check(Joint::overlap("this is a"), &["a test"], Some(" test"));
    check(Joint::overlap("a line\n"), &["\nnext"], Some("\nnext"));
}

#[test]
fn an_overlap_is_looked_for_in_the_last_four_hundred_characters() {
    let said = format!("{}{}", "x".repeat(100), "abcdefghij".repeat(40));
    let tail = "abcdefghij".repeat(40);
    check(Joint::overlap(&said), &[&tail, "!"], Some("!"));
    let longer = format!("x{tail}");
    check(Joint::overlap(&said), &[&longer], Some(&longer));
}

/// A small generator of numbers: the same ones every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn text(&mut self, alphabet: &[char], most: usize) -> String {
        let length = self.roll(most);
        (0..length)
            .map(|_| alphabet[self.roll(alphabet.len())])
            .collect()
    }

    fn cut(&mut self, text: &str) -> Vec<String> {
        let mut pieces = vec![String::new()];
        for c in text.chars() {
            if self.roll(3) == 0 {
                pieces.push(String::new());
            }
            pieces.last_mut().unwrap().push(c);
        }
        pieces
    }
}

fn in_pieces(dice: &mut Dice, joint: Joint, text: &str) -> Option<String> {
    let pieces = dice.cut(text);
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    joined(joint, &pieces)
}

const LETTERS: [char; 7] = ['a', 'b', ' ', '\n', 'ß', '東', '👍'];

#[test]
fn wherever_an_answer_is_cut_the_same_answer_again_makes_it_whole() {
    let mut dice = Dice(0x5eed);
    for _ in 0..5000 {
        let whole = dice.text(&LETTERS, 60);
        let cut = dice.roll(whole.chars().count() + 1);
        let said: String = whole.chars().take(cut).collect();
        let rest: String = whole.chars().skip(cut).collect();
        let again = in_pieces(&mut dice, Joint::skip(&said), &whole);
        assert_eq!(again.as_deref(), Some(rest.as_str()), "{said:?} {whole:?}");
        // After a prefill the model says what was trimmed, and then the rest.
        let trimmed = said.trim_end();
        let new = &whole[trimmed.len()..];
        let prefilled = in_pieces(&mut dice, Joint::seam(&said), new);
        assert_eq!(
            prefilled.as_deref(),
            Some(rest.as_str()),
            "{said:?} {whole:?}"
        );
    }
}

#[test]
fn whatever_is_repeated_of_the_end_is_trimmed_and_nothing_else() {
    // Every character once, so that an overlap is never a matter of chance.
    let all: Vec<char> = ('\u{4e00}'..'\u{5400}').collect();
    let mut dice = Dice(0xd1ce);
    for _ in 0..2000 {
        let cut = dice.roll(all.len() - 10) + 2;
        let said: String = all[..cut].iter().collect();
        let end = cut + dice.roll(9);
        let rest: String = all[cut..end].iter().collect();
        let repeated = dice.roll(cut.min(MOST_OVERLAP) - 1) + 2;
        let new: String = all[cut - repeated..end].iter().collect();
        for text in [&new, &rest] {
            let got = in_pieces(&mut dice, Joint::overlap(&said), text);
            assert_eq!(got.as_deref(), Some(rest.as_str()));
        }
    }
}

#[test]
fn pieces_make_no_difference() {
    let mut dice = Dice(0xbeef);
    for _ in 0..5000 {
        let (said, new) = (dice.text(&LETTERS[..4], 12), dice.text(&LETTERS[..4], 12));
        for joint in [
            Joint::seam(&said),
            Joint::skip(&said),
            Joint::overlap(&said),
        ] {
            let at_once = joined(joint.clone(), &[&new]);
            let in_bits = in_pieces(&mut dice, joint, &new);
            assert_eq!(at_once, in_bits, "{said:?} {new:?}");
        }
    }
}
