//! Every form under every circular; and what independent programs read from it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::NaiveDate;
use domain::codes::DossierCode;
use domain::time::Instant;
use infrastructure::environment;

use super::sheet::{BLANK, Block, MOTTO, STATE, clean, code_label};
use super::*;

const CODE: &str = "000.00.16.H42-250917-0001";
const NAME: &str = "MẪU Nguyễn Thị Thùy Dương";

fn code() -> DossierCode {
    DossierCode::parse(CODE).unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn issuer() -> Issuer {
    Issuer {
        agency: "ỦY BAN NHÂN DÂN PHƯỜNG PHỦ LÝ".to_owned(),
        counter: some("TRUNG TÂM PHỤC VỤ HÀNH CHÍNH CÔNG"),
        number: some("128"),
        place: some("Phủ Lý"),
        issued_at: at("2025-09-17T08:05:00+07:00"),
    }
}

fn applicant() -> Applicant {
    Applicant {
        name: NAME.to_owned(),
        id_number: some("035185000123"),
        address: some("Tổ 5, phường Phủ Lý, tỉnh Ninh Bình"),
        phone: some("0912 345 678"),
        email: None,
    }
}

fn paper(name: &str) -> Item {
    Item { name: name.to_owned(), originals: Some(1), certified: None, copies: Some(2) }
}

fn receipt() -> Receipt {
    Receipt {
        issuer: issuer(),
        code: code(),
        applicant: applicant(),
        request: some("Cấp giấy phép xây dựng nhà ở riêng lẻ"),
        papers: vec![paper("Đơn đề nghị cấp giấy phép xây dựng"), paper("Bản vẽ thiết kế, đã thẩm định")],
        sets: Some(1),
        term: some("15 ngày làm việc"),
        received_at: at("2025-09-17T08:05:00+07:00"),
        notice_at: None,
        due_at: Some(at("2025-10-08T17:00:00+07:00")),
        result_at: None,
        book: some("02/2025"),
        book_entry: some("128"),
        submitter: some(NAME),
        receiver: some("Trần Văn Hưởng"),
    }
}

fn supplement_request() -> SupplementRequest {
    SupplementRequest {
        issuer: issuer(),
        code: code(),
        applicant: applicant(),
        request: some("Cấp giấy phép xây dựng nhà ở riêng lẻ"),
        papers: vec![paper("Giấy chứng nhận quyền sử dụng đất")],
        reason: "Bản vẽ chưa thể hiện ranh giới thửa đất.\nThiếu chữ ký của chủ trì thiết kế.".to_owned(),
        basis: some("Điều 95 Luật Xây dựng 2014"),
        stage: some("Trước khi tiếp nhận"),
        answer_by: None,
        contact: some("Phạm Thị Ngọc Ánh"),
        contact_phone: some("0226 3 852 627"),
        website: None,
        guide: some("Phạm Thị Ngọc Ánh"),
    }
}

fn apology() -> Apology {
    Apology {
        issuer: issuer(),
        code: code(),
        applicant: applicant(),
        request: some("Cấp giấy phép xây dựng nhà ở riêng lẻ"),
        received_at: at("2025-09-17T08:05:00+07:00"),
        due_at_original: Some(at("2025-10-08T17:00:00+07:00")),
        reason: "Phải lấy ý kiến của Sở Xây dựng về chỉ giới đường đỏ.".to_owned(),
        due_at_new: Some(at("2025-10-15T17:00:00+07:00")),
        limit: some("Không quá một lần"),
        earlier: vec![Extension {
            made_at: at("2025-10-01T09:00:00+07:00"),
            due_at: at("2025-10-08T17:00:00+07:00"),
            reason: some("Mưa bão"),
        }],
        signer: some("Lê Quốc Vượng"),
    }
}

fn stop_notice() -> StopNotice {
    StopNotice {
        issuer: issuer(),
        code: code(),
        applicant: applicant(),
        request: some("Cấp giấy phép xây dựng nhà ở riêng lẻ"),
        received_at: Some(at("2025-09-17T08:05:00+07:00")),
        asked_by: some(NAME),
        asked_at: Some(at("2025-09-20T10:30:00+07:00")),
        stage: some("Thẩm định"),
        reason: "Người nộp đề nghị dừng để thay đổi thiết kế.".to_owned(),
        stopped_at: at("2025-09-20T14:00:00+07:00"),
        fees: some("Hoàn trả lệ phí 75.000 ₫"),
        signer: some("Lê Quốc Vượng"),
    }
}

fn control_sheet() -> ControlSheet {
    let transfer = |from: &str, to: &str, time: &str, result| Transfer {
        from: from.to_owned(),
        to: to.to_owned(),
        at: at(time),
        result,
        note: None,
    };
    ControlSheet {
        issuer: issuer(),
        code: code(),
        applicant: applicant(),
        procedure: some("Cấp giấy phép xây dựng nhà ở riêng lẻ"),
        received_at: at("2025-09-17T08:05:00+07:00"),
        due_at: Some(at("2025-10-08T17:00:00+07:00")),
        processed_by: some("Phòng Kinh tế, Hạ tầng và Đô thị"),
        transfers: vec![
            transfer("Bộ phận TN&TKQ", "Phòng Kinh tế, Hạ tầng và Đô thị", "2025-09-17T15:10:00+07:00", None),
            transfer(
                "Phòng Kinh tế, Hạ tầng và Đô thị",
                "Bộ phận TN&TKQ",
                "2025-10-07T16:00:00+07:00",
                Some(Timing::Early),
            ),
        ],
    }
}

fn entry() -> Entry {
    Entry {
        code: code(),
        procedure: "Cấp giấy phép xây dựng nhà ở riêng lẻ".to_owned(),
        sets: Some(1),
        applicant: applicant(),
        competent: "UBND phường Phủ Lý".to_owned(),
        received_at: Some(at("2025-09-17T08:05:00+07:00")),
        due_at: Some(at("2025-10-08T17:00:00+07:00")),
        returned_at: None,
        return_method: some("Trực tiếp"),
        status: some("Đang giải quyết"),
        note: None,
    }
}

fn hand_over() -> HandOver {
    HandOver {
        issuer: issuer(),
        from: "Bộ phận TN&TKQ".to_owned(),
        to: "Phòng Kinh tế, Hạ tầng và Đô thị".to_owned(),
        handed_over_by: some("Trần Văn Hưởng"),
        procedure: some("Cấp giấy phép xây dựng nhà ở riêng lẻ"),
        at: at("2025-09-17T15:10:00+07:00"),
        dossiers: vec![HandedOver {
            code: code(),
            applicant: NAME.to_owned(),
            received_at: Some(at("2025-09-17T08:05:00+07:00")),
            due_at: Some(at("2025-10-08T17:00:00+07:00")),
        }],
    }
}

/// An example of each kind.
fn example(kind: Kind) -> Content {
    match kind {
        Kind::Receipt => Content::Receipt(receipt()),
        Kind::SupplementRequest => Content::SupplementRequest(supplement_request()),
        Kind::Refusal => Content::Refusal(Refusal {
            issuer: issuer(),
            code: code(),
            applicant: applicant(),
            request: some("Cấp giấy phép xây dựng nhà ở riêng lẻ"),
            reason: "Thửa đất không thuộc thẩm quyền giải quyết của phường.".to_owned(),
            submitter: None,
            receiver: some("Trần Văn Hưởng"),
        }),
        Kind::Apology => Content::Apology(apology()),
        Kind::StopNotice => Content::StopNotice(stop_notice()),
        Kind::ControlSheet => Content::ControlSheet(control_sheet()),
        Kind::Register => Content::Register(Register {
            issuer: issuer(),
            book: some("02/2025"),
            period: some("Tháng 9 năm 2025"),
            entries: vec![entry(), entry()],
        }),
        Kind::HandOver => Content::HandOver(hand_over()),
    }
}

/// Every form that exists, filled in.
fn examples() -> Vec<Paper> {
    let pairs = Kind::ALL.into_iter().flat_map(|kind| Circular::ALL.map(|circular| (kind, circular)));
    pairs.filter_map(|(kind, circular)| Paper::new(circular, &example(kind)).ok()).collect()
}

/// Every text of a paper, in order.
fn texts(paper: &Paper) -> Vec<String> {
    let sheet = &paper.sheet;
    let mut texts: Vec<String> = Vec::new();
    texts.extend(sheet.note.clone());
    texts.extend(sheet.issuer.clone());
    texts.extend(sheet.number.clone());
    texts.extend([STATE.to_owned(), MOTTO.to_owned(), sheet.place_and_date.clone()]);
    texts.extend(sheet.code.as_deref().map(code_label));
    texts.push(sheet.title.clone());
    for block in &sheet.blocks {
        match block {
            Block::Text(text) => texts.push(text.clone()),
            Block::Field { label, value } => {
                texts.push(format!("{label}: {}", value.as_deref().unwrap_or(BLANK)));
            }
            Block::Table(table) => {
                texts.push(table.caption.clone());
                texts.push(table.columns.iter().map(|column| column.title).collect::<Vec<_>>().join(" | "));
                texts.extend(table.rows.iter().map(|row| row.join(" | ")));
            }
            Block::Signatures(signatures) => texts.extend(signatures.iter().map(|signature| {
                let name = signature.name.as_deref().unwrap_or_default();
                format!("{} {} {name}", signature.role, signature.hint).trim_end().to_owned()
            })),
        }
    }
    texts
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

#[test]
fn a_form_is_found_by_kind_and_circular_and_never_by_number() {
    let number = |kind, circular| Form::of(kind, circular).map(|form| form.number);
    assert_eq!(number(Kind::ControlSheet, Circular::Tt01Of2018), Ok(Some("05")));
    assert_eq!(number(Kind::StopNotice, Circular::Tt03Of2025), Ok(Some("05")));
    assert_eq!(number(Kind::Register, Circular::Tt01Of2018), Ok(Some("06")));
    assert_eq!(number(Kind::ControlSheet, Circular::Tt03Of2025), Ok(Some("06")));
    assert_eq!(number(Kind::Register, Circular::Tt03Of2025), Ok(Some("07")));
    let title = |circular| Form::of(Kind::Apology, circular).unwrap().title;
    assert_eq!(title(Circular::Tt01Of2018), "Phiếu xin lỗi và hẹn lại ngày trả kết quả");
    assert_eq!(title(Circular::Tt03Of2025), "Văn bản xin lỗi và đề nghị gia hạn thời gian giải quyết");
}

#[test]
fn the_stop_notice_exists_from_2025_only() {
    let refused = NoSuchForm { kind: Kind::StopNotice, circular: Circular::Tt01Of2018 };
    assert_eq!(Paper::new(Circular::Tt01Of2018, &Content::StopNotice(stop_notice())), Err(refused));
    assert_eq!(refused.to_string(), "Thông tư số 01/2018/TT-VPCP has no form stop-notice");
    assert_eq!(examples().len(), 15);
}

#[test]
fn the_new_circular_begins_on_15_september_2025() {
    let on = |day| Circular::in_force(NaiveDate::from_ymd_opt(2025, 9, day).unwrap());
    assert_eq!(on(14), Circular::Tt01Of2018);
    assert_eq!(on(15), Circular::Tt03Of2025);
}

#[test]
fn kinds_have_names() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
    }
    assert_eq!(Kind::from_name("invoice"), None);
}

