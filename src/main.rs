//! scratch
use std::path::PathBuf;
use llmgw::config::load::{load, Env};
fn main() {
    let path = std::env::args().nth(1).map(PathBuf::from);
    let config = load(path.as_deref(), &Env::of_process()).unwrap();
    llmgw::telemetry::start("info", llmgw::telemetry::Format::Auto).unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let addr = std::env::args().nth(2).unwrap_or("127.0.0.1:8080".into()).parse().unwrap();
    rt.block_on(llmgw::server::run(config, addr, llmgw::server::Stopper::default(), |n| eprintln!("{n:?}"))).unwrap();
}
