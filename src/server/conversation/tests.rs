use super::*;
use crate::canonical::response::Response;
use crate::config::{Store, StoreKind};

fn conversations(kind: StoreKind) -> Conversations {
    let config = Store {
        kind,
        ..Store::default()
    };
    Conversations {
        archive: Archive::new(&config, || 1),
        sealer: Sealer::new(None),
        recordings: Recordings::default(),
    }
}

fn request(json: &str) -> Request {
    serde_json::from_str(json).unwrap()
}

fn response(json: &str) -> Response {
    serde_json::from_str(json).unwrap()
}

/// Asks `json`, is answered `answer`, and gives back what was sent.
async fn turn(state: &Conversations, json: &str, answer: &str) -> Result<Request, Error> {
    let mut request = request(json);
    let filing = state
        .prepare(&mut request, Owner::default(), Reach::Archive)
        .await?;
    state.file(&filing, Arc::new(request.clone()), response(answer));
    Ok(request)
}

fn text(request: &Request) -> String {
    serde_json::to_string(&request.input).unwrap()
}

#[tokio::test]
async fn a_chain_has_everything_said_in_order_and_no_call_that_was_cut() {
    let state = conversations(StoreKind::Memory);
    let first = r#"{"id":"resp_1","model":"m","status":"incomplete","output":[
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":"one"},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{","status":"incomplete"}]}"#;
    turn(
        &state,
        r#"{"model":"m","input":"a","instructions":"be brief"}"#,
        first,
    )
    .await
    .unwrap();
    let second = r#"{"id":"resp_2","model":"m","status":"completed","output":[
        {"type":"message","id":"msg_2","role":"assistant","status":"completed","content":"two"}]}"#;
    let json = r#"{"model":"m","input":"b","previous_response_id":"resp_1"}"#;
    turn(&state, json, second).await.unwrap();
    let json = r#"{"model":"m","previous_response_id":"resp_2","store":true,
        "input":[{"type":"item_reference","id":"msg_1"},{"role":"user","content":"c"}]}"#;
    let sent = turn(&state, json, second).await.unwrap();
    let texts: Vec<&str> = ["\"a\"", "\"one\"", "\"b\"", "\"two\"", "\"c\""].to_vec();
    let whole = text(&sent);
    let places: Vec<usize> = texts.iter().map(|text| whole.find(text).unwrap()).collect();
    assert!(places.is_sorted(), "{whole}");
    assert!(!whole.contains("fc_1"));
    assert_eq!(
        sent.input.len(),
        5,
        "what is there already is not referred to again"
    );
    assert_eq!(sent.instructions, None);
    assert_eq!(sent.store, Some(true));
}

#[tokio::test]
async fn what_is_unknown_or_unfinished_is_refused_by_name() {
    let state = conversations(StoreKind::Memory);
    let failed = r#"{"id":"resp_f","model":"m","status":"failed","output":[]}"#;
    turn(&state, r#"{"model":"m","input":"a"}"#, failed)
        .await
        .unwrap();
    let unkept = r#"{"id":"resp_u","model":"m","status":"completed","output":[]}"#;
    turn(&state, r#"{"model":"m","input":"a","store":false}"#, unkept)
        .await
        .unwrap();
    let check = async |json: &str, param: &str, code: &str| {
        let error = turn(&state, json, unkept).await.unwrap_err();
        let got = (error.status(), error.param(), error.code());
        assert_eq!(got, (400, Some(param), code), "{json}");
    };
    for id in ["resp_f", "resp_u", "resp_none"] {
        let json = format!(r#"{{"model":"m","previous_response_id":"{id}"}}"#);
        check(&json, "previous_response_id", "previous_response_not_found").await;
    }
    let json = r#"{"model":"m","input":[{"id":"msg_none"}]}"#;
    check(json, "input[0].id", "item_not_found").await;
    for blob in ["x", "llmgws1.AAAA"] {
        let json = format!(
            r#"{{"model":"m","input":[{{"type":"compaction","encrypted_content":"{blob}"}}]}}"#
        );
        let param = "input[0].encrypted_content";
        check(&json, param, "invalid_encrypted_content").await;
    }
}

#[tokio::test]
async fn a_gateway_that_keeps_nothing_says_so() {
    let state = conversations(StoreKind::None);
    let answer = r#"{"id":"resp_1","model":"m","status":"completed","output":[]}"#;
    let sent = turn(&state, r#"{"model":"m","input":"a"}"#, answer)
        .await
        .unwrap();
    assert_eq!(sent.store, Some(false));
    for (fields, param) in [
        (r#""store":true"#, "store"),
        (r#""background":true"#, "background"),
    ] {
        let json = format!(r#"{{"model":"m","input":"a",{fields}}}"#);
        let error = turn(&state, &json, answer).await.unwrap_err();
        assert_eq!((error.status(), error.param()), (400, Some(param)));
    }
}

#[tokio::test]
async fn a_sealed_conversation_becomes_the_operators_word() {
    let state = conversations(StoreKind::Memory);
    let blob = state
        .sealer
        .seal(&Owner::default(), "it was a heron")
        .unwrap();
    let json = format!(
        r#"{{"model":"m","input":[{{"type":"compaction","encrypted_content":"{blob}"}},{{"role":"user","content":"so?"}}]}}"#
    );
    let answer = r#"{"id":"resp_1","model":"m","status":"completed","output":[]}"#;
    let sent = turn(&state, &json, answer).await.unwrap();
    assert!(text(&sent).contains("it was a heron"));
    assert!(text(&sent).contains("developer"));
}
