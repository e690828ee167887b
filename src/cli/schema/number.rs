//! The limits of numbers.

use serde_json::{Map, Number, Value};

/// A keyword, what is beyond its limit, and the words for it.
type Check = (&'static str, fn(f64, f64) -> bool, &'static str);

/// What is wrong with a number, after its path.
pub(super) fn misfit(rules: &Map<String, Value>, number: &Number) -> Option<String> {
    let value = number.as_f64()?;
    let limit = |key: &str| rules.get(key).and_then(Value::as_f64);
    let checks: [Check; 4] = [
        ("minimum", |value, limit| value < limit, "less than"),
        ("maximum", |value, limit| value > limit, "more than"),
        (
            "exclusiveMinimum",
            |value, limit| value <= limit,
            "not more than",
        ),
        (
            "exclusiveMaximum",
            |value, limit| value >= limit,
            "not less than",
        ),
    ];
    for (key, is_beyond, words) in checks {
        if let Some(limit) = limit(key)
            && is_beyond(value, limit)
        {
            return Some(format!("is {number}, {words} {limit}"));
        }
    }
    let step = rules.get("multipleOf")?;
    (!is_multiple(number, step)).then(|| format!("is {number}, no multiple of {step}"))
}

fn is_multiple(number: &Number, step: &Value) -> bool {
    if let (Some(number), Some(step)) = (number.as_i64(), step.as_i64()) {
        return step != 0 && number % step == 0;
    }
    let (Some(number), Some(step)) = (number.as_f64(), step.as_f64()) else {
        return false;
    };
    // 0.3 is a multiple of 0.1, whatever binary fractions say.
    let times = number / step;
    (times - times.round()).abs() <= times.abs().max(1.0) * 1e-12
}
