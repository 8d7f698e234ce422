//! Fixtures are ours: tests/fixtures/workflows, one file per kind of defect, read one by one and as a folder.

use super::super::{fixtures, real_input};
use super::*;

fn fixture(name: &str) -> ParsedProcedure {
    read_file(&fixtures("workflows").join(format!("{name}{FILE_SUFFIX}")))
}

fn shown(procedure: &ParsedProcedure) -> Vec<String> {
    let show = |defect: &Defect| {
        let severity = if defect.severity == Severity::Error { "error" } else { "warning" };
        format!("{severity} {}: {}", defect.element, defect.reason)
    };
    procedure.defects.iter().map(show).collect()
}

fn step_code(text: &str) -> StepCode {
    StepCode::parse(text).unwrap()
}

fn definition(name: &str) -> Definition {
    fixture(name).definition.unwrap()
}

#[test]
fn a_sound_file_becomes_a_definition() {
    let task = |code: &str, name: &str, half_days, next: Option<&str>| Task {
        half_days: Some(half_days),
        next: next.map(step_code),
        ..Task::new(step_code(code), name)
    };
    let step = |name: &str, group: &str, half_days, task| Step {
        half_days: Some(half_days),
        ..Step::new(name, group, vec![task])
    };
    let steps = vec![
        step("Tiếp nhận hồ sơ", "BP_MOT_CUA", 1, task("TIEP_NHAN", "Tiếp nhận hồ sơ", 1, Some("THU_LY"))),
        step("Phòng mẫu", "PHONG_MAU", 5, task("THU_LY", "Thụ lý", 5, Some("TRA_KET_QUA"))),
        step("Trả kết quả", "BP_MOT_CUA", 0, task("TRA_KET_QUA", "Trả kết quả", 0, None)),
    ];
    let expected = Definition {
        end_of_processing: Some(EndOfProcessing { task: step_code("THU_LY"), assumed: false }),
        ..Definition::new("Thủ tục mẫu", ProcedureTerm::Fixed(Term::WorkingDays(3)), steps)
    };
    let sound = fixture("sound");
    assert_eq!(sound.code, ProcedureCode::parse("sound").ok());
    assert_eq!(sound.defects, []);
    assert_eq!(sound.definition, Some(expected.clone()));
    assert_eq!(fixture("bom_and_crlf").definition, Some(expected));
}

#[test]
fn every_kind_of_defect_is_reported_with_its_place() {
    for (name, expected) in DEFECTS {
        assert_eq!(shown(&fixture(name)), *expected, "{name}");
    }
    let tested = DEFECTS.iter().map(|(name, _)| format!("{name}{FILE_SUFFIX}"));
    let read = read_dir(&fixtures("workflows")).unwrap().into_iter().map(|procedure| procedure.file);
    assert_eq!(read.collect::<Vec<_>>(), tested.collect::<Vec<_>>(), "every fixture has its row");
}

