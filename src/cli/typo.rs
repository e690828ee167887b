//! Names that are nearly right. Never guesses silently: what is found here is offered, not done.

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::args::Cli;

/// The names nearest to a word, best first, none that is far off.
pub(crate) fn nearest<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let word = word.to_lowercase();
    // A third of the letters may be wrong, and one always.
    let limit = (word.chars().count() / 3).max(1);
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&word, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().take(most).map(|(_, name)| name).collect()
}

/// The models whose names come nearest to a word, best first: a slip in the family (`claud-sonet`) counts as little as
/// one in the whole name.
pub(crate) fn nearest_models<'a>(word: &str, names: &'a [String], most: usize) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    let slips = |name: &str| {
        let name = name.to_lowercase();
        let bare = name.split_once('/').map_or(name.as_str(), |(_, bare)| bare);
        let families = bare.match_indices('-').map(|(at, _)| &bare[..at]);
        let forms = families.chain([bare, name.as_str()]);
        forms
            .map(|form| strsim::damerau_levenshtein(&word, form))
            .min()
    };
    let mut found: Vec<(usize, &str)> = names
        .iter()
        .filter_map(|name| Some((slips(name)?, name.as_str())))
        .filter(|(slips, _)| *slips <= limit)
        .collect();
    found.sort_by_key(|(slips, _)| *slips);
    found.into_iter().take(most).map(|(_, name)| name).collect()
}

/// What to say besides of clap about a word that is no command.
pub(crate) fn unknown_command(error: &clap::Error, arguments: &[String]) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let command = Cli::command();
    let names = command
        .get_subcommands()
        .flat_map(|sub| std::iter::once(sub.get_name()).chain(sub.get_visible_aliases()));
    if word.split_whitespace().count() == 1
        && let Some(name) = nearest(word, names, 1).first()
    {
        return Some(format!(
            "error: unrecognized command `{word}`\n\n  did you mean: llmgw {name}\n"
        ));
    }
    let from = arguments.iter().position(|argument| argument == word)?;
    let prompt = arguments[from..].join(" ");
    Some(format!(
        "error: unrecognized command `{}`\n\n  did you mean: llmgw ask \"{}\"\n",
        shortened(word, 40),
        shortened(&prompt, 60)
    ))
}

/// The beginning of a text, on one line.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposed_letters_are_one_mistake() {
        let names = ["ask", "chat", "models", "serve"];
        assert_eq!(nearest("aks", names, 1), ["ask"]);
        assert_eq!(nearest("modles", names, 1), ["models"]);
        assert!(nearest("why", names, 1).is_empty());
    }

    #[test]
    fn a_slip_in_the_family_of_a_model_is_small() {
        let names = ["openai/gpt-6-sol", "anthropic/claude-sonnet-5-5", "demo"].map(str::to_owned);
        assert_eq!(
            nearest_models("claud-sonet", &names, 3),
            ["anthropic/claude-sonnet-5-5"]
        );
        assert_eq!(nearest_models("gpt-6-slo", &names, 3), ["openai/gpt-6-sol"]);
        assert!(nearest_models("mistral", &names, 3).is_empty());
    }

    #[test]
    fn a_long_text_is_shortened_to_one_line() {
        assert_eq!(shortened("why is\nthe sky blue", 10), "why is the…");
    }
}
