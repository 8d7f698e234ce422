//! What the command line says, and where: results to stdout, everything else to stderr.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use super::CliError;

/// How often progress is logged where there is no terminal.
const LOG_EVERY: Duration = Duration::from_secs(5);

pub(super) fn logs_to_stderr() {
    let filter = infrastructure::environment::variable("MOTCUA_LOG")
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new("info,sqlx=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// A text on stdout. A reader that went away (`| head`) is not a failure.
pub(super) fn text(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(CliError::io("stdout cannot be written")),
    }
}

/// One JSON object as one line.
pub(super) fn json(value: &impl Serialize) -> Result<(), CliError> {
    text(&format!("{}\n", serde_json::to_string(value)?))
}

/// A line for the person at the terminal.
pub(super) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// An error with everything behind it, once.
pub(super) fn complain(error: &CliError) {
    let mut line = format!("motcua: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        line.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    note(&line);
}

/// A bar on a terminal; log lines elsewhere.
pub(super) struct Progress {
    bar: ProgressBar,
    what: &'static str,
    logged: std::time::Instant,
}

impl Progress {
    pub(super) fn new(what: &'static str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("{msg} [{bar:32}] {human_pos}/{human_len} ({per_sec}, {eta} left)");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.set_message(what);
        Self { bar, what, logged: std::time::Instant::now() }
    }

    /// What was done before this began counts for no rate.
    pub(super) fn begin_at(&mut self, done: u64) {
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    pub(super) fn set(&mut self, done: u64) {
        self.bar.set_position(done);
        if self.bar.is_hidden() && LOG_EVERY <= self.logged.elapsed() {
            self.logged = std::time::Instant::now();
            let left = self.bar.eta().as_secs();
            let per_second = self.bar.per_sec().round();
            tracing::info!(done, total = self.bar.length(), per_second, left_s = left, "{}", self.what);
        }
    }

    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
