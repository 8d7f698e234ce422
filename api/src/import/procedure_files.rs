//! Procedure definitions as the e-par one-stop product ships them: `DT01_workflow.xml` holds one `process` with steps and
//! tasks. Every defect of a file is reported at once, and what is sound is imported beside it.
//!
//! # What is an error and what a warning
//!
//! An error keeps the procedure a draft: a citizen would get a wrong or no appointment, a wrong fee, or a dossier that
//! cannot reach its end. A warning is published and shown: the file contradicts itself or says too little, and the
//! appointment is right all the same.
//!
//! | where | error | warning |
//! | --- | --- | --- |
//! | file | unreadable, larger than [`FILE_BYTES_MAX`] or [`TASKS_MAX`], not well-formed UTF-8 XML, with a DTD or an undefined entity; root is not `process`; code also in another file; more than [`DEFECTS_MAX`] defects | name of the file is not that of the code; unknown element or attribute, stray text |
//! | `process` | `code` missing or invalid; `name` missing; name of a test entry; `totaltime` missing, not a number, not in half days, negative but not -1, out of range; `fee` not a whole number of đồng; no step | `fee` grouped by dots (`50.000`, read as 50000) |
//! | `step` | `group` missing; time not a number, not in half days, negative but not -1, out of range; the steps take longer than `totaltime` | `name` missing (the group stands in); time missing or -1 (taken as not given); the steps take less than `totaltime`; no task; tasks take longer than the step |
//! | `task` | `code` missing, invalid or used twice; time as for the step, but -1 is an error; `next` missing or not a task of this file; the way through the tasks goes in a circle; a pause that no later task ends; `biz_done` on a task that is never reached | `name` missing (the code stands in); time missing; code of another procedure; task never reached; a flag neither `true` nor `false` (taken as `false`); no `biz_done` (the task before `TRA_KET_QUA`, marked assumed); several `biz_done` (the last one); an end of a pause that never began |
//!
//! No defect: `totaltime="-1"` (the officer sets the date at receipt), an empty or absent fee (not said).
//! Not imported, for nothing here depends on it: `version` of the process; `order`, `role` and `code` of a step (the
//! order of the file counts); `single_user` of a task.
//!
//! # Codes of tasks
//!
//! `DT01::THU_LY` becomes `THU_LY`, `SAU_THUE::TN02::XET_DUYET` becomes `SAU_THUE::XET_DUYET`: the code of the procedure
//! is left out, the round of work in front of it stays, so codes stay distinct.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use domain::codes::{ProcedureCode, StepCode};
use domain::procedure::{Defect, Definition, EndOfProcessing, ProcedureTerm, Severity, Step, Task};
use domain::working_time::{DuePolicy, Term};

use super::xml::{Attributes, Document, Limits, Token, XmlError};

/// A definition is a few kilobytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
pub const FILES_MAX: usize = 10_000;
/// Of one file; the largest known procedure has 18.
pub const TASKS_MAX: usize = 500;
/// Listed per file; beyond it one more says that the rest is not listed.
pub const DEFECTS_MAX: usize = 100;
/// Ten years of working days: more is a slip of the pen.
const DAYS_MAX: u32 = 2_500;
/// A thousand billion đồng.
const FEE_DIGITS_MAX: usize = 13;
const DEPTH_MAX: usize = 16;
const TEXT_CHARS_MAX: usize = 1_000;
const QUOTE_CHARS_MAX: usize = 80;

const FILE_SUFFIX: &str = "_workflow.xml";
const RETURN_RESULT: &str = "TRA_KET_QUA";

/// What one file says.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedProcedure {
    /// Name of the file, without its folder.
    pub file: String,
    pub code: Option<ProcedureCode>,
    /// `None` when the file cannot be read as a `process`. With an error among the defects it is a draft at most: a
    /// value that could not be read is left out, an unreadable total is "set at receipt".
    pub definition: Option<Definition>,
    pub defects: Vec<Defect>,
}

impl ParsedProcedure {
    /// Has a defect of severity error, so it stays a draft.
    pub fn has_errors(&self) -> bool {
        self.defects.iter().any(|defect| defect.severity == Severity::Error)
    }
}

