use super::*;

fn table() -> Table {
    let columns = ["Mã hồ sơ", "Ghi chú", "Số lượng", "Tỷ lệ (%)", "Lúc"];
    let at = Instant::from_timestamp(1_714_500_000, 0).unwrap(); // 2024-05-01T01:00:00+07:00
    let row = |note: &str| {
        vec!["000.00.16.H42-240501-0001".into(), note.into(), 1_234.into(), Cell::Decimal(99.5), at.into()]
    };
    Table {
        title: "Bảng".to_owned(),
        notes: Vec::new(),
        columns: columns.map(|title| Column { title, width: 20 }).to_vec(),
        rows: vec![
            row("đúng \"hạn\", một\ndòng nữa"),
            row("=HYPERLINK(\"x\")"),
            vec![const { Cell::Empty }; 5],
        ],
    }
}

#[test]
fn csv_is_what_a_spreadsheet_takes_as_vietnamese_and_as_no_formula() {
    let csv = table().csv().unwrap();
    let expected = "\u{feff}Mã hồ sơ,Ghi chú,Số lượng,Tỷ lệ (%),Lúc\r\n\
        000.00.16.H42-240501-0001,\"đúng \"\"hạn\"\", một\ndòng nữa\",1234,99.50,2024-05-01 01:00:00\r\n\
        000.00.16.H42-240501-0001,\"'=HYPERLINK(\"\"x\"\")\",1234,99.50,2024-05-01 01:00:00\r\n\
        ,,,,\r\n";
    assert_eq!(String::from_utf8(csv).unwrap(), expected);
    for begins in ["+1", "-1", "@x", "\tx", "\rx"] {
        let mut one = table();
        one.rows = vec![vec![begins.into()]];
        one.columns.truncate(1);
        let text = String::from_utf8(one.csv().unwrap()).unwrap();
        assert!(text.contains(&format!("'{begins}")), "{text:?}");
    }
}

#[test]
fn an_empty_table_has_its_head() {
    let mut empty = table();
    empty.rows.clear();
    assert!(String::from_utf8(empty.csv().unwrap()).unwrap().ends_with("Lúc\r\n"));
    assert!(empty.xlsx().unwrap().starts_with(b"PK"));
}
