//! One sheet: title and notes, the head of the table, its rows.

use domain::time::local;
use rust_xlsxwriter::{Format, FormatAlign, FormatBorder, Workbook, Worksheet};

use super::{Cell, Table, TableError};

struct Formats {
    title: Format,
    head: Format,
    text: Format,
    count: Format,
    percent: Format,
    moment: Format,
}

pub(super) fn of(table: &Table) -> Result<Vec<u8>, TableError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let framed = || Format::new().set_border(FormatBorder::Thin).set_align(FormatAlign::Top);
    let formats = Formats {
        title: Format::new().set_bold().set_font_size(14),
        head: framed().set_bold().set_text_wrap().set_align(FormatAlign::Center),
        text: framed().set_text_wrap(),
        count: framed().set_num_format("#,##0"),
        percent: framed().set_num_format("0.00"),
        moment: framed().set_num_format("dd/mm/yyyy hh:mm"),
    };
    let mut line = 0_u32;
    sheet.write_with_format(line, 0, &table.title, &formats.title)?;
    for note in &table.notes {
        line += 1;
        sheet.write(line, 0, note)?;
    }
    line += 2;
    for (column, place) in table.columns.iter().zip(0_u16..) {
        sheet.set_column_width(place, column.width)?;
        sheet.write_with_format(line, place, column.title, &formats.head)?;
    }
    // The head stays in sight, and is printed on every page.
    sheet.set_freeze_panes(line + 1, 0)?;
    sheet.set_repeat_rows(line, line)?;
    sheet.set_landscape();
    for row in &table.rows {
        line += 1;
        for (cell, place) in row.iter().zip(0_u16..) {
            write(sheet, (line, place), cell, &formats)?;
        }
    }
    Ok(workbook.save_to_buffer()?)
}

fn write(
    sheet: &mut Worksheet,
    (line, place): (u32, u16),
    cell: &Cell,
    formats: &Formats,
) -> Result<(), TableError> {
    match cell {
        Cell::Empty => sheet.write_blank(line, place, &formats.text)?,
        // A string of the sheet is never a formula.
        Cell::Text(text) => sheet.write_string_with_format(line, place, text, &formats.text)?,
        Cell::Count(count) => sheet.write_number_with_format(line, place, *count as f64, &formats.count)?,
        Cell::Decimal(percent) => sheet.write_number_with_format(line, place, *percent, &formats.percent)?,
        Cell::Moment(at) => sheet.write_datetime_with_format(line, place, local(*at), &formats.moment)?,
    };
    Ok(())
}
