//! Fetches what a provider cannot fetch itself, such as an image that Google wants inline.
//!
//! A URL in a request is the client's, so it is a way into the operator's network. Only public addresses are reached,
//! checked after the name is resolved and for each redirect anew, unless the configuration names a host or a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, LOCATION};
use url::{Host, Url};

use crate::config::{Fetch, FetchRule};
use crate::error::Error;

/// At most this many redirects are followed.
const MOST_REDIRECTS: usize = 5;

/// The whole of a fetch may take this long.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Fetches a URL that the user of the terminal named into a data URL, by the same rules. `param` names it in errors.
pub async fn data_url(rules: &Fetch, url: &str, param: &str) -> Result<String, Error> {
    Rules(rules.clone()).data_url(url, param).await
}

/// What may be fetched, by the configuration.
#[derive(Debug, Clone)]
pub(super) struct Rules(pub(super) Fetch);

impl Rules {
    /// Fetches a URL into a data URL. `param` is the field that holds it, for the error.
    pub(super) async fn data_url(&self, url: &str, param: &str) -> Result<String, Error> {
        let refuse =
            |why: String| Error::invalid(param, format!("cannot fetch `{}`: {why}", shown(url)));
        let (media_type, bytes) = tokio::time::timeout(TIME_LIMIT, self.get(url))
            .await
            .map_err(|_| refuse(format!("no answer within {} s", TIME_LIMIT.as_secs())))?
            .map_err(refuse)?;
        Ok(format!(
            "data:{media_type};base64,{}",
            STANDARD.encode(bytes)
        ))
    }

    async fn get(&self, url: &str) -> Result<(String, Vec<u8>), String> {
        let mut url = Url::parse(url).map_err(|e| format!("not a URL ({e})"))?;
        for _ in 0..=MOST_REDIRECTS {
            let address = self.resolve(&url).await?;
            let response = request(&url, address).await?;
            if response.status().is_redirection() {
                let to = response
                    .headers()
                    .get(LOCATION)
                    .and_then(|to| to.to_str().ok());
                let to = to.ok_or("a redirect without a location")?;
                url = url
                    .join(to)
                    .map_err(|e| format!("a redirect to no URL ({e})"))?;
                continue;
            }
            if !response.status().is_success() {
                return Err(format!(
                    "the server answered {}",
                    response.status().as_u16()
                ));
            }
            return self.read(response).await;
        }
        Err(format!("more than {MOST_REDIRECTS} redirects"))
    }

    /// An address of the host that may be reached. All of them must be allowed, or a name could hide a private one.
    async fn resolve(&self, url: &Url) -> Result<SocketAddr, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme `{}` is not fetched", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with a user name or password is not fetched".to_owned());
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let addresses: Vec<SocketAddr> = match url.host().ok_or("a URL without a host")? {
            Host::Ipv4(ip) => vec![SocketAddr::new(ip.into(), port)],
            Host::Ipv6(ip) => vec![SocketAddr::new(ip.into(), port)],
            Host::Domain(name) => tokio::net::lookup_host((name, port))
                .await
                .map_err(|_| "the host's name does not resolve".to_owned())?
                .collect(),
        };
        let named = url
            .host_str()
            .is_some_and(|host| self.0.allow.iter().any(|rule| names(rule, host)));
        let permitted = |address: IpAddr| {
            named || is_public(address) || self.0.allow.iter().any(|rule| covers(rule, address))
        };
        if !addresses.iter().all(|address| permitted(address.ip())) {
            return Err(
                "its address is not public (the configuration's `fetch.allow` can permit it)"
                    .to_owned(),
            );
        }
        addresses
            .first()
            .copied()
            .ok_or_else(|| "the host's name does not resolve".to_owned())
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<(String, Vec<u8>), String> {
        let too_large = || format!("it is larger than {} bytes", self.0.max);
        if response
            .content_length()
            .is_some_and(|length| length > self.0.max)
        {
            return Err(too_large());
        }
        let media_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map_or("application/octet-stream", str::trim)
            .to_ascii_lowercase();
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|_| "the transfer broke off".to_owned())?
        {
            if bytes.len() as u64 + chunk.len() as u64 > self.0.max {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((media_type, bytes))
    }
}

