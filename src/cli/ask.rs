//! `ask`: one question, one answer. The answer is standard output; how it went is the exit code.

use serde_json::{Value, json};

use super::account::{self, Account};
use super::args::{Ask, Global, Output};
use super::failure::{Code, Failure, Outcome, Stop};
use super::files::{self, Attachment};
use super::input::{self, Material, Stdin};
use super::listen::{End, Heard, Reasoning, listen};
use super::printer::{Markdown, Printer, first_block};
use super::render::Style;
use super::request;
use super::schema;
use super::session::{Session, Turn};
use super::setup::Setup;
use super::streams::{Streams, error_columns, say, tell};
use crate::canonical::request::{Delivery, Request};
use crate::config::Config;
use crate::gateway::{Gateway, fetch};

/// What standard output carries.
#[derive(Debug)]
enum Form {
    /// The answer as it comes.
    Text,
    /// The first code block, at the end.
    Block,
    /// An answer that fits, at the end.
    Fitting(Value),
    /// One object about the answer, and the schema that it has to fit.
    Object(Option<Value>),
}

/// Asks.
pub(crate) async fn run(ask: Ask, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    let wants_json = ask.output.json;
    let done = Box::pin(answer(ask, global, streams)).await;
    if let Err(Stop::Failed(failure)) = done {
        if wants_json {
            say(&format!("{}\n", json!({ "error": failure.report() })))?;
        }
        failure.tell();
        return Err(Stop::Told(failure.code));
    }
    done
}

async fn answer(ask: Ask, global: &Global, streams: Streams) -> Outcome {
    let form = form(&ask.output)?;
    let mut request = request::settings(&ask.talk)?;
    prepare(&mut request, &ask.output, &form)?;
    let stdin = if ask.output.no_stdin {
        Stdin::OnlyIfNamed
    } else {
        Stdin::IfPiped
    };
    let material = input::gather(&ask.prompt, &ask.talk.file, stdin)?;
    material.check()?;
    let mut session = Session::of(&ask.talk.conversation, streams)?;

    let mut setup = Setup::load(global, streams)?;
    setup.set_timeout(&ask.talk);
    address(&mut request, &ask, &session, &mut setup, streams)?;
    let material = fetch_pages(material, &setup.config).await?;
    let message = request::message(input::compose(material)?);
    request.input = session.items();
    request.input.push(message.clone());
    if ask.output.dry_run {
        return dry_run(&request);
    }
    account::check_size(&setup.config, &request)?;

    let turn = Turn {
        model: request.model.clone(),
        instructions: request.instructions.clone(),
        input: vec![message],
        output: Vec::new(),
    };
    let gateway = Gateway::new(setup.config);
    let mut printer = printer(&form, &ask.output, streams);
    let reasoning = if ask.output.reasoning {
        Reasoning::Shown
    } else {
        Reasoning::Hidden
    };
    let heard = listen(&gateway, request, &mut printer, reasoning, streams).await?;
    let snapshot = gateway.snapshot();
    let heard = conclude(heard, form, &snapshot.config, streams)?;
    account::report_losses(&heard, streams);
    if ask.output.usage {
        let line = Account::of(&heard, &snapshot.config).line(&heard, error_columns());
        tell(&format!("{}\n", streams.error_dress(&line, Style::DIM)));
    }
    if let Some(response) = heard.response {
        let output = response.output;
        session.add(Turn { output, ..turn }, streams)?;
    }
    Ok(())
}

/// Who is asked, and under which instructions: what was typed, or what held in the conversation so far.
fn address(
    request: &mut Request,
    ask: &Ask,
    session: &Session,
    setup: &mut Setup,
    streams: Streams,
) -> Outcome {
    let earlier = session.turns.last();
    let typed = ask
        .talk
        .model
        .as_deref()
        .or(earlier.map(|turn| turn.model.as_str()));
    request.model = match setup.model(typed, streams) {
        // A request can be looked at before there is anybody to send it to.
        Err(Stop::Failed(failure)) if ask.output.dry_run && failure.code == Code::Key => {
            String::new()
        }
        found => found?,
    };
    if request.instructions.is_none() {
        request.instructions = earlier.and_then(|turn| turn.instructions.clone());
    }
    Ok(())
}