/// Fixture, and all that is wrong with it, in order.
const DEFECTS: &[(&str, &[&str])] = &[
    (
        "attribute_twice",
        &[
            "error file: line 2, byte 22: position 89: duplicated attribute, previous declaration at position 82",
        ],
    ),
    (
        "biz_done_not_reached",
        &[
            "warning step[3]/task[KY_DUYET]: no way leads to this task",
            "error step[3]/task[KY_DUYET]: it ends the processing, and no way leads to it",
        ],
    ),
    ("bom_and_crlf", &[]),
    (
        "circle",
        &[
            "error step[3]/task[TRA_KET_QUA]: next leads back to a task already passed: the procedure never ends",
        ],
    ),
    (
        "code_invalid",
        &[
            "warning file: the file is not named after the code \"mã 1\"",
            "error process: code: \"mã 1\" is not a procedure code: 1 to 64 letters, digits, '.', '_' or '-'",
        ],
    ),
    ("code_missing", &["error process: code is missing"]),
    ("control_character", &["error file: line 2, byte 22: the value of name contains the character U+0001"]),
    ("cut_short", &["error file: line 9, byte 542: the file ends before its elements do, 1 are open"]),
    ("document_type", &["error file: line 2, byte 22: a document type declaration is not accepted"]),
    ("empty", &["error file: line 1, byte 0: the file has no element"]),
    ("fee_grouped", &["warning process: fee \"50.000\" is grouped by dots, read as 50000"]),
    ("fee_plain", &[]),
    ("fee_unreadable", &["error process: fee \"50.00\" is not a whole number of đồng"]),
    ("file_name", &["warning file: the file is not named after the code \"other_file_name\""]),
    (
        "flag_unreadable",
        &[
            "warning step[2]/task[flag_unreadable::THU_LY]: biz_done \"1\" is neither true nor false; taken as false",
            "warning process: no task is marked as the end of processing; THU_LY is assumed",
        ],
    ),
    ("half_day", &[]),
    ("name_missing", &["error process: name is missing"]),
    ("nested_too_deep", &["error file: line 1, byte 54: elements are nested deeper than 16"]),
    ("next_missing", &["error step[3]/task[next_missing::TRA_KET_QUA]: next is missing"]),
    ("next_unknown", &["error step[2]/task[THU_LY]: next \"KY_DUYET\" is not a task of the procedure"]),
    ("no_biz_done", &["warning process: no task is marked as the end of processing; THU_LY is assumed"]),
    ("no_step", &["error process: no step"]),
    (
        "not_utf8",
        &[
            "error file: line 2, byte 22: cannot decode input using UTF-8: invalid utf-8 sequence of 1 bytes from index 44",
        ],
    ),
    (
        "other_encoding",
        &["error file: line 1, byte 0: the encoding \"windows-1258\" is not read, only UTF-8"],
    ),
    ("other_root", &["error file: line 1, byte 0: the root element is \"form\", not process"]),
    ("pause_end_without_pause", &["warning step[2]/task[THU_LY]: unpause, but the clock runs already"]),
    ("pause_without_end", &["error step[1]/task[TIEP_NHAN]: pause, and no later task has unpause"]),
    ("set_at_receipt", &[]),
    (
        "several_at_once",
        &[
            "error process: name is missing",
            "error process: totaltime \"ba\" is not a number of days",
            "error process: fee \"năm mươi\" is not a whole number of đồng",
            "error step[2]: group is missing",
            "error step[3]/task[TRA_KET_QUA]: next \"KHONG_CO\" is not a task of the procedure",
        ],
    ),
    ("several_biz_done", &["warning process: 2 tasks have biz_done; the last one counts, TRA_KET_QUA"]),
    ("sound", &[]),
    ("step_time_minus_one", &["warning step[2]: time \"-1\" says no time; taken as not given"]),
    ("step_time_missing", &["warning step[2]: time is missing; taken as not given"]),
    ("step_time_unreadable", &["error step[2]: time \"hai\" is not a number of days"]),
    ("step_without_group", &["error step[2]: group is missing"]),
    ("step_without_name", &["warning step[2]: name is missing; the group stands in"]),
    ("step_without_task", &["warning step[3]: no task"]),
    ("steps_below_total", &["warning process: the steps take 3 days, the term is 20"]),
    ("steps_exceed_total", &["error process: the steps take 3 days, the term is 2.5"]),
    (
        "task_code_invalid",
        &[
            "error step[2]/task[task_code_invalid::Thụ lý]: \"Thụ lý\" is not a step code: 1 to 64 letters, digits, '.', '_', ':' or '-'",
            "warning process: no task has biz_done; nothing can be assumed instead",
        ],
    ),
    ("task_code_twice", &["error step[3]/task[THU_LY]: the code is also that of step[2]/task[THU_LY]"]),
    ("task_not_reached", &["warning step[3]/task[KY_DUYET]: no way leads to this task"]),
    (
        "task_of_other_procedure",
        &[
            "warning step[2]/task[DT99::THU_LY]: the code does not carry the code of the procedure task_of_other_procedure",
        ],
    ),
    ("task_round_of_work", &[]),
    (
        "task_time_minus_one",
        &["error step[2]/task[task_time_minus_one::THU_LY]: time \"-1\" says no time; taken as not given"],
    ),
    (
        "task_time_missing",
        &["warning step[2]/task[task_time_missing::THU_LY]: time is missing; taken as not given"],
    ),
    (
        "task_without_code",
        &[
            "error step[2]/task[1]: code is missing",
            "warning process: no task has biz_done; nothing can be assumed instead",
        ],
    ),
    (
        "task_without_name",
        &["warning step[2]/task[task_without_name::THU_LY]: name is missing; the code stands in"],
    ),
    ("tasks_exceed_step", &["warning step[2]: its tasks take 7 days, the step 2.5"]),
    ("tax_pause", &[]),
    ("test_entry", &["error process: a test entry, by its name \"Test quy trình\""]),
    ("total_missing", &["error process: totaltime is missing"]),
    ("total_negative", &["error process: totaltime \"-2\" is negative"]),
    ("total_not_a_number", &["error process: totaltime \"3,5\" is not a number of days"]),
    ("total_not_half_days", &["error process: totaltime \"3.25\" is not in half days"]),
    ("total_out_of_range", &["error process: totaltime \"99999999999\" is more than 2500 days"]),
    ("two_roots", &["error file: line 13, byte 759: a second root element"]),
    ("undefined_entity", &["error file: line 2, byte 22: at 1..2: unrecognized entity `x`"]),
    (
        "unknown_parts",
        &[
            "warning process: line 9: an element \"note\" has no place here; not imported",
            "warning process: text has no place here; not imported",
            "warning step[2]: the attribute \"no_chain\" is not known; not imported",
        ],
    ),
    (
        "wrong_end_tag",
        &["error file: line 5, byte 342: ill-formed document: expected `</step>`, but `</stop>` was found"],
    ),
];

