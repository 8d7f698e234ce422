//! A sheet as one HTML page: no script, nothing from elsewhere, the style inline and named by its hash in the content
//! security policy, so that nothing that was typed into a dossier can style or run anything.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::PaperError;
use super::barcode::{self, BAR_HEIGHT_MM, BAR_MM, Modules, QR_MM};
use super::sheet::{BLANK, Block, MOTTO, STATE, Sheet, Signature, Size, Table, code_label};

const STYLE: &str = "
@page { size: 148mm 210mm; margin: 12mm }
@page register { size: 297mm 210mm; margin: 12mm }
body { margin: 0; background: #fff; color: #000; font: 10pt/1.25 'Liberation Serif', 'Times New Roman', serif }
main { width: 124mm; margin: 8mm auto }
main.register { width: 273mm; page: register }
p, h1 { margin: 0 0 .2em }
p, td, dd { white-space: pre-line; overflow-wrap: anywhere }
.note { text-align: right; font-size: 7.5pt }
.head { display: flex; gap: 4mm; text-align: center; font-size: 8.5pt }
.head > div { flex: 54 } .head > div:first-child { flex: 46 }
.head p { margin: 0 }
.motto { text-decoration: underline }
.codes { display: flex; justify-content: space-between; margin: 0 0 2mm }
.codes figure { margin: 0; text-align: center } .codes figcaption { font-weight: bold }
svg { display: block }
h1 { text-align: center; text-transform: uppercase; font-size: 13pt }
.label { font-weight: bold }
.blank { display: inline-block; min-width: 40%; border-bottom: 1px dotted #000; height: 1em }
table { width: 100%; border-collapse: collapse; margin: 0 0 .6em; font-size: 8.5pt }
caption { text-align: left; font-weight: bold; font-size: 10pt }
th, td { border: 1px solid #000; padding: .2em .4em; vertical-align: top; text-align: left }
thead { display: table-header-group } tr { break-inside: avoid }
.signatures { display: flex; justify-content: space-around; text-align: center; break-inside: avoid }
.signatures.one { justify-content: flex-end }
.name { margin-top: 14mm; font-weight: bold }
@media print { main, main.register { width: auto; margin: 0 } }
";

/// What a browser may do with a paper: show it.
pub fn content_security_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; sandbox"
        )
    });
    &POLICY
}

/// Text that cannot be anything but text.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                other => formatter.write_char(other)?,
            }
        }
        Ok(())
    }
}

pub(super) fn render(sheet: &Sheet) -> Result<String, PaperError> {
    let mut html = String::new();
    let codes = match &sheet.code {
        Some(code) => codes(code)?,
        None => String::new(),
    };
    // Writing to a string does not fail.
    let _ = write_page(&mut html, sheet, &codes);
    Ok(html)
}

