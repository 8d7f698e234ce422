//! Where every mark goes. Lengths are points; y is downwards, and that of a text is its baseline.

use krilla::tagging::ArtifactType;

use super::tree::{Child, Element, Role};
use super::wrap::{self, Line, wrap};
use crate::papers::PaperError;
use crate::papers::barcode::{self, BAR_HEIGHT_MM, BAR_MM, Modules, QR_MM};
use crate::papers::font::{Fonts, Weight};
use crate::papers::sheet::{Block, MOTTO, STATE, Sheet, Signature, Size, Table, code_label};

const MM: f32 = 72.0 / 25.4;
const MARGIN: f32 = 12.0 * MM;
/// Room for page numbers within the lower margin.
const FOOTER: f32 = 6.0 * MM;
const BODY: f32 = 10.0;
const SMALL: f32 = 7.5;
const TITLE: f32 = 13.0;
const HEAD: f32 = 8.5;
/// From one baseline to the next, against the size.
const LEADING: f32 = 1.25;
const PADDING: f32 = 2.5;
const SIGNATURE_ROOM: f32 = 16.0 * MM;
/// The left part of the head, against the whole.
const ISSUER_PART: f32 = 0.46;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    Text { x: f32, y: f32, size: f32, weight: Weight, text: String },
    Dots { x: f32, y: f32, size: f32, text: String },
    Line { from: (f32, f32), to: (f32, f32) },
    Modules { x: f32, y: f32, module: (f32, f32), modules: Modules },
}

/// A mark, and the element that it belongs to; without one it means nothing by itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Op {
    pub(super) element: Option<usize>,
    pub(super) artifact: Option<ArtifactType>,
    pub(super) mark: Mark,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct LaidOut {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) pages: Vec<Vec<Op>>,
    pub(super) elements: Vec<Element>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Align {
    Left,
    Centre,
    Right,
}

/// Size, weight and place of a text.
type Style = (f32, Weight, Align);

/// A column on the page: where it begins, and how wide it is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Strip {
    x: f32,
    width: f32,
}

pub(super) fn lay_out(sheet: &Sheet, fonts: &Fonts) -> Result<LaidOut, PaperError> {
    let (width, height) = match sheet.size {
        Size::A5 => (148.0 * MM, 210.0 * MM),
        Size::A4Landscape => (297.0 * MM, 210.0 * MM),
    };
    let laid_out = LaidOut { width, height, pages: vec![Vec::new()], elements: Vec::new() };
    let mut flow = Flow { fonts, laid_out, y: MARGIN };
    flow.head(sheet);
    if let Some(code) = &sheet.code {
        flow.codes(code)?;
    }
    flow.title(&sheet.title);
    for (index, block) in sheet.blocks.iter().enumerate() {
        if let Some(Block::Signatures(signatures)) = sheet.blocks.get(index + 1) {
            flow.keep_with_signatures(block, signatures);
        }
        match block {
            Block::Text(text) => flow.paragraph(&[(Weight::Regular, text)], false),
            Block::Field { label, value: Some(value) } => {
                flow.paragraph(&[(Weight::Bold, &format!("{label}: ")), (Weight::Regular, value)], false);
            }
            Block::Field { label, value: None } => {
                flow.paragraph(&[(Weight::Bold, &format!("{label}: "))], true);
            }
            Block::Table(table) => flow.table(table, sheet.size),
            Block::Signatures(signatures) => flow.signatures(signatures),
        }
    }
    Ok(flow.laid_out)
}