#[test]
fn moments_are_local() {
    assert_eq!(compose::moment(at("2025-09-16T18:05:00Z")), "01 giờ 05 phút, ngày 17 tháng 09 năm 2025");
}

/// `UPDATE_GOLDEN=1` rewrites them.
#[test]
fn every_form_says_what_it_said() {
    for paper in examples() {
        let Form { kind, circular, .. } = paper.form();
        let year = if circular == Circular::Tt01Of2018 { 2018 } else { 2025 };
        let path = golden().join(format!("{}.{year}.txt", kind.name()));
        let text = texts(&paper).join("\n") + "\n";
        if environment::variable("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "{}", path.display());
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/papers")
}

#[test]
fn html_says_everything_and_needs_nothing() {
    for paper in examples() {
        let html = paper.html().unwrap();
        assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"vi\">"));
        assert_eq!(html.matches("<h1>").count(), 1);
        assert_eq!(html.matches("<th ").count(), html.matches("<th scope=\"col\">").count());
        for absent in
            ["<script", "<link", "<img", "src=", "href=", "url(", "@import", "style=", "None", "on="]
        {
            assert!(!html.contains(absent), "{absent}");
        }
        let external = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!external.contains("http"));
        let visible = squeeze(&without_tags(&html));
        for text in texts(&paper).iter().flat_map(|text| text.split(" | ")) {
            let text = squeeze(&text.replace(BLANK, ""));
            assert!(visible.contains(&text), "{text} is not in {visible}");
        }
        let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        assert!(content_security_policy().contains(&hash_of(style)));
    }
}

