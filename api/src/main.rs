//! The program. Everything is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: two TLS providers are compiled in, and whoever asks for the default without one panics.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    api::cli::main()
}