/// What stands on every page but the first above the text, and below it where there are several.
pub(super) fn running(sheet: &Sheet, laid_out: &LaidOut, fonts: &Fonts, index: usize) -> Vec<Op> {
    let pages = laid_out.pages.len();
    let line = |text: String, y: f32, align: Align, artifact: ArtifactType| {
        let text = fonts.face(Weight::Regular).printable(&text);
        let free = laid_out.width - 2.0 * MARGIN - fonts.face(Weight::Regular).width(&text, SMALL);
        let x = MARGIN + if align == Align::Right { free } else { 0.0 };
        let mark = Mark::Text { x, y, size: SMALL, weight: Weight::Regular, text };
        Op { element: None, artifact: Some(artifact), mark }
    };
    let mut ops = Vec::new();
    if index != 0 {
        let title = match &sheet.code {
            Some(code) => format!("{} – {}", sheet.title, code_label(code)),
            None => sheet.title.clone(),
        };
        ops.push(line(title, MARGIN - 2.0, Align::Left, ArtifactType::Header));
    }
    if 1 < pages {
        let y = laid_out.height - MARGIN + SMALL;
        let text = format!("Trang {}/{pages}", index + 1);
        ops.push(line(text, y, Align::Right, ArtifactType::Footer));
    }
    ops
}

struct Flow<'a> {
    fonts: &'a Fonts,
    laid_out: LaidOut,
    /// The top of what comes next.
    y: f32,
}

