//! Which way leads to a server.

use super::*;

/// The way to a URL, for somebody whose proxy for plain HTTP is `proxy.test`, but not for `near.test`.
fn way(url: &str) -> Result<String, Error> {
    let clients = Clients::default();
    let proxies = Matcher::builder()
        .http("http://proxy.test:3128")
        .no("near.test")
        .build();
    clients.proxies.set(proxies).unwrap();
    Ok(match clients.way(url)? {
        Way::Direct(origin, path) => format!("{origin:?} {path}"),
        Way::Client(kind, url) => format!("{kind:?} {url}"),
    })
}

#[tokio::test]
async fn tls_and_proxies_have_clients_and_the_rest_is_reached_directly() {
    let check = |url: &str, expect: &str| assert_eq!(way(url).unwrap(), expect, "{url}");
    check("https://far.test/v1/x", "Tls https://far.test/v1/x");
    check("http://far.test/v1/x", "Plain http://far.test/v1/x");
    check("http://me:pw@near.test/", "Plain http://me:pw@near.test/");
    let direct = |host: &str| {
        check(
            &format!("http://{host}/v1/x?y=z"),
            &format!("Origin(http://{host}/v1/x?y=z) /v1/x?y=z"),
        );
    };
    direct("near.test");
    direct("127.0.0.1:8000");
    direct("[::1]:8000");
    direct("localhost:11434");
}

#[tokio::test]
async fn a_url_that_is_none_is_an_error() {
    let error = way("http://").unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
}

#[tokio::test]
async fn names_of_models_in_urls_do_not_fill_the_memory() {
    let clients = Clients::default();
    let connections = |clients: &Clients| clients.known.read().unwrap().origins.len();
    for model in 0..2 * MOST_URLS {
        let url = format!("http://127.0.0.1:9/{model}");
        clients.way(&url).unwrap();
        clients.way(&url).unwrap();
    }
    assert!(clients.known.read().unwrap().ways.len() <= MOST_URLS);
    assert_eq!(connections(&clients), 1);
}
