//! Procedure definitions as the e-par one-stop product ships them: `DT01_workflow.xml` holds one `process` with steps and
//! tasks. Every defect of a file is reported at once, and what is sound is imported beside it.
//!
//! # What is an error and what a warning
//!
//! An error keeps the procedure a draft: a citizen would get a wrong or no appointment, a wrong fee, or a dossier that
//! cannot reach its end. A warning is published and shown: the file contradicts itself or says too little, and the
//! appointment is right all the same. What is wrong with the procedure, however it is written, is found by
//! [`Definition::check`]; here is what is wrong with the file.
//!
//! | where | error | warning |
//! | --- | --- | --- |
//! | file | unreadable, larger than [`FILE_BYTES_MAX`] or [`TASKS_MAX`], not well-formed UTF-8 XML, with a DTD or an undefined entity; root is not `process`; code also in another file; more than [`DEFECTS_MAX`] defects | name of the file is not that of the code; unknown element or attribute, stray text |
//! | `process` | `code` missing or invalid; `name` missing; name of a test entry; `totaltime` missing, not a number, not in half days, negative but not -1, out of range; `fee` not a whole number of đồng | `fee` grouped by dots (`50.000`, read as 50000) |
//! | `step` | `group` missing; time not a number, not in half days, negative but not -1, out of range | `name` missing (the group stands in); time missing or -1 (taken as not given); no task |
//! | `task` | `code` missing or invalid; time as for the step, but -1 is an error; `next` missing or invalid | `name` missing (the code stands in); time missing; code of another procedure; a flag neither `true` nor `false` (taken as `false`); several `biz_done` (the last one) |
//!
//! No defect: `totaltime="-1"` (the officer sets the date at receipt), an empty or absent fee (not said).
//! Not imported, for nothing here depends on it: `version` of the process; `order`, `role` and `code` of a step (the
//! order of the file counts); `single_user` of a task.
//!
//! # Codes of tasks
//!
//! `DT01::THU_LY` becomes `THU_LY`, `SAU_THUE::TN02::XET_DUYET` becomes `SAU_THUE::XET_DUYET`: the code of the procedure
//! is left out, the round of work in front of it stays, so codes stay distinct.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use domain::codes::{ProcedureCode, StepCode};
use domain::procedure::{self, Defect, Definition, EndOfProcessing, ProcedureTerm, Severity, Step, Task};
use domain::working_time::Term;

use super::form_files;
use super::procedure_json;
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
const FORM_SUFFIX: &str = "_form_struct.xml";

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
        procedure::has_errors(&self.defects)
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
    #[error("the folder {} has no file named *{FILE_SUFFIX} or *{}", procedure_json::FILE_SUFFIX, dir.display())]
    NoFiles { dir: PathBuf },
    #[error("the folder {} has more than {FILES_MAX} files named *{FILE_SUFFIX} or *{}", procedure_json::FILE_SUFFIX, dir.display())]
    TooManyFiles { dir: PathBuf },
}