impl Flow<'_> {
    fn bottom(&self) -> f32 {
        self.laid_out.height - MARGIN - FOOTER / 2.0
    }

    fn body(&self) -> Strip {
        Strip { x: MARGIN, width: self.laid_out.width - 2.0 * MARGIN }
    }

    fn new_page(&mut self) {
        self.laid_out.pages.push(Vec::new());
        self.y = MARGIN + SMALL;
    }

    /// Goes to the next page unless there is this much room.
    fn need(&mut self, height: f32) {
        if self.bottom() < self.y + height {
            self.new_page();
        }
    }

    fn element(&mut self, role: Role, parent: Option<usize>) -> usize {
        let index = self.laid_out.elements.len();
        self.laid_out.elements.push(Element { role, parent, children: Vec::new() });
        if let Some(parent) = parent.and_then(|parent| self.laid_out.elements.get_mut(parent)) {
            parent.children.push(Child::Element(index));
        }
        index
    }

    fn mark(&mut self, element: Option<usize>, mark: Mark) {
        let page = self.laid_out.pages.len() - 1;
        let Some(ops) = self.laid_out.pages.last_mut() else { return };
        let child = Child::Mark { page, index: ops.len() };
        ops.push(Op { element, artifact: None, mark });
        if let Some(element) = element.and_then(|element| self.laid_out.elements.get_mut(element)) {
            element.children.push(child);
        }
    }

    /// One line of text, its top at `y`.
    fn line(&mut self, element: Option<usize>, line: &Line, strip: Strip, y: f32, size: f32, align: Align) {
        let free = strip.width - wrap::width(line);
        let mut x = strip.x
            + match align {
                Align::Left => 0.0,
                Align::Centre => free / 2.0,
                Align::Right => free,
            };
        for piece in line {
            let (weight, text) = (piece.weight, piece.text.clone());
            self.mark(element, Mark::Text { x, y: y + size, size, weight, text });
            x += piece.width;
        }
    }

    /// A paragraph within a strip from `y` on, on this page. Gives where it ends.
    fn text_at(&mut self, text: &str, strip: Strip, y: f32, style: Style) -> f32 {
        let (size, weight, align) = style;
        let element = self.element(Role::Paragraph, None);
        let mut y = y;
        for line in wrap(self.fonts, &[(weight, text)], size, strip.width) {
            self.line(Some(element), &line, strip, y, size, align);
            y += size * LEADING;
        }
        y
    }

    fn head(&mut self, sheet: &Sheet) {
        let body = self.body();
        if let Some(note) = &sheet.note {
            let end = self.text_at(note, body, self.y - SMALL, (SMALL, Weight::Regular, Align::Right));
            self.y = end + 2.0;
        }
        let left = Strip { x: body.x, width: body.width * ISSUER_PART };
        let right = Strip { x: left.x + left.width, width: body.width - left.width };
        let mut left_y = self.y;
        for (index, text) in sheet.issuer.iter().enumerate() {
            let is_last = index + 1 == sheet.issuer.len();
            let weight = if is_last { Weight::Bold } else { Weight::Regular };
            left_y = self.text_at(text, left, left_y, (HEAD, weight, Align::Centre));
        }
        if let Some(number) = &sheet.number {
            left_y = self.text_at(number, left, left_y + 2.0, (HEAD, Weight::Regular, Align::Centre));
        }
        let mut right_y = self.text_at(STATE, right, self.y, (HEAD, Weight::Bold, Align::Centre));
        right_y = self.text_at(MOTTO, right, right_y, (HEAD, Weight::Bold, Align::Centre));
        let motto = self.fonts.face(Weight::Bold).width(MOTTO, HEAD);
        let from = right.x + (right.width - motto) / 2.0;
        self.mark(None, Mark::Line { from: (from, right_y + 1.0), to: (from + motto, right_y + 1.0) });
        let place = (HEAD, Weight::Regular, Align::Centre);
        right_y = self.text_at(&sheet.place_and_date, right, right_y + 5.0, place);
        self.y = left_y.max(right_y) + 5.0;
    }

    /// Barcode and QR side by side, the code in letters below the bars.
    fn codes(&mut self, code: &str) -> Result<(), PaperError> {
        let (bars, qr) = (barcode::code_128(code)?, barcode::qr(code)?);
        let body = self.body();
        let figure = self.element(Role::Figure(format!("Mã vạch Code 128 của mã hồ sơ {code}")), None);
        let width = super::cast(bars.width) * BAR_MM * MM;
        let module = (BAR_MM * MM, BAR_HEIGHT_MM * MM);
        self.mark(Some(figure), Mark::Modules { x: body.x, y: self.y, module, modules: bars });
        let side = super::cast(qr.width) * QR_MM * MM;
        let figure = self.element(Role::Figure(format!("Mã QR của mã hồ sơ {code}")), None);
        let x = body.x + body.width - side;
        let module = (QR_MM * MM, QR_MM * MM);
        self.mark(Some(figure), Mark::Modules { x, y: self.y, module, modules: qr });
        let strip = Strip { x: body.x, width };
        let below = self.y + BAR_HEIGHT_MM * MM + 1.0;
        let end = self.text_at(&code_label(code), strip, below, (BODY, Weight::Bold, Align::Centre));
        self.y = end.max(self.y + side) + 2.0;
        Ok(())
    }

    fn title(&mut self, title: &str) {
        let element = self.element(Role::Title(title.to_owned()), None);
        let body = self.body();
        for line in wrap(self.fonts, &[(Weight::Bold, &title.to_uppercase())], TITLE, body.width) {
            self.line(Some(element), &line, body, self.y, TITLE, Align::Centre);
            self.y += TITLE * LEADING;
        }
        self.y += 5.0;
    }

    /// A paragraph that flows over pages, with dots to the end of its last line if it is to be filled in.
    fn paragraph(&mut self, texts: &[(Weight, &str)], is_blank: bool) {
        let element = self.element(Role::Paragraph, None);
        let body = self.body();
        let lines = wrap(self.fonts, texts, BODY, body.width);
        let last = lines.len().saturating_sub(1);
        for (index, line) in lines.iter().enumerate() {
            self.need(BODY * LEADING);
            self.line(Some(element), line, body, self.y, BODY, Align::Left);
            if is_blank && index == last {
                self.dots(element, body, wrap::width(line));
            }
            self.y += BODY * LEADING;
        }
        self.y += 2.0;
    }

    fn dots(&mut self, element: usize, strip: Strip, used: f32) {
        let face = self.fonts.face(Weight::Regular);
        let gap = face.width(" ", BODY);
        let (mut text, dot) = (String::new(), face.width(".", BODY));
        let mut width = used + gap + dot;
        while width < strip.width {
            text.push('.');
            width += dot;
        }
        self.mark(Some(element), Mark::Dots { x: strip.x + used + gap, y: self.y + BODY, size: BODY, text });
    }

    fn table(&mut self, table: &Table, size: Size) {
        let size = match size {
            Size::A5 => 8.5,
            Size::A4Landscape => 8.0,
        };
        let strips = self.strips(table);
        let titles: Vec<_> = table.columns.iter().map(|column| column.title).collect();
        let head = self.cells(&strips, &titles, Weight::Bold, size);
        let element = self.element(Role::Table, None);
        self.need(BODY * LEADING + row_height(&head, size) + 2.0 * size * LEADING);
        let caption = self.element(Role::Caption, Some(element));
        let body = self.body();
        for line in wrap(self.fonts, &[(Weight::Bold, &format!("{}:", table.caption))], BODY, body.width) {
            self.line(Some(caption), &line, body, self.y, BODY, Align::Left);
            self.y += BODY * LEADING;
        }
        self.y += 1.0;
        let head_rows = self.element(Role::HeadRows, Some(element));
        let row = self.element(Role::Row, Some(head_rows));
        let headers: Vec<_> =
            head.iter().map(|_| Some(self.element(Role::ColumnHeader, Some(row)))).collect();
        self.row_part(&strips, &head, &headers, size, Align::Centre);
        if table.rows.is_empty() {
            self.y += 5.0;
            return;
        }
        let body_rows = self.element(Role::BodyRows, Some(element));
        for cells in &table.rows {
            let texts: Vec<_> = cells.iter().map(String::as_str).collect();
            let lines = self.cells(&strips, &texts, Weight::Regular, size);
            let row = self.element(Role::Row, Some(body_rows));
            self.row(&strips, &head, lines, row, size);
        }
        self.y += 5.0;
    }

    fn strips(&self, table: &Table) -> Vec<Strip> {
        let body = self.body();
        let all: f32 = table.columns.iter().map(|column| f32::from(column.weight)).sum();
        let mut x = body.x;
        let strip = |weight: u16| {
            let strip = Strip { x, width: body.width * f32::from(weight) / all };
            x += strip.width;
            strip
        };
        table.columns.iter().map(|column| column.weight).map(strip).collect()
    }

    fn cells(&self, strips: &[Strip], texts: &[&str], weight: Weight, size: f32) -> Vec<Vec<Line>> {
        let cell = |(strip, text): (&Strip, &&str)| {
            wrap(self.fonts, &[(weight, text)], size, strip.width - 2.0 * PADDING)
        };
        strips.iter().zip(texts).map(cell).collect()
    }

    /// A row of a table. One that is higher than a page goes on on the next; any other stays together.
    fn row(&mut self, strips: &[Strip], head: &[Vec<Line>], lines: Vec<Vec<Line>>, row: usize, size: f32) {
        let elements: Vec<_> = lines.iter().map(|_| Some(self.element(Role::Cell, Some(row)))).collect();
        let mut rest = lines;
        let top_of_page = MARGIN + SMALL + row_height(head, size);
        while rest.iter().any(|cell| !cell.is_empty()) {
            let height = row_height(&rest, size);
            let fits_on_a_page = height <= self.bottom() - top_of_page;
            let room = self.bottom() - self.y;
            if room < height && (fits_on_a_page || room < 3.0 * size * LEADING) {
                self.new_page();
                self.row_part(strips, head, &[], size, Align::Centre);
            }
            let room = self.bottom() - self.y;
            let mut part = Vec::with_capacity(rest.len());
            for cell in &mut rest {
                let mut count = 0;
                while count < cell.len() && (count == 0 || lines_height(count + 1, size) <= room) {
                    count += 1;
                }
                part.push(cell.drain(..count).collect::<Vec<_>>());
            }
            self.row_part(strips, &part, &elements, size, Align::Left);
        }
    }

    /// Lines of cells side by side with their borders. Without elements it repeats what was said before.
    fn row_part(
        &mut self,
        strips: &[Strip],
        cells: &[Vec<Line>],
        elements: &[Option<usize>],
        size: f32,
        align: Align,
    ) {
        let height = row_height(cells, size);
        let (top, bottom) = (self.y, self.y + height);
        for (index, (strip, lines)) in strips.iter().zip(cells).enumerate() {
            let inner = Strip { x: strip.x + PADDING, width: strip.width - 2.0 * PADDING };
            let element = elements.get(index).copied().flatten();
            let mut y = top + PADDING / 2.0;
            for line in lines {
                self.line(element, line, inner, y, size, align);
                y += size * LEADING;
            }
            self.mark(None, Mark::Line { from: (strip.x, top), to: (strip.x, bottom) });
        }
        let body = self.body();
        let (left, right) = (body.x, body.x + body.width);
        self.mark(None, Mark::Line { from: (right, top), to: (right, bottom) });
        self.mark(None, Mark::Line { from: (left, top), to: (right, top) });
        self.mark(None, Mark::Line { from: (left, bottom), to: (right, bottom) });
        self.y = bottom;
    }

    /// Side by side and never torn from each other.
    fn signatures(&mut self, signatures: &[Signature]) {
        let body = self.body();
        let (count, width) = self.signature_columns(signatures);
        let height = self.signatures_height(signatures);
        self.need(5.0 + height);
        self.y += 5.0;
        for (index, signature) in (0_u16..).zip(signatures) {
            // One alone signs at the right.
            let place = if signatures.len() == 1 { count - 1 } else { index };
            let strip = Strip { x: body.x + width * f32::from(place), width: width - PADDING };
            let mut y = self.y;
            for (index, (text, style)) in signature.texts().enumerate() {
                // Room for the pen, above the name.
                y += if index == 2 { SIGNATURE_ROOM } else { 0.0 };
                y = self.text_at(text, strip, y, style);
            }
        }
        self.y += height;
    }

    /// How many columns there are, and how wide each is.
    fn signature_columns(&self, signatures: &[Signature]) -> (u16, f32) {
        let count = u16::try_from(signatures.len()).unwrap_or(1).max(2);
        (count, self.body().width / f32::from(count))
    }

    fn signatures_height(&self, signatures: &[Signature]) -> f32 {
        let width = self.signature_columns(signatures).1 - PADDING;
        let height = |signature: &Signature| {
            signature.texts().map(|(text, style)| self.text_height(text, width, style)).sum::<f32>()
        };
        SIGNATURE_ROOM + signatures.iter().map(height).fold(0.0, f32::max)
    }

    /// A page of signatures alone could be put under any text: the last paragraph goes with them, unless it is long.
    fn keep_with_signatures(&mut self, block: &Block, signatures: &[Signature]) {
        let text = match block {
            Block::Text(text) => text.clone(),
            Block::Field { label, value } => format!("{label}: {}", value.as_deref().unwrap_or_default()),
            Block::Table(_) | Block::Signatures(_) => return,
        };
        let height = self.text_height(&text, self.body().width, (BODY, Weight::Bold, Align::Left));
        if height <= 5.0 * BODY * LEADING {
            self.need(height + 7.0 + self.signatures_height(signatures));
        }
    }

    fn text_height(&self, text: &str, width: f32, (size, weight, _): Style) -> f32 {
        super::cast(wrap(self.fonts, &[(weight, text)], size, width).len()) * size * LEADING
    }
}

impl Signature {
    /// Role, hint and name.
    fn texts(&self) -> impl Iterator<Item = (&str, Style)> {
        let role = (self.role, (9.0, Weight::Bold, Align::Centre));
        let hint = (self.hint, (8.0, Weight::Regular, Align::Centre));
        let name = self.name.as_deref().map(|name| (name, (BODY, Weight::Bold, Align::Centre)));
        [Some(role), Some(hint), name].into_iter().flatten()
    }
}

fn lines_height(count: usize, size: f32) -> f32 {
    super::cast(count) * size * LEADING + 2.0 * PADDING
}

fn row_height(cells: &[Vec<Line>], size: f32) -> f32 {
    lines_height(cells.iter().map(Vec::len).max().unwrap_or_default().max(1), size)
}