#[test]
fn times_become_terms() {
    let term = |days: &str| {
        let text = format!("<process code='T' name='T' totaltime='{days}'/>");
        parse_workflow("T_workflow.xml", text.as_bytes()).definition.unwrap().term
    };
    for (days, half_days) in [("0", 0), ("0.5", 1), (" 1 ", 2), ("1.0", 2), ("1.5", 3), ("2.50", 5)] {
        assert_eq!(term(days), ProcedureTerm::Fixed(Term::HalfDays(half_days)), "{days}");
    }
    for (days, working_days) in [("2", 2), ("2.0", 2), ("015", 15), ("90", 90)] {
        assert_eq!(term(days), ProcedureTerm::Fixed(Term::WorkingDays(working_days)), "{days}");
    }
    assert_eq!(term("-1"), ProcedureTerm::SetAtReceipt);
    for unreadable in ["", "x", "1e1", "+1", ".5", "5.", "1.5.0", "--1", "NaN", "٣", "2501"] {
        let text = format!("<process code='T' name='T' totaltime='{unreadable}'/>");
        let parsed = parse_workflow("T_workflow.xml", text.as_bytes());
        assert!(shown(&parsed)[0].starts_with("error process: totaltime"), "{unreadable}");
    }
}

#[test]
fn fees_are_whole_amounts() {
    let fee = |fee: &str| {
        let text = format!("<process code='T' name='T' totaltime='1' fee='{fee}'/>");
        let parsed = parse_workflow("T_workflow.xml", text.as_bytes());
        let about_fee = parsed.defects.iter().find(|defect| defect.reason.starts_with("fee"));
        (parsed.definition.unwrap().fee_vnd, about_fee.map(|defect| defect.severity))
    };
    assert_eq!(fee(""), (None, None));
    assert_eq!(fee("0"), (Some(0), None));
    assert_eq!(fee("50000"), (Some(50_000), None));
    assert_eq!(fee("3.000"), (Some(3_000), Some(Severity::Warning)));
    assert_eq!(fee("1.250.000"), (Some(1_250_000), Some(Severity::Warning)));
    for unreadable in ["50.00", "5000.000", ".500", "50,000", "-1", "+1", "50 000", "99999999999999", "năm"]
    {
        assert_eq!(fee(unreadable), (None, Some(Severity::Error)), "{unreadable}");
    }
}

