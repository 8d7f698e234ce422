//! How long the questions take that offices and people ask all day, over a province's dossiers of years.

use std::time::Instant;

use clap::Args;
use domain::access::Scope;
use domain::identity::KeyId;
use domain::recorded::{Event, Position, Version};
use infrastructure::clock::Clock;
use infrastructure::entropy::Entropy;
use infrastructure::event_store::{EventStore, micros};
use infrastructure::keys::{Keys, MasterKey};
use infrastructure::location::DbUrl;
use projections::deadline_board::{self, AsOf, Class, GroupBy, Moment, Within};
use projections::dossier_summary::{self, WorkList};
use projections::person_search::PersonSearch;
use projections::read_model::Occurrence;
use projections::{Model, ReadSide, public_status};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::generated::{AGENCIES, Life, OFFICERS, agency, officer};
use super::{CliError, StoreArgs, Times, kind, output, read_url, scratch, table};

const MODELS: &[Model] = &[Model::DossierSummary, Model::DeadlineBoard, Model::PublicStatus];
const PAGE: i64 = 50;

#[derive(Debug, Args)]
pub(in crate::cli) struct ReadBench {
    /// Dossiers whose rows are written into the read models, without a log
    #[arg(long, default_value_t = 1_000_000)]
    dossiers: u64,
    /// How many of them are open
    #[arg(long, default_value_t = 20_000)]
    open: u64,
    /// How often each question is asked
    #[arg(long, default_value_t = 2_000)]
    samples: u64,
    /// Leave the database where it is, to look at plans
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct ReadRow {
    question: &'static str,
    /// On average.
    rows: f64,
    p50_ms: f64,
    p99_ms: f64,
    worst_ms: f64,
}

impl ReadBench {
    pub(in crate::cli) async fn run(self) -> Result<(), CliError> {
        let scratch = scratch(&self.store).await?;
        let store = EventStore::open(&scratch.url, Clock::System).await?;
        let read_side = ReadSide::open(&read_url(&scratch)?, store.clone()).await?;
        // Nothing is sealed here: a key for the MACs is all that is needed.
        let folder = std::env::temp_dir().join(format!("motcua-bench-keys-{}", std::process::id()));
        let keys = DbUrl::Sqlite(folder.join("keys.db"));
        let keys = Keys::open(&keys, MasterKey::new([7; 32]), Entropy::seeded(7), Clock::System).await;
        let keys = keys.map_err(|error| CliError::Failure(error.into()))?;
        let measured = self.measure(&read_side, &PersonSearch::new(&read_side, keys.clone())).await;
        keys.close().await;
        std::fs::remove_dir_all(&folder).map_err(CliError::io("the keys of the benchmark stay behind"))?;
        read_side.database().close().await;
        store.database().close().await;
        if self.keep {
            output::note(&format!("kept: {}", scratch.url));
        } else {
            scratch.remove().await?;
        }
        let rows = measured?;
        if self.json {
            return output::json(
                &json!({"store": kind(&self.store)?, "dossiers": self.dossiers, "open": self.open, "rows": rows}),
            );
        }
        let mut table = table(["question", "rows", "p50, ms", "p99, ms", "worst, ms"]);
        for row in rows {
            let ms = |value: f64| format!("{value:.2}");
            table.add_row([
                row.question.to_owned(),
                format!("{:.1}", row.rows),
                ms(row.p50_ms),
                ms(row.p99_ms),
                ms(row.worst_ms),
            ]);
        }
        output::text(&format!("{table}\n"))
    }

