//! From content to sheet: the wording of each form. Where it follows the text of a circular and where ours stands in is
//! said in docs/adr/0011.

use chrono::{Datelike, Timelike};
use domain::time::{Instant, local};

use super::content::{
    Apology, Applicant, Content, ControlSheet, Entry, HandOver, Issuer, Item, Receipt, Refusal, Register,
    StopNotice, SupplementRequest, Timing,
};
use super::form::{Circular, Form};
use super::sheet::{Block, Column, Sheet, Signature, Size, Table, clean};

/// Where a moment is to be written by hand.
const MOMENT_BLANK: &str = "…… giờ …… phút, ngày …… tháng …… năm ………";
const SIGNED: &str = "(Ký và ghi rõ họ tên)";
const SEALED: &str = "(Ký, đóng dấu hoặc ký số)";

/// Local time, as the forms write it.
pub(super) fn moment(at: Instant) -> String {
    let at = local(at);
    format!("{:02} giờ {:02} phút, {}", at.hour(), at.minute(), day(at.date()))
}

fn day(date: chrono::NaiveDate) -> String {
    format!("ngày {:02} tháng {:02} năm {}", date.day(), date.month(), date.year())
}

/// Short, for cells.
fn short(at: Option<Instant>) -> String {
    at.map(|at| local(at).format("%H:%M %d/%m/%Y").to_string()).unwrap_or_default()
}

pub(super) fn sheet(form: Form, content: &Content) -> Sheet {
    match content {
        Content::Receipt(receipt) => of_receipt(form, receipt),
        Content::SupplementRequest(request) => of_supplement_request(form, request),
        Content::Refusal(refusal) => of_refusal(form, refusal),
        Content::Apology(apology) => of_apology(form, apology),
        Content::StopNotice(notice) => of_stop_notice(form, notice),
        Content::ControlSheet(control) => of_control_sheet(form, control),
        Content::Register(register) => of_register(form, register),
        Content::HandOver(slip) => of_hand_over(form, slip),
    }
}

/// A sheet with its head. `symbol` stands behind the number: `12/TNHS`.
fn head(form: Form, issuer: &Issuer, symbol: Option<&str>, code: Option<&str>, blocks: Vec<Block>) -> Sheet {
    let lines = [Some(&issuer.agency), issuer.counter.as_ref()];
    let number = symbol.map(|symbol| {
        let number = issuer.number.as_deref().map(clean);
        format!("Số: {}/{symbol}", number.as_deref().unwrap_or("………"))
    });
    let place = issuer.place.as_deref().map(clean);
    let date = day(local(issuer.issued_at).date());
    Sheet {
        size: Size::A5,
        title: form.title.to_owned(),
        note: form.note(),
        issuer: lines.into_iter().flatten().map(|line| clean(line)).collect(),
        number,
        place_and_date: format!("{}, {date}", place.as_deref().unwrap_or("………………")),
        code: code.map(clean),
        issued_at: issuer.issued_at,
        blocks,
    }
}

fn applicant_fields(label: &str, applicant: &Applicant) -> Vec<Block> {
    vec![
        Block::field(label, Some(&applicant.name)),
        Block::field("Số định danh/mã số thuế", applicant.id_number.as_deref()),
        Block::field("Địa chỉ", applicant.address.as_deref()),
        Block::field("Số điện thoại", applicant.phone.as_deref()),
        Block::field("Email", applicant.email.as_deref()),
    ]
}

fn moment_field(label: &str, at: Option<Instant>) -> Block {
    let value = at.map_or_else(|| MOMENT_BLANK.to_owned(), moment);
    Block::field(label, Some(&value))
}