fn write_page(html: &mut String, sheet: &Sheet, codes: &str) -> std::fmt::Result {
    let title = Escaped(&sheet.title);
    let class = match sheet.size {
        Size::A5 => "slip",
        Size::A4Landscape => "register",
    };
    write!(html, "<!DOCTYPE html>\n<html lang=\"vi\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}")?;
    if let Some(code) = &sheet.code {
        write!(html, " – {}", Escaped(code))?;
    }
    writeln!(html, "</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main class=\"{class}\">")?;
    if let Some(note) = &sheet.note {
        writeln!(html, "<p class=\"note\">{}</p>", Escaped(note))?;
    }
    write_head(html, sheet)?;
    writeln!(html, "{codes}<h1>{title}</h1>")?;
    for block in &sheet.blocks {
        match block {
            Block::Text(text) => writeln!(html, "<p>{}</p>", Escaped(text))?,
            Block::Field { label, value } => {
                write!(html, "<p><span class=\"label\">{}:</span> ", Escaped(label))?;
                match value {
                    Some(value) => write!(html, "{}", Escaped(value))?,
                    None => write_blank(html)?,
                }
                html.push_str("</p>\n");
            }
            Block::Table(table) => write_table(html, table)?,
            Block::Signatures(signatures) => write_signatures(html, signatures)?,
        }
    }
    html.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn write_blank(html: &mut String) -> std::fmt::Result {
    write!(html, "<span class=\"blank\" role=\"img\" aria-label=\"{BLANK}\"></span>")
}

fn write_head(html: &mut String, sheet: &Sheet) -> std::fmt::Result {
    html.push_str("<header class=\"head\">\n<div>\n");
    for (index, line) in sheet.issuer.iter().enumerate() {
        let is_last = index + 1 == sheet.issuer.len();
        let (open, close) = if is_last { ("<strong>", "</strong>") } else { ("", "") };
        writeln!(html, "<p>{open}{}{close}</p>", Escaped(line))?;
    }
    if let Some(number) = &sheet.number {
        writeln!(html, "<p>{}</p>", Escaped(number))?;
    }
    writeln!(html, "</div>\n<div>\n<p><strong>{STATE}</strong></p>")?;
    writeln!(html, "<p><strong class=\"motto\">{MOTTO}</strong></p>")?;
    writeln!(html, "<p>{}</p>\n</div>\n</header>", Escaped(&sheet.place_and_date))
}

fn codes(code: &str) -> Result<String, PaperError> {
    let (bars, qr) = (barcode::code_128(code)?, barcode::qr(code)?);
    let bars = svg(&bars, &format!("Mã vạch Code 128: {code}"), (BAR_MM, BAR_HEIGHT_MM));
    let qr = svg(&qr, &format!("Mã QR: {code}"), (QR_MM, QR_MM));
    let label = code_label(code);
    let label = Escaped(&label);
    Ok(format!(
        "<div class=\"codes\">\n<figure>\n{bars}\n<figcaption>{label}</figcaption>\n</figure>\n\
         <figure>\n{qr}\n</figure>\n</div>\n"
    ))
}

/// A picture of modules of this size in millimetres, with what it says.
fn svg(modules: &Modules, alternative: &str, (width, height): (f32, f32)) -> String {
    let mut path = String::new();
    for run in &modules.runs {
        let _ = write!(path, "M{} {}h{}v1h-{}z", run.x, run.y, run.width, run.width);
    }
    let (columns, rows) = (modules.width, modules.height);
    let millimetres =
        |count: usize, size: f32| f64::from(u32::try_from(count).unwrap_or_default()) * f64::from(size);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{:.2}mm\" height=\"{:.2}mm\" \
         viewBox=\"0 0 {columns} {rows}\" preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\">\
         <title>{}</title><path fill=\"#fff\" d=\"M0 0h{columns}v{rows}H0z\"/><path d=\"{path}\"/></svg>",
        millimetres(columns, width),
        millimetres(rows, height),
        Escaped(alternative),
    )
}

fn write_table(html: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(html, "<table>\n<caption>{}</caption>\n<thead>\n<tr>", Escaped(&table.caption))?;
    for column in &table.columns {
        writeln!(html, "<th scope=\"col\">{}</th>", Escaped(column.title))?;
    }
    html.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for cell in row {
            write!(html, "<td>{}</td>", Escaped(cell))?;
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n");
    Ok(())
}

fn write_signatures(html: &mut String, signatures: &[Signature]) -> std::fmt::Result {
    let one = if signatures.len() == 1 { " one" } else { "" };
    writeln!(html, "<div class=\"signatures{one}\">")?;
    for signature in signatures {
        write!(html, "<div>\n<p><strong>{}</strong><br>{}</p>\n", signature.role, signature.hint)?;
        let name = signature.name.as_deref().unwrap_or_default();
        writeln!(html, "<p class=\"name\">{}</p>\n</div>", Escaped(name))?;
    }
    html.push_str("</div>\n");
    Ok(())
}
