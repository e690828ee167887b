//! Parses, runs, and turns the outcome into an exit code. Everything else is in the library.

use std::process::ExitCode;

use llmgw::cli::{self, Exit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit::Code(code)) => ExitCode::from(code as u8),
        Err(Exit::Signal(signal)) => {
            // Ends this process as the signal would have: a shell's loop stops then, as its user meant it to.
            match signal_hook::low_level::emulate_default_handler(signal) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::from(128_u8.wrapping_add(signal.to_le_bytes()[0])),
            }
        }
    }
}
