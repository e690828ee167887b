//! Bodies of errors in all their shapes, and the classes that they come to.

use super::*;

fn check(status: u16, body: &str, kind: Kind, message: &str) {
    let status = StatusCode::from_u16(status).unwrap();
    let error = read(status, &HeaderMap::new(), body.as_bytes());
    assert_eq!(error.kind(), kind, "{body}");
    assert_eq!(error.message(), message, "{body}");
}

#[test]
fn every_shape_of_a_body_is_read() {
    use Kind::UpstreamInvalid;
    check(400, r#"{"error":"no"}"#, UpstreamInvalid, "no");
    check(
        400,
        r#"{"error":{"message":"no","code":1}}"#,
        UpstreamInvalid,
        "no",
    );
    check(
        400,
        r#"{"object":"error","message":"no"}"#,
        UpstreamInvalid,
        "no",
    );
    check(400, r#"{"message":"no"}"#, UpstreamInvalid, "no");
    check(400, r#"{"detail":"no"}"#, UpstreamInvalid, "no");
    check(
        400,
        r#"[{"error":{"message":"no"}}]"#,
        UpstreamInvalid,
        "no",
    );
    check(
        422,
        r#"{"detail":[{"loc":["body","seed"],"msg":"no"}]}"#,
        UpstreamInvalid,
        "no: body.seed",
    );
    check(400, "no", UpstreamInvalid, "no");
}

#[test]
fn the_class_is_told_by_status_and_words() {
    let kind = |status, body: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        read(status, &HeaderMap::new(), body.as_bytes()).kind()
    };
    let said = |text: &str| format!(r#"{{"error":{{"message":"{text}"}}}}"#);
    assert_eq!(
        kind(
            400,
            &said("This model's maximum context length is 8192 tokens")
        ),
        Kind::ContextLength
    );
    assert_eq!(kind(400, &said("Model Not Exist")), Kind::ModelNotFound);
    assert_eq!(
        kind(404, &said("The model `x` does not exist")),
        Kind::ModelNotFound
    );
    assert_eq!(
        kind(402, &said("Insufficient Balance")),
        Kind::UpstreamBilling
    );
    assert_eq!(kind(498, "{}"), Kind::Overloaded);
    assert_eq!(kind(503, &said("Loading model")), Kind::Overloaded);
    assert_eq!(
        kind(429, r#"{"error":{"code":"insufficient_quota"}}"#),
        Kind::QuotaExhausted
    );
    assert_eq!(
        kind(400, r#"{"error":{"code":"tool_use_failed"}}"#),
        Kind::ModelFailed
    );
    assert_eq!(
        kind(400, r#"{"error":{"code":"content_filter"}}"#),
        Kind::ContentPolicy
    );
    assert_eq!(kind(401, "{}"), Kind::UpstreamAuth);
    assert_eq!(
        kind(502, "<html><body>Bad Gateway</body></html>"),
        Kind::UpstreamFailed
    );
}

#[test]
fn an_error_without_a_status_has_the_one_that_its_code_implies() {
    let kind = |body: &str| inside(body.as_bytes()).kind();
    assert_eq!(
        kind(r#"{"message":"x","code":"rate_limit_exceeded"}"#),
        Kind::RateLimited
    );
    assert_eq!(kind(r#"{"message":"x","code":502}"#), Kind::UpstreamFailed);
    assert_eq!(kind(r#"{"message":"x"}"#), Kind::UpstreamFailed);
    assert_eq!(
        kind(r#"{"message":"x","code":"tool_use_failed","status_code":400}"#),
        Kind::ModelFailed
    );
    assert_eq!(kind("{}"), Kind::UpstreamGarbled);
}
