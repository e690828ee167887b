//! The check of `models`: aliases lead to models that somebody serves, and never in circles.

use http::HeaderName;
use serde_yaml::Value;

use crate::catalog::models::{self, Capability};
use crate::config::alias::{
    Aim, Alias, ContextRule, Hedge, Overlay, Policy, Rules, STICKY_HEADER, Sticky, Weighted,
};
use crate::config::document::Path;
use crate::config::provider::{Origin, ProviderConfig};
use crate::config::{Defaults, nearest, shape};
use crate::target::Target;

use super::Checker;

/// The share of spending that hedging may cost if the file does not say.
const HEDGE_SHARE: f64 = 0.03;

/// The names that aliases may lead to.
struct Names<'a> {
    aliases: Vec<String>,
    providers: &'a [ProviderConfig],
}

impl Checker<'_> {
    pub(super) fn aliases(
        &mut self,
        part: Option<Value>,
        providers: &[ProviderConfig],
        defaults: &Defaults,
    ) -> Vec<Alias> {
        let at = Path::root().key("models");
        let entries = self.entries(&at, part);
        let names = Names {
            aliases: entries.iter().map(|(name, _)| name.clone()).collect(),
            providers,
        };
        let mut aliases = Vec::new();
        for (name, value) in entries {
            let at = at.key(&name);
            let clash = providers.iter().find(|provider| {
                provider.name().as_str() == name
                    && (provider.origin == Origin::File || crate::config::provider::is_first(&name))
            });
            if clash.is_some() {
                self.fault_at_key(&at, format!("`{name}` is the name of a provider already"));
            }
            if name.trim().is_empty() || name.contains(char::is_whitespace) {
                self.fault_at_key(&at, "an alias's name has no blanks");
            }
            let before = self.faults.len();
            let shape: shape::Alias = self.read(&at, Some(value));
            if self.faults.len() == before {
                aliases.push(self.alias(&at, name, shape, &names, defaults));
            }
        }
        self.circles(&at, &aliases);
        self.inner_overlays(&at, &aliases);
        aliases
    }

    fn alias(
        &mut self,
        at: &Path,
        name: String,
        shape: shape::Alias,
        names: &Names<'_>,
        defaults: &Defaults,
    ) -> Alias {
        let overlay = self.overlay(at, &shape);
        let policy = shape.policy.unwrap_or_default();
        let sticky = shape.sticky.unwrap_or_default();
        let targets = self.targets(at, policy, shape.targets.unwrap_or_default(), names);
        if sticky != Sticky::None && policy != Policy::Weighted {
            let warning = format!("{at}.sticky: only the policy `weighted` draws");
            self.warnings.push(warning);
        }
        let sticky_header = self.sticky_header(at, sticky, shape.sticky_header.as_deref());
        let mut aims = |key: &str, list: Option<Vec<String>>| {
            let at = at.key(key);
            let list = list.unwrap_or_default();
            let aims = list.iter().enumerate();
            aims.filter_map(|(index, text)| self.aim(&at.index(index), text, names))
                .collect::<Vec<Aim>>()
        };
        let then = aims("then", shape.then);
        let when_refused = aims("when_refused", shape.when_refused);
        let rules = Rules {
            when_refused,
            when_context_over: self.context(at, shape.when_context_over, names),
            requires: self.requires(&at.key("requires"), &shape.requires.unwrap_or_default()),
            on_cut: shape.on_cut.unwrap_or(defaults.on_cut),
            hedge: shape.hedge.map(|hedge| Hedge {
                after: hedge.after,
                max_extra: hedge.max_extra.unwrap_or(HEDGE_SHARE),
            }),
            timeouts: self.timeouts(&at.key("timeouts"), shape.timeouts, defaults.timeouts),
            retry: self.retry(&at.key("retry"), shape.retry, defaults.retry),
        };
        Alias {
            name,
            policy,
            sticky,
            sticky_header,
            targets,
            then,
            overlay,
            rules,
        }
    }

    /// The header that an alias is sticky by.
    fn sticky_header(&mut self, at: &Path, sticky: Sticky, name: Option<&str>) -> HeaderName {
        let Some(name) = name else {
            return STICKY_HEADER;
        };
        let at = at.key("sticky_header");
        if sticky != Sticky::Header {
            self.fault(&at, "only `sticky: header` looks at a header");
        }
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            return name;
        }
        self.fault(&at, "no header can have this name");
        STICKY_HEADER
    }

    fn targets(
        &mut self,
        at: &Path,
        policy: Policy,
        list: Vec<shape::Target>,
        names: &Names<'_>,
    ) -> Vec<Weighted> {
        if list.is_empty() {
            self.fault_at_key(at, "an alias needs `targets`, at least one");
        }
        let at = at.key("targets");
        let mut sum = 0_u64;
        let mut targets = Vec::new();
        for (index, shape) in list.into_iter().enumerate() {
            let here = at.index(index);
            if shape.weight.is_some() && policy != Policy::Weighted {
                self.fault(&here, "weights are for `policy: weighted`");
            }
            let weight = shape.weight.unwrap_or(1);
            sum += u64::from(weight);
            if let Some(aim) = self.aim(&here, &shape.model, names) {
                targets.push(Weighted { aim, weight });
            }
        }
        if sum == 0 && !targets.is_empty() {
            self.fault(&at, "one weight at least must be more than 0");
        }
        targets
    }

    fn context(
        &mut self,
        at: &Path,
        rule: Option<shape::ContextRule>,
        names: &Names<'_>,
    ) -> Option<ContextRule> {
        let at = at.key("when_context_over");
        let rule = rule?;
        let Some(tokens) = self.not_zero(&at.key("tokens"), rule.tokens) else {
            self.fault(&at, "missing key `tokens`");
            return None;
        };
        let at = at.key("targets");
        if rule.targets.is_empty() {
            self.fault(&at, "needs one target at least");
        }
        let targets = rule.targets.iter().enumerate();
        Some(ContextRule {
            tokens,
            targets: targets
                .filter_map(|(index, text)| self.aim(&at.index(index), text, names))
                .collect(),
        })
    }

    /// What a name in a list of targets means: an alias, or a model of a provider that is known.
    fn aim(&mut self, at: &Path, text: &str, names: &Names<'_>) -> Option<Aim> {
        if names.aliases.iter().any(|alias| alias == text) {
            return Some(Aim::Alias(text.to_owned()));
        }
        let known = |name: &str| {
            let mut providers = names.providers.iter();
            providers.any(|provider| provider.name().as_str() == name)
        };
        match text.split_once('/') {
            Some((provider, model)) if known(provider) && !model.is_empty() => {
                return Some(Aim::Target(Target::new(provider, model)));
            }
            None if text == "demo" => return Some(Aim::Target(Target::new("demo", "demo"))),
            _ => {}
        }
        let listed = models::all().iter().find(|model| model.answers_to(text));
        let advice = match (listed, text.split_once('/')) {
            (Some(model), _) => format!("; did you mean `{}/{text}`?", model.provider),
            (None, Some((provider, model))) => {
                let near = names.providers.iter().map(|known| known.name().as_str());
                match nearest::nearest(provider, near, 1).first() {
                    Some(name) => format!("; did you mean `{name}/{model}`?"),
                    None => String::new(),
                }
            }
            (None, None) => nearest::question(text, names.aliases.iter().map(String::as_str)),
        };
        let message =
            format!("`{text}` is no alias and no `provider/model` of a known provider{advice}");
        self.fault(at, message);
        None
    }

    fn overlay(&mut self, at: &Path, shape: &shape::Alias) -> Overlay {
        Overlay {
            instructions: shape.instructions.clone(),
            temperature: self.within(&at.key("temperature"), shape.temperature, 0.0, 2.0),
            top_p: self.within(&at.key("top_p"), shape.top_p, 0.0, 1.0),
            presence_penalty: self.within(
                &at.key("presence_penalty"),
                shape.presence_penalty,
                -2.0,
                2.0,
            ),
            frequency_penalty: self.within(
                &at.key("frequency_penalty"),
                shape.frequency_penalty,
                -2.0,
                2.0,
            ),
            max_output_tokens: self.not_zero(&at.key("max_output_tokens"), shape.max_output_tokens),
            effort: shape.effort,
            verbosity: shape.verbosity.map(|word| word.as_str().to_owned()),
            service_tier: shape.service_tier.clone(),
        }
    }

    fn requires(&mut self, at: &Path, words: &[String]) -> Vec<Capability> {
        let mut capabilities = Vec::new();
        for (index, word) in words.iter().enumerate() {
            if let Some(capability) = Capability::from_word(word) {
                capabilities.push(capability);
            } else {
                let known = Capability::ALL.map(Capability::as_str);
                let question = nearest::question(word, known);
                let message = format!(
                    "`{word}` is no capability; known are {}{question}",
                    known.join(", ")
                );
                self.fault(&at.index(index), message);
            }
        }
        capabilities
    }

    /// Finds aliases that lead back to themselves. Each circle is told once, at its first alias.
    fn circles(&mut self, at: &Path, aliases: &[Alias]) {
        let mut told: Vec<&str> = Vec::new();
        for start in aliases {
            let mut trail = vec![start.name.as_str()];
            if circle(aliases, start, &mut trail, &mut Vec::new())
                && !trail.iter().any(|name| told.contains(name))
            {
                let message = format!("the aliases go in a circle: {}", trail.join(" → "));
                self.fault_at_key(&at.key(&start.name), message);
                told.extend(trail);
            }
        }
    }

    /// One plan has one overlay, so an alias with something to say can only be followed alone.
    fn inner_overlays(&mut self, at: &Path, aliases: &[Alias]) {
        for alias in aliases {
            let inner = alias.aims().filter_map(|aim| match aim {
                Aim::Alias(name) => aliases.iter().find(|other| other.name == *name),
                Aim::Target(_) => None,
            });
            let speaks = inner.filter(|inner| !inner.overlay.is_empty());
            for inner in speaks.collect::<Vec<_>>() {
                if alias.aims().count() > 1 {
                    let message = format!(
                        "`{}` has instructions or parameters of its own, so it can only be the one target of another alias",
                        inner.name
                    );
                    self.fault(&at.key(&alias.name).key("targets"), message);
                }
            }
        }
    }
}

/// Follows the aliases from here; true if they come back to the first name of the trail, which then is the circle.
fn circle<'a>(
    aliases: &'a [Alias],
    from: &'a Alias,
    trail: &mut Vec<&'a str>,
    seen: &mut Vec<&'a str>,
) -> bool {
    for aim in from.aims() {
        let Aim::Alias(name) = aim else { continue };
        if trail.first() == Some(&name.as_str()) {
            trail.push(name);
            return true;
        }
        let next = aliases.iter().find(|alias| alias.name == *name);
        if let Some(next) = next.filter(|_| !seen.contains(&name.as_str())) {
            seen.push(name);
            trail.push(name);
            if circle(aliases, next, trail, seen) {
                return true;
            }
            trail.pop();
        }
    }
    false
}
