//! Dossiers of another system as an event log: IEEE XES, plain or gzip, told apart by their first bytes.
//!
//! A trace is a dossier, its events are the activities done, in the order of the file. What the log says of itself
//! (extensions, globals, classifiers, attributes of the log) is not read, nor are attributes not named in [`Trace`] and
//! [`Activity`].
//!
//! A file that is broken is an error. A trace that is broken is left out whole, for half a history would be a false one,
//! and every defect of it is listed: `traces.len()` and the traces among the `defects` are all traces of the file
//! ([`Xes::traces_read`]). Times that are odd but readable (an end before the start) are not defects: they are imported
//! as they are.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use chrono::DateTime;
use domain::codes::StepCode;
use domain::dossier::Channel;
use domain::time::Instant;
use flate2::bufread::MultiGzDecoder;
use uuid::Uuid;

use super::xml::{Document, Element, Limits, Token, XmlError};

/// After decompression.
pub const FILE_BYTES_MAX: u64 = 512 << 20;
/// Of one tag or text: so much is held in memory at once, beside what has been read.
const TOKEN_BYTES_MAX: u64 = 1 << 20;
const DEPTH_MAX: usize = 64;
pub const TRACES_MAX: usize = 500_000;
pub const ACTIVITIES_MAX: usize = 5_000_000;
pub const EVENTS_PER_TRACE_MAX: usize = 100_000;
pub const DEFECTS_MAX: usize = 10_000;
const TEXT_CHARS_MAX: usize = 1_000;
const QUOTE_CHARS_MAX: usize = 80;
const STEP_CODE_LEN_MAX: usize = 64;
const FINGERPRINT_LEN: usize = 12;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Xes {
    /// The sound traces, in the order of the file.
    pub traces: Vec<Trace>,
    pub defects: Vec<XesDefect>,
    /// All traces of the file, those left out as well.
    pub traces_read: usize,
}

/// One dossier.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Place in the file, from 0, traces left out counted: it stays when a defect is repaired.
    pub index: usize,
    /// Line of the start tag, from 1.
    pub line: u64,
    /// `concept:name`, no two alike.
    pub case: String,
    /// `startdate`
    pub start: Instant,
    /// `enddate`, the end of processing; an open dossier has none.
    pub end: Option<Instant>,
    /// `deadline`, the due instant.
    pub deadline: Option<Instant>,
    /// As the source writes it; [`channel`] says what it means.
    pub channel: String,
    pub department: Option<String>,
    pub group: Option<String>,
    pub responsible: Option<String>,
    /// In the order of the file.
    pub activities: Vec<Activity>,
}

/// Something done in a dossier.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// `concept:name`
    pub name: String,
    /// `time:timestamp`
    pub at: Instant,
    /// `org:resource`
    pub resource: Option<String>,
    /// `org:group`
    pub group: Option<String>,
    /// `concept:instance`
    pub instance: Option<String>,
}

