//! How a request ended: of what its handler told, and what the gateway had noted.

use super::ended::Told;
use crate::canonical::response::Status;
use crate::error::Kind;
use crate::gateway::journal::Notes;
use crate::telemetry::record::Outcome;

/// How it ended, of what the gateway noted and what was told.
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) words: Words,
}

/// Whose words a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// Ours.
    Own,
    /// Ours, over what the client sent: a reader's complaint quotes what it read, which may be a prompt.
    Quoting,
    /// Perhaps a provider's.
    Foreign,
}

impl Ending {
    /// Its message without what was said, and without the words of others.
    pub(super) fn withhold(&mut self, told: &Told) {
        match (self.words, told) {
            (Words::Own, _) => {}
            (Words::Quoting, Told::Failed(error, _)) => {
                let about = error.param().map(|param| format!("about `{param}`"));
                self.message = about;
            }
            (Words::Quoting | Words::Foreign, _) => self.message = None,
        }
    }

    pub(super) fn of(notes: &Notes, told: &Told) -> Self {
        let plain = |outcome, status| Self {
            outcome,
            status,
            code: None,
            message: None,
            words: Words::Own,
        };
        match (told, &notes.end) {
            (Told::Failed(error, status), _) => Self {
                outcome: if notes.attempts.is_empty() && *status < 500 {
                    Outcome::Refused
                } else {
                    Outcome::Failed
                },
                status: *status,
                code: Some(error.code().to_owned()),
                message: Some(error.message().to_owned()),
                // Whoever was asked may be quoted, also where an error came inside of a stream and has no status.
                words: match error.kind() {
                    _ if !notes.attempts.is_empty() => Words::Foreign,
                    _ if error.upstream_status().is_some() => Words::Foreign,
                    Kind::InvalidRequest | Kind::Unsupported => Words::Quoting,
                    _ => Words::Own,
                },
            },
            (Told::Delivered, Some(end)) => Self {
                outcome: match end.status {
                    Status::Completed => Outcome::Completed,
                    Status::Incomplete => Outcome::Incomplete,
                    Status::Cancelled => Outcome::Cancelled,
                    Status::Failed | Status::Queued | Status::InProgress => Outcome::Failed,
                },
                status: 200,
                code: end.reason.clone(),
                message: end.message.clone(),
                words: Words::Foreign,
            },
            (Told::Cancelled, _) => plain(Outcome::Cancelled, 200),
            (Told::Delivered, None) => plain(Outcome::Completed, 200),
            (Told::BrokeDown, _) => Self {
                code: Some("internal_error".to_owned()),
                message: Some("the gateway broke down over this request".to_owned()),
                ..plain(Outcome::Failed, 500)
            },
            (Told::Stopped, _) => Self {
                code: Some("gateway_stopped".to_owned()),
                message: Some("the gateway stopped before the answer was over".to_owned()),
                ..plain(Outcome::Failed, 503)
            },
            // The status of nginx for a client that closed its connection.
            (Told::Dropped, _) => plain(Outcome::HungUp, 499),
        }
    }
}
