//! Papers that people hold: the forms of TT 01/2018/TT-VPCP and of TT 03/2025/TT-VPCP, and the hand-over slip, which no
//! circular numbers. Each is rendered twice from one sheet: as HTML and as PDF.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `form.rs` | which forms there are, under which circular, with number and title |
//! | `content.rs` | what is said on each, as plain structs |
//! | `compose.rs` | content to sheet: the wording |
//! | `sheet.rs` | a paper before it has a format: head, blocks, signatures |
//! | `barcode.rs` | Code 128 and QR of the dossier code |
//! | `html.rs`, `pdf.rs`, `font.rs` | the two formats |
//!
//! It knows nothing of events or databases: `service/papers.rs` fills the content.

mod barcode;
mod compose;
mod content;
mod font;
mod form;
mod html;
mod pdf;
mod sheet;
#[cfg(test)]
mod tests;

pub use barcode::NotEncodable;
pub use content::*;
pub use form::{Circular, Form, Kind, NoSuchForm};
pub use html::content_security_policy;

use sheet::Sheet;

/// Why a paper cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    #[error(transparent)]
    NoSuchForm(#[from] NoSuchForm),
    #[error(transparent)]
    NotEncodable(#[from] NotEncodable),
    /// The library's own words: it has no error type that can be a source.
    #[error("the PDF cannot be written: {0}")]
    Pdf(String),
}

/// A form, filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Paper {
    form: Form,
    sheet: Sheet,
}

impl Paper {
    /// Fills in the form that the circular has for this content.
    pub fn new(circular: Circular, content: &Content) -> Result<Self, NoSuchForm> {
        let form = Form::of(content.kind(), circular)?;
        Ok(Self { form, sheet: compose::sheet(form, content) })
    }

    pub fn form(&self) -> Form {
        self.form
    }

    /// One page that needs nothing from elsewhere and runs nothing.
    pub fn html(&self) -> Result<String, PaperError> {
        html::render(&self.sheet)
    }

    /// PDF/UA-1 and PDF/A-2a; the same bytes for the same content.
    pub fn pdf(&self) -> Result<Vec<u8>, PaperError> {
        pdf::render(&self.sheet)
    }
}
