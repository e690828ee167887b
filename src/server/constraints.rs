//! The limits that a client sets on its own request, in headers.

use http::HeaderMap;

use crate::config::units;
use crate::error::Error;
use crate::routing::plan::Constraints;

const MAX_COST: &str = "x-llmgw-max-cost";
const FIRST_TOKEN_WITHIN: &str = "x-llmgw-first-token-within";

/// Reads `x-llmgw-max-cost` (USD) and `x-llmgw-first-token-within` (a time with its unit). A limit that cannot be read
/// is refused: to ignore it would be to spend somebody's money.
pub(super) fn constraints(headers: &HeaderMap) -> Result<Constraints, Error> {
    let text = |name: &str| {
        let value = headers.get(name)?;
        Some(value.to_str().unwrap_or_default().trim())
    };
    let mut constraints = Constraints::default();
    if let Some(text) = text(MAX_COST) {
        let most = text.trim_start_matches('$').parse::<f64>().ok();
        let most = most.filter(|most| most.is_finite() && *most >= 0.0);
        let fault = || {
            Error::invalid(
                MAX_COST,
                format!("`{MAX_COST}` is an amount in USD, such as 0.05"),
            )
        };
        constraints.max_cost = Some(most.ok_or_else(fault)?);
    }
    if let Some(text) = text(FIRST_TOKEN_WITHIN) {
        let fault = |_| {
            Error::invalid(
                FIRST_TOKEN_WITHIN,
                format!("`{FIRST_TOKEN_WITHIN}` is a time, such as 3s"),
            )
        };
        constraints.first_content_within = Some(units::parse_duration(text).map_err(fault)?);
    }
    Ok(constraints)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn limits_are_read_and_what_is_no_limit_is_refused() {
        let read = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, http::HeaderValue::from_static(value));
            constraints(&headers)
        };
        assert_eq!(read(MAX_COST, "0.05").unwrap().max_cost, Some(0.05));
        let limit = read(FIRST_TOKEN_WITHIN, "1500ms")
            .unwrap()
            .first_content_within;
        assert_eq!(limit, Some(Duration::from_millis(1500)));
        for (name, value) in [
            (MAX_COST, "-1"),
            (MAX_COST, "cheap"),
            (MAX_COST, "NaN"),
            (FIRST_TOKEN_WITHIN, "3"),
        ] {
            assert_eq!(
                read(name, value).unwrap_err().param(),
                Some(name),
                "{value}"
            );
        }
    }
}
