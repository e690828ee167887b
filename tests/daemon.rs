//! The daemon under a service manager: what it says to `$NOTIFY_SOCKET`, and when.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "what does not unwrap here is a failed test"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

const SOUND: &str = "models: { m: { targets: [demo] } }\n";

/// A daemon, and the manager that started it.
struct Managed {
    home: TempDir,
    config: PathBuf,
    ear: UnixDatagram,
    daemon: Child,
}

impl Managed {
    fn start(variables: &[(&str, &str)]) -> Self {
        Self::configured(SOUND, variables)
    }

    fn configured(text: &str, variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("notify");
        let ear = UnixDatagram::bind(&socket).unwrap();
        // What takes this long does not come.
        ear.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let config = home.path().join("config.yaml");
        fs::write(&config, text).unwrap();
        let daemon = Command::new(env!("CARGO_BIN_EXE_llmgw"))
            .args(["serve", "--address", "127.0.0.1:0", "--config"])
            .arg(&config)
            .env_clear()
            .env("HOME", home.path())
            .env("NOTIFY_SOCKET", &socket)
            .envs(variables.iter().copied())
            .stderr(fs::File::create(home.path().join("log")).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            home,
            config,
            ear,
            daemon,
        }
    }

    fn hear(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.ear.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.daemon.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        // It has ended by itself where all went well.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// One variable of a datagram.
fn variable<'a>(datagram: &'a str, name: &str) -> Option<&'a str> {
    let pairs = datagram.lines().filter_map(|line| line.split_once('='));
    let mut values = pairs.filter_map(|(key, value)| (key == name).then_some(value));
    values.next()
}

#[test]
fn the_manager_hears_of_the_start_of_each_reload_and_of_the_end() {
    let mut managed = Managed::start(&[]);
    let ready = managed.hear();
    assert_eq!(variable(&ready, "READY"), Some("1"));
    let address = variable(&ready, "STATUS")
        .and_then(|status| status.strip_prefix("listening on http://"))
        .unwrap();
    assert!(TcpStream::connect(address).is_ok(), "{ready}");

    managed.signal("-HUP");
    let reloading = managed.hear();
    assert_eq!(variable(&reloading, "RELOADING"), Some("1"));
    if cfg!(target_os = "linux") {
        let time = variable(&reloading, "MONOTONIC_USEC").unwrap();
        assert!(time.parse::<u64>().unwrap() > 0);
    }
    let ready = managed.hear();
    assert_eq!(variable(&ready, "READY"), Some("1"));
    assert_eq!(
        variable(&ready, "STATUS"),
        Some("the configuration was loaded anew")
    );

    // A reload that fails leaves a service that is ready as before, or the manager would wait for ever.
    fs::write(&managed.config, "modles: {}").unwrap();
    managed.signal("-HUP");
    assert_eq!(variable(&managed.hear(), "RELOADING"), Some("1"));
    let ready = managed.hear();
    assert_eq!(variable(&ready, "READY"), Some("1"));
    assert!(variable(&ready, "STATUS").unwrap().contains("broken"));

    managed.signal("-TERM");
    // The file is looked at from time to time besides, so there may be another reload before it.
    let stopping = loop {
        let heard = managed.hear();
        if variable(&heard, "STOPPING") == Some("1") {
            break heard;
        }
    };
    // The drain time, 30 s, and 10 for what is left to do.
    assert_eq!(variable(&stopping, "EXTEND_TIMEOUT_USEC"), Some("40000000"));
    assert!(managed.daemon.wait().unwrap().success());
}

#[test]
fn a_manager_that_watches_hears_that_the_daemon_lives() {
    let managed = Managed::start(&[("WATCHDOG_USEC", "200000")]);
    let heard: Vec<String> = (0..4).map(|_| managed.hear()).collect();
    let beats = heard.iter().filter(|datagram| *datagram == "WATCHDOG=1");
    assert!(beats.count() >= 3, "{heard:?}");
}

/// Says one word to whoever asks, and nothing more.
fn upstream() -> SocketAddr {
    let chunk = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"first"},"finish_reason":null}]}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let reply = format!("{head}data: {chunk}\n\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut asked, _) = listener.accept().unwrap();
        let _request = asked.read(&mut [0; 4096]).unwrap();
        asked.write_all(reply.as_bytes()).unwrap();
        // Until the other side goes.
        let _gone = asked.read(&mut [0; 4096]);
    });
    address
}

#[test]
fn a_request_that_the_end_cuts_off_is_in_the_log_and_in_the_ledger() {
    let upstream = upstream();
    let config = format!(
        "server: {{ drain: 200ms }}\n\
         log: {{ format: json }}\n\
         providers: {{ lab: {{ type: openai-compatible, base_url: 'http://{upstream}/v1' }} }}\n"
    );
    let mut managed = Managed::configured(&config, &[]);
    let ready = managed.hear();
    let address = variable(&ready, "STATUS")
        .and_then(|status| status.strip_prefix("listening on http://"))
        .unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let body = r#"{"model":"lab/m","input":"hi","stream":true}"#;
    let length = body.len();
    let request = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    client.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    while !said.contains("first") {
        let mut piece = [0; 4096];
        let length = client.read(&mut piece).unwrap();
        assert!(length > 0, "it ended with: {said}");
        said.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    managed.signal("-TERM");
    assert!(managed.daemon.wait().unwrap().success());

    let log = fs::read_to_string(managed.home.path().join("log")).unwrap();
    let ended: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("\"outcome\""))
        .collect();
    let [line] = ended.as_slice() else {
        panic!("one line is for one request:\n{log}")
    };
    assert!(line.contains(r#""code":"gateway_stopped""#), "{line}");
    let usage = Command::new(env!("CARGO_BIN_EXE_llmgw"))
        .args(["usage", "-j"])
        .env_clear()
        .env("HOME", managed.home.path())
        .output()
        .unwrap();
    let usage: serde_json::Value = serde_json::from_slice(&usage.stdout).unwrap();
    assert_eq!(usage["total"]["requests"], 1, "{usage}");
    assert_eq!(usage["total"]["failed"], 1, "{usage}");
}
