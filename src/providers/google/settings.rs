//! `generationConfig`: sampling, limits, the form of the answer, thinking.

use super::request::Losses;
use super::schema;
use super::tools::Tools;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::{Effort, Format, Request, SchemaFormat};
use crate::catalog::google::{Budget, Level, Off, Rules, Thinking, Unasked};
use crate::error::{Error, Remedy};
use crate::providers::Remedies;
use crate::wire::gemini::request::{GenerationConfig, Mode, ThinkingConfig};

/// Google's limit for `stopSequences`.
const MOST_STOPS: usize = 5;

const JSON: &str = "application/json";

/// Encodes the settings.
pub(super) fn encode<'a>(
    request: &'a Request,
    rules: &Rules,
    remedies: &Remedies,
    tools: &Tools<'_>,
    losses: &mut Losses,
) -> Result<GenerationConfig<'a>, Error> {
    let mut config = GenerationConfig {
        max_output_tokens: limit(request, rules, remedies, losses),
        stop_sequences: stops(request, losses),
        seed: seed(request, losses),
        thinking_config: thinking(request, rules, remedies, losses),
        ..GenerationConfig::default()
    };
    sampling(request, rules, &mut config, losses);
    format(request, rules, tools, &mut config, losses)?;
    Ok(config)
}

fn limit(
    request: &Request,
    rules: &Rules,
    remedies: &Remedies,
    losses: &mut Losses,
) -> Option<u64> {
    let asked = request.max_output_tokens?;
    let most = remedies.max_tokens().unwrap_or(rules.max_output);
    if asked > most {
        losses.add("max_output_tokens", format!("{asked}->{most}"));
    }
    Some(asked.min(most))
}

fn stops<'a>(request: &'a Request, losses: &mut Losses) -> Vec<&'a str> {
    let mut stops: Vec<&str> = request.beyond.stop.iter().map(String::as_str).collect();
    stops.retain(|stop| !stop.is_empty());
    if stops.len() > MOST_STOPS {
        losses.add("stop", format!("Google takes {MOST_STOPS} stop sequences"));
        stops.truncate(MOST_STOPS);
    }
    stops
}

fn seed(request: &Request, losses: &mut Losses) -> Option<i32> {
    let seed = request.beyond.seed?;
    let fits = i32::try_from(seed).ok();
    if fits.is_none() {
        losses.add("seed", "beyond 32 bits: left out");
    }
    fits
}

/// 1 is the default of temperature and `top_p` in the specification, 0 that of the penalties.
fn sampling(
    request: &Request,
    rules: &Rules,
    config: &mut GenerationConfig<'_>,
    losses: &mut Losses,
) {
    let is = |value: Option<f64>, default: f64| value.is_none_or(|v| (v - default).abs() < 1e-9);
    if rules.sampling.yes() {
        config.temperature = request.temperature;
        config.top_p = request.top_p;
        config.top_k = request.beyond.top_k;
    } else {
        for (field, lost) in [
            ("temperature", !is(request.temperature, 1.0)),
            ("top_p", !is(request.top_p, 1.0)),
            ("top_k", request.beyond.top_k.is_some()),
        ] {
            if lost {
                losses.add(field, "this model samples as it likes: left out");
            }
        }
    }
    if rules.penalties.yes() {
        config.presence_penalty = request.presence_penalty.filter(|p| *p != 0.0);
        config.frequency_penalty = request.frequency_penalty.filter(|p| *p != 0.0);
        return;
    }
    for (field, value) in [
        ("presence_penalty", request.presence_penalty),
        ("frequency_penalty", request.frequency_penalty),
    ] {
        if !is(value, 0.0) {
            losses.add(field, "this model takes no penalties: left out");
        }
    }
}

fn format<'a>(
    request: &'a Request,
    rules: &Rules,
    tools: &Tools<'_>,
    config: &mut GenerationConfig<'a>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let beside =
        tools.has_functions() && (!rules.json_with_tools.yes() || tools.mode() == Some(Mode::Any));
    match request.format() {
        None => {}
        Some(Open::Known(Format::Text(format))) => losses.extra("text.format", &format.extra),
        Some(Open::Known(Format::JsonObject(format))) => {
            losses.extra("text.format", &format.extra);
            if beside {
                losses.add("text.format", "no JSON mode beside these tools: left out");
            } else {
                config.response_mime_type = Some(JSON);
            }
        }
        Some(Open::Known(Format::JsonSchema(format))) => {
            if beside {
                return Err(Error::unsupported(
                    "text.format",
                    "this model gives no JSON by schema beside these tools",
                )
                .with_code("unsupported_value"));
            }
            config.response_mime_type = Some(JSON);
            json_schema(format, config, losses)?;
        }
        Some(Open::Unknown(map)) => losses.add(
            "text.format",
            format!("Google has no format `{}`", tag_of(map)),
        ),
    }
    Ok(())
}