#[test]
fn the_end_of_processing_is_marked_or_assumed() {
    let end = |name: &str| definition(name).end_of_processing;
    let marked = |code| Some(EndOfProcessing { task: step_code(code), assumed: false });
    let assumed = |code| Some(EndOfProcessing { task: step_code(code), assumed: true });
    assert_eq!(end("sound"), marked("THU_LY"));
    assert_eq!(end("several_biz_done"), marked("TRA_KET_QUA"));
    assert_eq!(end("no_biz_done"), assumed("THU_LY"));
    assert_eq!(end("task_round_of_work"), marked("SAU_THUE::THU_LY"));
    assert_eq!(end("task_of_other_procedure"), marked("DT99::THU_LY"));
    assert_eq!(end("no_step"), None);
}

#[test]
fn what_is_sound_is_kept_beside_a_defect() {
    let pauses = definition("tax_pause");
    assert!(pauses.steps[0].tasks[0].pauses && pauses.steps[1].tasks[0].resumes);
    let several = fixture("several_at_once");
    assert!(several.has_errors());
    assert_eq!(several.definition.unwrap().steps.len(), 3);
    assert_eq!(definition("total_not_a_number").term, ProcedureTerm::SetAtReceipt);
    assert_eq!(definition("step_time_minus_one").steps[1].half_days, None);
    assert_eq!(definition("task_code_invalid").steps[1].tasks, []);
}

#[test]
fn fields_come_from_the_family_of_the_code() {
    let of = |code: &str| field(&ProcedureCode::parse(code).unwrap());
    assert_eq!(of("DT01"), Some("Đô thị"));
    assert_eq!(of("TP11"), Some("Tư pháp"));
    assert_eq!(of("TNH01A"), None);
    assert_eq!(of("1.000948.H38"), None);
}

#[test]
fn a_folder_is_read_by_name_and_odd_files_are_defects() {
    let read = read_dir(&fixtures("workflows_odd_folder")).unwrap();
    let names: Vec<_> = read.iter().map(|procedure| procedure.file.as_str()).collect();
    assert_eq!(names, ["folder_workflow.xml", "second_workflow.xml", "sound_workflow.xml"]);
    assert_eq!(shown(&read[0]), ["error file: the file cannot be read: not a regular file"]);
    assert_eq!(
        shown(&read[1]),
        [
            "warning file: the file is not named after the code \"sound\"",
            "error file: the code sound is also that of the file sound_workflow.xml",
        ]
    );
    assert_eq!(shown(&read[2]), ["error file: the code sound is also that of the file second_workflow.xml"]);
}

#[test]
fn a_form_beside_the_workflow_and_files_of_our_own_are_read() {
    let read = read_dir(&fixtures("workflows_with_form")).unwrap();
    let names: Vec<_> = read.iter().map(|procedure| procedure.file.as_str()).collect();
    assert_eq!(names, ["MAU.procedure.json", "sound_workflow.xml"]);
    assert_eq!(read[0].defects, []);
    assert_eq!(
        shown(&read[1]),
        ["warning form/line[1]/item[hoTen]: the id is also that of an item before; not imported"]
    );
    let definition = read[1].definition.as_ref().unwrap();
    let fields = &definition.form.as_ref().unwrap().schema["properties"];
    assert_eq!(fields.as_object().unwrap().keys().collect::<Vec<_>>(), ["hoTen", "ngaySinh"]);
    assert_eq!(definition.papers[0].name, "Đơn đề nghị (02 bản)");
}

