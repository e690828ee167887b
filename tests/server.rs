//! The server over sockets: doors, lists, counts, embeddings, encodings, versions of HTTP.

#![expect(
    clippy::disallowed_methods,
    reason = "clients and servers of a test end with it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what does not unwrap here is a failed test"
)]

use std::io::Write as _;
use std::net::SocketAddr;

use flate2::Compression;
use flate2::write::GzEncoder;
use llmgw::server::Stopper;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[path = "support/served.rs"]
mod served;

use served::served;

/// A running gateway, and an upstream that answers everything with what fits its path.
struct Bench {
    address: SocketAddr,
    stopper: Stopper,
    client: Client,
}

impl Bench {
    async fn new(server: &str) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = upstream.local_addr().unwrap().port();
        tokio::task::spawn(serve_upstream(upstream));
        let config = format!(
            "server: {{ {server} }}\n\
             providers:\n  \
               openai: {{ api_key: k, base_url: \"http://127.0.0.1:{port}/v1\" }}\n  \
               anthropic: {{ api_key: k, base_url: \"http://127.0.0.1:{port}\" }}\n  \
               google: {{ api_key: k, base_url: \"http://127.0.0.1:{port}\" }}\n  \
               lab: {{ type: openai-compatible, base_url: \"http://127.0.0.1:{port}/v1\" }}\n\
             models:\n  \
               smart: {{ targets: [demo/demo] }}\n  \
               vectors: {{ targets: [anthropic/claude-x, lab/embed-1] }}\n"
        );
        let (address, stopper) = served(&config).await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            address,
            stopper,
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Response {
        let mut request = self
            .client
            .request(method, format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = self
            .send(Method::POST, path, &[], body.to_string().into())
            .await;
        read(response).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        read(self.send(Method::GET, path, headers, Vec::new()).await).await
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stopper.stop();
        self.stopper.stop();
    }
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

async fn serve_upstream(listener: TcpListener) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::task::spawn(answer(socket));
    }
}

async fn answer(mut socket: TcpStream) {
    let mut got = Vec::new();
    let mut piece = vec![0; 65536];
    loop {
        let Ok(read @ 1..) = socket.read(&mut piece).await else {
            return;
        };
        got.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&got).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().unwrap())
        });
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        let (status, reply) = upstream_reply(head.split(' ').nth(1).unwrap(), body);
        let reply = reply.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            reply.len()
        );
        socket.write_all((head + &reply).as_bytes()).await.unwrap();
        got.clear();
    }
}

fn upstream_reply(path: &str, body: &str) -> (u16, Value) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let vector = |text: &Value| json!([text.as_str().map_or(0, str::len), 0.5]);
    if path == "/v1/embeddings" {
        let data: Vec<Value> = body["input"].as_array().unwrap().iter().enumerate()
            .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text)}))
            .collect();
        return (
            200,
            json!({"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}),
        );
    }
    if path.ends_with(":batchEmbedContents") {
        let all: Vec<Value> = body["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| json!({"values": vector(&one["content"]["parts"][0]["text"])}))
            .collect();
        return (200, json!({"embeddings": all}));
    }
    match path {
        "/v1/responses/input_tokens" => (
            200,
            json!({"object": "response.input_tokens", "input_tokens": 11}),
        ),
        "/v1/messages/count_tokens" => (200, json!({"input_tokens": 12})),
        "/v1/models" => (
            200,
            json!({"object": "list", "data": [{"id": "up-1", "object": "model", "created": 7}]}),
        ),
        _ => (
            503,
            json!({"error": {"message": "busy", "type": "server_error"}}),
        ),
    }
}

fn ask(model: &str) -> Value {
    json!({"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Say hello."}]})
}

