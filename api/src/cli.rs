//! The command line. Logs go to stderr; with `--json` the last line of stdout is one JSON object. Exit codes: 0 done,
//! 1 damaged, 2 usage, 3 refused, 4 unavailable.

mod accounts;
mod bench;
mod demo;
mod due;
mod export;
mod files;
mod import;
mod notices;
mod output;
mod payments;
mod projections;
mod reads;
mod rebuild;
mod replay;
mod serve;
mod simulate;
mod simulation;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use domain::access::{ActingAs, Function, Powers, Principal, Purpose, Scope};
use domain::codes::AgencyCode;
use domain::identity::AgencyId;
use domain::recorded::Via;
use infrastructure::clock::Clock;
use infrastructure::entropy::Entropy;
use infrastructure::location::{DbUrl, InvalidLocation, Location};

use crate::development_token;
use crate::problem::{Failure, Problem, ServiceError};
use crate::service::{Caller, Service};

/// Một cửa điện tử: the back end of a province's one-stop shop.
///
/// Every dossier action is an immutable event; boards and public tables are folded from them.
#[derive(Debug, Parser)]
#[command(name = "motcua", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 damaged, 2 usage, 3 refused, 4 unavailable. Logs go to stderr.\n\
    MOTCUA_LOG sets their detail, as in MOTCUA_LOG=debug."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a province of generated dossiers and serve it: SQLite, nothing to configure
    Demo(demo::Demo),
    /// Drive a generated year through the commands and report on it
    Simulate(simulate::Simulate),
    /// Serve GraphQL, GraphiQL and health
    Serve(serve::Serve),
    /// Take over data from files
    #[command(subcommand)]
    Import(import::Import),
    /// Write what is in force to files
    #[command(subcommand)]
    Export(export::Export),
    /// Print the history of a dossier with the state after each event
    Replay(replay::Replay),
    /// Build read models again from the log, beside those that answer, and put them in their place
    Rebuild(rebuild::Rebuild),
    /// Show how far each read model is, who feeds it and what it goes on without
    Projections(projections::Projections),
    /// Open accounts where nobody can sign in yet
    #[command(subcommand)]
    Accounts(accounts::Accounts),
    /// Remind people of deadlines, and see what was not delivered
    #[command(subcommand)]
    Notices(notices::Notices),
    /// Compare what payment gateways have taken with the log, and see what does not fit
    #[command(subcommand)]
    Payments(payments::Payments),
    /// Look after the files of dossiers
    #[command(subcommand)]
    Files(files::Files),
    /// Look after the records of who has seen personal data
    #[command(subcommand)]
    Reads(reads::Reads),
    /// Print the GraphQL schema
    Schema,
    /// Compute an appointment, with the reason for every day
    Due(due::Due),
    /// Measure this machine
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// Where the data is.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreArgs {
    /// sqlite:PATH or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", default_value = "sqlite:motcua.db")]
    store: String,
    /// Where the keys are [default: beside a SQLite store; a file of this user for PostgreSQL]
    #[arg(long, value_name = "URL")]
    keys: Option<String>,
    /// The file of the master key [default: beside the keys]
    #[arg(long, value_name = "FILE")]
    master_key: Option<PathBuf>,
    /// The folder of the files of dossiers [default: beside a SQLite store; beside the master key for PostgreSQL]
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
}

impl StoreArgs {
    fn location(&self) -> Result<Location, InvalidLocation> {
        let location = Location::from_urls(&self.store, self.keys.as_deref(), self.master_key.as_deref())?;
        Ok(location.with_files(self.files.as_deref()))
    }

    async fn open(&self) -> Result<Service, CliError> {
        Ok(Service::open(&self.location()?, Clock::System, Entropy::System).await?)
    }

    /// For commands that only read: a mistyped path is not a new store.
    async fn open_existing(&self) -> Result<Service, CliError> {
        match self.location()?.log {
            DbUrl::Sqlite(path) if !path.exists() => Err(CliError::NoStore(path)),
            DbUrl::Sqlite(_) | DbUrl::Postgres(_) => self.open().await,
        }
    }
}

/// How a command ends when it does not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    /// What should be there is not, or is not what it was.
    #[error("{0}")]
    Damaged(String),
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error("there is no store at {}", .0.display())]
    NoStore(PathBuf),
    #[error("{what}")]
    Io {
        what: String,
        #[source]
        source: std::io::Error,
    },
}

impl CliError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Damaged(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Failure(_) | Self::NoStore(_) | Self::Io { .. } => 4,
        }
    }

    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<InvalidLocation> for CliError {
    fn from(error: InvalidLocation) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Problem(problem) => problem.into(),
            ServiceError::Failure(failure) => Self::Failure(failure),
        }
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        Self::Refused(format!("{}: {problem}", problem.code()))
    }
}

macro_rules! failures {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::Failure(error.into())
            }
        }
    )+};
}

failures!(
    infrastructure::content_store::ContentError,
    infrastructure::event_store::StoreError,
    infrastructure::db::DbError,
    ::projections::runner::RunError,
    sqlx::Error,
    serde_json::Error,
);

/// Parses the arguments, runs the command, and says how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    output::logs_to_stderr();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::from(4);
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Demo(demo) => demo.run().await,
        Command::Simulate(simulate) => simulate.run().await,
        Command::Serve(serve) => serve.run().await,
        Command::Import(import) => import.run().await,
        Command::Export(export) => export.run().await,
        Command::Replay(replay) => replay.run().await,
        Command::Rebuild(rebuild) => rebuild.run().await,
        Command::Projections(projections) => projections.run().await,
        Command::Accounts(accounts) => accounts.run().await,
        Command::Notices(notices) => notices.run().await,
        Command::Payments(payments) => payments.run().await,
        Command::Files(files) => files.run().await,
        Command::Reads(reads) => reads.run().await,
        Command::Schema => output::text(&crate::graphql::sdl()),
        Command::Due(due) => due.run(),
        Command::Bench(bench) => bench.run().await,
    }
}

/// Who the command line acts as: the machine's administrator, for the whole province.
fn operator(agency: &AgencyCode, via: Via) -> Caller {
    let agency = AgencyId::of(agency);
    Caller {
        principal: Principal {
            id: development_token::principal_id("motcua command line"),
            acting_as: ActingAs { agency, unit: None, position_title: Some("system".to_owned()) },
            powers: Powers::over(
                &[
                    Function::File,
                    Function::Intake,
                    Function::Process,
                    Function::Assign,
                    Function::Approve,
                    Function::ReadDossiers,
                    Function::Administer,
                    Function::ManageAccess,
                ],
                &Scope::Province,
            ),
        },
        via,
        traceparent: None,
        purpose: Purpose::default(),
        at: None,
    }
}

/// True once the user pressed Ctrl-C or the service manager asked to stop.
async fn stop_requested() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            // Without the handler the signal ends the process by itself.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
