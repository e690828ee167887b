use super::*;

fn traces<const N: usize>(variables: [(&str, &str); N]) -> (Option<Traces>, Vec<String>) {
    let mut warnings = Vec::new();
    let traces = read(&Env::from(variables), &mut warnings);
    (traces, warnings)
}

fn sound<const N: usize>(variables: [(&str, &str); N]) -> Traces {
    let (traces, warnings) = traces(variables);
    assert_eq!(warnings, Vec::<String>::new());
    traces.expect("there are traces")
}

#[test]
fn there_are_traces_only_where_somebody_asks_for_them() {
    assert!(traces([]).0.is_none());
    assert!(traces([("OTEL_SERVICE_NAME", "x")]).0.is_none());
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    assert!(
        traces([endpoint, ("OTEL_SDK_DISABLED", "true")])
            .0
            .is_none()
    );
    assert!(
        traces([endpoint, ("OTEL_TRACES_EXPORTER", "none")])
            .0
            .is_none()
    );
    let (none, warnings) = traces([endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    assert!(none.is_none() && warnings.len() == 1, "{warnings:?}");
    let usual = sound([("OTEL_TRACES_EXPORTER", "otlp")]);
    assert_eq!(usual.url.expose(), "http://localhost:4318/v1/traces");
}

#[test]
fn a_path_is_added_to_the_url_for_all_signals_alone() {
    let check = |name, url, expect: &str| assert_eq!(sound([(name, url)]).url.expose(), expect);
    check(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://c:4318",
        "http://c:4318/v1/traces",
    );
    check(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://c/base/",
        "http://c/base/v1/traces",
    );
    check(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "http://c/mine",
        "http://c/mine",
    );
}

#[test]
fn without_more_words_the_defaults_of_the_specification_hold() {
    let usual = sound([("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c")]);
    assert_eq!((usual.queue, usual.batch), (2048, 512));
    assert_eq!((usual.delay.as_secs(), usual.timeout.as_secs()), (5, 10));
    assert_eq!(
        (usual.protocol, usual.compression),
        (Protocol::Protobuf, Compression::None)
    );
    assert_eq!(
        usual.sampler,
        Sampler {
            heed: Heed::Caller,
            ratio: 1.0
        }
    );
    assert_eq!(
        usual.resource,
        [("service.name".to_owned(), "llmgw".to_owned())]
    );
}

#[test]
fn headers_and_attributes_are_lists_with_escapes() {
    let traces = sound([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-key=se%20cret%2C1, x-team = a",
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=b,deployment.environment.name=prod",
        ),
        ("OTEL_SERVICE_NAME", "a"),
    ]);
    let headers: Vec<_> = traces
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(headers, [("x-key", "se cret,1"), ("x-team", "a")]);
    assert!(!format!("{traces:?}").contains("se cret"));
    let resource: Vec<_> = traces
        .resource
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        resource,
        [
            ("service.name", "a"),
            ("deployment.environment.name", "prod")
        ]
    );
}

#[test]
fn samplers_are_known_by_their_names() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
    let check = |name, heed, ratio| {
        let argument = ("OTEL_TRACES_SAMPLER_ARG", "0.25");
        let traces = sound([endpoint, ("OTEL_TRACES_SAMPLER", name), argument]);
        assert_eq!(traces.sampler, Sampler { heed, ratio }, "{name}");
    };
    check("always_on", Heed::Nobody, 1.0);
    check("always_off", Heed::Nobody, 0.0);
    check("traceidratio", Heed::Nobody, 0.25);
    check("parentbased_always_on", Heed::Caller, 1.0);
    check("parentbased_always_off", Heed::Caller, 0.0);
    check("parentbased_traceidratio", Heed::Caller, 0.25);
    let (traces, warnings) = traces([endpoint, ("OTEL_TRACES_SAMPLER", "jaeger_remote")]);
    assert!(traces.is_some() && warnings.len() == 1, "{warnings:?}");
}

#[test]
fn what_is_no_number_is_warned_of_and_does_without() {
    let (traces, warnings) = traces([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
    ]);
    let traces = traces.expect("there are traces");
    assert_eq!(
        (traces.queue, traces.delay.as_millis(), warnings.len()),
        (2048, 250, 1)
    );
}

#[test]
fn what_was_said_is_in_spans_only_for_a_word_that_says_so() {
    let check = |word: &str, expect: Content, warned: usize| {
        let (traces, warnings) = traces([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", word),
        ]);
        let found = traces.map(|traces| traces.content);
        assert_eq!((found, warnings.len()), (Some(expect), warned), "{word}");
    };
    check("", Content::Withheld, 0);
    check("true", Content::Shown, 0);
    check("True", Content::Shown, 0);
    check("SPAN_ONLY", Content::Shown, 0);
    check("span_and_event", Content::Shown, 0);
    check("false", Content::Withheld, 0);
    check("NO_CONTENT", Content::Withheld, 0);
    check("EVENT_ONLY", Content::Withheld, 1);
    check("yes, please", Content::Withheld, 1);
}