fn count(number: Option<u32>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

const fn column(title: &'static str, weight: u16) -> Column {
    Column { title, weight }
}

/// The papers with how many there are of each: a table, as on form 02.
fn items(caption: &str, items: &[Item]) -> Block {
    let cells = |(index, item): (usize, &Item)| {
        vec![
            (index + 1).to_string(),
            clean(&item.name),
            count(item.originals),
            count(item.certified),
            count(item.copies),
        ]
    };
    Block::Table(Table {
        caption: caption.to_owned(),
        columns: vec![
            column("TT", 7),
            column("Thành phần hồ sơ", 46),
            column("Bản chính", 14),
            column("Bản chứng thực", 17),
            column("Bản chụp", 14),
        ],
        rows: items.iter().enumerate().map(cells).collect(),
    })
}

fn signature(role: &'static str, hint: &'static str, name: Option<&str>) -> Signature {
    Signature { role, hint, name: name.map(clean).filter(|name| !name.is_empty()) }
}

fn of_receipt(form: Form, receipt: &Receipt) -> Sheet {
    let mut blocks = applicant_fields("Tiếp nhận hồ sơ của", &receipt.applicant);
    blocks.push(Block::field("Nội dung yêu cầu giải quyết", receipt.request.as_deref()));
    if receipt.papers.is_empty() {
        blocks.push(Block::field("Thành phần hồ sơ nộp", None));
    } else {
        blocks.push(items("Thành phần hồ sơ nộp gồm", &receipt.papers));
    }
    let sets = receipt.sets.map(|sets| format!("{sets} (bộ)"));
    blocks.push(Block::field("Số lượng hồ sơ", sets.as_deref()));
    blocks.push(Block::field("Thời gian giải quyết hồ sơ theo quy định", receipt.term.as_deref()));
    blocks.push(moment_field("Thời gian nhận hồ sơ", Some(receipt.received_at)));
    if receipt.notice_at.is_some() {
        blocks.push(moment_field("Thời gian trả thông báo nghĩa vụ tài chính", receipt.notice_at));
    }
    blocks.push(moment_field("Thời gian trả kết quả giải quyết hồ sơ", receipt.due_at));
    blocks.push(Block::field("Đăng ký nhận kết quả tại", receipt.result_at.as_deref()));
    blocks.push(Block::field("Vào Sổ theo dõi hồ sơ, quyển số", receipt.book.as_deref()));
    blocks.push(Block::field("Số thứ tự", receipt.book_entry.as_deref()));
    blocks.push(Block::Signatures(vec![
        signature("NGƯỜI NỘP HỒ SƠ", SIGNED, receipt.submitter.as_deref()),
        signature("NGƯỜI TIẾP NHẬN HỒ SƠ", SIGNED, receipt.receiver.as_deref()),
    ]));
    head(form, &receipt.issuer, Some("TNHS"), Some(receipt.code.as_str()), blocks)
}

fn of_supplement_request(form: Form, request: &SupplementRequest) -> Sheet {
    let mut blocks = applicant_fields("Hồ sơ của", &request.applicant);
    blocks.push(Block::field("Nội dung yêu cầu giải quyết", request.request.as_deref()));
    if !request.papers.is_empty() {
        blocks.push(items("Yêu cầu bổ sung, hoàn thiện các thành phần hồ sơ sau", &request.papers));
    }
    blocks.push(Block::field("Lý do và nội dung cần hoàn thiện", Some(&request.reason)));
    if form.circular == Circular::Tt03Of2025 {
        blocks.push(Block::field("Căn cứ", request.basis.as_deref()));
        blocks.push(Block::field("Giai đoạn", request.stage.as_deref()));
    }
    blocks.push(moment_field("Thời hạn bổ sung", request.answer_by));
    blocks.push(Block::text(
        "Trong quá trình hoàn thiện hồ sơ, nếu có vướng mắc, ông/bà liên hệ theo địa chỉ sau để được hướng dẫn:",
    ));
    blocks.push(Block::field("Cán bộ hướng dẫn", request.contact.as_deref()));
    blocks.push(Block::field("Số điện thoại liên hệ", request.contact_phone.as_deref()));
    blocks.push(Block::field("Trang thông tin", request.website.as_deref()));
    blocks.push(Block::Signatures(vec![signature("NGƯỜI HƯỚNG DẪN", SIGNED, request.guide.as_deref())]));
    head(form, &request.issuer, Some("HDHS"), Some(request.code.as_str()), blocks)
}

fn of_refusal(form: Form, refusal: &Refusal) -> Sheet {
    let mut blocks = applicant_fields("Hồ sơ của", &refusal.applicant);
    blocks.push(Block::field("Nội dung yêu cầu giải quyết", refusal.request.as_deref()));
    blocks.push(Block::text(
        "Qua xem xét, cơ quan thông báo không tiếp nhận, giải quyết hồ sơ này với lý do cụ thể như sau:",
    ));
    blocks.push(Block::field("Lý do từ chối", Some(&refusal.reason)));
    blocks.push(Block::text("Xin thông báo cho ông/bà được biết và thực hiện./."));
    blocks.push(Block::Signatures(vec![
        signature("NGƯỜI NỘP HỒ SƠ", SIGNED, refusal.submitter.as_deref()),
        signature("NGƯỜI TIẾP NHẬN HỒ SƠ", SIGNED, refusal.receiver.as_deref()),
    ]));
    head(form, &refusal.issuer, Some("TCHS"), Some(refusal.code.as_str()), blocks)
}

fn of_apology(form: Form, apology: &Apology) -> Sheet {
    let mut blocks = applicant_fields("Kính gửi", &apology.applicant);
    blocks.push(Block::field("Nội dung yêu cầu giải quyết", apology.request.as_deref()));
    blocks.push(moment_field("Thời gian nhận hồ sơ", Some(apology.received_at)));
    blocks.push(moment_field("Thời gian hẹn trả kết quả", apology.due_at_original));
    blocks.push(Block::text(
        "Đến nay, cơ quan chưa trả được kết quả giải quyết hồ sơ của ông/bà đúng thời hạn quy định.",
    ));
    blocks.push(Block::field("Lý do", Some(&apology.reason)));
    match form.circular {
        Circular::Tt01Of2018 => {
            blocks.push(Block::text(
                "Sự chậm trễ này đã gây phiền hà, tốn kém thời gian, công sức của ông/bà. Cơ quan xin lỗi \
                 ông/bà và hẹn lại ngày trả kết quả như sau:",
            ));
            blocks.push(moment_field("Thời gian trả kết quả hẹn lại", apology.due_at_new));
        }
        Circular::Tt03Of2025 => {
            blocks.push(Block::text(
                "Cơ quan xin lỗi ông/bà về sự chậm trễ này và đề nghị gia hạn thời gian giải quyết như sau:",
            ));
            blocks.push(moment_field("Thời gian trả kết quả sau gia hạn", apology.due_at_new));
            blocks.push(Block::field("Giới hạn gia hạn", apology.limit.as_deref()));
            if !apology.earlier.is_empty() {
                blocks.push(earlier_extensions(apology));
            }
        }
    }
    blocks.push(Block::text("Mong nhận được sự thông cảm của ông/bà./."));
    blocks.push(Block::Signatures(vec![signature(
        "THỦ TRƯỞNG CƠ QUAN, ĐƠN VỊ",
        SEALED,
        apology.signer.as_deref(),
    )]));
    head(form, &apology.issuer, Some("PXL"), Some(apology.code.as_str()), blocks)
}

fn earlier_extensions(apology: &Apology) -> Block {
    let earlier = apology.earlier.iter().map(|extension| {
        vec![
            moment(extension.made_at),
            moment(extension.due_at),
            extension.reason.as_deref().map(clean).unwrap_or_default(),
        ]
    });
    Block::Table(Table {
        caption: "Các lần gia hạn trước".to_owned(),
        columns: vec![column("Lập lúc", 30), column("Hẹn trả", 30), column("Lý do", 40)],
        rows: earlier.collect(),
    })
}

fn of_stop_notice(form: Form, notice: &StopNotice) -> Sheet {
    let mut blocks = applicant_fields("Kính gửi", &notice.applicant);
    blocks.push(Block::field("Nội dung yêu cầu giải quyết", notice.request.as_deref()));
    blocks.push(moment_field("Thời gian nhận hồ sơ", notice.received_at));
    blocks.push(Block::field("Người đề nghị dừng", notice.asked_by.as_deref()));
    blocks.push(moment_field("Thời gian đề nghị dừng", notice.asked_at));
    blocks.push(Block::field("Giai đoạn giải quyết hồ sơ", notice.stage.as_deref()));
    blocks.push(Block::text("Cơ quan thông báo dừng giải quyết hồ sơ nêu trên."));
    blocks.push(Block::field("Lý do", Some(&notice.reason)));
    blocks.push(moment_field("Dừng giải quyết từ", Some(notice.stopped_at)));
    blocks.push(Block::field("Phí, lệ phí và nghĩa vụ tài chính", notice.fees.as_deref()));
    blocks.push(Block::Signatures(vec![signature(
        "THỦ TRƯỞNG CƠ QUAN, ĐƠN VỊ",
        SEALED,
        notice.signer.as_deref(),
    )]));
    head(form, &notice.issuer, Some("TBDGQ"), Some(notice.code.as_str()), blocks)
}

fn timing(timing: Timing) -> &'static str {
    match timing {
        Timing::Early => "Trước hạn",
        Timing::OnTime => "Đúng hạn",
        Timing::Late => "Quá hạn",
    }
}