    async fn measure(&self, read_side: &ReadSide, people: &PersonSearch) -> Result<Vec<ReadRow>, CliError> {
        let mut progress = output::Progress::new("writing dossiers", self.dossiers);
        let first_open = self.dossiers.saturating_sub(self.open);
        let lives = (0..self.dossiers).map(|dossier| {
            let life = Life { dossier, is_open: first_open <= dossier };
            life.occurrences()
        });
        read_side.fill(MODELS, lives, |done| progress.set(done)).await?;
        progress.finish();
        self.fill_people(people).await?;
        let database = read_side.database();
        let now = micros(Life::now());
        let day = 86_400_000_000;
        let board = |at| AsOf { moment: Moment::At(at), at, day_end: at + day, soon_end: at + 3 * day };
        let current = AsOf { moment: Moment::Now, ..board(now) };
        // As the officers of an agency see it.
        let of = |nth: u64| Within::of(Scope::of(agency(nth)));
        let whole = Within::of(Scope::Province);
        let start = (i64::MIN, Uuid::nil());
        let mut rows = Vec::new();
        rows.push(
            self.ask("look-up by code", async |nth| {
                let code = Life { dossier: nth * 7_919 % self.dossiers, is_open: false }.code()?;
                let found = public_status::by_code(database, code.as_str()).await?;
                Ok(usize::from(found.is_some()))
            })
            .await?,
        );
        rows.push(
            self.ask("worklist of an officer, a page", async |nth| {
                let list = WorkList::Assigned {
                    agency: agency(nth).0,
                    officer: officer(nth, nth / AGENCIES % OFFICERS),
                };
                Ok(dossier_summary::work_list(database, &list, &Scope::Province, start, PAGE).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("worklist of an agency, a page", async |nth| {
                let list = WorkList::Held(agency(nth).0);
                Ok(dossier_summary::work_list(database, &list, &Scope::Province, start, PAGE).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("overdue in an agency, a page", async |nth| {
                Ok(deadline_board::items(database, current, Class::Overdue, &of(nth), start, PAGE)
                    .await?
                    .len())
            })
            .await?,
        );
        rows.push(
            self.ask("overdue in the province, a page", async |_| {
                Ok(deadline_board::items(database, current, Class::Overdue, &whole, start, PAGE).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("board of an agency", async |nth| {
                Ok(deadline_board::counts(database, current, GroupBy::Whole, &of(nth)).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("board of the province", async |_| {
                Ok(deadline_board::counts(database, current, GroupBy::Whole, &whole).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("board of the province by agency", async |_| {
                Ok(deadline_board::counts(database, current, GroupBy::CompetentAgency, &whole).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("board of an agency as of a past day", async |nth| {
                let days = i64::try_from(nth % 300).unwrap_or(0) + 30;
                let past = board(now - days * day);
                Ok(deadline_board::counts(database, past, GroupBy::Whole, &of(nth)).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("part of a code: day and number", async |nth| {
                let code = Life { dossier: nth * 7_919 % self.dossiers, is_open: false }.code()?;
                let (_, part) = code.as_str().split_at(code.as_str().len() - 11);
                Ok(dossier_summary::with_part_of_code(database, part, &Scope::Province, PAGE).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("a person by the whole name", async |nth| {
                Ok(people.find(&name(nth * 7_919 % self.dossiers), &Scope::Province, PAGE).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("a person by two words, in an agency", async |nth| {
                let dossier = nth * 7_919 % self.dossiers;
                let name = name(dossier);
                let words = name.split(' ').rev().take(2).collect::<Vec<_>>().join(" ");
                Ok(people.find(&words, &Scope::of(agency(dossier)), PAGE).await?.len())
            })
            .await?,
        );
        rows.push(
            self.ask("a person by telephone", async |nth| {
                Ok(people.find(&phone(nth * 7_919 % self.dossiers), &Scope::Province, PAGE).await?.len())
            })
            .await?,
        );
        Ok(rows)
    }

    async fn fill_people(&self, people: &PersonSearch) -> Result<(), CliError> {
        let mut progress = output::Progress::new("making people findable", self.dossiers);
        let numbers: Vec<u64> = (0..self.dossiers).collect();
        for numbers in numbers.chunks(10_000) {
            let person = |nth: &u64| {
                let id = Life { dossier: *nth, is_open: false }.id();
                (KeyId(id), id, i64::try_from(*nth).unwrap_or(i64::MAX), name(*nth), phone(*nth))
            };
            people.fill(&numbers.iter().map(person).collect::<Vec<_>>()).await?;
            progress.set(numbers.last().copied().unwrap_or_default());
        }
        progress.finish();
        Ok(())
    }

    async fn ask(
        &self,
        question: &'static str,
        answer: impl AsyncFn(u64) -> Result<usize, CliError>,
    ) -> Result<ReadRow, CliError> {
        let (mut times, mut rows) = (Vec::new(), 0);
        // The first ones fill caches and prepare statements.
        let warm_up = self.samples / 10;
        for nth in 0..warm_up + self.samples {
            let started = Instant::now();
            let found = answer(nth).await?;
            if warm_up <= nth {
                times.push(started.elapsed());
                rows += found;
            }
        }
        let times = Times::new(times);
        tracing::info!(question, p99_ms = times.per_mille(990), "measured");
        #[expect(clippy::cast_precision_loss, reason = "an average for people")]
        let rows = rows as f64 / self.samples.max(1) as f64;
        Ok(ReadRow {
            question,
            rows,
            p50_ms: times.per_mille(500),
            p99_ms: times.per_mille(990),
            worst_ms: times.per_mille(1000),
        })
    }
}

/// Names as they are distributed: two in five are called Nguyễn, and few words make most of the rest.
fn name(nth: u64) -> String {
    const FAMILIES: [&str; 10] =
        ["Nguyễn", "Nguyễn", "Nguyễn", "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Đặng", "Vũ"];
    const MIDDLES: [&str; 4] = ["Văn", "Thị", "Đức", "Minh"];
    const GIVEN: [&str; 40] = [
        "An", "Anh", "Bình", "Châu", "Cường", "Dung", "Dũng", "Đạt", "Giang", "Hà", "Hải", "Hạnh", "Hiền",
        "Hiếu", "Hoa", "Hòa", "Hồng", "Hùng", "Hương", "Khánh", "Lan", "Linh", "Loan", "Long", "Mai", "Nam",
        "Nga", "Ngọc", "Nhung", "Phúc", "Phương", "Quân", "Quang", "Sơn", "Tâm", "Thảo", "Thành", "Trang",
        "Tuấn", "Yến",
    ];
    let mixed = nth.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let pick = |from: &[&'static str], shift: u32| {
        from[usize::try_from((mixed >> shift) % from.len() as u64).unwrap_or(0)]
    };
    format!("{} {} {} {}", pick(&FAMILIES, 8), pick(&MIDDLES, 24), pick(&GIVEN, 32), pick(&GIVEN, 44))
}

fn phone(nth: u64) -> String {
    format!("09{:08}", nth % 100_000_000)
}

impl Life {
    /// As the log would hold them.
    fn occurrences(&self) -> Result<Vec<Occurrence>, CliError> {
        let stream = format!("dossier-{}", self.id());
        (0..self.events())
            .map(|nth| {
                let version = Version(i64::try_from(nth).unwrap_or(0) + 1);
                let position = Position(i64::try_from(self.dossier * 8).unwrap_or(0) + version.0);
                let (event, at) = self.event(nth)?;
                Ok(Occurrence::new(position, stream.clone(), version, Event::Dossier(event), at))
            })
            .collect()
    }
}
