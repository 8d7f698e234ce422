//! XML as a stream of elements, within limits. Knows the grammar, not the meaning.
//!
//! Stricter than the library below it where leniency would hide a broken or hostile file: a document type declaration
//! is refused (so there is no entity to expand), an entity outside the five of XML is refused, an element left open at
//! the end is refused, and so are a second root, text beside the root and characters that XML does not allow.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::{Error as LibraryError, Reader};

/// How much of a file is read before it is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of the whole document, after decompression; checked when the buffer is filled, so it may be passed by one buffer.
    pub(super) bytes_max: u64,
    /// Of one tag, text or comment.
    pub(super) token_bytes_max: u64,
    pub(super) depth_max: usize,
}

/// Why a document cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum XmlError {
    #[error("the file cannot be read")]
    Read(#[source] Arc<io::Error>),
    #[error("line {}, byte {}: {reason}", place.line, place.byte)]
    Malformed { place: Place, reason: String },
    #[error("{what} is larger than {max}")]
    TooLarge { what: &'static str, max: u64 },
}

/// Where a token starts: line from 1, byte from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) byte: u64,
}

/// One thing read. An empty element is a start and an end.
#[derive(Debug)]
pub(super) enum Token {
    Start(Element),
    End,
    /// Text that is not white space.
    Text,
    /// The root is closed and nothing but comments and white space came after it.
    Eof,
}

#[derive(Debug)]
pub(super) struct Element {
    /// Without its namespace prefix.
    pub(super) name: String,
    pub(super) attributes: Attributes,
    pub(super) place: Place,
}

/// Attributes in the order of the file, each name once; values unescaped, line ends and tabs as spaces.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<(String, String)>);

impl Attributes {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

pub(super) struct Document<B> {
    reader: Reader<Counting<B>>,
    buffer: Vec<u8>,
    limits: Limits,
    depth: usize,
    root_seen: bool,
    place: Place,
}

impl<B: BufRead> Document<B> {
    pub(super) fn new(input: B, limits: Limits) -> Self {
        let mut reader = Reader::from_reader(Counting {
            input,
            at: Place { line: 1, byte: 0 },
            token_starts: 0,
            limits,
            exceeded: None,
        });
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Self {
            reader,
            buffer: Vec::new(),
            limits,
            depth: 0,
            root_seen: false,
            place: Place { line: 1, byte: 0 },
        }
    }

    pub(super) fn next(&mut self) -> Result<Token, XmlError> {
        loop {
            self.buffer.clear();
            self.place = self.reader.get_mut().start_token();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => return Err(self.failed(error)),
            };
            // Each arm takes what it needs out of the event, which borrows the buffer.
            let token = match event {
                Event::Start(tag) | Event::Empty(tag) => {
                    element(&tag, self.place).map(|element| Some(Token::Start(element)))
                }
                Event::End(_) => Ok(Some(Token::End)),
                Event::Text(text) if text.chars().all(is_space) => Ok(None),
                Event::Text(_) | Event::CData(_) => Ok(Some(Token::Text)),
                Event::GeneralRef(name) => reference(&name).map(|()| Some(Token::Text)),
                Event::DocType(_) => Err("a document type declaration is not accepted".to_owned()),
                Event::Decl(declaration) => declared(&declaration).map(|()| None),
                Event::Comment(_) | Event::PI(_) => Ok(None),
                Event::Eof => Ok(Some(Token::Eof)),
            };
            if let Some(token) = token.map_err(|reason| self.malformed(reason))? {
                return self.placed(token);
            }
        }
    }

    /// Reads to the end of the element whose start was the last token.
    pub(super) fn skip(&mut self) -> Result<(), XmlError> {
        let outside = self.depth.saturating_sub(1);
        while outside < self.depth {
            self.next()?;
        }
        Ok(())
    }

