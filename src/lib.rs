//! Language models at the terminal, and the gateway in front of them.
//!
//! A door turns a foreign request into a [`canonical::request::Request`]; routing turns it into an ordered list of
//! [`target::Target`]s; a provider turns it into HTTP, and HTTP back into [`canonical::event::Event`]s; a door turns
//! events into foreign frames. The modules, in reading order:

pub mod error;
pub mod secret;
pub mod target;
pub mod worker;

pub mod canonical;
pub mod wire;

pub mod catalog;
pub mod config;
pub mod doors;
pub mod providers;
pub mod routing;

pub mod crash;
pub mod gateway;
pub mod store;
pub mod telemetry;

pub mod server;

pub mod cli;