fn hash_of(style: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style))
}

fn without_tags(html: &str) -> String {
    let body = html.split_once("</style>").unwrap().1;
    let text: String =
        body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&amp;", "&")
}

/// What somebody may type into a form.
const HOSTILE: &str = "</title></p><script>alert('x')</script>\" onload=\"y\" &amp; \u{202e}gnp.\u{0}\u{7}\u{200b}😀 中文 \u{e000}";

fn hostile() -> Paper {
    let mut receipt = receipt();
    receipt.applicant.name = HOSTILE.to_owned();
    receipt.applicant.address = some("\n\n");
    receipt.request = Some("x".repeat(5_000));
    receipt.papers = vec![Item { name: HOSTILE.repeat(3), ..Item::default() }];
    receipt.issuer.agency = HOSTILE.to_owned();
    receipt.issuer.number = some(HOSTILE);
    receipt.submitter = some(HOSTILE);
    Paper::new(Circular::Tt03Of2025, &Content::Receipt(receipt)).unwrap()
}

#[test]
fn hostile_input_stays_text() {
    let html = hostile().html().unwrap();
    assert!(!html.contains("<script"));
    assert!(!html.contains("\" onload"));
    assert_eq!(html.matches("</title>").count(), 3, "of the page and of two pictures");
    for invisible in ['\u{202e}', '\u{0}', '\u{7}', '\u{200b}', '\u{e000}'] {
        assert!(!html.contains(invisible));
    }
    assert!(
        html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;y&quot; &amp;amp;")
    );
    assert!(html.contains("😀 中文 \u{fffd}"));
    hostile().pdf().unwrap();
}