fn printer(form: &Form, output: &Output, streams: Streams) -> Printer {
    let markdown = if output.raw {
        Markdown::AsSent
    } else {
        Markdown::Dressed
    };
    match form {
        Form::Text => Printer::new(streams, markdown),
        Form::Block | Form::Fitting(_) | Form::Object(_) => Printer::Silent,
    }
}

fn form(output: &Output) -> Outcome<Form> {
    let schema = output
        .schema
        .as_deref()
        .map(request::read_schema)
        .transpose()?;
    Ok(match (output.json, schema, output.extract) {
        (true, schema, _) => Form::Object(schema),
        (false, Some(schema), _) => Form::Fitting(schema),
        (false, None, true) => Form::Block,
        (false, None, false) => Form::Text,
    })
}

fn prepare(request: &mut Request, output: &Output, form: &Form) -> Outcome {
    if output.no_stream {
        request.delivery = Delivery::Whole;
    }
    if output.reasoning {
        request::show_reasoning(request);
    }
    match form {
        Form::Fitting(schema) | Form::Object(Some(schema)) => request::demand(request, schema),
        Form::Text | Form::Block | Form::Object(None) => Ok(()),
    }
}

/// Finds out what the pages among the files are.
pub(crate) async fn fetch_pages(mut material: Material, config: &Config) -> Outcome<Material> {
    for file in &mut material.files {
        if let Attachment::Page(url) = file {
            let data = fetch::data_url(&config.fetch, url, "-f").await?;
            *file = files::fetched(url, &data)?;
        }
    }
    Ok(material)
}

fn dry_run(request: &Request) -> Outcome {
    let text = serde_json::to_string_pretty(request)
        .map_err(|error| Failure::new(Code::Bug, format!("cannot show the request: {error}")))?;
    say(&format!("{text}\n"))
}

/// Prints what was held back and turns the end of the answer into the end of the command.
fn conclude(heard: Heard, form: Form, config: &Config, streams: Streams) -> Outcome<Heard> {
    if let End::Signal(signal) = heard.end {
        return Err(Stop::Signal(signal));
    }
    let mut heard = heard;
    if let End::Failed(failure) = heard.end {
        return Err(Stop::Failed(failure));
    }
    let refused = matches!(&heard.end, End::Short(reason) if reason == "content_filter");
    if let End::Short(reason) = &heard.end {
        account::warn_short(reason, streams);
    }
    match form {
        Form::Text => {}
        Form::Block => print_block(&heard.text, streams)?,
        Form::Fitting(schema) => {
            let value = fitting(&schema, &heard.text)?;
            say(&format!("{value}\n"))?;
        }
        Form::Object(schema) => {
            let output = match schema {
                Some(schema) => fitting(&schema, &heard.text)?,
                None => Value::String(std::mem::take(&mut heard.text)),
            };
            say(&format!("{}\n", account::object(&heard, &output, config)))?;
        }
    }
    if refused {
        return Err(Failure::new(Code::Refused, "the provider's filter stopped the answer").into());
    }
    Ok(heard)
}

fn print_block(text: &str, streams: Streams) -> Outcome {
    let mut printer = Printer::new(streams, Markdown::AsSent);
    printer.push(first_block(text))?;
    printer.finish()
}

fn fitting(schema: &Value, text: &str) -> Outcome<Value> {
    let value = schema::parse(text)
        .map_err(|error| Failure::new(Code::Unfit, format!("the answer is not JSON: {error}")))?;
    match schema::misfit(schema, &value) {
        None => Ok(value),
        Some(why) => Err(Failure::new(
            Code::Unfit,
            format!("the answer does not fit the schema: {why}"),
        )
        .into()),
    }
}