    /// Checks the token against what is open, and keeps count of it.
    fn placed(&mut self, token: Token) -> Result<Token, XmlError> {
        match token {
            Token::Start(_) if self.depth == 0 && self.root_seen => {
                return Err(self.malformed("a second root element".to_owned()));
            }
            Token::Start(_) if self.depth == self.limits.depth_max => {
                return Err(
                    self.malformed(format!("elements are nested deeper than {}", self.limits.depth_max))
                );
            }
            Token::Start(_) => {
                self.root_seen = true;
                self.depth += 1;
            }
            Token::End => self.depth = self.depth.saturating_sub(1),
            Token::Text if self.depth == 0 => {
                return Err(self.malformed("text beside the root element".to_owned()));
            }
            Token::Text => {}
            Token::Eof if 0 < self.depth => {
                return Err(
                    self.malformed(format!("the file ends before its elements do, {} are open", self.depth))
                );
            }
            Token::Eof if !self.root_seen => return Err(self.malformed("the file has no element".to_owned())),
            Token::Eof => {}
        }
        Ok(token)
    }

    fn malformed(&self, reason: String) -> XmlError {
        XmlError::Malformed { place: self.place, reason }
    }

    fn failed(&self, error: LibraryError) -> XmlError {
        match (self.reader.get_ref().exceeded, error) {
            (Some((what, max)), _) => XmlError::TooLarge { what, max },
            (None, LibraryError::Io(source)) => XmlError::Read(source),
            (None, error) => self.malformed(error.to_string()),
        }
    }
}

fn element(tag: &BytesStart, place: Place) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = attribute.key.as_ref().to_owned();
        if attribute.value.contains('<') {
            return Err(format!("the value of {name} contains '<'"));
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        if let Some(char) = value.chars().find(|char| !is_allowed(*char)) {
            return Err(format!("the value of {name} contains the character U+{:04X}", u32::from(char)));
        }
        attributes.push((name, value.into_owned()));
    }
    let name = tag.local_name().into_inner().to_owned();
    Ok(Element { name, attributes: Attributes(attributes), place })
}

/// A reference within text: a character, or one of the five entities of XML.
fn reference(name: &str) -> Result<(), String> {
    if name.starts_with('#') || matches!(name, "lt" | "gt" | "amp" | "apos" | "quot") {
        return Ok(());
    }
    Err(format!("the entity {name:?} is not defined"))
}

/// Only UTF-8 is read; ASCII is part of it.
fn declared(declaration: &BytesDecl) -> Result<(), String> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(name)) if ["utf-8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known)) => {
            Ok(())
        }
        Some(Ok(name)) => Err(format!("the encoding {name:?} is not read, only UTF-8")),
    }
}

/// White space of XML.
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

/// Characters of XML 1.0.
fn is_allowed(char: char) -> bool {
    is_space(char) || !matches!(char, '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// Counts what is consumed, and stops at the limits.
struct Counting<B> {
    input: B,
    at: Place,
    token_starts: u64,
    limits: Limits,
    exceeded: Option<(&'static str, u64)>,
}

impl<B> Counting<B> {
    fn start_token(&mut self) -> Place {
        self.token_starts = self.at.byte;
        self.at
    }
}

impl<B: BufRead> BufRead for Counting<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let Limits { bytes_max, token_bytes_max, .. } = self.limits;
        if bytes_max < self.at.byte {
            self.exceeded = Some(("the file in bytes", bytes_max));
        } else if token_bytes_max < self.at.byte - self.token_starts {
            self.exceeded = Some(("one tag or text in bytes", token_bytes_max));
        }
        match self.exceeded {
            Some((what, _)) => Err(io::Error::other(what)),
            None => self.input.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        if 0 < amount {
            // What is consumed lies in the buffer, so this does not read; if it fails, the next fill says so.
            let consumed =
                self.input.fill_buf().map(|buffer| &buffer[..amount.min(buffer.len())]).unwrap_or_default();
            self.at.line += consumed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            self.at.byte += amount as u64;
        }
        self.input.consume(amount);
    }
}

impl<B: BufRead> Read for Counting<B> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let count = available.read(into)?;
        self.consume(count);
        Ok(count)
    }
}
