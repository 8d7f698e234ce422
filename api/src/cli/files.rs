//! `motcua files`: the content store beside the log.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use clap::{Args, Subcommand};
use domain::dossier::{Event, FileAttached};
use domain::recorded::Position;
use infrastructure::content_store::{ContentError, Leftovers, ObjectName};
use infrastructure::event_store::PageLimit;
use serde_json::json;

use super::{CliError, StoreArgs, output, stop_requested};
use crate::service::{FILE_ATTACHED, Service};

/// Events read at once.
const PAGE: PageLimit = PageLimit::rows(1_000);
/// An upload that is under way has no event yet: what is younger may be its object.
const OLDER_THAN_MIN: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Subcommand)]
pub(super) enum Files {
    /// Remove what no event of the log names: uploads that were broken off or refused at the last moment
    Collect(Collect),
    /// Check that every file that the log names is there and unchanged. Exit code 1 if one is not
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(super) struct Collect {
    /// Leave what is younger, as in 90m, 24h, 7d; at least an hour
    #[arg(long, value_name = "AGE", default_value = "24h", value_parser = age)]
    older_than: Duration,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Files {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Collect(collect) => collect.run().await,
            Self::Verify(verify) => verify.run().await,
        }
    }
}

/// `24h`
fn age(text: &str) -> Result<Duration, String> {
    let invalid = || format!("{text:?} is not an age such as 90m, 24h or 7d");
    let (number, seconds) = match text.char_indices().next_back() {
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 60 * 60),
        Some((at, 'd')) => (&text[..at], 24 * 60 * 60),
        Some(_) | None => return Err(invalid()),
    };
    let number: u32 = number.parse().map_err(|_| invalid())?;
    let age = Duration::from_secs(u64::from(number) * seconds);
    if age < OLDER_THAN_MIN {
        return Err("younger than an hour it may belong to an upload that is under way".to_owned());
    }
    Ok(age)
}

/// What came of a collection.
#[derive(Debug, Default)]
struct Collected {
    objects: u64,
    incoming: u64,
    bytes: u64,
    unknown: usize,
    interrupted: bool,
}

impl Collect {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        let stop = Stop::new();
        let since = chrono::TimeDelta::from_std(self.older_than).unwrap_or(chrono::TimeDelta::MAX);
        let moment =
            service.clock().now().checked_sub_signed(since).unwrap_or(domain::time::Instant::MIN_UTC);
        // First what is there, then what the log names: what is attached meanwhile is named when the log is read.
        let mut found = service.files.store.older_than(moment).await?;
        let read_all = each_attached(&service, &stop, "reading the log", async |_, file| {
            if let Some(name) = ObjectName::new(file.file, &file.sha256) {
                found.objects.remove(&name);
            }
            Ok(())
        });
        let collected = match read_all.await? {
            true => self.remove(&service, &stop, found).await?,
            false => Collected { interrupted: true, ..Collected::default() },
        };
        self.tell(&collected)
    }

    async fn remove(&self, service: &Service, stop: &Stop, found: Leftovers) -> Result<Collected, CliError> {
        let store = &service.files.store;
        let mut collected = Collected { unknown: found.unknown.len(), ..Collected::default() };
        let total = found.objects.len() + found.incoming.len();
        let mut progress = output::Progress::new("collecting", total as u64);
        for name in found.objects {
            if stop.is_asked() {
                collected.interrupted = true;
                break;
            }
            if !self.dry_run {
                collected.bytes += store.remove(name).await?;
            }
            collected.objects += 1;
            progress.set(collected.objects);
        }
        for path in found.incoming {
            if stop.is_asked() {
                collected.interrupted = true;
                break;
            }
            if !self.dry_run {
                collected.bytes += store.remove_incoming(&path).await?;
            }
            collected.incoming += 1;
            progress.set(collected.objects + collected.incoming);
        }
        progress.finish();
        Ok(collected)
    }

    fn tell(&self, collected: &Collected) -> Result<(), CliError> {
        let Collected { objects, incoming, bytes, unknown, interrupted } = *collected;
        if self.json {
            return output::json(&json!({
                "objects": objects, "incoming": incoming, "bytes": bytes, "unknown": unknown,
                "dryRun": self.dry_run, "interrupted": interrupted,
            }));
        }
        let what = if self.dry_run { "would remove" } else { "removed" };
        output::note(&format!("{what} {objects} objects and {incoming} incoming files, {bytes} bytes"));
        if 0 < unknown {
            output::note(&format!("left {unknown} files that are none of the store's"));
        }
        if interrupted {
            output::note("stopped before the end; what is left is collected the next time");
        }
        Ok(())
    }
}