/// Why a trace is left out, or one reason of several.
#[derive(Clone, Debug, PartialEq)]
pub struct XesDefect {
    /// As in [`Trace::index`].
    pub trace: usize,
    pub line: u64,
    pub case: Option<String>,
    /// `trace`, or `event[3]` counted from 1 within the trace.
    pub element: String,
    pub reason: String,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum XesError {
    #[error("the file cannot be read")]
    Read(#[source] Arc<io::Error>),
    #[error("the file is not well-formed: line {line}, byte {byte}: {reason}")]
    Malformed { line: u64, byte: u64, reason: String },
    #[error("the file is not an event log: its root element is {root:?}, not log")]
    NotALog { root: String },
    #[error("{what} is larger than {max}")]
    TooLarge { what: &'static str, max: u64 },
}

impl From<XmlError> for XesError {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::Read(source) => Self::Read(source),
            XmlError::Malformed { place, reason } => {
                Self::Malformed { line: place.line, byte: place.byte, reason }
            }
            XmlError::TooLarge { what, max } => Self::TooLarge { what, max },
        }
    }
}

/// Reads a log to its end.
pub fn read_xes(input: impl Read) -> Result<Xes, XesError> {
    read_within(
        input,
        Limits { bytes_max: FILE_BYTES_MAX, token_bytes_max: TOKEN_BYTES_MAX, depth_max: DEPTH_MAX },
    )
}

fn read_within(mut input: impl Read, limits: Limits) -> Result<Xes, XesError> {
    let mut head = Vec::new();
    input.by_ref().take(2).read_to_end(&mut head).map_err(|source| XesError::Read(Arc::new(source)))?;
    let gzip = head == GZIP_MAGIC;
    let whole = BufReader::new(Cursor::new(head).chain(input));
    if gzip {
        read_log(Document::new(BufReader::new(MultiGzDecoder::new(whole)), limits))
    } else {
        read_log(Document::new(whole, limits))
    }
}

fn read_log<B: BufRead>(mut document: Document<B>) -> Result<Xes, XesError> {
    let mut log = Xes::default();
    let mut cases = HashMap::new();
    let mut activities = 0;
    let mut in_log = false;
    loop {
        match document.next()? {
            Token::Start(element) if !in_log => {
                if element.name != "log" {
                    return Err(XesError::NotALog { root: cut(&element.name) });
                }
                in_log = true;
            }
            Token::Start(element) if element.name == "trace" => {
                let read = read_trace(&mut document, log.traces_read, element.place.line)?;
                log.traces_read += 1;
                activities += read.events.len();
                within("the number of traces", log.traces_read, TRACES_MAX)?;
                within("the number of events", activities, ACTIVITIES_MAX)?;
                match trace(&read, &mut cases) {
                    Ok(trace) => log.traces.push(trace),
                    Err(defects) => log.defects.extend(defects),
                }
                within("the number of defects", log.defects.len(), DEFECTS_MAX)?;
            }
            Token::Start(_) => document.skip()?,
            Token::Text | Token::End => {}
            Token::Eof => return Ok(log),
        }
    }
}

fn within(what: &'static str, count: usize, max: usize) -> Result<(), XesError> {
    if max < count {
        return Err(XesError::TooLarge { what, max: max as u64 });
    }
    Ok(())
}

/// A trace as it stands in the file.
struct TraceElement {
    index: usize,
    line: u64,
    values: Values,
    events: Vec<Values>,
}

fn read_trace<B: BufRead>(
    document: &mut Document<B>,
    index: usize,
    line: u64,
) -> Result<TraceElement, XesError> {
    let mut trace = TraceElement { index, line, values: Values::default(), events: Vec::new() };
    loop {
        match document.next()? {
            Token::Start(element) if element.name == "event" => {
                trace.events.push(read_event(document)?);
                within("the number of events in one trace", trace.events.len(), EVENTS_PER_TRACE_MAX)?;
            }
            Token::Start(element) => {
                trace.values.add(&element);
                document.skip()?;
            }
            Token::Text => {}
            Token::End | Token::Eof => return Ok(trace),
        }
    }
}

fn read_event<B: BufRead>(document: &mut Document<B>) -> Result<Values, XesError> {
    let mut values = Values::default();
    loop {
        match document.next()? {
            Token::Start(element) => {
                values.add(&element);
                document.skip()?;
            }
            Token::Text => {}
            Token::End | Token::Eof => return Ok(values),
        }
    }
}

/// What is read of traces and events. Other keys may be anything.
const KEYS: [&str; 12] = [
    "concept:name",
    "concept:instance",
    "startdate",
    "enddate",
    "deadline",
    "channel",
    "department",
    "group",
    "responsible",
    "time:timestamp",
    "org:resource",
    "org:group",
];
const TRANSITION: &str = "lifecycle:transition";

/// The attributes of one trace or event: type of the element, key, value.
#[derive(Default)]
struct Values(Vec<(String, &'static str, String)>);

impl Values {
    fn add(&mut self, element: &Element) {
        let written = element.attributes.get("key").unwrap_or_default();
        if let Some(key) = KEYS.iter().chain(&[TRANSITION]).find(|key| **key == written) {
            let value = element.attributes.get("value").unwrap_or_default();
            self.0.push((element.name.clone(), key, value.trim().to_owned()));
        }
    }

    /// The value, when it is there once and of one of these types.
    fn get(&self, key: &str, types: &[&str], wrong: &mut Wrong) -> Option<&str> {
        let mut values = self.0.iter().filter(|(_, name, _)| *name == key);
        let (kind, _, value) = values.next()?;
        if values.next().is_some() {
            wrong.add(format!("{key} is there twice"));
        } else if !types.contains(&kind.as_str()) {
            wrong.add(format!("{key} is of the type {:?}, not {}", cut(kind), types[0]));
        } else {
            return Some(value.as_str());
        }
        None
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(_, name, value)| *name == key && !value.is_empty())
    }

    fn text(&self, key: &str, wrong: &mut Wrong) -> Option<String> {
        let text = self.get(key, &["string", "id"], wrong).filter(|text| !text.is_empty())?;
        if text.chars().any(char::is_control) {
            wrong.add(format!("{key} has a control character"));
            return None;
        }
        if TEXT_CHARS_MAX < text.chars().count() {
            wrong.add(format!("{key} is longer than {TEXT_CHARS_MAX} characters"));
            return None;
        }
        Some(text.to_owned())
    }

    fn date(&self, key: &str, wrong: &mut Wrong) -> Option<Instant> {
        let text = self.get(key, &["date"], wrong).filter(|text| !text.is_empty())?;
        let instant = parse_instant(text);
        if instant.is_none() {
            wrong.add(format!("{key} {:?} is not a date with time and offset", cut(text)));
        }
        instant
    }

    fn required(&self, key: &str, wrong: &mut Wrong) {
        if !self.has(key) {
            wrong.add(format!("{key} is missing"));
        }
    }
}

/// In UTC, cut to microseconds; a leap second is the second after it.
fn parse_instant(text: &str) -> Option<Instant> {
    let read = DateTime::parse_from_rfc3339(text).ok()?;
    DateTime::from_timestamp_micros(read.timestamp_micros())
}

/// Collects what is wrong with one trace.
struct Wrong {
    trace: usize,
    line: u64,
    case: Option<String>,
    element: String,
    defects: Vec<XesDefect>,
}

impl Wrong {
    fn add(&mut self, reason: String) {
        let Self { trace, line, .. } = *self;
        let (case, element) = (self.case.clone(), self.element.clone());
        self.defects.push(XesDefect { trace, line, case, element, reason });
    }
}

fn trace(read: &TraceElement, cases: &mut HashMap<String, u64>) -> Result<Trace, Vec<XesDefect>> {
    let TraceElement { index, line, ref values, .. } = *read;
    let mut wrong =
        Wrong { trace: index, line, case: None, element: "trace".to_owned(), defects: Vec::new() };
    values.required("concept:name", &mut wrong);
    let case = values.text("concept:name", &mut wrong);
    wrong.case.clone_from(&case);
    if let Some(case) = &case {
        match cases.get(case) {
            Some(first) => wrong.add(format!("the case is also that of the trace at line {first}")),
            None => drop(cases.insert(case.clone(), line)),
        }
    }
    values.required("startdate", &mut wrong);
    values.required("channel", &mut wrong);
    let start = values.date("startdate", &mut wrong);
    let end = values.date("enddate", &mut wrong);
    let deadline = values.date("deadline", &mut wrong);
    let channel = values.text("channel", &mut wrong);
    let department = values.text("department", &mut wrong);
    let group = values.text("group", &mut wrong);
    let responsible = values.text("responsible", &mut wrong);
    let mut activities = Vec::with_capacity(read.events.len());
    for (number, event) in read.events.iter().enumerate() {
        wrong.element = format!("event[{}]", number + 1);
        activities.extend(activity(event, &mut wrong));
    }
    match (case, start, channel) {
        (Some(case), Some(start), Some(channel)) if wrong.defects.is_empty() => Ok(Trace {
            index,
            line,
            case,
            start,
            end,
            deadline,
            channel,
            department,
            group,
            responsible,
            activities,
        }),
        _ => Err(wrong.defects),
    }
}

fn activity(event: &Values, wrong: &mut Wrong) -> Option<Activity> {
    event.required("concept:name", wrong);
    event.required("time:timestamp", wrong);
    let name = event.text("concept:name", wrong);
    let at = event.date("time:timestamp", wrong);
    let resource = event.text("org:resource", wrong);
    let group = event.text("org:group", wrong);
    let instance = event.text("concept:instance", wrong);
    if let Some(transition) = event.text(TRANSITION, wrong)
        && !transition.eq_ignore_ascii_case("complete")
    {
        // A start or a suspension is not something done.
        wrong.add(format!("{TRANSITION} is {:?}, and only complete is imported", cut(&transition)));
    }
    Some(Activity { name: name?, at: at?, resource, group, instance })
}

/// The channel, by the words of the log.
pub fn channel(text: &str) -> Option<Channel> {
    match text.trim().to_ascii_lowercase().as_str() {
        "internet" => Some(Channel::Online),
        "desk" => Some(Channel::Counter),
        "post" => Some(Channel::Post),
        "e-mail" => Some(Channel::Email),
        "intern" => Some(Channel::Internal),
        _ => None,
    }
}

/// A stable code for the name of an activity: the number in front of it, `T07-1 Draft …` is `T07-1`; without one its
/// words, `Confirmation of receipt` is `CONFIRMATION_OF_RECEIPT`. A name that does not fit into a code keeps what fits
/// and gets a fingerprint of the whole name, so that two such names stay two codes.
pub fn step_code(activity_name: &str) -> StepCode {
    let name = activity_name.trim();
    let first = name.split_whitespace().next().unwrap_or_default();
    let code = if is_number(first) { first.to_ascii_uppercase() } else { words(name) };
    StepCode::parse(&code)
        .unwrap_or_else(|_| unreachable!("made of letters, digits, '_' and '-', at most 64 of them"))
}

/// A letter and digits, perhaps with a part: `T02`, `T07-1`.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(rest) = word.strip_prefix(|char: char| char.is_ascii_alphabetic()) else { return false };
    let (number, part) = rest.split_once('-').unwrap_or((rest, "0"));
    word.len() <= STEP_CODE_LEN_MAX && digits(number) && digits(part)
}

fn words(name: &str) -> String {
    let parts: Vec<_> =
        name.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let plain = parts.join("_").to_ascii_uppercase();
    if name.is_ascii() && (1..=STEP_CODE_LEN_MAX).contains(&plain.len()) {
        return plain;
    }
    let fingerprint =
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).simple().to_string().to_ascii_uppercase();
    let kept = &plain[..plain.len().min(STEP_CODE_LEN_MAX - 1 - FINGERPRINT_LEN)];
    format!("{}-{}", if kept.is_empty() { "STEP" } else { kept }, &fingerprint[..FINGERPRINT_LEN])
}

/// The text as a defect shows it.
fn cut(text: &str) -> String {
    text.chars().take(QUOTE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
