//! Forms as the e-par one-stop product ships them: `DT01_form_struct.xml` beside `DT01_workflow.xml` holds lines of
//! items. Fields become JSON Schema, their places on the page the hints, and what is ticked as handed in (`doc="yes"`)
//! the papers. No field is public: the files do not say which may be.
//!
//! Every defect is a warning: the appointment is right without a form. What a defect is about is left out: an item
//! without an id or with that of another, of an unknown type, a whole form that is not well-formed.
//!
//! | item | field |
//! | --- | --- |
//! | `TextboxDate`, or `validate="date"` | a date |
//! | `TextboxMoney`, or `validate="money"` | a whole number of đồng |
//! | `validate="number"` | digits, as text: numbers of identity papers begin with zeros |
//! | `validate="phone"`, `"fax"`, `"email"` | text of that kind |
//! | `Checkbox` | yes or no |
//! | all else | text |
//!
//! Not imported: defaults (they name the province of the product), choices of a `DropDownList` (another file has them;
//! its name is kept as a hint), buttons, and everything about how a page looks. How many of a paper, and whether it may
//! be missing, is not in the files but in the wording of its name.

use std::collections::HashSet;

use domain::codes::PaperCode;
use domain::form::{DIALECT, Form, is_field_code};
use domain::procedure::Paper;
use serde_json::{Map, Value, json};

use super::procedure_files::{Defects, FILE_BYTES_MAX, quote, report_unknown, text};
use super::xml::{Attributes, Document, Limits, Token, XmlError};

/// Of one form; the largest known has 71.
const ITEMS_MAX: usize = 1_000;
const DEPTH_MAX: usize = 16;
const PHONE: &str = "^[0-9+(). /-]{3,40}$";

/// What a form file says.
#[derive(Default)]
pub(super) struct ParsedForm {
    /// `None` when the file has no field.
    pub(super) form: Option<Form>,
    pub(super) papers: Vec<Paper>,
}

/// Reads one form; what is wrong with it is added to the defects.
pub(super) fn parse_form(xml: &[u8], defects: &mut Defects) -> ParsedForm {
    let mut page = Page::default();
    match page.read(xml, defects) {
        Ok(()) => page.finish(),
        Err(error) => {
            let reason = match &error {
                XmlError::Read(source) => format!("the file cannot be read: {source}"),
                XmlError::Malformed { .. } | XmlError::TooLarge { .. } => error.to_string(),
            };
            defects.warning("form", format!("{reason}; no form"));
            ParsedForm::default()
        }
    }
}

#[derive(Default)]
struct Page {
    ids: HashSet<String>,
    properties: Map<String, Value>,
    required: Vec<String>,
    lines: Vec<Line>,
    papers: Vec<Paper>,
    items: usize,
}

#[derive(Default)]
struct Line {
    label: Option<String>,
    columns: u64,
    items: Vec<Value>,
}