#[tokio::test]
async fn each_door_answers_in_its_own_protocol() {
    let bench = Bench::new("").await;
    let (status, body) = bench.post("/v1/chat/completions", &ask("smart")).await;
    assert_eq!(
        (status, &body["object"]),
        (200, &json!("chat.completion")),
        "{body}"
    );
    let (status, body) = bench.post("/v1/messages", &ask("smart")).await;
    assert_eq!((status, &body["type"]), (200, &json!("message")), "{body}");
    let (status, body) = bench
        .post(
            "/v1/chat/completions",
            &json!({"model": "smart", "input": "hi"}),
        )
        .await;
    assert_eq!(
        (status, &body["object"]),
        (200, &json!("response")),
        "{body}"
    );
    for (path, end) in [
        ("/v1/chat/completions", "data: [DONE]\n\n"),
        ("/v1/messages", "data: {\"type\":\"message_stop\"}\n\n"),
    ] {
        let mut body = ask("smart");
        body["stream"] = true.into();
        let (status, text) = bench.post(path, &body).await;
        assert!(
            status == 200 && text.as_str().unwrap().ends_with(end),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn raw_reasoning_is_called_as_the_configuration_says() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().build().unwrap();
    for (choice, tag, other) in [
        (
            "summary",
            "response.reasoning_summary_text.delta",
            "response.reasoning",
        ),
        (
            "spec",
            "response.reasoning.delta",
            "response.reasoning_text",
        ),
        (
            "openai",
            "response.reasoning_text.delta",
            "response.reasoning.",
        ),
    ] {
        let config = format!("defaults: {{ reasoning_events: {choice} }}\n");
        let (address, stopper) = served(&config).await;
        let body = json!({
            "model": "demo", "input": "hi", "reasoning": { "effort": "high", "summary": "auto" }, "stream": true,
        });
        let url = format!("http://{address}/v1/responses");
        let request = client.post(url).header("content-type", "application/json");
        let reply = request.body(body.to_string()).send().await.unwrap();
        let text = reply.text().await.unwrap();
        assert!(text.contains(&format!("\nevent: {tag}\n")), "{text}");
        let foreign = text.lines().find(|line| {
            line.strip_prefix("event: ").is_some_and(|name| {
                name.starts_with(other) && !name.starts_with("response.reasoning_summary")
            })
        });
        assert_eq!(foreign, None, "{choice}");
        stopper.stop();
        stopper.stop();
    }
}

#[tokio::test]
async fn an_error_speaks_the_dialect_of_its_path() {
    let bench = Bench::new("").await;
    let (status, body) = bench.post("/v1/messages", &json!({"model": "smart"})).await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
    assert!(body["request_id"].is_string());
    let (status, body) = bench
        .post("/v1/messages", &ask("anthropic/claude-sonnet-5-5"))
        .await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (529, &json!("overloaded_error")),
        "{body}"
    );
    let (status, body) = bench
        .post("/v1/chat/completions", &json!({"model": "smart"}))
        .await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
    let (status, body) = bench.get("/v1/messages", &[]).await;
    assert_eq!((status, &body["type"]), (405, &json!("error")));
    let (status, body) = bench.get("/v1/nothing", &[]).await;
    assert_eq!((status, &body["error"]["type"]), (404, &json!("not_found")));
    let locked = Bench::new("keys: [{ name: a, key: k1 }]").await;
    let (status, body) = locked.post("/v1/messages", &ask("smart")).await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (401, &json!("authentication_error"))
    );
    let response = locked
        .send(
            Method::POST,
            "/v1/messages",
            &[("x-api-key", "k1")],
            ask("smart").to_string().into(),
        )
        .await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn models_are_listed_in_the_callers_shape_and_for_the_callers_key() {
    let bench = Bench::new("").await;
    let (status, body) = bench.get("/v1/models", &[]).await;
    let ids = |body: &Value| -> Vec<String> {
        body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!((status, &body["object"]), (200, &json!("list")));
    let listed = ids(&body);
    assert_eq!(listed[..2], ["smart", "vectors"]);
    for id in ["lab/up-1", "demo/demo"] {
        assert!(
            listed.iter().any(|known| known == id),
            "{id} is not in {listed:?}"
        );
    }
    let (_, body) = bench
        .get("/v1/models", &[("anthropic-version", "2026-10-21")])
        .await;
    assert_eq!(
        (&body["has_more"], &body["first_id"]),
        (&json!(false), &json!("smart"))
    );
    let (status, body) = bench.get("/v1/models/lab/up-1", &[]).await;
    assert_eq!(
        (status, &body["id"], &body["created"]),
        (200, &json!("lab/up-1"), &json!(7))
    );
    let (status, body) = bench
        .get(
            "/v1/models/lab%2Fup-1",
            &[("anthropic-version", "2026-10-21")],
        )
        .await;
    assert_eq!((status, &body["type"]), (200, &json!("model")));
    let (status, body) = bench.get("/v1/models/nobodys", &[]).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (404, &json!("model_not_found")),
        "{body}"
    );
    let locked = Bench::new("keys: [{ name: a, key: k1, models: [smart] }]").await;
    let key = ("authorization", "Bearer k1");
    let (_, body) = locked.get("/v1/models", &[key]).await;
    assert_eq!(ids(&body), ["smart"]);
    let (status, _) = locked.get("/v1/models/lab/up-1", &[key]).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider_or_estimated() {
    let bench = Bench::new("").await;
    let count = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "12345678"}]});
    for (model, expect) in [
        ("anthropic/claude-sonnet-5-5", 12),
        ("openai/gpt-6-luna", 11),
    ] {
        let (status, body) = bench.post("/v1/messages/count_tokens", &count(model)).await;
        assert_eq!((status, &body), (200, &json!({"input_tokens": expect})));
    }
    // Two tokens of text and four around it.
    let body = json!({"model": "lab/x", "input": "12345678"}).to_string();
    let response = bench
        .send(Method::POST, "/v1/responses/input_tokens", &[], body.into())
        .await;
    assert_eq!(response.headers()["x-llmgw-lossy"], "input_tokens");
    let (status, body) = read(response).await;
    assert_eq!(
        (status, body),
        (
            200,
            json!({"object": "response.input_tokens", "input_tokens": 6})
        )
    );
}

