//! The flags of `usage`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::units::parse_duration;
use crate::store::ledger;

/// `usage`.
#[derive(Debug, Args)]
pub struct Usage {
    /// How far back, such as 24h or 30d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_duration)]
    pub since: Duration,
    /// What there is a line for: model, key, route or day
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "model",
        hide_possible_values = true
    )]
    pub by: By,
    /// One JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// What a report has one line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The model that answered.
    Model,
    /// The client's key.
    Key,
    /// The alias that was asked for.
    Route,
    /// The day, in UTC.
    Day,
}

impl From<By> for ledger::By {
    fn from(by: By) -> Self {
        match by {
            By::Model => Self::Model,
            By::Key => Self::Key,
            By::Route => Self::Route,
            By::Day => Self::Day,
        }
    }
}