fn of_control_sheet(form: Form, control: &ControlSheet) -> Sheet {
    let transfers = control.transfers.iter().map(|transfer| {
        vec![
            format!("1. Giao: {}\n2. Nhận: {}", clean(&transfer.from), clean(&transfer.to)),
            moment(transfer.at),
            transfer.result.map(timing).unwrap_or_default().to_owned(),
            transfer.note.as_deref().map(clean).unwrap_or_default(),
        ]
    });
    let blocks = vec![
        Block::field("Chủ hồ sơ", Some(&control.applicant.name)),
        Block::field("Địa chỉ", control.applicant.address.as_deref()),
        Block::field("Thủ tục hành chính", control.procedure.as_deref()),
        moment_field("Thời gian nhận hồ sơ", Some(control.received_at)),
        moment_field("Thời gian trả kết quả", control.due_at),
        Block::field("Cơ quan (bộ phận) giải quyết hồ sơ", control.processed_by.as_deref()),
        Block::Table(Table {
            caption: "Giao, nhận hồ sơ".to_owned(),
            columns: vec![
                column("Tên cơ quan", 36),
                column("Thời gian giao, nhận hồ sơ", 28),
                column("Kết quả giải quyết", 16),
                column("Ghi chú", 20),
            ],
            rows: transfers.collect(),
        }),
        Block::Signatures(vec![signature("NGƯỜI GIAO", SIGNED, None), signature("NGƯỜI NHẬN", SIGNED, None)]),
    ];
    head(form, &control.issuer, Some("KSGQ"), Some(control.code.as_str()), blocks)
}

