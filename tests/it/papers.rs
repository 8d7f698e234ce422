//! Papers of dossiers as clients get them: through the router, filled in from events.

use std::collections::BTreeSet;

use api::http::{Settings, router};
use api::input::{
    CarryOverInput, DecisionInput, ExtendDossierInput, FinishProcessingInput, ForwardDossierInput, OnAgency,
    Outcome, ReasonInput, RefuseDossierInput, ReturnMethod, ReturnResultInput, SucceedAgencyInput,
    SuccessorInput, SupplementInput,
};
use api::service::{Accepted, Service};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use domain::dossier::{self, Dossier};
use domain::private::KeyOwner;
use infrastructure::clock::Clock;
use infrastructure::read_log::Which;
use tower::ServiceExt;

use crate::support::office::{
    ADMIN, AGENCY, CITIZEN, INTAKE, LAN, LEADER, MAI, OTHER_AGENCY, caller, established, forward_to,
    hand_over, key, on, registered, registration, submission,
};
use crate::support::{Backend, Place, instant, on_each_backend};

on_each_backend!(
    a_paper_is_for_who_may_read_personal_data,
    what_is_not_there_is_not_found,
    papers_say_what_the_events_say,
    apology_stop_notice_and_both_acts_of_a_hand_over,
    the_circular_is_that_of_the_day,
    only_html_and_pdf_by_get,
    a_counter_has_its_book,
    a_book_stays_with_the_agency_that_kept_it,
    of_whom_is_erased_papers_and_books_say_that,
);

const NAME: &str = "MẪU Nguyễn Thị Mơ";
const REASON: &str = "Thiếu bản vẽ <b>đã thẩm định</b> & chữ ký";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

