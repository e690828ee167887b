//! A client and an upstream of one protocol, over sockets: what the client sends arrives as it was, what the upstream
//! says comes back as it was said, and what a client drops of a thinking model's state is put back.

#![expect(
    clippy::disallowed_methods,
    reason = "clients and servers of a test end with it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what does not unwrap here is a failed test"
)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use llmgw::server::Stopper;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[path = "support/served.rs"]
mod served;

use served::served;

/// What the upstream was sent: the head, and the body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// What it answers to the n-th request: the content type, and the body.
type Script = fn(usize) -> (&'static str, String);

struct Bench {
    address: SocketAddr,
    stopper: Stopper,
    client: Client,
    seen: Seen,
}

impl Bench {
    async fn new(script: Script) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = upstream.local_addr().unwrap().port();
        let seen = Seen::default();
        tokio::task::spawn(serve_upstream(upstream, seen.clone(), script));
        let config = format!(
            "providers:\n  \
               openai: {{ api_key: k, base_url: \"http://127.0.0.1:{port}/v1\" }}\n  \
               anthropic: {{ api_key: k, base_url: \"http://127.0.0.1:{port}\" }}\n  \
               google: {{ api_key: k, base_url: \"http://127.0.0.1:{port}\" }}\n"
        );
        let (address, stopper) = served(&config).await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            address,
            stopper,
            client: Client::builder().no_proxy().build().unwrap(),
            seen,
        }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut request = self
            .client
            .post(format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = request.send().await.unwrap();
        let status = reply.status();
        let text = reply.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
        text
    }

    fn seen(&self, at: usize) -> (String, String) {
        self.seen.lock().unwrap()[at].clone()
    }

    fn sent(&self, at: usize) -> Value {
        serde_json::from_str(&self.seen(at).1).unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stopper.stop();
        self.stopper.stop();
    }
}

async fn serve_upstream(listener: TcpListener, seen: Seen, script: Script) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::task::spawn(answer(stream, seen.clone(), script));
    }
}

async fn answer(mut stream: TcpStream, seen: Seen, script: Script) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| body.len() >= length.parse::<usize>().unwrap()) {
            break (head, body.to_owned());
        }
    };
    let (kind, reply) = {
        let mut seen = seen.lock().unwrap();
        seen.push((head, body));
        script(seen.len() - 1)
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        reply.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(reply.as_bytes()).await.unwrap();
}

const MESSAGE: &str = r#"{"id":"msg_01","type":"message","role":"assistant","model":"claude-opus-5","content":[{"type":"thinking","thinking":"","signature":"EoS+/="},{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"q"}},{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]},{"type":"text","text":"hi","citations":[{"type":"char_location","document_index":0}]}],"stop_reason":"stop_sequence","stop_sequence":"END","container":{"id":"c"},"usage":{"input_tokens":1,"output_tokens":2,"service_tier":"standard"}}"#;

fn message(_: usize) -> (&'static str, String) {
    ("application/json", MESSAGE.to_owned())
}

#[tokio::test]
async fn a_messages_request_reaches_anthropic_as_its_client_wrote_it() {
    let bench = Bench::new(message).await;
    let body = r#"{"model":"claude-opus-5","max_tokens":100,"metadata":{"user_id":"u"},"mcp_servers":[{"type":"url","url":"https://x","name":"m"}],"context_management":{"edits":[{"type":"compact_20260112"}]},"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"container_upload","file_id":"f"}]}]}"#;
    let headers = [
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "mcp-client-2025-11-20,compact-2026-01-12"),
        ("x-api-key", "whatever"),
    ];
    let reply = bench.post("/v1/messages", &headers, body).await;
    let (head, sent) = bench.seen(0);
    assert_eq!(sent, body);
    assert!(head.starts_with("post /v1/messages "), "{head}");
    assert!(head.contains("anthropic-version: 2023-06-01"), "{head}");
    let beta = "anthropic-beta: mcp-client-2025-11-20,compact-2026-01-12";
    assert!(head.contains(beta), "{head}");
    assert!(
        head.contains("x-api-key: k"),
        "the client's key goes nowhere: {head}"
    );
    let mut reply: Value = serde_json::from_str(&reply).unwrap();
    let note = reply
        .as_object_mut()
        .unwrap()
        .shift_remove("llmgw")
        .unwrap();
    assert_eq!(note["model"], "anthropic/claude-opus-5");
    assert_eq!(reply, serde_json::from_str::<Value>(MESSAGE).unwrap());
}