/// Why a folder of definitions cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the folder {} cannot be read", dir.display())]
    Folder {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the folder {} has no file named *{FILE_SUFFIX}", dir.display())]
    NoFiles { dir: PathBuf },
    #[error("the folder {} has more than {FILES_MAX} files named *{FILE_SUFFIX}", dir.display())]
    TooManyFiles { dir: PathBuf },
}

/// Reads every `*_workflow.xml` of a folder, by name. A file that cannot be read is a result with a defect.
pub fn read_dir(dir: &Path) -> Result<Vec<ParsedProcedure>, ImportError> {
    let failed = |source| ImportError::Folder { dir: dir.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if name_of(&path).ends_with(FILE_SUFFIX) {
            paths.push(path);
        }
        if FILES_MAX < paths.len() {
            return Err(ImportError::TooManyFiles { dir: dir.to_owned() });
        }
    }
    if paths.is_empty() {
        return Err(ImportError::NoFiles { dir: dir.to_owned() });
    }
    paths.sort();
    let mut procedures: Vec<_> = paths.iter().map(|path| read_file(path)).collect();
    report_shared_codes(&mut procedures);
    Ok(procedures)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read_file(path: &Path) -> ParsedProcedure {
    let read = || -> io::Result<Vec<u8>> {
        // Asked before opening: a pipe would wait for its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let mut bytes = Vec::new();
        // One byte more than is accepted, so that the parser sees that there is more.
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let file = name_of(path);
    match read() {
        Ok(bytes) => parse_workflow(&file, &bytes),
        Err(error) => unreadable(&file, format!("the file cannot be read: {error}")),
    }
}

/// Which of two files is right is not for an importer to decide.
fn report_shared_codes(procedures: &mut [ParsedProcedure]) {
    let mut files: HashMap<ProcedureCode, Vec<String>> = HashMap::new();
    for procedure in procedures.iter() {
        if let Some(code) = &procedure.code {
            files.entry(code.clone()).or_default().push(procedure.file.clone());
        }
    }
    for procedure in procedures {
        let Some(code) = &procedure.code else { continue };
        for other in files[code].iter().filter(|other| **other != procedure.file) {
            let reason = format!("the code {code} is also that of the file {other}");
            procedure.defects.push(Defect { severity: Severity::Error, element: "file".to_owned(), reason });
        }
    }
}

/// Reads one definition. Stops early only where nothing more can be read.
pub fn parse_workflow(file_name: &str, xml: &[u8]) -> ParsedProcedure {
    if FILE_BYTES_MAX < xml.len() as u64 {
        return unreadable(file_name, format!("the file is larger than {FILE_BYTES_MAX} bytes"));
    }
    let mut defects = Defects::default();
    match read_elements(xml, &mut defects) {
        Ok(process) if TASKS_MAX < process.steps.iter().map(|step| step.tasks.len().max(1)).sum() => {
            unreadable(file_name, format!("the file has more than {TASKS_MAX} steps and tasks"))
        }
        Ok(process) => check(file_name, &process, defects),
        Err(XmlError::Read(source)) => unreadable(file_name, format!("the file cannot be read: {source}")),
        Err(error @ (XmlError::Malformed { .. } | XmlError::TooLarge { .. })) => {
            unreadable(file_name, error.to_string())
        }
    }
}

fn unreadable(file_name: &str, reason: String) -> ParsedProcedure {
    let defect = Defect { severity: Severity::Error, element: "file".to_owned(), reason };
    ParsedProcedure { file: file_name.to_owned(), code: None, definition: None, defects: vec![defect] }
}

/// Defects in the order in which they were found, and no more of them than a person can use.
#[derive(Default)]
struct Defects(Vec<Defect>);

impl Defects {
    fn error(&mut self, element: &str, reason: impl Into<String>) {
        self.push(Severity::Error, element, reason.into());
    }

    fn warning(&mut self, element: &str, reason: impl Into<String>) {
        self.push(Severity::Warning, element, reason.into());
    }

    fn push(&mut self, severity: Severity, element: &str, reason: String) {
        if self.0.len() < DEFECTS_MAX {
            self.0.push(Defect { severity, element: element.to_owned(), reason });
        } else if self.0.len() == DEFECTS_MAX {
            let reason = format!("more than {DEFECTS_MAX} defects; the rest is not listed");
            self.0.push(Defect { severity: Severity::Error, element: "file".to_owned(), reason });
        }
    }
}

/// The elements as they stand in the file.
#[derive(Default)]
struct ProcessElement {
    attributes: Attributes,
    steps: Vec<StepElement>,
}

struct StepElement {
    attributes: Attributes,
    tasks: Vec<Attributes>,
}

impl ProcessElement {
    /// How a defect names the place that is being read.
    fn element(&self, open: &str) -> String {
        match open {
            "step" | "task" => step_element(self.steps.len()),
            other => other.to_owned(),
        }
    }
}

fn step_element(number: usize) -> String {
    format!("step[{number}]")
}

fn read_elements(xml: &[u8], defects: &mut Defects) -> Result<ProcessElement, XmlError> {
    let limits = Limits { bytes_max: FILE_BYTES_MAX, token_bytes_max: FILE_BYTES_MAX, depth_max: DEPTH_MAX };
    let mut document = Document::new(xml, limits);
    let mut process = ProcessElement::default();
    // Names of the open elements, outermost first.
    let mut open: Vec<&'static str> = Vec::new();
    loop {
        let place = open.last().copied().unwrap_or("file");
        match document.next()? {
            Token::Start(element) => match (place, element.name.as_str()) {
                ("file", "process") => {
                    process.attributes = element.attributes;
                    open.push("process");
                }
                ("file", name) => {
                    let reason = format!("the root element is {}, not process", quote(name));
                    return Err(XmlError::Malformed { place: element.place, reason });
                }
                ("process", "step") => {
                    process.steps.push(StepElement { attributes: element.attributes, tasks: Vec::new() });
                    open.push("step");
                }
                ("step", "task") => {
                    if let Some(step) = process.steps.last_mut() {
                        step.tasks.push(element.attributes);
                    }
                    open.push("task");
                }
                (place, name) => {
                    let line = element.place.line;
                    let reason =
                        format!("line {line}: an element {} has no place here; not imported", quote(name));
                    defects.warning(&process.element(place), reason);
                    document.skip()?;
                }
            },
            Token::End => drop(open.pop()),
            Token::Text => defects.warning(&process.element(place), "text has no place here; not imported"),
            Token::Eof => return Ok(process),
        }
    }
}

fn check(file: &str, process: &ProcessElement, mut defects: Defects) -> ParsedProcedure {
    const KNOWN: [&str; 5] = ["code", "name", "totaltime", "version", "fee"];
    let attributes = &process.attributes;
    report_unknown("process", attributes, &KNOWN, &mut defects);
    let code = procedure_code(file, attributes, &mut defects);
    let name = procedure_name(attributes, &mut defects);
    let total = total_time(attributes, &mut defects);
    let fee_vnd = fee(attributes, &mut defects);

    let mut steps = Vec::new();
    let mut tasks = Vec::new();
    for (index, element) in process.steps.iter().enumerate() {
        let (step, tasks_of_step) = read_step(&step_element(index + 1), element, code.as_ref(), &mut defects);
        steps.push(step);
        tasks.extend(tasks_of_step);
    }
    if steps.is_empty() {
        defects.error("process", "no step");
    } else if tasks.is_empty() {
        defects.error("process", "no task with a code");
    }
    if let Some(ProcedureTime::HalfDays(total)) = total.filter(|_| !steps.is_empty()) {
        compare_with_total(total, &steps, &mut defects);
    }
    let end_of_processing = check_way(&tasks, &mut defects);

    let field = code.as_ref().and_then(field).map(str::to_owned);
    let term = total.map_or(ProcedureTerm::SetAtReceipt, ProcedureTime::term);
    let due_policy = DuePolicy::default();
    let definition = Definition { name, field, term, due_policy, fee_vnd, steps, end_of_processing };
    ParsedProcedure { file: file.to_owned(), code, definition: Some(definition), defects: defects.0 }
}

fn report_unknown(element: &str, attributes: &Attributes, known: &[&str], defects: &mut Defects) {
    for name in attributes.names().filter(|name| !known.contains(name) && !name.starts_with("xmlns")) {
        defects.warning(element, format!("the attribute {} is not known; not imported", quote(name)));
    }
}

fn procedure_code(file: &str, attributes: &Attributes, defects: &mut Defects) -> Option<ProcedureCode> {
    let Some(text) = attributes.get("code").map(str::trim).filter(|text| !text.is_empty()) else {
        defects.error("process", "code is missing");
        return None;
    };
    if file.strip_suffix(FILE_SUFFIX) != Some(text) {
        defects.warning("file", format!("the file is not named after the code {}", quote(text)));
    }
    match ProcedureCode::parse(text) {
        Ok(code) => Some(code),
        Err(error) => {
            defects.error("process", format!("code: {error}"));
            None
        }
    }
}

fn procedure_name(attributes: &Attributes, defects: &mut Defects) -> String {
    let Some(name) = text("process", "name", attributes, defects) else {
        defects.error("process", "name is missing");
        return String::new();
    };
    // Only as the first word: "test" may well be part of the name of a real procedure.
    if name
        .split(|char: char| !char.is_alphanumeric())
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("test"))
    {
        defects.error("process", format!("a test entry, by its name {}", quote(&name)));
    }
    name
}

/// The families of codes that the product ships.
fn field(code: &ProcedureCode) -> Option<&'static str> {
    let family = code.as_str().split(|char: char| !char.is_ascii_alphabetic()).next()?;
    match family {
        "DT" => Some("Đô thị"),
        "KT" => Some("Kinh tế – hạ tầng"),
        "LD" => Some("Lao động – người có công"),
        "TC" => Some("Tài chính – kế hoạch"),
        "TN" => Some("Tài nguyên – đất đai"),
        "TP" => Some("Tư pháp"),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ProcedureTime {
    HalfDays(u32),
    SetAtReceipt,
}

impl ProcedureTime {
    /// Up to a day, and for parts of a day, the due instant follows the half days of e-par; from two whole days on it is
    /// the n-th working day.
    fn term(self) -> ProcedureTerm {
        match self {
            Self::HalfDays(half_days) if 4 <= half_days && half_days % 2 == 0 => {
                ProcedureTerm::Fixed(Term::WorkingDays(half_days / 2))
            }
            Self::HalfDays(half_days) => ProcedureTerm::Fixed(Term::HalfDays(half_days)),
            Self::SetAtReceipt => ProcedureTerm::SetAtReceipt,
        }
    }
}

fn total_time(attributes: &Attributes, defects: &mut Defects) -> Option<ProcedureTime> {
    match Time::parse(attributes.get("totaltime")) {
        Ok(Time::HalfDays(half_days)) => return Some(ProcedureTime::HalfDays(half_days)),
        Ok(Time::MinusOne) => return Some(ProcedureTime::SetAtReceipt),
        Ok(Time::NotGiven) => defects.error("process", "totaltime is missing"),
        Err(reason) => defects.error("process", format!("totaltime {reason}")),
    }
    None
}

/// A time in days as the files write it.
enum Time {
    NotGiven,
    MinusOne,
    HalfDays(u32),
}

impl Time {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(Self::NotGiven);
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        if whole.is_empty() || part.is_empty() || !digits(whole) || !digits(part) {
            return Err(format!("{} is not a number of days", quote(text)));
        }
        let half = match part.trim_end_matches('0') {
            "" => 0,
            "5" => 1,
            _ => return Err(format!("{} is not in half days", quote(text))),
        };
        match (text.starts_with('-'), whole.parse::<u32>(), half) {
            (true, Ok(1), 0) => Ok(Self::MinusOne),
            (true, ..) => Err(format!("{} is negative", quote(text))),
            (false, Ok(days), half) if days <= DAYS_MAX => Ok(Self::HalfDays(2 * days + half)),
            (false, ..) => Err(format!("{} is more than {DAYS_MAX} days", quote(text))),
        }
    }
}

/// Time of a step or task. A step may leave its time to the officer, as the procedure does; a task may not.
fn time(element: &str, attributes: &Attributes, minus_one: Severity, defects: &mut Defects) -> Option<u32> {
    match Time::parse(attributes.get("time")) {
        Ok(Time::HalfDays(half_days)) => return Some(half_days),
        Ok(Time::NotGiven) => defects.warning(element, "time is missing; taken as not given"),
        Ok(Time::MinusOne) => {
            defects.push(minus_one, element, "time \"-1\" says no time; taken as not given".to_owned())
        }
        Err(reason) => defects.error(element, format!("time {reason}")),
    }
    None
}

/// Half days as the files write them.
fn days(half_days: u32) -> String {
    format!("{}{}", half_days / 2, if half_days % 2 == 1 { ".5" } else { "" })
}

fn fee(attributes: &Attributes, defects: &mut Defects) -> Option<u64> {
    let written = attributes.get("fee").map(str::trim).filter(|text| !text.is_empty())?;
    let mut groups = written.split('.');
    let first = groups.next().unwrap_or_default();
    let grouped = written.contains('.');
    let fits = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let digits = written.replace('.', "");
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= FEE_DIGITS_MAX;
    let amount = digits.parse::<u64>().ok().filter(|_| plain && (fits || !grouped));
    match amount {
        Some(amount) if grouped => {
            defects
                .warning("process", format!("fee {} is grouped by dots, read as {amount}", quote(written)));
        }
        Some(_) => {}
        None => defects.error("process", format!("fee {} is not a whole number of đồng", quote(written))),
    }
    amount
}

/// A task with what is needed to check the way through all of them.
struct TaskElement {
    element: String,
    task: Task,
    ends_processing: bool,
    /// `next` as written, when it can be read; otherwise that has been reported.
    next: Option<String>,
}

fn read_step(
    place: &str,
    element: &StepElement,
    code: Option<&ProcedureCode>,
    defects: &mut Defects,
) -> (Step, Vec<TaskElement>) {
    const KNOWN: [&str; 6] = ["order", "group", "name", "time", "role", "code"];
    report_unknown(place, &element.attributes, &KNOWN, defects);
    let group = text(place, "group", &element.attributes, defects).unwrap_or_else(|| {
        defects.error(place, "group is missing");
        String::new()
    });
    let name = text(place, "name", &element.attributes, defects).unwrap_or_else(|| {
        defects.warning(place, "name is missing; the group stands in");
        group.clone()
    });
    let half_days = time(place, &element.attributes, Severity::Warning, defects);
    let numbered = element.tasks.iter().enumerate();
    let tasks: Vec<_> = numbered
        .filter_map(|(index, attributes)| read_task(place, index + 1, attributes, code, defects))
        .collect();
    if element.tasks.is_empty() {
        defects.warning(place, "no task");
    }
    let of_tasks: u32 = tasks.iter().filter_map(|task| task.task.half_days).sum();
    if let Some(of_step) = half_days.filter(|of_step| *of_step < of_tasks) {
        defects.warning(place, format!("its tasks take {} days, the step {}", days(of_tasks), days(of_step)));
    }
    (Step { name, group, half_days, tasks: tasks.iter().map(|task| task.task.clone()).collect() }, tasks)
}

fn read_task(
    step: &str,
    number: usize,
    attributes: &Attributes,
    procedure: Option<&ProcedureCode>,
    defects: &mut Defects,
) -> Option<TaskElement> {
    const KNOWN: [&str; 8] = ["code", "name", "time", "next", "single_user", "biz_done", "pause", "unpause"];
    let Some(written) = attributes.get("code").map(str::trim).filter(|text| !text.is_empty()) else {
        defects.error(&format!("{step}/task[{number}]"), "code is missing");
        return None;
    };
    let shown: String = written.chars().filter(|char| !char.is_control()).take(QUOTE_CHARS_MAX).collect();
    let element = format!("{step}/task[{shown}]");
    report_unknown(&element, attributes, &KNOWN, defects);
    let code = match task_code(written, procedure) {
        Ok(code) => code,
        Err(reason) => {
            defects.error(&element, reason);
            return None;
        }
    };
    if let Some(procedure) = procedure.filter(|procedure| !carries(written, procedure)) {
        defects.warning(&element, format!("the code does not carry the code of the procedure {procedure}"));
    }
    let name = text(&element, "name", attributes, defects).unwrap_or_else(|| {
        defects.warning(&element, "name is missing; the code stands in");
        code.as_str().to_owned()
    });
    let half_days = time(&element, attributes, Severity::Error, defects);
    let next = next_task(&element, attributes, procedure, defects);
    let pauses = flag(&element, "pause", attributes, defects);
    let resumes = flag(&element, "unpause", attributes, defects);
    let ends_processing = flag(&element, "biz_done", attributes, defects);
    let (next, written_next) = next.unzip();
    let task = Task { code, name, half_days, next: next.flatten(), pauses, resumes };
    Some(TaskElement { element, task, ends_processing, next: written_next })
}

/// The task after this one, `None` within for the end of the procedure, with the text that says so.
fn next_task(
    element: &str,
    attributes: &Attributes,
    procedure: Option<&ProcedureCode>,
    defects: &mut Defects,
) -> Option<(Option<StepCode>, String)> {
    match attributes.get("next").map(str::trim).filter(|text| !text.is_empty()) {
        None => defects.error(element, "next is missing"),
        Some("NULL") => return Some((None, "NULL".to_owned())),
        Some(written) => match task_code(written, procedure) {
            Ok(next) => return Some((Some(next), written.to_owned())),
            Err(reason) => defects.error(element, format!("next: {reason}")),
        },
    }
    None
}

/// Parts of a task's code in front of its last one: `SAU_THUE::TN02::XET_DUYET` has two.
fn carries(written: &str, procedure: &ProcedureCode) -> bool {
    written.rsplit("::").skip(1).any(|part| part == procedure.as_str())
}

/// The code without that of its procedure.
fn task_code(written: &str, procedure: Option<&ProcedureCode>) -> Result<StepCode, String> {
    let mut parts: Vec<&str> = written.split("::").collect();
    let own = |part: &&str| procedure.is_some_and(|procedure| *part == procedure.as_str());
    if let Some(index) = parts[..parts.len() - 1].iter().rposition(own) {
        parts.remove(index);
    }
    StepCode::parse(&parts.join("::")).map_err(|error| error.to_string())
}

fn flag(element: &str, name: &str, attributes: &Attributes, defects: &mut Defects) -> bool {
    match attributes.get(name).map(str::trim) {
        Some("true") => true,
        None | Some("false" | "") => false,
        Some(other) => {
            defects.warning(
                element,
                format!("{name} {} is neither true nor false; taken as false", quote(other)),
            );
            false
        }
    }
}

fn compare_with_total(total: u32, steps: &[Step], defects: &mut Defects) {
    let of_steps: u32 = steps.iter().filter_map(|step| step.half_days).sum();
    let all_given = steps.iter().all(|step| step.half_days.is_some());
    let reason = format!("the steps take {} days, totaltime is {}", days(of_steps), days(total));
    if total < of_steps {
        defects.error("process", reason);
    } else if of_steps < total && all_given {
        defects.warning("process", reason);
    }
}

/// Follows the tasks from the first one of the file to the end, and finds where processing ends.
fn check_way(tasks: &[TaskElement], defects: &mut Defects) -> Option<EndOfProcessing> {
    let mut places: HashMap<&StepCode, usize> = HashMap::new();
    for (index, task) in tasks.iter().enumerate() {
        match places.get(&task.task.code) {
            Some(first) => {
                defects.error(&task.element, format!("the code is also that of {}", tasks[*first].element));
            }
            None => drop(places.insert(&task.task.code, index)),
        }
    }
    for task in tasks {
        if task.task.next.as_ref().is_some_and(|next| !places.contains_key(next)) {
            let written = quote(task.next.as_deref().unwrap_or_default());
            defects.error(&task.element, format!("next {written} is not a task of this file"));
        }
    }
    let (way, reaches_end) = follow(tasks, &places, defects);
    if reaches_end {
        let reached: HashSet<usize> = way.iter().copied().collect();
        for (index, task) in tasks.iter().enumerate().filter(|(index, _)| !reached.contains(index)) {
            // A second task of the same code is reported as such.
            if places.get(&task.task.code) == Some(&index) {
                defects.warning(&task.element, "no way leads to this task");
            }
        }
        check_pauses(tasks, &way, defects);
    }
    end_of_processing(tasks, &way, reaches_end, defects)
}

/// Indexes of the tasks passed, in order, and whether the last of them ends the procedure.
fn follow(
    tasks: &[TaskElement],
    places: &HashMap<&StepCode, usize>,
    defects: &mut Defects,
) -> (Vec<usize>, bool) {
    let mut way = Vec::new();
    let mut reached = HashSet::new();
    let mut at = if tasks.is_empty() { None } else { Some(0) };
    while let Some(index) = at {
        way.push(index);
        reached.insert(index);
        let task = &tasks[index];
        at = match &task.task.next {
            None => return (way, task.next.is_some()),
            Some(next) => places.get(next).copied(),
        };
        if at.is_some_and(|next| reached.contains(&next)) {
            defects
                .error(&task.element, "next leads back to a task already passed: the procedure never ends");
            return (way, false);
        }
    }
    (way, false)
}

fn check_pauses(tasks: &[TaskElement], way: &[usize], defects: &mut Defects) {
    let mut paused_by: Option<&TaskElement> = None;
    for task in way.iter().map(|index| &tasks[*index]) {
        match (task.task.pauses, task.task.resumes, paused_by) {
            (true, true, _) => defects.error(&task.element, "pause and unpause on one task"),
            (true, false, Some(_)) => defects.warning(&task.element, "pause, but the clock stands already"),
            (true, false, None) => paused_by = Some(task),
            (false, true, None) => defects.warning(&task.element, "unpause, but the clock runs already"),
            (false, true, Some(_)) => paused_by = None,
            (false, false, _) => {}
        }
    }
    if let Some(task) = paused_by {
        defects.error(&task.element, "pause, and no later task has unpause");
    }
}

fn end_of_processing(
    tasks: &[TaskElement],
    way: &[usize],
    reaches_end: bool,
    defects: &mut Defects,
) -> Option<EndOfProcessing> {
    let marked: Vec<usize> = (0..tasks.len()).filter(|index| tasks[*index].ends_processing).collect();
    if tasks.is_empty() {
        return None;
    }
    if marked.is_empty() {
        let end = assumed_end(tasks, way, reaches_end).map(|index| tasks[index].task.code.clone());
        let instead = match &end {
            Some(code) => format!("{code} is assumed to end the processing"),
            None => "nothing can be assumed instead".to_owned(),
        };
        defects.warning("process", format!("no task has biz_done; {instead}"));
        return end.map(|task| EndOfProcessing { task, assumed: true });
    }
    for index in marked.iter().filter(|index| reaches_end && !way.contains(index)) {
        defects.error(&tasks[*index].element, "biz_done on a task to which no way leads");
    }
    let last = way.iter().rev().find(|index| marked.contains(index)).or(marked.last())?;
    let code = &tasks[*last].task.code;
    if 1 < marked.len() {
        defects
            .warning("process", format!("{} tasks have biz_done; the last one counts, {code}", marked.len()));
    }
    Some(EndOfProcessing { task: code.clone(), assumed: false })
}

/// The task before the one that returns the result; without such a task, the last one.
fn assumed_end(tasks: &[TaskElement], way: &[usize], reaches_end: bool) -> Option<usize> {
    let returns = |index: &usize| tasks[*index].task.code.as_str().rsplit("::").next() == Some(RETURN_RESULT);
    match way.iter().rposition(returns) {
        Some(at) => way.get(at.saturating_sub(1)).copied(),
        None => way.last().copied().filter(|_| reaches_end),
    }
}

/// Text for people: white space as single blanks, `None` when nothing is left.
fn text(element: &str, name: &str, attributes: &Attributes, defects: &mut Defects) -> Option<String> {
    let mut text = attributes.get(name)?.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().any(char::is_control) {
        defects.error(element, format!("{name} has a control character"));
        text.retain(|char| !char.is_control());
    }
    if TEXT_CHARS_MAX < text.chars().count() {
        defects.error(element, format!("{name} is longer than {TEXT_CHARS_MAX} characters"));
        return Some(text.chars().take(TEXT_CHARS_MAX).collect());
    }
    Some(text).filter(|text| !text.is_empty())
}

/// The text as a defect shows it.
fn quote(text: &str) -> String {
    format!("{:?}", text.chars().take(QUOTE_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests;