impl Verify {
    async fn run(self) -> Result<(), CliError> {
        let service = self.store.open_existing().await?;
        let stop = Stop::new();
        let (mut files, mut bytes, mut missing, mut damaged) = (0_u64, 0_u64, Vec::new(), Vec::new());
        let read_all = each_attached(&service, &stop, "verifying", async |stream, file| {
            files += 1;
            bytes += file.size;
            match service.files.store.digest(file.file, &file.sha256).await {
                Ok(digest) if digest == file.sha256 => {}
                Ok(_) => damaged.push(format!("{} of {stream}", file.file)),
                Err(ContentError::Missing(id)) => missing.push(format!("{id} of {stream}")),
                Err(error) => return Err(error.into()),
            }
            Ok(())
        });
        let interrupted = !read_all.await?;
        if self.json {
            output::json(&json!({
                "files": files, "bytes": bytes, "missing": missing, "damaged": damaged, "interrupted": interrupted,
            }))?;
        } else {
            missing.iter().for_each(|file| output::note(&format!("missing: {file}")));
            damaged.iter().for_each(|file| output::note(&format!("damaged: {file}")));
            output::note(&format!("verified {files} files, {bytes} bytes"));
            if interrupted {
                output::note("stopped before the end; what comes after was not looked at");
            }
        }
        if missing.is_empty() && damaged.is_empty() {
            return Ok(());
        }
        Err(CliError::Damaged(format!("{} files are missing, {} are damaged", missing.len(), damaged.len())))
    }
}

/// Set once the user asks to stop.
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn new() -> Self {
        let stop = Self(Arc::default());
        let asked = Arc::clone(&stop.0);
        tokio::spawn(async move {
            stop_requested().await;
            asked.store(true, Ordering::Relaxed);
        });
        stop
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The types of event that this program reads.
static KNOWN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| domain::recorded::Event::type_names().collect());

/// Every file that the log names, in its order. The log and no read model: a stream that is parked there is here. False
/// when it was stopped before the end.
async fn each_attached(
    service: &Service,
    stop: &Stop,
    what: &'static str,
    mut see: impl AsyncFnMut(&str, &FileAttached) -> Result<(), CliError>,
) -> Result<bool, CliError> {
    let head = service.store().head().await?;
    let mut progress = output::Progress::new(what, head.0.unsigned_abs());
    let mut after = Position(0);
    loop {
        let page = service.store().read_all(after, PAGE).await?;
        // A newer program may name files in events of its own: their objects are not for this one to judge.
        for row in &page.rows {
            if !KNOWN.contains(row.type_name.as_str()) {
                let reason =
                    format!("a newer program has written {} to the log; update this one", row.type_name);
                return Err(CliError::Refused(reason));
            }
        }
        for row in page.rows.iter().filter(|row| row.type_name == FILE_ATTACHED) {
            if stop.is_asked() {
                return Ok(false);
            }
            if let Event::FileAttached(file) = row.decode_as()? {
                see(&row.stream, &file).await?;
            }
        }
        if stop.is_asked() {
            return Ok(false);
        }
        after = page.next;
        progress.set(after.0.unsigned_abs());
        if page.at_end {
            progress.finish();
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit_and_is_at_least_an_hour() {
        assert_eq!(age("90m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(age("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(age("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "h", "24", "24H", "-1h", "1.5h", "59m", "0d", "24 h", "9đ"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