async fn send(service: &Service, method: &str, path: &str, token: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let router = router(
        service.clone(),
        Settings { sign_in: api::sign_in::SignIn::development(), ..Settings::default() },
    );
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(service: &Service, dossier: &Accepted, file: &str, token: &str) -> Answer {
    send(service, "GET", &format!("/papers/{}/{file}", dossier.dossier_id), Some(token)).await
}

/// The HTML of a paper that is there.
async fn html(service: &Service, dossier: &Accepted, kind: &str) -> String {
    let answer = get(service, dossier, &format!("{kind}.html"), INTAKE).await;
    assert_eq!(answer.status, StatusCode::OK, "{kind}: {}", answer.text());
    answer.text()
}

async fn office(backend: Backend, at: &str) -> (Place, Service) {
    let place = Place::new(backend).await;
    let service = established(&place, Clock::fixed(instant(at))).await;
    (place, service)
}

async fn a_paper_is_for_who_may_read_personal_data(backend: Backend) {
    let (_place, service) = office(backend, "2025-09-17T08:05:00+07:00").await;
    let dossier = registered(&service, "one").await;

    let answer = get(&service, &dossier, "receipt.html", INTAKE).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let name = format!("inline; filename=\"{}-receipt.html\"", dossier.code);
    assert_eq!(answer.header("content-disposition"), name);
    let text = answer.text();
    for expected in [NAME, "Giấy tiếp nhận hồ sơ", dossier.code.as_str(), "5 ngày làm việc"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text.contains("08 giờ 05 phút, ngày 17 tháng 09 năm 2025"), "{text}");

    let answer = get(&service, &dossier, "receipt.pdf", INTAKE).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/pdf");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.body.starts_with(b"%PDF-1.7"));

    let path = format!("/papers/{}/receipt.html", dossier.dossier_id);
    let cases = [
        (None, StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        (Some("dev:king:x@nowhere"), StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        // May see dossiers, but not personal data.
        (Some(LEADER), StatusCode::FORBIDDEN, "NO_FUNCTION"),
        // Of another agency, with and without the functions: the same answer as for a dossier that is not there.
        (Some(MAI), StatusCode::NOT_FOUND, "NOT_FOUND"),
        (Some("dev:citizen:x@000.00.17.H42"), StatusCode::NOT_FOUND, "NOT_FOUND"),
    ];
    for (token, status, code) in cases {
        let answer = send(&service, "GET", &path, token).await;
        assert_eq!(answer.status, status, "{token:?}");
        let text = answer.text();
        assert!(text.contains(code) && !text.contains(NAME), "{token:?}: {text}");
    }
    let stranger = get(&service, &dossier, "receipt.html", MAI).await.text();
    let nobody = format!("/papers/{}/receipt.html", key("nobody"));
    assert_eq!(stranger, send(&service, "GET", &nobody, Some(MAI)).await.text());

    // Who gets the dossier gets its papers.
    hand_over(&service, LEADER, OTHER_AGENCY, MAI, "there", dossier.dossier_id).await;
    assert_eq!(get(&service, &dossier, "receipt.html", MAI).await.status, StatusCode::OK);
}

async fn what_is_not_there_is_not_found(backend: Backend) {
    let (_place, service) = office(backend, "2025-09-17T08:05:00+07:00").await;
    let dossier = registered(&service, "one").await;
    let files = [
        "invoice.html",
        "receipt",
        "receipt.docx",
        "receipt.html.pdf",
        "Receipt.html",
        // Nothing has happened yet that calls for these.
        "refusal.html",
        "supplement-request.pdf",
        "hand-over.html",
        "apology.html",
        "stop-notice.pdf",
    ];
    for file in files {
        let answer = get(&service, &dossier, file, INTAKE).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{file}");
    }
    let answer = send(&service, "GET", "/papers/not-an-id/receipt.html", Some(INTAKE)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

async fn papers_say_what_the_events_say(backend: Backend) {
    let (_place, service) = office(backend, "2025-09-17T08:05:00+07:00").await;
    let asked = |name: &str, dossier: &Accepted| SupplementInput {
        on: on(key(name), dossier.dossier_id),
        reason: REASON.to_owned(),
        papers: Some(vec!["BAN_VE".to_owned()]),
        answer_by: None,
    };

    // Filed online: asked for more before receipt, then refused.
    let online = service.submit_dossier(&caller(CITIZEN), &submission(key("online")), None).await.unwrap();
    service.request_intake_supplement(&caller(INTAKE), &asked("ask", &online)).await.unwrap();
    let text = html(&service, &online, "supplement-request").await;
    for expected in ["Trước khi tiếp nhận", "BAN_VE", "&lt;b&gt;đã thẩm định&lt;/b&gt; &amp; chữ ký"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let refuse = RefuseDossierInput {
        on: on(key("refuse"), online.dossier_id),
        reason: "Sai thẩm quyền".to_owned(),
    };
    service.refuse_dossier(&caller(INTAKE), &refuse).await.unwrap();
    assert!(html(&service, &online, "refusal").await.contains("Sai thẩm quyền"));
    assert_eq!(get(&service, &online, "receipt.html", INTAKE).await.status, StatusCode::NOT_FOUND);

    // Taken in, forwarded, finished, returned.
    let dossier = registered(&service, "counter").await;
    service.clock().set(instant("2025-09-17T15:10:00+07:00"));
    let forward = forward_to(LAN, key("forward"), dossier.dossier_id);
    let forward = ForwardDossierInput { unit: Some("PHONG_MOT".to_owned()), ..forward };
    service.forward_dossier(&caller(LEADER), &forward).await.unwrap();
    let slip = html(&service, &dossier, "hand-over").await;
    for expected in ["Giấy bàn giao hồ sơ", "(PHONG_MOT)", "15 giờ 10 phút, ngày 17 tháng 09 năm 2025", NAME]
    {
        assert!(slip.contains(expected), "{expected}: {slip}");
    }
    service.request_supplement(&caller(LAN), &asked("ask later", &dossier)).await.unwrap();
    assert!(html(&service, &dossier, "supplement-request").await.contains("Trong quá trình giải quyết"));
    let answer =
        api::input::AnswerInput { on: on(key("answer"), dossier.dossier_id), note: None, papers: None };
    service.receive_supplement(&caller(INTAKE), &answer).await.unwrap();
    let back = forward_to(LEADER, key("back"), dossier.dossier_id);
    service.forward_dossier(&caller(LAN), &back).await.unwrap();
    service.clock().set(instant("2025-09-19T09:00:00+07:00"));
    let finish = FinishProcessingInput {
        on: on(key("finish"), dossier.dossier_id),
        outcome: Outcome::Granted,
        note: Some("Đủ điều kiện".to_owned()),
    };
    service.finish_processing(&caller(LEADER), &finish).await.unwrap();
    let sheet = html(&service, &dossier, "control-sheet").await;
    for expected in ["Mẫu số 06", "Trước hạn", "Đủ điều kiện", "09 giờ 00 phút, ngày 19 tháng 09 năm 2025"]
    {
        assert!(sheet.contains(expected), "{expected}: {sheet}");
    }
    let returned = ReturnResultInput {
        on: on(key("return"), dossier.dossier_id),
        method: ReturnMethod::Post,
        note: None,
    };
    service.return_result(&caller(INTAKE), &returned).await.unwrap();
    let register = html(&service, &dossier, "register").await;
    for expected in ["Mẫu số 07", dossier.code.as_str(), "09:00 19/09/2025", "Qua bưu chính"] {
        assert!(register.contains(expected), "{expected}: {register}");
    }
    for kind in ["receipt", "supplement-request", "control-sheet", "hand-over", "register"] {
        let answer = get(&service, &dossier, &format!("{kind}.pdf"), INTAKE).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind}");
        assert!(answer.body.starts_with(b"%PDF-1.7"));
    }
}

async fn apology_stop_notice_and_both_acts_of_a_hand_over(backend: Backend) {
    let (_place, service) = office(backend, "2025-09-17T08:05:00+07:00").await;
    let dossier = registered(&service, "one").await;
    hand_over(&service, LEADER, OTHER_AGENCY, MAI, "there", dossier.dossier_id).await;
    let sheet = html(&service, &dossier, "control-sheet").await;
    assert!(sheet.contains("UBND 000.00.17.H42") && sheet.contains("Đã nhận"), "{sheet}");
    let leader = "dev:leader:truong@000.00.17.H42";
    let extend = ExtendDossierInput {
        on: on(key("extend"), dossier.dossier_id),
        reason: "Phải xác minh thêm".to_owned(),
        due_at: instant("2025-10-01T17:00:00+07:00").fixed_offset(),
        signed_by: "MẪU Lê Văn C".to_owned(),
    };
    service.extend_dossier(&caller(leader), &extend).await.unwrap();
    let letter = html(&service, &dossier, "apology").await;
    for expected in ["Phải xác minh thêm", "MẪU Lê Văn C", "17 giờ 00 phút, ngày 01 tháng 10 năm 2025", NAME]
    {
        assert!(letter.contains(expected), "{expected}: {letter}");
    }
    let reason = |name: &str, reason: &str| ReasonInput {
        on: on(key(name), dossier.dossier_id),
        reason: reason.to_owned(),
    };
    service.stop_dossier(&caller(leader), &reason("stop", "Đất có tranh chấp")).await.unwrap();
    assert!(html(&service, &dossier, "stop-notice").await.contains("Đất có tranh chấp"));
    assert_eq!(get(&service, &dossier, "apology.pdf", INTAKE).await.status, StatusCode::OK);
    // A mistake is on no paper.
    service.correct_last(&caller(leader), &reason("correct", "Nhầm hồ sơ")).await.unwrap();
    let answer = get(&service, &dossier, "stop-notice.html", INTAKE).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

async fn the_circular_is_that_of_the_day(backend: Backend) {
    let (_place, service) = office(backend, "2025-09-14T23:59:00+07:00").await;
    let last = service.register_dossier(&caller(INTAKE), &registration(key("last")), None).await.unwrap();
    service.clock().set(instant("2025-09-15T00:01:00+07:00"));
    let first = service.register_dossier(&caller(INTAKE), &registration(key("first")), None).await.unwrap();
    assert!(html(&service, &last, "receipt").await.contains("Thông tư số 01/2018/TT-VPCP"));
    assert!(html(&service, &first, "receipt").await.contains("Thông tư số 03/2025/TT-VPCP"));
    assert!(html(&service, &last, "control-sheet").await.contains("Mẫu số 05"));
    assert!(html(&service, &first, "control-sheet").await.contains("Mẫu số 06"));
}

async fn only_html_and_pdf_by_get(backend: Backend) {
    let (_place, service) = office(backend, "2025-09-17T08:05:00+07:00").await;
    let dossier = registered(&service, "one").await;
    let path = format!("/papers/{}/receipt.html", dossier.dossier_id);
    for method in ["POST", "PUT", "DELETE"] {
        let answer = send(&service, method, &path, Some(INTAKE)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

async fn book(service: &Service, agency: &str, stretch: &str, token: &str) -> Answer {
    service.read_side.catch_up().await.unwrap();
    send(service, "GET", &format!("/registers/{agency}/register.{stretch}"), Some(token)).await
}

/// The codes of a book, in its order.
fn codes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let text = answer.text();
    let code = |(at, _)| text[at..].split('<').next().unwrap().to_owned();
    text.match_indices(">000.00.").map(|(at, found)| (at + 1, found)).map(code).collect()
}

/// One person who is erased takes no paper from the dossier, and no volume from the counter.
async fn of_whom_is_erased_papers_and_books_say_that(backend: Backend) {
    const ERASED: &str = "[đã xóa]";
    let (_place, service) = office(backend, "2025-09-17T08:05:00+07:00").await;
    let (gone, stays) = (registered(&service, "gone").await, registered(&service, "stays").await);
    service.read_side.catch_up().await.unwrap();
    let refuse = |name: &str, dossier: &Accepted| ReasonInput {
        on: on(key(name), dossier.dossier_id),
        reason: "MẪU đất có tranh chấp".to_owned(),
    };
    service.stop_dossier(&caller(LEADER), &refuse("stop", &gone)).await.unwrap();
    let known = service.executor.load::<Dossier>(&dossier::stream(gone.dossier_id)).await.unwrap();
    let book_of_day = "html?from=2025-09-17&to=2025-09-17";
    let destroy = async |owner| service.executor.keys.destroy(known.state.key(owner).unwrap()).await.unwrap();
    destroy(KeyOwner::Applicant).await;
    let receipt = html(&service, &gone, "receipt").await;
    assert!(receipt.contains(ERASED) && !receipt.contains(NAME), "{receipt}");
    assert!(html(&service, &gone, "stop-notice").await.contains("tranh chấp"));
    let pdf = get(&service, &gone, "receipt.pdf", INTAKE).await;
    assert_eq!(pdf.status, StatusCode::OK);
    let volume = book(&service, AGENCY, book_of_day, INTAKE).await;
    assert_eq!(codes(&volume), [gone.code.to_string(), stays.code.to_string()]);
    assert!(volume.text().contains(ERASED) && volume.text().contains(NAME), "{}", volume.text());
    destroy(KeyOwner::Dossier).await;
    let notice = html(&service, &gone, "stop-notice").await;
    assert!(notice.contains(ERASED) && !notice.contains("tranh chấp"), "{notice}");
    // What cannot be shown is not written down as seen.
    let records = service.reads.before(Which::default(), i64::MAX, 100).await.unwrap().records;
    let of_gone: Vec<_> = records.iter().filter_map(|one| one.read.dossiers.get(&gone.dossier_id)).collect();
    assert_eq!(of_gone, [&BTreeSet::from(["reason".to_owned()])]);
    let of_stays = records.iter().find_map(|one| one.read.dossiers.get(&stays.dossier_id)).unwrap();
    assert!(of_stays.contains("applicant.name"), "{of_stays:?}");
}

async fn a_counter_has_its_book(backend: Backend) {
    let place = Place::new(backend).await;
    let clock = Clock::fixed(instant("2025-09-16T16:59:00+07:00"));
    let service = established(&place, clock.clone()).await;
    let first = registered(&service, "first").await;
    let second = registered(&service, "second").await;
    // Before the receipt it is in no book.
    service.submit_dossier(&caller(CITIZEN), &submission(key("filed")), None).await.unwrap();
    clock.set(instant("2025-09-17T00:10:00+07:00"));
    let third = registered(&service, "third").await;
    let finish = FinishProcessingInput {
        on: on(key("finish"), second.dossier_id),
        outcome: Outcome::Granted,
        note: None,
    };
    service.finish_processing(&caller(LEADER), &finish).await.unwrap();
    let collect = ReturnResultInput {
        on: on(key("collect"), second.dossier_id),
        method: ReturnMethod::Post,
        note: None,
    };
    service.return_result(&caller(INTAKE), &collect).await.unwrap();

    let both_days = book(&service, AGENCY, "html?from=2025-09-16&to=2025-09-17", INTAKE).await;
    let expected = [&first, &second, &third].map(|dossier| dossier.code.to_string());
    assert_eq!(codes(&both_days), expected);
    let text = both_days.text();
    for said in [
        "Mẫu số 07 – Thông tư số 03/2025/TT-VPCP",
        "từ ngày 16/09/2025 đến ngày 17/09/2025",
        NAME,
        "Cấp giấy xác nhận",
        "16:59 16/09/2025",
        "Đã trả kết quả",
        "Qua bưu chính",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let disposition = both_days.header("content-disposition");
    assert_eq!(disposition, format!("inline; filename=\"{AGENCY}-register-2025-09-16-2025-09-17-1.html\""));
    // Local days: the third came in at 17:10 on the 16th in Greenwich.
    let one_day = book(&service, AGENCY, "html?from=2025-09-17&to=2025-09-17", INTAKE).await;
    assert_eq!(codes(&one_day), [third.code.to_string()]);
    assert!(
        codes(&book(&service, AGENCY, "html?from=2025-09-16&to=2025-09-17&volume=2", INTAKE).await)
            .is_empty()
    );
    let pdf = book(&service, AGENCY, "pdf?from=2025-09-16&to=2025-09-17", INTAKE).await;
    assert_eq!((pdf.status, pdf.header("content-type")), (StatusCode::OK, "application/pdf"));
    assert!(pdf.body.starts_with(b"%PDF-1.7"));

    let stretch = "html?from=2025-09-16&to=2025-09-17";
    for (agency, stretch, token, status) in [
        (AGENCY, stretch, "dev:king:x@nowhere", StatusCode::UNAUTHORIZED),
        (AGENCY, stretch, LEADER, StatusCode::FORBIDDEN),
        (AGENCY, stretch, CITIZEN, StatusCode::FORBIDDEN),
        // The book of others, and that of nobody, look the same.
        (AGENCY, stretch, MAI, StatusCode::NOT_FOUND),
        ("000.00.99.H42", stretch, INTAKE, StatusCode::NOT_FOUND),
        (AGENCY, "docx?from=2025-09-16&to=2025-09-17", INTAKE, StatusCode::NOT_FOUND),
        (AGENCY, "html?from=2025-09-17&to=2025-09-16", INTAKE, StatusCode::UNPROCESSABLE_ENTITY),
        (AGENCY, "html?from=2025-09-16&to=2025-09-17&volume=0", INTAKE, StatusCode::UNPROCESSABLE_ENTITY),
        (AGENCY, "html?from=2025-02-30&to=2025-09-17", INTAKE, StatusCode::UNPROCESSABLE_ENTITY),
        (AGENCY, "html", INTAKE, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = book(&service, agency, stretch, token).await;
        assert_eq!(answer.status, status, "{agency} {stretch} {token}: {}", answer.text());
        assert!(!answer.text().contains(NAME));
    }
    let nobody = send(&service, "GET", &format!("/registers/{AGENCY}/register.{stretch}"), None).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

/// What a successor takes over stands in the book of who received it, and not in its own.
async fn a_book_stays_with_the_agency_that_kept_it(backend: Backend) {
    let place = Place::new(backend).await;
    let clock = Clock::fixed(instant("2025-06-30T09:00:00+07:00"));
    let service = established(&place, clock.clone()).await;
    let dossier = registered(&service, "one").await;
    service.read_side.catch_up().await.unwrap();
    let succeed = SucceedAgencyInput {
        on: OnAgency {
            idempotency_key: key("succeed"),
            expected_version: None,
            agency: AGENCY.to_owned(),
            from: "2025-07-01".parse().unwrap(),
            decision: Some(DecisionInput { reference: "1664/NQ-UBTVQH15".to_owned(), decided_on: None }),
        },
        by: vec![SuccessorInput { agency: OTHER_AGENCY.to_owned(), fields: None }],
    };
    service.succeed_agency(&caller(ADMIN), &succeed).await.unwrap();
    clock.set(instant("2025-07-01T09:00:00+07:00"));
    service.read_side.catch_up().await.unwrap();
    let carry = CarryOverInput { agency: AGENCY.to_owned(), limit: None };
    assert_eq!(service.carry_over(&caller(ADMIN), &carry).await.unwrap().carried, 1);
    let june = "html?from=2025-06-01&to=2025-06-30";
    assert_eq!(codes(&book(&service, AGENCY, june, INTAKE).await), [dossier.code.to_string()]);
    assert!(codes(&book(&service, OTHER_AGENCY, june, ADMIN).await).is_empty());
}
