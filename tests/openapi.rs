//! `/openapi.json` is true: its paths are the routes, its examples fit its schemas, and so do the replies that are served.

#![expect(
    clippy::disallowed_methods,
    reason = "clients and servers of a test end with it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what does not unwrap here is a failed test"
)]

use std::collections::BTreeSet;

use jsonschema::Validator;
use reqwest::{Client, Method};
use serde_json::{Value, json};

#[path = "support/served.rs"]
mod served;

use served::served;

const DOCUMENT: &str = include_str!("../src/server/openapi.json");
const ROUTER: &str = include_str!("../src/server/mod.rs");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// A schema that may refer to the document's others.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .build(&whole)
        .unwrap()
}

fn check(document: &Value, schema: &Value, value: &Value, what: &str) {
    let validator = validator(document, schema);
    let faults: Vec<String> = validator
        .iter_errors(value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{what}: {faults:#?}\n{value:#}");
}

/// Every operation of the document: path, method, and what it says.
fn operations(document: &Value) -> Vec<(String, &'static str, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                all.push((path.clone(), method, operation));
            }
        }
    }
    all
}

#[test]
fn the_paths_are_the_routes() {
    let router = ROUTER.split("fn router(").nth(1).unwrap();
    let router = router.split("\n}\n").next().unwrap();
    let mut routes = BTreeSet::new();
    for route in router.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap().replace("{*", "{");
        // The handlers stand between the path and the next call of the chain.
        let handlers = route.split('"').nth(2).unwrap();
        for method in METHODS {
            let takes = [format!(" {method}("), format!(").{method}(")];
            if takes.iter().any(|text| handlers.contains(text.as_str())) {
                routes.insert((path.clone(), method));
            }
        }
    }
    let document = document();
    let described: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(path, method, _)| (path, method))
        .collect();
    assert_eq!(routes, described);
}

#[test]
fn every_operation_is_whole() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
            "{name}"
        );
        assert!(operation["summary"].is_string(), "{name}");
        assert!(operation["responses"]["default"].is_object(), "{name}");
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_path = parameters
            .map(|parameter| match parameter["$ref"].as_str() {
                Some(at) => document.pointer(at.strip_prefix('#').unwrap()).unwrap(),
                None => parameter,
            })
            .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
            .count();
        assert_eq!(in_path, path.matches('{').count(), "{name}");
    }
}

#[test]
fn schemas_are_sound_and_examples_fit_them() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        jsonschema::draft202012::meta::validate(schema)
            .unwrap_or_else(|fault| panic!("{name}: {fault}"));
        validator(&document, schema);
    }
    let mut examples = 0;
    for (path, method, operation) in operations(&document) {
        let bodies = [
            operation.get("requestBody"),
            operation["responses"].get("200"),
        ];
        for content in bodies
            .into_iter()
            .flatten()
            .filter_map(|body| body.get("content"))
        {
            for media in content.as_object().unwrap().values() {
                let named = media["examples"].as_object().into_iter().flatten();
                let named = named.map(|(_, example)| &example["value"]);
                for example in named.chain(media.get("example")) {
                    check(
                        &document,
                        &media["schema"],
                        example,
                        &format!("{method} {path}"),
                    );
                    examples += 1;
                }
            }
        }
    }
    assert!(examples >= 14, "{examples} examples");
}

#[tokio::test]
async fn what_is_served_is_as_described() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (address, stopper) = served("models: { smart: { targets: [demo/demo] } }\n").await;
    let client = Client::builder().no_proxy().build().unwrap();
    let document = document();
    let url = format!("http://{address}/openapi.json");
    let text = client.get(url).send().await.unwrap().text().await.unwrap();
    assert_eq!(text, DOCUMENT);
    for (path, method, operation) in operations(&document) {
        let name = format!("{method} {path}");
        // Without an upgrade there is nothing to be had there.
        if operation["responses"].get("101").is_some() {
            continue;
        }
        let url = format!("http://{address}{}", path.replace("{id}", "smart"));
        let send = |body: &Value| {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let request = client
                .request(method, &url)
                .header("content-type", "application/json")
                .header("anthropic-version", "2026-10-21");
            request.body(body.to_string()).send()
        };
        let media = &operation["requestBody"]["content"]["application/json"];
        let examples = media["examples"].as_object().into_iter().flatten();
        let mut bodies: Vec<Value> = examples.map(|(_, body)| body["value"].clone()).collect();
        if bodies.is_empty() {
            bodies.push(json!({}));
        }
        for body in bodies {
            let reply = send(&body).await.unwrap();
            let status = reply.status().as_u16();
            assert_ne!(status, 405, "{name}");
            let text = reply.text().await.unwrap();
            let described = if status == 200 { "200" } else { "default" };
            let content = &operation["responses"][described]["content"];
            if body["stream"] == true {
                check_stream(
                    &document,
                    &content["text/event-stream"]["schema"],
                    &text,
                    &name,
                );
            } else if let Some(media) = content.get("application/json") {
                // A list of models asked for as Anthropic's clients ask speaks their dialect in its errors too.
                let value = serde_json::from_str(&text).unwrap();
                let models = path.starts_with("/v1/models") && status != 200;
                let anthropic = &document["components"]["schemas"]["MessagesError"];
                let schema = if models { anthropic } else { &media["schema"] };
                check(&document, schema, &value, &name);
            }
        }
    }
    stopper.stop();
    stopper.stop();
}

/// Each event fits; the response inside the last one is the same that a whole reply is.
fn check_stream(document: &Value, schema: &Value, text: &str, name: &str) {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(events.len() > 3, "{name}: {text}");
    for event in &events {
        check(document, schema, event, name);
    }
}