/// The name and the description have no place at Google; they are echoed.
fn json_schema<'a>(
    format: &'a SchemaFormat,
    config: &mut GenerationConfig<'a>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let SchemaFormat {
        name: _,
        description: _,
        schema,
        strict,
        extra,
    } = format;
    losses.extra("text.format", extra);
    let Some(schema) = schema else {
        return Ok(());
    };
    let adapted = schema::adapt(schema).ok_or_else(|| {
        Error::unsupported("text.format.schema", "Google takes an object as a schema")
            .with_code("invalid_json_schema")
    })?;
    if *strict == Some(true) && !adapted.unenforced.is_empty() {
        losses.add(
            "text.format.schema",
            format!("not enforced: {}", adapted.unenforced.join(", ")),
        );
    }
    config.response_json_schema = Some(adapted.schema);
    Ok(())
}

fn thinking(
    request: &Request,
    rules: &Rules,
    remedies: &Remedies,
    losses: &mut Losses,
) -> Option<ThinkingConfig> {
    let effort = request.effort();
    let budget = request.beyond.thinking_budget;
    if remedies.has(&Remedy::NoReasoning) || rules.thinking == Thinking::Fixed {
        let asked = effort.is_some_and(|effort| effort != Effort::None);
        if asked || budget.is_some_and(|budget| budget > 0) {
            losses.add("reasoning.effort", "this model's thinking cannot be set");
        }
        return None;
    }
    let mut config = ThinkingConfig::default();
    let mut thinks = true;
    match rules.thinking {
        Thinking::Fixed => {}
        Thinking::Budget(range) => {
            config.thinking_budget = match (budget, effort) {
                (Some(asked), _) => Some(within(asked, range, losses)),
                (None, Some(effort)) => Some(budget_of(effort, range, losses)),
                (None, None) => None,
            };
            thinks = match config.thinking_budget {
                Some(tokens) => tokens > 0,
                None => range.unasked == Unasked::Thinks,
            };
        }
        Thinking::Levels(levels) => {
            let asked = effort.or_else(|| budget.map(effort_of));
            let level = asked.and_then(|effort| level_of(effort, levels, losses));
            config.thinking_level = level.map(Level::as_str);
        }
    }
    // Without thinking there is nothing to show, and the flag alone would be refused.
    if request.wants_summary() && thinks {
        config.include_thoughts = Some(true);
    }
    (config != ThinkingConfig::default()).then_some(config)
}

/// A budget that the client gave in tokens.
fn within(asked: u64, range: Budget, losses: &mut Losses) -> u32 {
    let least = match range.off {
        Off::Zero if asked == 0 => 0,
        Off::Zero | Off::Never => range.least,
    };
    let given = u32::try_from(asked)
        .unwrap_or(u32::MAX)
        .clamp(least, range.most);
    if u64::from(given) != asked {
        losses.add("thinking.budget_tokens", format!("{asked}->{given}"));
    }
    given
}

/// Shares of the largest budget; the steps are ours, since Google names none.
fn budget_of(effort: Effort, range: Budget, losses: &mut Losses) -> u32 {
    let share = |percent: u32| range.most / 100 * percent;
    match (effort, range.off) {
        (Effort::None, Off::Zero) => 0,
        (Effort::None, Off::Never) => {
            losses.add(
                "reasoning.effort",
                "none->minimal: cannot be switched off on this model",
            );
            range.least
        }
        (Effort::Minimal, _) => range.minimal,
        (Effort::Low, _) => share(10),
        (Effort::Medium, _) => share(30),
        (Effort::High, _) => share(60),
        (Effort::Xhigh | Effort::Max, _) => range.most,
    }
}

/// What a budget in tokens amounts to where only levels are known.
fn effort_of(budget: u64) -> Effort {
    match budget {
        0 => Effort::None,
        1..4_096 => Effort::Low,
        4_096..16_384 => Effort::Medium,
        _ => Effort::High,
    }
}

/// The level itself, else the next lower, else the lowest.
fn level_of(effort: Effort, levels: &[Level], losses: &mut Losses) -> Option<Level> {
    let wanted = match effort {
        Effort::None | Effort::Minimal => Level::Minimal,
        Effort::Low => Level::Low,
        Effort::Medium => Level::Medium,
        Effort::High => Level::High,
        Effort::Xhigh | Effort::Max => Level::Xhigh,
    };
    let lower = levels.iter().rev().find(|level| **level <= wanted);
    let level = *lower.or(levels.first())?;
    if effort.as_str() != level.as_str() {
        losses.add(
            "reasoning.effort",
            format!("{}->{}", effort.as_str(), level.as_str()),
        );
    }
    Some(level)
}