#[test]
fn a_folder_that_is_not_one_is_a_typed_error() {
    let missing = read_dir(&fixtures("nowhere")).unwrap_err();
    assert!(
        matches!(&missing, ImportError::Folder { source, .. } if source.kind() == io::ErrorKind::NotFound)
    );
    let source = std::error::Error::source(&missing).unwrap().to_string();
    assert!(
        !missing.to_string().contains(&source),
        "the source is printed once, by whoever prints the chain"
    );
    assert!(matches!(read_dir(&fixtures("xes")), Err(ImportError::NoFiles { .. })));
}

#[test]
fn limits_hold() {
    let large = vec![b' '; 1 + (1 << 20)];
    assert_eq!(shown(&parse_workflow("x", &large)), ["error file: the file is larger than 1048576 bytes"]);

    let many = format!("<process>{}</process>", "<step/>".repeat(TASKS_MAX + 1));
    assert_eq!(
        shown(&parse_workflow("x", many.as_bytes())),
        ["error file: the file has more than 500 steps and tasks"]
    );

    let stray = format!("<process code='x' name='x' totaltime='1'>{}</process>", "<a/>".repeat(10_000));
    let defects = shown(&parse_workflow("x_workflow.xml", stray.as_bytes()));
    assert_eq!(defects.len(), DEFECTS_MAX + 1);
    assert_eq!(defects[DEFECTS_MAX], "error file: more than 100 defects; the rest is not listed");
}

#[test]
fn no_damage_makes_it_panic() {
    let sound = std::fs::read(fixtures("workflows").join("sound_workflow.xml")).unwrap();
    for at in 0..sound.len() {
        parse_workflow("sound_workflow.xml", &sound[..at]);
        for byte in [0, b'<', b'>', b'&', b'"', b':', b'-', b'.', 0xff] {
            let mut damaged = sound.clone();
            damaged[at] = byte;
            parse_workflow("sound_workflow.xml", &damaged);
        }
    }
}

#[test]
fn the_shipped_files_give_81_to_publish_and_10_drafts() {
    let Some(folder) = real_input("workflows") else { return };
    let read = read_dir(&folder).unwrap();
    let drafts: Vec<_> = read
        .iter()
        .filter(|procedure| procedure.has_errors())
        .map(|procedure| procedure.file.as_str())
        .collect();
    let expected = ["TC02", "TC03", "TC07", "TC12", "TC13", "TC14", "TC15", "TN01", "TP06", "TP10"];
    assert_eq!(drafts, expected.map(|code| format!("{code}{FILE_SUFFIX}")));
    assert_eq!(read.len() - drafts.len(), 81);

    let count = |reason: &str| read.iter().flat_map(shown).filter(|defect| defect.contains(reason)).count();
    assert_eq!(count("days, the term is"), 9);
    assert_eq!(count("its tasks take"), 43);
    assert_eq!(count("no task is marked as the end of processing"), 26);
    assert_eq!(count("grouped by dots"), 18);
    assert_eq!(count("taken as not given"), 2);
    assert_eq!(count("is not a task of the procedure"), 2);
    assert_eq!(count("a test entry"), 1);
    assert_eq!(count("is not named after the code"), 1);
    assert_eq!(count("does not carry the code"), 1);
    // Of the forms; see there.
    assert_eq!(read.iter().flat_map(shown).filter(|defect| defect.contains(" form")).count(), 73);
    assert_eq!(count(""), 103 + 73, "nothing else");

    let definitions = read.iter().filter_map(|procedure| procedure.definition.as_ref());
    let at_receipt =
        definitions.clone().filter(|definition| definition.term == ProcedureTerm::SetAtReceipt).count();
    assert_eq!(at_receipt, 28);
    let pausing = definitions
        .filter(|definition| definition.steps.iter().any(|step| step.tasks.iter().any(|task| task.pauses)));
    assert_eq!(pausing.count(), 9);
}
