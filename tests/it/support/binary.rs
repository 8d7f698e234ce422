//! The binary under test: `MOTCUA_BIN`, else the one beside the test executable. Tests fail when it is missing or older
//! than what it is built from.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use infrastructure::environment;
use infrastructure::location::DbUrl;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::Place;

/// The path of the binary under test, once it is known to be current.
pub(crate) fn binary() -> &'static Path {
    static CHECKED: LazyLock<PathBuf> = LazyLock::new(|| {
        let path = environment::variable("MOTCUA_BIN").map_or_else(beside_the_tests, PathBuf::from);
        if let Err(reason) = is_current(&path) {
            panic!(
                "the binary under test {} {reason}; run cargo build --workspace --all-targets",
                path.display()
            );
        }
        path
    });
    &CHECKED
}

/// `target/debug/motcua`, from `target/debug/deps/it-…`.
fn beside_the_tests() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(Path::parent).unwrap().join("motcua")
}

/// Compares it with every file that cargo built it from, as cargo's own list beside it says, and with every migration:
/// a new one is not in the list.
fn is_current(path: &Path) -> Result<(), String> {
    let built = modified(path).ok_or("is missing")?;
    let list = path.with_extension("d");
    let list = std::fs::read_to_string(&list)
        .map_err(|error| format!("has no list of its sources beside it ({}: {error})", list.display()))?;
    let mut sources = sources(&list);
    if !sources.iter().any(|source| source.ends_with("infrastructure/src/lane.rs")) {
        return Err("is not built from this workspace".to_owned());
    }
    sources.extend(migrations());
    for source in sources {
        let changed =
            modified(&source).ok_or_else(|| format!("was built from {}, which is gone", source.display()))?;
        if built < changed {
            return Err(format!("is older than {}", source.display()));
        }
    }
    Ok(())
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// The list has the form `binary: source source …`; a space within a name is escaped.
fn sources(list: &str) -> Vec<PathBuf> {
    let names = list.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, names)| names);
    let names = names.replace("\\ ", "\0");
    names.split(' ').filter(|name| !name.is_empty()).map(|name| name.replace('\0', " ").into()).collect()
}

fn migrations() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("migrations");
    let mut folders = vec![root];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

/// The server of an installation. It is killed with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    /// From the start of the process until it listened.
    pub(crate) started_in: Duration,
    said: JoinHandle<Vec<String>>,
}

impl Server {
    /// Starts `motcua serve` and waits until it listens.
    pub(crate) async fn start(place: &Place) -> Self {
        Self::start_with(place, &[]).await
    }

    /// The same with further arguments.
    pub(crate) async fn start_with(place: &Place, arguments: &[&str]) -> Self {
        Self::start_in(place, arguments, &[]).await
    }

    /// And with variables of the environment.
    pub(crate) async fn start_in(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let start = std::time::Instant::now();
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--development-tokens"])
            .args(["--store", &place.store(), "--keys", &place.keys()])
            .arg("--master-key")
            .arg(place.master_key())
            // Tests ask as fast as they can.
            .args(["--requests-per-address", "0", "--requests-per-principal", "0"])
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            match lines.next_line().await.unwrap() {
                Some(line) => match line.split_once("listening on http://") {
                    Some((_, address)) => break address.trim().to_owned(),
                    None => said.push(line),
                },
                None => panic!("the server does not start: {said:#?}"),
            }
        };
        let started_in = start.elapsed();
        // What it says later is wanted when a test fails; a pipe that nobody reads would stop it.
        let said = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{line}");
                said.push(line);
            }
            said
        });
        Self { child, address, started_in, said }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("the server runs")
    }

    /// Stops it where it stands, or lets it go on.
    pub(crate) async fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.pid().to_string()]).status().await;
        assert!(sent.unwrap().success(), "{signal}");
    }

    /// Stops it where it stands, but not where it would lock others out for as long as it stands: a SQLite database has
    /// one lock, and nobody takes it away.
    pub(crate) async fn hold_up(&self, place: &Place) {
        let location = place.location();
        loop {
            self.signal("STOP").await;
            let mut is_free = true;
            for url in [&location.log, &location.read, &location.keys] {
                if let DbUrl::Sqlite(path) = url {
                    let options =
                        SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_millis(200));
                    let mut connection = options.connect().await.unwrap();
                    let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await;
                    is_free &= begun.is_ok();
                    connection.close().await.unwrap();
                }
            }
            if is_free {
                return;
            }
            self.signal("CONT").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has ended by itself, as if all were well; what it said.
    pub(crate) async fn ended(mut self) -> Vec<String> {
        assert!(self.child.wait().await.unwrap().success());
        self.said.await.unwrap()
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }
}

#[test]
fn a_binary_that_is_missing_or_old_is_refused() {
    let folder = super::TempFolder::new();
    let binary = folder.join("motcua");
    assert!(is_current(&binary).unwrap_err().contains("missing"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let lane = root.join("infrastructure/src/lane.rs");
    std::fs::write(&binary, "").unwrap();
    assert!(is_current(&binary).unwrap_err().contains("no list"));
    std::fs::write(folder.join("motcua.d"), format!("motcua: {}\n", lane.display())).unwrap();
    is_current(&binary).unwrap();
    let old = modified(&lane).unwrap() - Duration::from_secs(1);
    std::fs::File::options().append(true).open(&binary).unwrap().set_modified(old).unwrap();
    assert!(is_current(&binary).unwrap_err().contains("is older than"));
}