#[tokio::test]
async fn texts_are_embedded_by_whoever_can() {
    let bench = Bench::new("").await;
    for (model, answered, usage) in [
        (
            "openai/text-embedding-3-small",
            "text-embedding-3-small",
            json!({"prompt_tokens": 4, "total_tokens": 4}),
        ),
        (
            "google/gemini-embedding-001",
            "gemini-embedding-001",
            Value::Null,
        ),
        (
            "vectors",
            "embed-1",
            json!({"prompt_tokens": 4, "total_tokens": 4}),
        ),
    ] {
        let (status, body) = bench
            .post(
                "/v1/embeddings",
                &json!({"model": model, "input": ["a", "bcd"], "dimensions": 2}),
            )
            .await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(
            body["data"][1],
            json!({"object": "embedding", "index": 1, "embedding": [3.0, 0.5]}),
            "{model}"
        );
        assert_eq!((&body["model"], &body["usage"]), (&json!(answered), &usage));
    }
    // Four tokens at 0.02 USD a million; nobody knows what a model of one's own costs.
    for (model, expect) in [
        ("openai/text-embedding-3-small", Some("0.00000008")),
        ("vectors", None),
    ] {
        let body = json!({"model": model, "input": "a"}).to_string();
        let response = bench
            .send(Method::POST, "/v1/embeddings", &[], body.into())
            .await;
        let cost = response.headers().get("x-llmgw-cost-usd");
        assert_eq!(cost.and_then(|cost| cost.to_str().ok()), expect, "{model}");
    }
    let packed = json!({"model": "vectors", "input": "a", "encoding_format": "base64"});
    let (_, body) = bench.post("/v1/embeddings", &packed).await;
    // 1.0 and 0.5 as 32-bit floats, little-endian.
    assert_eq!(body["data"][0]["embedding"], "AACAPwAAAD8=");
    let (status, body) = bench
        .post(
            "/v1/embeddings",
            &json!({"model": "anthropic/claude-x", "input": "a"}),
        )
        .await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (400, &json!("invalid_request_error")),
        "{body}"
    );
}

#[tokio::test]
async fn a_failure_says_who_was_asked_how_often_and_a_refusal_of_ours_does_not() {
    let bench = Bench::new("").await;
    let check = async |body: Value, expect: (u16, Option<&str>, Option<&str>)| {
        let path = "/v1/responses";
        let reply = bench
            .send(Method::POST, path, &[], body.to_string().into())
            .await;
        let header = |name: &str| reply.headers().get(name).map(|v| v.to_str().unwrap());
        let seen = (
            reply.status().as_u16(),
            header("x-llmgw-attempts"),
            header("x-llmgw-model"),
        );
        assert_eq!(seen, expect, "{body}");
    };
    let demo = |fail: u16| json!({"model": "smart", "input": "hi", "demo": {"fail": fail}});
    check(demo(400), (400, Some("1"), Some("demo/demo"))).await;
    check(demo(500), (502, Some("3"), Some("demo/demo"))).await;
    check(
        json!({"model": "smart", "input": "hi", "temperature": 9}),
        (400, None, None),
    )
    .await;
}

