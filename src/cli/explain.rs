//! `explain`: whom a request would be sent to, and why. It is the planner that `serve` asks, without live health: a
//! running server's `POST /admin/explain` knows that too.

use std::fmt::Write as _;
use std::io::Read as _;

use super::args::{Explain, Global};
use super::failure::{Code, Failure, Outcome};
use super::setup::Setup;
use super::streams::{Streams, say};
use crate::canonical::request::{Delivery, Request};
use crate::doors::Door as _;
use crate::doors::responses::Responses;
use crate::gateway::explain::{Detail, Explained, Explanation};
use crate::gateway::{Caller, Gateway};
use crate::routing::plan::Constraints;

/// Explains.
pub(crate) fn run(explain: &Explain, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    let mut request = request(explain)?;
    let mut setup = Setup::load(global, streams)?;
    if explain.model.is_some() || request.model.is_empty() {
        request.model = setup.model(explain.model.as_deref(), streams)?;
    }
    let detail = if global.verbose > 0 {
        Detail::Request
    } else {
        Detail::Plan
    };
    let caller = Caller {
        constraints: Constraints {
            max_cost: explain.max_cost,
            first_content_within: explain.first_token_within,
        },
        ..Caller::default()
    };
    let explanation = Gateway::new(setup.config).explain(request, &caller, detail)?;
    if explain.json {
        let json = serde_json::to_string_pretty(&explanation).map_err(|error| {
            Failure::new(Code::Bug, format!("cannot show the explanation: {error}"))
        })?;
        say(&format!("{json}\n"))?;
    } else {
        say(&text(&explanation))?;
    }
    if explanation.has_target() {
        return Ok(());
    }
    Err(Failure::new(Code::Refused, "no target can take this request").into())
}

/// The request of the file, or one of the prompt's words.
fn request(explain: &Explain) -> Outcome<Request> {
    let prompt = explain.prompt.join(" ");
    let usage = |message: String| Failure::new(Code::Usage, message);
    let Some(path) = &explain.file else {
        if prompt.is_empty() {
            return Err(usage("name a prompt, or a request with -f".to_owned()).into());
        }
        let mut request = Request::ask("", prompt);
        request.delivery = Delivery::Streamed;
        return Ok(request);
    };
    if !prompt.is_empty() {
        return Err(usage("a prompt and -f cannot both be the request".to_owned()).into());
    }
    let mut body = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut body).map(|_| ())
    } else {
        std::fs::read(path).map(|bytes| body = bytes)
    };
    read.map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    let (request, _) = Responses::decode(None, &body)
        .map_err(|error| usage(format!("{}: {}", path.display(), error.message())))?;
    Ok(request)
}

fn text(explanation: &Explanation) -> String {
    let mut out = String::new();
    let demand = &explanation.demand;
    let name = match (&explanation.route, explanation.policy) {
        (Some(alias), Some(policy)) => format!("{alias} ({policy})"),
        _ => explanation.model.clone(),
    };
    let mut abilities = demand.abilities.join(", ");
    if !abilities.is_empty() {
        abilities.insert_str(0, "; needs ");
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{name}: about {} tokens in, {} out{abilities}; no live health is known here\n",
        demand.input_tokens, demand.output_tokens
    );
    let mut place = 0;
    for candidate in &explanation.candidates {
        let mark = if candidate.verdict == "asked" {
            place += 1;
            format!("{place}.")
        } else {
            "-".to_owned()
        };
        describe(&mut out, &mark, candidate);
    }
    out
}

fn describe(out: &mut String, mark: &str, candidate: &Explained) {
    let cost = match candidate.cost_usd {
        Some(cost) => format!("about ${cost:.6}"),
        None => "price unknown".to_owned(),
    };
    let _ = writeln!(
        out,
        "{mark:<3}{}  {}  {cost}",
        candidate.target, candidate.verdict
    );
    for reason in &candidate.reasons {
        let _ = writeln!(out, "     {reason}");
    }
    if let Some(refusal) = &candidate.refusal {
        let _ = writeln!(out, "     cannot carry the request: {refusal}");
    }
    for loss in &candidate.losses {
        let _ = writeln!(out, "     loses {}: {}", loss.field, loss.what);
    }
    if let Some(sent) = &candidate.request {
        let _ = writeln!(out, "     {} {}", sent.method, sent.url);
        for (name, value) in &sent.headers {
            let _ = writeln!(out, "     {name}: {value}");
        }
        if let Some(body) = &sent.body {
            let _ = writeln!(out, "     {}", body.get());
        }
    }
}