/// Reads every `*_workflow.xml` of a folder, with the `*_form_struct.xml` beside it, and every `*.procedure.json`, by
/// name. A file that cannot be read is a result with a defect.
pub fn read_dir(dir: &Path) -> Result<Vec<ParsedProcedure>, ImportError> {
    let failed = |source| ImportError::Folder { dir: dir.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = name_of(&path);
        if name.ends_with(FILE_SUFFIX) || name.ends_with(procedure_json::FILE_SUFFIX) {
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
    let file = name_of(path);
    if file.ends_with(procedure_json::FILE_SUFFIX) {
        return match read_bytes(path, procedure_json::FILE_BYTES_MAX) {
            Ok(bytes) => procedure_json::parse(&file, &bytes),
            Err(error) => unreadable(&file, format!("the file cannot be read: {error}")),
        };
    }
    let mut procedure = match read_bytes(path, FILE_BYTES_MAX) {
        Ok(bytes) => parse_workflow(&file, &bytes),
        Err(error) => unreadable(&file, format!("the file cannot be read: {error}")),
    };
    if let Some(stem) = file.strip_suffix(FILE_SUFFIX) {
        add_form(&mut procedure, &path.with_file_name(format!("{stem}{FORM_SUFFIX}")));
    }
    procedure
}

fn read_bytes(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // Asked before opening: a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    // One byte more than is accepted, so that the parser sees that there is more.
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A procedure may well come without a form.
fn add_form(procedure: &mut ParsedProcedure, path: &Path) {
    let mut defects = Defects(std::mem::take(&mut procedure.defects));
    match read_bytes(path, FILE_BYTES_MAX) {
        Ok(bytes) => {
            let parsed = form_files::parse_form(&bytes, &mut defects);
            if let Some(definition) = &mut procedure.definition {
                (definition.form, definition.papers) = (parsed.form, parsed.papers);
                defects.add(definition.check_without_the_way());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => defects.warning("form", format!("the file cannot be read: {error}; no form")),
    }
    procedure.defects = defects.0;
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

pub(super) fn unreadable(file_name: &str, reason: String) -> ParsedProcedure {
    let defect = Defect { severity: Severity::Error, element: "file".to_owned(), reason };
    ParsedProcedure { file: file_name.to_owned(), code: None, definition: None, defects: vec![defect] }
}

/// Defects in the order in which they were found, and no more of them than a person can use.
#[derive(Default)]
pub(super) struct Defects(Vec<Defect>);

impl Defects {
    pub(super) fn error(&mut self, element: &str, reason: impl Into<String>) {
        self.push(Severity::Error, element, reason.into());
    }

    pub(super) fn warning(&mut self, element: &str, reason: impl Into<String>) {
        self.push(Severity::Warning, element, reason.into());
    }

    #[cfg(test)]
    pub(super) fn into_vec(self) -> Vec<Defect> {
        self.0
    }

    /// What is said already is not said again.
    fn add(&mut self, found: Vec<Defect>) {
        for defect in found {
            if !self.0.contains(&defect) {
                self.push(defect.severity, &defect.element, defect.reason);
            }
        }
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
    let written: usize = process.steps.iter().map(|step| step.tasks.len()).sum();
    let way_is_known = tasks.len() == written && tasks.iter().all(|task| task.next_is_known);

    let term = total.map_or(ProcedureTerm::SetAtReceipt, ProcedureTime::term);
    let mut definition = Definition {
        field: code.as_ref().and_then(field).map(str::to_owned),
        fee_vnd,
        ..Definition::new(name, term, steps)
    };
    definition.end_of_processing = end_of_processing(&definition, &tasks, way_is_known, &mut defects);
    // Where part of the way cannot be read, that has been said; what would follow from it is not said as well.
    let found = if way_is_known { definition.check() } else { definition.check_without_the_way() };
    defects.add(found);
    ParsedProcedure { file: file.to_owned(), code, definition: Some(definition), defects: defects.0 }
}

pub(super) fn report_unknown(element: &str, attributes: &Attributes, known: &[&str], defects: &mut Defects) {
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
    task: Task,
    ends_processing: bool,
    /// Otherwise that has been reported.
    next_is_known: bool,
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
    let tasks_of_step = tasks.iter().map(|task| task.task.clone()).collect();
    (Step { half_days, ..Step::new(name, group, tasks_of_step) }, tasks)
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
    let next_is_known = next.is_some();
    let task = Task { half_days, next: next.flatten(), pauses, resumes, ..Task::new(code, name) };
    Some(TaskElement { task, ends_processing, next_is_known })
}

/// The task after this one, `None` within for the end of the procedure.
fn next_task(
    element: &str,
    attributes: &Attributes,
    procedure: Option<&ProcedureCode>,
    defects: &mut Defects,
) -> Option<Option<StepCode>> {
    match attributes.get("next").map(str::trim).filter(|text| !text.is_empty()) {
        None => defects.error(element, "next is missing"),
        Some("NULL") => return Some(None),
        Some(written) => match task_code(written, procedure) {
            Ok(next) => return Some(Some(next)),
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

fn end_of_processing(
    definition: &Definition,
    tasks: &[TaskElement],
    way_is_known: bool,
    defects: &mut Defects,
) -> Option<EndOfProcessing> {
    let marked: Vec<_> =
        tasks.iter().filter(|task| task.ends_processing).map(|task| &task.task.code).collect();
    if marked.is_empty() {
        if !way_is_known && !tasks.is_empty() {
            defects.warning("process", "no task has biz_done; nothing can be assumed instead");
        }
        let assumed = definition.assumed_end().filter(|_| way_is_known);
        return assumed.map(|task| EndOfProcessing { task: task.clone(), assumed: true });
    }
    let way = definition.way();
    let last = way.into_iter().rev().find(|code| marked.contains(code)).or(marked.last().copied())?;
    if 1 < marked.len() {
        let reason = format!("{} tasks have biz_done; the last one counts, {last}", marked.len());
        defects.warning("process", reason);
    }
    Some(EndOfProcessing { task: last.clone(), assumed: false })
}

/// Text for people: white space as single blanks, `None` when nothing is left.
pub(super) fn text(
    element: &str,
    name: &str,
    attributes: &Attributes,
    defects: &mut Defects,
) -> Option<String> {
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
pub(super) fn quote(text: &str) -> String {
    format!("{:?}", text.chars().take(QUOTE_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests;
