//! A sheet as PDF. Laid out first, page by page, into marks and a tree of what they mean; painted then, when the number
//! of pages is known.

use krilla::Document;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TagTree};

use chrono::{Datelike, Timelike};
use domain::time::{Instant, local};

use super::PaperError;
use super::font::{Fonts, Weight, fonts};
use super::sheet::{BLANK, Sheet};
use layout::{Mark, Op};

mod layout;
mod tree;
mod wrap;

const THIN: f32 = 0.5;

fn failed(error: impl std::fmt::Debug) -> PaperError {
    PaperError::Pdf(format!("{error:?}"))
}

pub(super) fn render(sheet: &Sheet) -> Result<Vec<u8>, PaperError> {
    let fonts = fonts()?;
    let laid_out = layout::lay_out(sheet, fonts)?;
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(failed)?;
    let settings = krilla::SerializeSettings { configuration, ..Default::default() };
    let mut document = Document::new_with(settings);
    let mut identifiers = Vec::with_capacity(laid_out.pages.len());
    for (index, page) in laid_out.pages.iter().enumerate() {
        let settings = PageSettings::from_wh(laid_out.width, laid_out.height)
            .ok_or_else(|| PaperError::Pdf("a page has no size".to_owned()))?;
        let mut paper = document.start_page_with(settings);
        let mut surface = paper.surface();
        let running = layout::running(sheet, &laid_out, fonts, index);
        for op in &running {
            paint_op(&mut surface, fonts, op);
        }
        identifiers.push(page.iter().map(|op| paint_op(&mut surface, fonts, op)).collect::<Vec<_>>());
        surface.finish();
        paper.finish();
    }
    let mut tree = TagTree::new().with_lang(Some("vi".to_owned()));
    for node in tree::nodes(&laid_out.elements, &identifiers) {
        tree.push(node);
    }
    document.set_tag_tree(tree);
    let mut outline = Outline::new();
    let top = XyzDestination::new(0, Point::from_xy(0.0, 0.0));
    outline.push_child(OutlineNode::new(sheet.title.clone(), top));
    document.set_outline(outline);
    document.set_metadata(metadata(sheet));
    document.finish().map_err(failed)
}

fn metadata(sheet: &Sheet) -> Metadata {
    let title = match &sheet.code {
        Some(code) => format!("{} – {code}", sheet.title),
        None => sheet.title.clone(),
    };
    Metadata::new()
        .title(title)
        .language("vi".to_owned())
        .creator("motcua".to_owned())
        .creation_date(date_time(sheet.issued_at))
}

fn date_time(at: Instant) -> DateTime {
    let at = local(at);
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(7)
        .utc_offset_minute(0)
}

/// Paints one mark. What means something is named; what does not is an artifact.
fn paint_op(surface: &mut Surface, fonts: &Fonts, op: &Op) -> Option<Identifier> {
    let tag = match (&op.element, &op.mark) {
        (None, _) => ContentTag::Artifact(Artifact::with_kind(op.artifact.unwrap_or(ArtifactType::Layout))),
        (Some(_), Mark::Dots { .. }) => ContentTag::Span(SpanTag::empty().with_actual_text(Some(BLANK))),
        (Some(_), Mark::Text { .. }) => ContentTag::Span(SpanTag::empty()),
        (Some(_), Mark::Line { .. } | Mark::Modules { .. }) => ContentTag::Other,
    };
    let identifier = surface.start_tagged(tag);
    match &op.mark {
        Mark::Text { x, y, size, weight, text } => {
            draw_text(surface, fonts, (*x, *y), *weight, *size, text);
        }
        Mark::Dots { x, y, size, text } => {
            draw_text(surface, fonts, (*x, *y), Weight::Regular, *size, text);
        }
        Mark::Line { from, to } => {
            let mut path = PathBuilder::new();
            path.move_to(from.0, from.1);
            path.line_to(to.0, to.1);
            surface.set_fill(None);
            surface.set_stroke(Some(Stroke { width: THIN, ..Default::default() }));
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
            surface.set_stroke(None);
        }
        Mark::Modules { x, y, module, modules } => {
            let mut path = PathBuilder::new();
            for run in &modules.runs {
                let (left, top) = (x + cast(run.x) * module.0, y + cast(run.y) * module.1);
                let rect = Rect::from_xywh(left, top, cast(run.width) * module.0, module.1);
                if let Some(rect) = rect {
                    path.push_rect(rect);
                }
            }
            surface.set_fill(Some(Fill::default()));
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
    }
    surface.end_tagged();
    op.element.map(|_| identifier)
}

fn draw_text(surface: &mut Surface, fonts: &Fonts, at: (f32, f32), weight: Weight, size: f32, text: &str) {
    let face = fonts.face(weight);
    surface.set_fill(Some(Fill::default()));
    surface.draw_glyphs(Point::from_xy(at.0, at.1), &face.glyphs(text), face.font.clone(), text, size, false);
}

/// A count of modules as a length.
#[expect(clippy::cast_precision_loss, reason = "a few hundred modules")]
fn cast(count: usize) -> f32 {
    count as f32
}