#[tokio::test]
async fn a_compressed_body_is_read_up_to_the_limit() {
    let bench = Bench::new("body_limit: 4KiB").await;
    let gzip = |body: &Value| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body.to_string().as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let post = async |name: &str, body: Vec<u8>| {
        bench
            .send(
                Method::POST,
                "/v1/chat/completions",
                &[("content-encoding", name)],
                body,
            )
            .await
            .status()
            .as_u16()
    };
    assert_eq!(post("gzip", gzip(&ask("smart"))).await, 200);
    let zstd = ruzstd::encoding::compress_to_vec(
        ask("smart").to_string().as_bytes(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    assert_eq!(post("zstd", zstd).await, 200);
    let mut bomb = ask("smart");
    bomb["user"] = "a".repeat(8192).into();
    assert_eq!(post("gzip", gzip(&bomb)).await, 413);
    assert_eq!(post("gzip", b"{}".to_vec()).await, 400);
    assert_eq!(post("br", b"{}".to_vec()).await, 415);
}

#[tokio::test]
async fn pages_may_call_only_from_origins_that_are_named() {
    let bench = Bench::new("cors: [\"https://app.example\"]").await;
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        bench
            .send(Method::OPTIONS, "/v1/messages", &headers, Vec::new())
            .await
    };
    let allowed = preflight("https://app.example").await;
    assert_eq!(allowed.status(), 204);
    assert_eq!(
        allowed.headers()["access-control-allow-origin"],
        "https://app.example"
    );
    assert_eq!(
        allowed.headers()["access-control-allow-headers"],
        "authorization"
    );
    let foreign = preflight("https://evil.example").await;
    assert!(
        !foreign
            .headers()
            .contains_key("access-control-allow-origin")
    );
    let body = ask("smart").to_string();
    let called = bench
        .send(
            Method::POST,
            "/v1/messages",
            &[("origin", "https://app.example")],
            body.clone().into(),
        )
        .await;
    assert_eq!(
        (
            called.status().as_u16(),
            &called.headers()["access-control-allow-origin"]
        ),
        (200, &"https://app.example".parse().unwrap())
    );
    let refused = bench
        .send(
            Method::POST,
            "/v1/messages",
            &[("origin", "https://evil.example")],
            body.into(),
        )
        .await;
    assert_eq!(refused.status(), 403);
    let off = Bench::new("").await;
    let silent = off
        .send(
            Method::OPTIONS,
            "/v1/messages",
            &[("origin", "https://app.example")],
            Vec::new(),
        )
        .await;
    assert!(
        silent.status() == 204 && !silent.headers().contains_key("access-control-allow-origin")
    );
}

#[tokio::test]
async fn head_http_2_and_expect_are_understood() {
    let bench = Bench::new("").await;
    let head = bench
        .send(Method::HEAD, "/v1/models", &[], Vec::new())
        .await;
    assert_eq!(
        (
            head.status().as_u16(),
            head.headers()["content-type"].to_str().unwrap()
        ),
        (200, "application/json")
    );
    let h2 = Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let response = h2
        .post(format!("http://{}/v1/messages", bench.address))
        .json_body(&ask("smart"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.version(), response.status().as_u16()),
        (reqwest::Version::HTTP_2, 200)
    );
    let mut socket = TcpStream::connect(bench.address).await.unwrap();
    let body = ask("smart").to_string();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut got = vec![0; 1024];
    let read = socket.read(&mut got).await.unwrap();
    assert!(
        got[..read].starts_with(b"HTTP/1.1 100 "),
        "{}",
        String::from_utf8_lossy(&got[..read])
    );
    socket.write_all(body.as_bytes()).await.unwrap();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("HTTP/1.1 200 OK"), "{rest}");
}

/// reqwest's own `json` is a feature that nothing else needs.
trait JsonBody {
    fn json_body(self, body: &Value) -> Self;
}

impl JsonBody for reqwest::RequestBuilder {
    fn json_body(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_the_configuration_and_how_each_provider_fares() {
    let bench = Bench::new("").await;
    let (status, before) = bench.get("/readyz", &[]).await;
    assert_eq!((status, &before["status"]), (200, &json!("ready")));
    assert_eq!(before["config"], json!({"reloaded": true, "error": null}));
    assert_eq!(before["providers"]["demo"]["health"], "unknown");
    assert_eq!(before["providers"]["openai"]["keys"]["ready"], 1);
    let asleep = before["asleep"].as_array().unwrap();
    assert!(asleep.contains(&json!("groq")), "{before}");

    let hello = json!({"model": "smart", "input": "hello"});
    assert_eq!(bench.post("/v1/responses", &hello).await.0, 200);
    let (_, after) = bench.get("/readyz", &[]).await;
    assert_eq!(
        after["providers"]["demo"],
        json!({"health": "ok", "models": {"asked": 1, "resting": 0}, "keys": {"ready": 0, "resting": 0, "retired": 0}})
    );
}