/// Does the rule name this host? `*.` in front takes its subdomains in.
fn names(rule: &FetchRule, host: &str) -> bool {
    let FetchRule::Host(name) = rule else {
        return false;
    };
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    match name.strip_prefix("*.") {
        Some(parent) => host
            .strip_suffix(parent)
            .is_some_and(|sub| sub.ends_with('.')),
        None => name == host,
    }
}

/// Is this address inside the rule's network?
fn covers(rule: &FetchRule, address: IpAddr) -> bool {
    let FetchRule::Network(network, bits) = rule else {
        return false;
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX
                .checked_shl(32_u32.saturating_sub(u32::from(*bits)))
                .unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX
                .checked_shl(128_u32.saturating_sub(u32::from(*bits)))
                .unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// A request to this address and no other: the name is not resolved a second time. No proxy, no redirects, no cookies.
#[expect(
    clippy::disallowed_methods,
    reason = "a client of its own, pinned to the address that was checked"
)]
async fn request(url: &Url, address: SocketAddr) -> Result<reqwest::Response, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .user_agent(concat!("llmgw/", env!("CARGO_PKG_VERSION")));
    if let Some(Host::Domain(name)) = url.host() {
        builder = builder.resolve(name, address);
    }
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(|e| e.to_string())?;
    client
        .get(url.clone())
        .send()
        .await
        .map_err(|_| "the host cannot be reached".to_owned())
}

/// The URL without its query, which may hold a signature.
fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Is this an address of the public internet? Everything that the registries reserve is not.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => embedded_v4(v6).map_or_else(|| is_public_v6(v6), is_public_v4),
    }
}

/// `2000::/3` is what is given out for public use; documentation and benchmarking stand inside it.
fn is_public_v6(v6: Ipv6Addr) -> bool {
    let s = v6.segments();
    let reserved =
        s[0] == 0x2001 && (s[1] == 0x0db8 || s[1] == 0x0002 || (s[1] & 0xfff0) == 0x0010);
    (s[0] & 0xe000) == 0x2000 && !reserved && !(s[0] == 0x3fff && s[1] < 0x1000)
}

/// IPv4 addresses inside IPv6 ones: mapped, NAT64, 6to4.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = v6.segments();
    let from = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(from(high, low))
        }
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn reserved_addresses_are_not_public() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "ff02::1",
            "::127.0.0.1",
        ] {
            assert!(!public(address), "{address}");
        }
        for address in ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn rules_cover_their_networks_and_names_and_no_others() {
        let net = |address: &str, bits| FetchRule::Network(address.parse().unwrap(), bits);
        let inside = |rule: &FetchRule, address: &str| covers(rule, address.parse().unwrap());
        assert!(
            inside(&net("10.0.0.0", 8), "10.255.0.1") && !inside(&net("10.0.0.0", 8), "11.0.0.1")
        );
        assert!(inside(&net("0.0.0.0", 0), "127.0.0.1") && !inside(&net("0.0.0.0", 0), "::1"));
        assert!(
            inside(&net("127.0.0.1", 32), "127.0.0.1")
                && !inside(&net("127.0.0.1", 32), "127.0.0.2")
        );
        assert!(inside(&net("fd00::", 8), "fd12::1") && !inside(&net("fd00::", 8), "fe80::1"));
        let host = |name: &str| FetchRule::Host(name.to_owned());
        assert!(
            names(&host("Files.internal"), "files.INTERNAL")
                && !names(&host("files.internal"), "x.files.internal")
        );
        assert!(
            names(&host("*.internal"), "a.b.internal")
                && !names(&host("*.internal"), "evilinternal")
        );
    }

    #[tokio::test]
    async fn a_private_address_is_refused_by_name_and_by_number() {
        let rules = Rules(Fetch {
            allow: Vec::new(),
            max: 1000,
        });
        for url in [
            "http://127.0.0.1:1/x?sig=secret",
            "http://localhost:1/x",
            "http://[::1]:1/",
            "http://0x7f.1/",
        ] {
            let error = rules
                .data_url(url, "input[0].content[0].image_url")
                .await
                .unwrap_err();
            assert!(
                error.message().contains("not public"),
                "{url}: {}",
                error.message()
            );
            assert!(!error.message().contains("secret"));
            assert_eq!(error.status(), 400);
        }
        let error = rules.data_url("file:///etc/passwd", "x").await.unwrap_err();
        assert!(error.message().contains("scheme"));
    }
}
