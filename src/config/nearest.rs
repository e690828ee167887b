//! Did you mean …? Names that are near a mistyped one.

/// The candidates nearest to what was written, nearest first, at most `most`. Near is a few slips of the fingers
/// (Damerau-Levenshtein, one for every three letters) or one name within the other; case does not count.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let written = written.to_lowercase();
    let letters = written.chars().count();
    let bound = (letters / 3).max(1);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let slips = strsim::damerau_levenshtein(&written, &lower);
        let within = written.len() >= 3 && lower.contains(&written)
            || lower.len() >= 3 && written.contains(&lower);
        let rank = match (slips <= bound && slips < letters, within) {
            (true, _) => slips,
            (false, true) => bound + slips,
            (false, false) => continue,
        };
        if !near.iter().any(|(_, known)| *known == candidate) {
            near.push((rank, candidate));
        }
    }
    near.sort_by_key(|(rank, _)| *rank);
    near.truncate(most);
    near.into_iter().map(|(_, name)| name).collect()
}

/// The one nearest as a question, ready to be put behind a message: `` ; did you mean `x`? ``. Empty if none is near.
pub fn question<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(written, candidates, 1).first() {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_come_before_parts_and_strangers_do_not_come() {
        let names = ["server", "providers", "serve", "store"];
        assert_eq!(nearest("servr", names, 3), ["server", "serve"]);
        assert_eq!(nearest("provider", names, 3), ["providers"]);
        assert_eq!(nearest("xyz", names, 3), Vec::<&str>::new());
        assert_eq!(nearest("Stroe", names, 3), ["store"]);
        assert_eq!(
            nearest("son", ["claude-sonnet-5-5", "gpt"], 3),
            ["claude-sonnet-5-5"]
        );
    }

    #[test]
    fn the_nearest_is_asked_for() {
        assert_eq!(question("adress", ["address"]), "; did you mean `address`?");
        assert_eq!(question("adress", ["log"]), "");
    }
}