#[tokio::test]
async fn a_count_of_tokens_is_asked_in_the_same_words() {
    let count = |_| ("application/json", r#"{"input_tokens":7}"#.to_owned());
    let bench = Bench::new(count).await;
    let body =
        r#"{"model":"claude-opus-5","messages":[{"role":"user","content":"a"}],"novelty":1}"#;
    let headers = [("anthropic-version", "2023-06-01"), ("anthropic-beta", "b")];
    let reply = bench
        .post("/v1/messages/count_tokens", &headers, body)
        .await;
    assert_eq!(reply, r#"{"input_tokens":7}"#);
    let (head, sent) = bench.seen(0);
    assert_eq!(sent, body);
    assert!(head.contains("anthropic-beta: b"), "{head}");
}

const EVENTS: [&str; 8] = [
    r#"{"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-opus-5","content":[],"stop_reason":null,"usage":{"input_tokens":1,"output_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"brand_new","data":1}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"hi"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"pause_turn","stop_sequence":null},"usage":{"output_tokens":2}}"#,
    r#"{"type":"message_stop"}"#,
];

#[tokio::test]
async fn the_events_of_anthropic_reach_its_client_as_they_were_sent() {
    let stream = |_| {
        let event = |data: &&str| {
            let kind = data.split('"').nth(3).unwrap();
            format!("event: {kind}\ndata: {data}\n\n")
        };
        ("text/event-stream", EVENTS.iter().map(event).collect())
    };
    let bench = Bench::new(stream).await;
    let body = r#"{"model":"claude-opus-5","max_tokens":100,"messages":[{"role":"user","content":"a"}],"stream":true}"#;
    let headers = [("anthropic-version", "2026-10-21")];
    let text = bench.post("/v1/messages", &headers, body).await;
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut came: Vec<Value> = data
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    for event in &mut came {
        event.as_object_mut().unwrap().shift_remove("llmgw");
    }
    let said: Vec<Value> = EVENTS
        .iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(came, said);
}

#[tokio::test]
async fn what_only_chat_completions_has_goes_to_that_api_of_openai() {
    let completion = |_| {
        let body = r#"{"id":"chatcmpl-x","object":"chat.completion","created":7,"model":"gpt-4.1","system_fingerprint":"fp","choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"completion_tokens_details":{"accepted_prediction_tokens":0}}}"#;
        ("application/json", body.to_owned())
    };
    let bench = Bench::new(completion).await;
    let body =
        r#"{"model":"gpt-4.1","seed":7,"stop":["END"],"messages":[{"role":"user","content":"a"}]}"#;
    let reply = bench.post("/v1/chat/completions", &[], body).await;
    let (head, _) = bench.seen(0);
    assert!(head.starts_with("post /v1/chat/completions "), "{head}");
    let sent = bench.sent(0);
    assert_eq!((&sent["seed"], &sent["stop"]), (&json!(7), &json!("END")));
    let mut reply: Value = serde_json::from_str(&reply).unwrap();
    reply
        .as_object_mut()
        .unwrap()
        .shift_remove("llmgw")
        .unwrap();
    assert_eq!(
        reply,
        serde_json::from_str::<Value>(&completion(0).1).unwrap()
    );
}

/// A chat client that keeps of an answer what the protocol of OpenAI has, and nothing else.
fn forgetful(answer: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let message = &answer["choices"][0]["message"];
    let calls =
        message["tool_calls"].as_array().unwrap().iter().map(
            |call| json!({"id": call["id"], "type": "function", "function": call["function"]}),
        );
    let calls: Vec<Value> = calls.collect();
    json!({"role": "assistant", "content": message["content"], "tool_calls": calls})
}

/// Two steps of a tool loop of such a client.
async fn two_steps(bench: &Bench, model: &str) {
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}]);
    let user = json!({"role": "user", "content": "a"});
    let first =
        json!({"model": model, "messages": [user], "tools": tools, "reasoning_effort": "high"});
    let answer = bench
        .post("/v1/chat/completions", &[], &first.to_string())
        .await;
    let assistant = forgetful(&answer);
    let id = &assistant["tool_calls"][0]["id"];
    let result = json!({"role": "tool", "tool_call_id": id, "content": "r"});
    let mut second = first.clone();
    second["messages"] = json!([user, assistant, result]);
    bench
        .post("/v1/chat/completions", &[], &second.to_string())
        .await;
}

#[tokio::test]
async fn thinking_of_claude_returns_though_a_chat_client_drops_it() {
    let called = |_| {
        let body = r#"{"id":"msg_01","type":"message","role":"assistant","model":"claude-opus-5","content":[{"type":"thinking","thinking":"t","signature":"EoS+/="},{"type":"redacted_thinking","data":"R3d="},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}"#;
        ("application/json", body.to_owned())
    };
    let bench = Bench::new(called).await;
    two_steps(&bench, "claude-opus-5").await;
    let content = &bench.sent(1)["messages"][1]["content"];
    assert_eq!(
        content,
        &json!([
            {"type": "thinking", "thinking": "t", "signature": "EoS+/="},
            {"type": "redacted_thinking", "data": "R3d="},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
        ])
    );
}

#[tokio::test]
async fn a_signature_of_gemini_returns_though_a_chat_client_drops_it() {
    let called = |_| {
        let body = r#"{"responseId":"r1","modelVersion":"gemini-3.5-flash","candidates":[{"index":0,"content":{"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":{"a":1}},"thoughtSignature":"U2lnbmVk+/=="}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}"#;
        ("application/json", body.to_owned())
    };
    let bench = Bench::new(called).await;
    two_steps(&bench, "gemini-3.5-flash").await;
    let parts = &bench.sent(1)["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "U2lnbmVk+/==", "{parts}");
    assert_eq!(parts[0]["functionCall"]["name"], "f");
}

#[tokio::test]
async fn thinking_of_one_claude_is_not_sent_to_another() {
    let bench = Bench::new(message).await;
    let user = json!({"role": "user", "content": "a"});
    let ask = |model: &str, messages: Value| {
        json!({"model": model, "max_tokens": 100, "messages": messages}).to_string()
    };
    let first = bench
        .post("/v1/messages", &[], &ask("claude-opus-5", json!([user])))
        .await;
    let first: Value = serde_json::from_str(&first).unwrap();
    let history = json!([user, {"role": "assistant", "content": first["content"]}, user]);
    for model in ["claude-opus-5", "claude-sonnet-5"] {
        bench
            .post("/v1/messages", &[], &ask(model, history.clone()))
            .await;
    }
    let kinds = |at: usize| -> Vec<Value> {
        let content = bench.sent(at)["messages"][1]["content"].clone();
        content
            .as_array()
            .unwrap()
            .iter()
            .map(|block| block["type"].clone())
            .collect()
    };
    assert_eq!(
        kinds(1),
        [
            "thinking",
            "server_tool_use",
            "web_search_tool_result",
            "text"
        ]
    );
    assert_eq!(
        kinds(2),
        ["server_tool_use", "web_search_tool_result", "text"]
    );
}