fn of_register(form: Form, register: &Register) -> Sheet {
    let cells = |(index, entry): (usize, &Entry)| {
        let Applicant { name, address, phone, .. } = &entry.applicant;
        let contact: Vec<_> = [address, phone].into_iter().flatten().map(|text| clean(text)).collect();
        let optional = |text: &Option<String>| text.as_deref().map(clean).unwrap_or_default();
        vec![
            (index + 1).to_string(),
            entry.code.as_str().to_owned(),
            clean(&entry.procedure),
            count(entry.sets),
            clean(name),
            contact.join("\n"),
            clean(&entry.competent),
            short(entry.received_at),
            short(entry.due_at),
            short(entry.returned_at),
            optional(&entry.return_method),
            optional(&entry.status),
            optional(&entry.note),
        ]
    };
    let blocks = vec![
        Block::field("Quyển số", register.book.as_deref()),
        Block::field("Thời gian", register.period.as_deref()),
        Block::Table(Table {
            caption: "Hồ sơ trong sổ".to_owned(),
            columns: vec![
                column("TT", 8),
                column("Mã hồ sơ", 37),
                column("Tên thủ tục hành chính", 34),
                column("Số lượng (bộ)", 11),
                column("Tên tổ chức, cá nhân", 25),
                column("Địa chỉ, số điện thoại", 30),
                column("Cơ quan chủ trì giải quyết", 25),
                column("Nhận hồ sơ", 17),
                column("Hẹn trả kết quả", 17),
                column("Trả kết quả", 17),
                column("Phương thức nhận kết quả", 18),
                column("Trạng thái, ký nhận", 17),
                column("Ghi chú", 17),
            ],
            rows: register.entries.iter().enumerate().map(cells).collect(),
        }),
    ];
    let sheet = head(form, &register.issuer, None, None, blocks);
    Sheet { size: Size::A4Landscape, ..sheet }
}

fn of_hand_over(form: Form, slip: &HandOver) -> Sheet {
    let cells = |(index, dossier): (usize, &super::content::HandedOver)| {
        vec![
            (index + 1).to_string(),
            dossier.code.as_str().to_owned(),
            clean(&dossier.applicant),
            short(dossier.received_at),
            short(dossier.due_at),
        ]
    };
    let blocks = vec![
        Block::field("Người bàn giao", slip.handed_over_by.as_deref()),
        Block::field("Bên bàn giao", Some(&slip.from)),
        Block::field("Bên nhận", Some(&slip.to)),
        Block::field("Số lượng hồ sơ", Some(&slip.dossiers.len().to_string())),
        Block::field("Loại hồ sơ", slip.procedure.as_deref()),
        moment_field("Thời gian bàn giao", Some(slip.at)),
        Block::Table(Table {
            caption: "Hồ sơ bàn giao".to_owned(),
            columns: vec![
                column("TT", 8),
                column("Mã hồ sơ", 34),
                column("Người đăng ký", 28),
                column("Ngày nhận", 15),
                column("Ngày hẹn trả", 15),
            ],
            rows: slip.dossiers.iter().enumerate().map(cells).collect(),
        }),
        Block::Signatures(vec![
            signature("BÊN BÀN GIAO", SIGNED, slip.handed_over_by.as_deref()),
            signature("BÊN NHẬN", SIGNED, None),
            signature("LÃNH ĐẠO BỘ PHẬN", SIGNED, None),
        ]),
    ];
    // The slip of one dossier can be scanned; that of many is found by its list.
    let code = match slip.dossiers.as_slice() {
        [only] => Some(only.code.as_str()),
        _ => None,
    };
    head(form, &slip.issuer, Some("BGHS"), code, blocks)
}