impl Page {
    fn read(&mut self, xml: &[u8], defects: &mut Defects) -> Result<(), XmlError> {
        let limits =
            Limits { bytes_max: FILE_BYTES_MAX, token_bytes_max: FILE_BYTES_MAX, depth_max: DEPTH_MAX };
        let mut document = Document::new(xml, limits);
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            let place = open.last().copied().unwrap_or("file");
            match document.next()? {
                Token::Start(element) => match (place, element.name.as_str()) {
                    ("file", "form") => open.push("form"),
                    ("file", name) => {
                        let reason = format!("the root element is {}, not form", quote(name));
                        return Err(XmlError::Malformed { place: element.place, reason });
                    }
                    ("form", "line") => {
                        self.line(&element.attributes, defects);
                        open.push("line");
                    }
                    ("line", "item") if self.items < ITEMS_MAX => {
                        self.items += 1;
                        self.item(&element.attributes, defects);
                        open.push("item");
                    }
                    ("line", "item") => {
                        let reason = format!("more than {ITEMS_MAX} items");
                        return Err(XmlError::Malformed { place: element.place, reason });
                    }
                    (_, name) => {
                        let line = element.place.line;
                        let reason = format!(
                            "line {line}: an element {} has no place here; not imported",
                            quote(name)
                        );
                        defects.warning(&self.element(), reason);
                        document.skip()?;
                    }
                },
                Token::End => drop(open.pop()),
                Token::Text => defects.warning(&self.element(), "text has no place here; not imported"),
                Token::Eof => return Ok(()),
            }
        }
    }

    /// How a defect names the line that is being read.
    fn element(&self) -> String {
        match self.lines.len() {
            0 => "form".to_owned(),
            number => format!("form/line[{number}]"),
        }
    }

    fn line(&mut self, attributes: &Attributes, defects: &mut Defects) {
        self.lines.push(Line::default());
        let element = self.element();
        report_unknown(&element, attributes, &["label", "cols", "groupid"], defects);
        let label = text(&element, "label", attributes, defects);
        let columns = attributes.get("cols").and_then(|columns| columns.trim().parse().ok()).unwrap_or(1);
        if let Some(line) = self.lines.last_mut() {
            (line.label, line.columns) = (label, columns);
        }
    }

    fn item(&mut self, attributes: &Attributes, defects: &mut Defects) {
        const KNOWN: [&str; 16] = [
            "type",
            "id",
            "name",
            "allownull",
            "validate",
            "label",
            "title",
            "value",
            "defaul_value",
            "css",
            "size",
            "src_file",
            "view",
            "Even",
            "ObjList",
            "doc",
        ];
        let kind = attributes.get("type").map(str::trim).unwrap_or_default();
        if kind == "Button" {
            return;
        }
        let id = attributes.get("id").map(str::trim).unwrap_or_default();
        let element = format!("{}/item[{}]", self.element(), shown(id));
        report_unknown(&element, attributes, &KNOWN, defects);
        if id.is_empty() {
            return defects.warning(&element, "id is missing; not imported");
        }
        if !is_field_code(id) {
            let reason = "id is not a letter, then up to 63 letters, digits, '_' or '-'; not imported";
            return defects.warning(&element, reason);
        }
        if !self.ids.insert(id.to_owned()) {
            return defects.warning(&element, "the id is also that of an item before; not imported");
        }
        let names = ["label", "name", "title"];
        let title = names.iter().find_map(|name| text(&element, name, attributes, defects));
        let title = title.map(|title| title.trim_end_matches([':', ' ']).to_owned());
        let hint = match (attributes.get("doc").map(str::trim), kind) {
            (Some("yes"), "Checkbox") => self.paper(&element, id, title, attributes, defects),
            (None | Some("" | "no" | "yes"), _) => self.field(&element, id, title, attributes, defects),
            (Some(other), _) => {
                defects.warning(&element, format!("doc {} is neither yes nor no; taken as no", quote(other)));
                self.field(&element, id, title, attributes, defects)
            }
        };
        if let (Some(hint), Some(line)) = (hint, self.lines.last_mut()) {
            line.items.push(hint);
        }
    }

    fn paper(
        &mut self,
        element: &str,
        id: &str,
        title: Option<String>,
        attributes: &Attributes,
        defects: &mut Defects,
    ) -> Option<Value> {
        let code = PaperCode::parse(id).ok()?;
        // The sentence beside the box is the paper's name; `name` and `label` are mostly empty.
        let name = text(element, "title", attributes, defects).or(title).unwrap_or_else(|| {
            defects.warning(element, "a paper without a name; the id stands in");
            id.to_owned()
        });
        self.papers.push(Paper {
            code,
            name,
            originals: 0,
            copies: 0,
            digital: 0,
            reusable: false,
            required: false,
        });
        Some(json!({"paper": id}))
    }

    /// The hint for the field, or nothing where its type is not known.
    fn field(
        &mut self,
        element: &str,
        id: &str,
        title: Option<String>,
        attributes: &Attributes,
        defects: &mut Defects,
    ) -> Option<Value> {
        let kind = attributes.get("type").map(str::trim).unwrap_or_default();
        let widget = match kind {
            "Textbox" => "text",
            "TextboxName" => "name",
            "TextboxArea" => "textarea",
            "TextboxDate" => "date",
            "TextboxMoney" => "money",
            "DropDownList" => "select",
            "Checkbox" => "checkbox",
            other => {
                defects.warning(element, format!("the type {} is not known; not imported", quote(other)));
                return None;
            }
        };
        let mut property = property(element, widget, attributes, defects);
        if let Some(title) = title {
            property.insert("title".to_owned(), title.into());
        }
        match attributes.get("allownull").map(str::trim) {
            Some("no") => {
                if property.get("type") == Some(&"string".into()) {
                    property.insert("minLength".to_owned(), 1.into());
                }
                self.required.push(id.to_owned());
            }
            None | Some("yes" | "") => {}
            Some(other) => defects
                .warning(element, format!("allownull {} is neither yes nor no; taken as yes", quote(other))),
        }
        self.properties.insert(id.to_owned(), Value::Object(property));

        let mut hint = Map::from_iter([
            ("field".to_owned(), Value::from(id)),
            ("widget".to_owned(), Value::from(widget)),
        ]);
        if let Some(size) = attributes.get("size").and_then(|size| size.trim().parse::<u32>().ok()) {
            hint.insert("size".to_owned(), size.into());
        }
        if let Some(source) = attributes.get("src_file").and_then(|path| path.trim().rsplit('/').next()) {
            let source: String = source.chars().filter(|char| !char.is_control()).take(80).collect();
            hint.insert("source".to_owned(), source.into());
        }
        Some(Value::Object(hint))
    }

    fn finish(self) -> ParsedForm {
        let form = if self.properties.is_empty() {
            None
        } else {
            let mut schema = Map::from_iter([
                ("$schema".to_owned(), Value::from(DIALECT)),
                ("type".to_owned(), Value::from("object")),
                ("properties".to_owned(), Value::Object(self.properties)),
            ]);
            if !self.required.is_empty() {
                schema.insert("required".to_owned(), self.required.into());
            }
            let lines = self.lines.into_iter().filter(|line| line.label.is_some() || !line.items.is_empty());
            let lines: Vec<Value> = lines.map(Line::into_hint).collect();
            Some(Form { schema: Value::Object(schema), ui: json!({"lines": lines}) })
        };
        ParsedForm { form, papers: self.papers }
    }
}