#[test]
fn marks_and_letters_become_one() {
    assert_eq!(clean("  Nguye\u{302}\u{303}n\tVa\u{306}n A\u{301}nh\r\n"), "Nguyễn Văn Ánh");
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    for paper in examples() {
        assert_eq!(paper.pdf().unwrap(), paper.clone().pdf().unwrap());
    }
}

/// A receipt of many papers, with a name that fills more than a page by itself.
fn long() -> Paper {
    let mut receipt = receipt();
    let many = (1..=60).map(|number| paper(&format!("Giấy tờ thứ {number} về quyền sử dụng đất và nhà ở")));
    receipt.papers = many.collect();
    receipt.papers.push(paper(&words("đầy", 900)));
    receipt.request = Some(words("xây", 700));
    Paper::new(Circular::Tt03Of2025, &Content::Receipt(receipt)).unwrap()
}

fn words(word: &str, count: usize) -> String {
    (1..=count).fold(String::new(), |mut text, number| {
        let _ = write!(text, "{word}{number} ");
        text
    })
}

#[test]
fn long_content_flows_over_pages_and_loses_no_word() {
    let pdf = long().pdf().unwrap();
    let Some(text) = run("pdftotext", &["-raw", "-enc", "UTF-8", "-", "-"], &pdf) else { return };
    let pages: Vec<_> = text.split('\u{c}').filter(|page| !page.trim().is_empty()).collect();
    assert!(8 <= pages.len(), "{}", pages.len());
    for (index, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("Trang {}/{}", index + 1, pages.len())), "{page}");
        assert!(index == 0 || page.contains(&code_label(CODE)), "{page}");
    }
    let found: Vec<_> = text.split_whitespace().collect();
    let expected = format!("{} {}", words("xây", 700), words("đầy", 900));
    let mut at = found.iter();
    for word in expected.split_whitespace() {
        assert!(at.any(|found| *found == word), "{word} is missing or out of order");
    }
    for number in 1..=60 {
        let number = format!("thứ {number} về");
        assert!(squeeze(&text).contains(&squeeze(&number)), "{number}");
    }
}

#[test]
fn signatures_never_stand_on_a_page_alone() {
    for count in 1..25 {
        let mut receipt = receipt();
        receipt.papers = (0..count).map(|_| paper("Giấy tờ")).collect();
        let pdf = Paper::new(Circular::Tt03Of2025, &Content::Receipt(receipt)).unwrap().pdf().unwrap();
        let Some(text) = run("pdftotext", &["-raw", "-enc", "UTF-8", "-", "-"], &pdf) else { return };
        let signed: Vec<_> = text.split('\u{c}').filter(|page| page.contains("NGƯỜI NỘP HỒ SƠ")).collect();
        assert_eq!(signed.len(), 1);
        assert!(signed[0].contains("Số thứ tự: 128"), "{count}: {}", signed[0]);
        assert!(signed[0].contains("NGƯỜI TIẾP NHẬN HỒ SƠ") && signed[0].contains("Trần Văn Hưởng"));
    }
}