impl Line {
    fn into_hint(self) -> Value {
        let mut hint = json!({"columns": self.columns, "items": self.items});
        if let (Some(label), Some(hint)) = (self.label, hint.as_object_mut()) {
            hint.insert("label".to_owned(), label.into());
        }
        hint
    }
}

fn shown(id: &str) -> String {
    id.chars().filter(|char| !char.is_control()).take(80).collect()
}

/// Type and format.
fn property(
    element: &str,
    widget: &str,
    attributes: &Attributes,
    defects: &mut Defects,
) -> Map<String, Value> {
    let validate = attributes.get("validate").map(str::trim).unwrap_or_default();
    let property = match (widget, validate.to_ascii_lowercase().as_str()) {
        ("checkbox", _) => json!({"type": "boolean"}),
        ("date", "date" | "text" | "") | (_, "date") => json!({"type": "string", "format": "date"}),
        ("money", "money" | "text" | "number" | "") | (_, "money") => {
            json!({"type": "integer", "minimum": 0})
        }
        (_, "number") => json!({"type": "string", "pattern": "^[0-9]+$"}),
        (_, "phone" | "fax") => json!({"type": "string", "pattern": PHONE}),
        (_, "email") => json!({"type": "string", "format": "email"}),
        (_, "text" | "numberstring" | "ddli" | "") => json!({"type": "string"}),
        (widget, _) => {
            defects.warning(element, format!("validate {} is not known; not imported", quote(validate)));
            match widget {
                "date" => json!({"type": "string", "format": "date"}),
                "money" => json!({"type": "integer", "minimum": 0}),
                _ => json!({"type": "string"}),
            }
        }
    };
    property.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