#[test]
fn an_independent_program_finds_every_text_in_the_pdf() {
    for paper in examples() {
        let pdf = paper.pdf().unwrap();
        let Some(text) = run("pdftotext", &["-raw", "-enc", "UTF-8", "-", "-"], &pdf) else { return };
        let found = squeeze(&text).to_uppercase();
        for text in texts(&paper).iter().flat_map(|text| text.split(" | ")) {
            let text = squeeze(text).to_uppercase();
            assert!(found.contains(&text), "{:?}: {text} is not in {found}", paper.form());
        }
        assert!(!text.contains("None"));
    }
}

#[test]
fn an_independent_program_finds_structure_and_language_in_the_pdf() {
    for paper in examples() {
        let pdf = paper.pdf().unwrap();
        let Some(about) = run("pdfinfo", &["-"], &pdf) else { return };
        let about = squeeze(&about);
        let size = if paper.form().kind == Kind::Register { "841.89x595.276" } else { "419.528x595.276" };
        for expected in ["Tagged:yes", size, &squeeze(paper.form().title), "JavaScript:no", "Encrypted:no"] {
            assert!(about.contains(expected), "{expected}: {about}");
        }
        let Some(structure) = run("pdfinfo", &["-struct", "-"], &pdf) else { return };
        assert!(structure.contains("H1"), "{structure}");
        if paper.sheet.code.is_some() {
            assert_eq!(structure.matches("Figure").count(), 2, "{structure}");
        }
        assert!(
            pdf.windows(9).any(|bytes| bytes == b"/Lang(vi)") || pdf.windows(10).any(|b| b == b"/Lang (vi)")
        );
    }
}

#[test]
fn a_scanner_reads_both_codes_from_the_pdf() {
    for paper in examples() {
        let pdf = paper.pdf().unwrap();
        // 150 dots per inch: worse than any office printer.
        let arguments = ["-r", "150", "-gray", "-png", "-singlefile", "-"];
        let Some(picture) = run_bytes("pdftoppm", &arguments, &pdf) else { return };
        let Some(codes) = scan(&picture) else { return };
        let expected = if paper.sheet.code.is_some() {
            vec![format!("CODE-128:{CODE}"), format!("QR-Code:{CODE}")]
        } else {
            vec![]
        };
        assert_eq!(codes, expected, "{:?}", paper.form());
    }
}

#[test]
fn a_scanner_reads_both_codes_from_the_html() {
    let html = Paper::new(Circular::Tt03Of2025, &Content::Receipt(receipt())).unwrap().html().unwrap();
    let pictures: Vec<_> =
        html.split("<svg").skip(1).map(|rest| rest.split_once("</svg>").unwrap().0).collect();
    let mut found = Vec::new();
    for picture in &pictures {
        let picture = format!("<svg{picture}</svg>");
        let arguments = ["--dpi-x", "150", "--dpi-y", "150", "--zoom", "1"];
        let Some(picture) = run_bytes("rsvg-convert", &arguments, picture.as_bytes()) else { return };
        let Some(codes) = scan(&picture) else { return };
        found.extend(codes);
    }
    assert_eq!(found, [format!("CODE-128:{CODE}"), format!("QR-Code:{CODE}")]);
}

/// What the scanner finds, sorted.
fn scan(picture: &[u8]) -> Option<Vec<String>> {
    let folder = std::env::temp_dir();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("motcua-paper-{}-{number}.png", std::process::id()));
    std::fs::write(&path, picture).unwrap();
    let found = run("zbarimg", &["--quiet", "--nodbus", path.to_str().unwrap()], b"");
    std::fs::remove_file(&path).unwrap();
    let mut codes: Vec<_> = found?.lines().map(str::to_owned).collect();
    codes.sort();
    Some(codes)
}

fn run(tool: &str, arguments: &[&str], input: &[u8]) -> Option<String> {
    run_bytes(tool, arguments, input).map(|output| String::from_utf8_lossy(&output).into_owned())
}

/// What a program says about an input; `None` if it is not installed and `REQUIRED_TOOLS` does not ask for it.
fn run_bytes(tool: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let started = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            assert!(environment::variable("REQUIRED_TOOLS").is_none(), "{tool} is required: {error}");
            static NOT_RUN: Once = Once::new();
            NOT_RUN.call_once(|| {
                let _ = writeln!(
                    std::io::stderr(),
                    "not run: papers as other programs read them: {tool} is not installed"
                );
            });
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output.stdout)
}
