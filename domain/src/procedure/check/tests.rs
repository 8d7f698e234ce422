use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::form::Form;
use crate::procedure::{
    EndOfProcessing, Fee, FeeChannel, FeeKind, OnlineLevel, OnlineService, Paper, Policies, ResultKind, Step,
    Task, has_errors,
};
use crate::testing::{paper, step_code};

/// `"A>B+C"`: A is followed by B, and by C at the same time. `*A` waits for its branches, `A=3` takes 3 half days,
/// `A!` pauses, `A?` resumes.
fn way(tasks: &[&str]) -> Definition {
    let tasks = tasks
        .iter()
        .map(|text| {
            let (task, after) = text.split_once('>').unwrap_or((text, ""));
            let (joins, task) = task.strip_prefix('*').map_or((false, task), |task| (true, task));
            let (task, half_days) = task.split_once('=').unwrap_or((task, "0"));
            let code = task.trim_end_matches(['!', '?']);
            let mut after = after.split('+').filter(|code| !code.is_empty()).map(step_code);
            Task {
                half_days: Some(half_days.parse().unwrap()),
                next: after.next(),
                also: after.collect(),
                joins,
                pauses: task.ends_with('!'),
                resumes: task.ends_with('?'),
                ..Task::new(step_code(code), code)
            }
        })
        .collect();
    let mut definition =
        Definition::new("Thủ tục mẫu", ProcedureTerm::SetAtReceipt, vec![Step::new("B", "G", tasks)]);
    definition.end_of_processing =
        definition.assumed_end().map(|task| EndOfProcessing { task: task.clone(), assumed: false });
    definition
}

fn shown(definition: &Definition) -> Vec<String> {
    let show = |defect: Defect| {
        let severity = if defect.severity == Severity::Error { "error" } else { "warning" };
        format!("{severity} {}: {}", defect.element, defect.reason)
    };
    definition.check().into_iter().map(show).collect()
}

/// Everything a definition can say.
pub(crate) fn enriched() -> Definition {
    let day = |year| NaiveDate::from_ymd_opt(year, 7, 1).unwrap();
    let mut definition =
        way(&["TIEP_NHAN>THU_LY+LAY_Y_KIEN", "THU_LY=4>KY_DUYET", "LAY_Y_KIEN=6>KY_DUYET", "*KY_DUYET"]);
    definition.steps.push(Step {
        no_chain: true,
        half_days: Some(9),
        ..Step::new("Lưu trữ", "BP_LUU_TRU", vec![])
    });
    Definition {
        field_code: FieldCode::parse("G03-GD10").ok(),
        online: vec![
            OnlineService { from: day(2019), level: OnlineLevel::Partial },
            OnlineService { from: day(2022), level: OnlineLevel::Full },
        ],
        term: ProcedureTerm::Fixed(Term::WorkingDays(10)),
        online_term: Some(ProcedureTerm::Fixed(Term::WorkingDays(7))),
        fees: vec![Fee {
            channel: FeeChannel::Online,
            kind: FeeKind::Charge,
            name: "Lệ phí cấp phép".to_owned(),
            amount_vnd: 25_000,
        }],
        papers: vec![Paper {
            code: paper("DON_DE_NGHI"),
            name: "Đơn đề nghị".to_owned(),
            originals: 1,
            copies: 2,
            digital: 0,
            reusable: true,
            required: true,
        }],
        results: vec![ResultKind {
            code: ResultCode::parse("KQ.G15.000031").unwrap(),
            name: "Giấy phép xây dựng".to_owned(),
        }],
        form: Some(Form {
            schema: json!({"type": "object", "properties": {"work": {"type": "string", "x-public": true}}}),
            ui: json!({"lines": []}),
        }),
        policies: Policies {
            extensions_max: 2,
            notice_after: Some(step_code("THU_LY")),
            ..Policies::default()
        },
        ..definition
    }
}

#[test]
fn a_definition_that_says_everything_has_no_defect_and_keeps_its_stored_form() {
    assert_eq!(enriched().check(), []);
    let stored = serde_json::to_value(enriched()).unwrap();
    assert_eq!(serde_json::from_value::<Definition>(stored.clone()).unwrap(), enriched());
    // Names in the log are for ever.
    let mut pinned = stored;
    pinned["steps"] =
        json!([pinned["steps"][0]["tasks"][0], pinned["steps"][0]["tasks"][3], pinned["steps"][1]]);
    assert_eq!(
        pinned,
        json!({
            "name": "Thủ tục mẫu",
            "field_code": "G03-GD10",
            "online": [{"from": "2019-07-01", "level": "partial"}, {"from": "2022-07-01", "level": "full"}],
            "term": {"fixed": {"working_days": 10}},
            "online_term": {"fixed": {"working_days": 7}},
            "due_policy": {"day_term_due": "end_of_day", "late_receipt": "next_day"},
            "fees": [{"channel": "online", "kind": "charge", "name": "Lệ phí cấp phép", "amount_vnd": 25000}],
            "papers": [{
                "code": "DON_DE_NGHI", "name": "Đơn đề nghị", "originals": 1, "copies": 2, "reusable": true,
                "required": true
            }],
            "results": [{"code": "KQ.G15.000031", "name": "Giấy phép xây dựng"}],
            "form": {
                "schema": {"type": "object", "properties": {"work": {"type": "string", "x-public": true}}},
                "ui": {"lines": []}
            },
            "policies": {"extensions_max": 2, "answer_within_working_hours": 8, "notice_after": "THU_LY"},
            "steps": [
                {
                    "code": "TIEP_NHAN", "name": "TIEP_NHAN", "half_days": 0, "next": "THU_LY",
                    "also": ["LAY_Y_KIEN"]
                },
                {"code": "KY_DUYET", "name": "KY_DUYET", "half_days": 0, "joins": true},
                {"name": "Lưu trữ", "group": "BP_LUU_TRU", "half_days": 9, "no_chain": true, "tasks": []},
            ],
            "end_of_processing": {"task": "KY_DUYET"},
        })
    );
}

#[test]
fn what_is_not_said_is_as_usual() {
    let plain = json!({"name": "A", "term": "set_at_receipt", "steps": []});
    let definition: Definition = serde_json::from_value(plain).unwrap();
    assert_eq!(definition, Definition::new("A", ProcedureTerm::SetAtReceipt, vec![]));
    let usual = Policies { extensions_max: 1, answer_within_working_hours: 8, notice_after: None };
    assert_eq!(definition.policies, usual);
    let policies: Policies = serde_json::from_value(json!({"extensions_max": 3})).unwrap();
    assert_eq!(policies, Policies { extensions_max: 3, ..usual });
}

#[test]
fn the_online_level_is_that_of_the_day() {
    let on = |text: &str| enriched().online_level(text.parse().unwrap());
    assert_eq!(on("2019-06-30"), None);
    assert_eq!(on("2019-07-01"), Some(OnlineLevel::Partial));
    assert_eq!(on("2022-06-30"), Some(OnlineLevel::Partial));
    assert_eq!(on("2026-01-01"), Some(OnlineLevel::Full));
}

#[test]
fn every_way_must_lead_to_an_end() {
    for (tasks, expected) in [
        (&["A>B", "B>C", "C"][..], &[][..]),
        (
            &["A>B", "B>A"],
            &[
                "error step[1]/task[B]: next leads back to a task already passed: the procedure never ends",
                "error process: no task is marked as the end of processing, and none can be assumed",
            ],
        ),
        (
            &["A>A"],
            &[
                "error step[1]/task[A]: next leads back to a task already passed: the procedure never ends",
                "error process: no task is marked as the end of processing, and none can be assumed",
            ],
        ),
        (
            &["A>B+C", "B>TRA_KET_QUA", "C>D", "D>C", "TRA_KET_QUA"],
            &["error step[1]/task[D]: next leads back to a task already passed: the procedure never ends"],
        ),
        (
            &["A>B", "B>C+A", "C>TRA_KET_QUA", "TRA_KET_QUA"],
            &["error step[1]/task[B]: next leads back to a task already passed: this branch never ends"],
        ),
        (
            &["A>X+Y", "TRA_KET_QUA"],
            &[
                "error step[1]/task[A]: next \"X\" is not a task of the procedure",
                "error step[1]/task[A]: next \"Y\" is not a task of the procedure",
                "warning process: no task is marked as the end of processing; A is assumed",
            ],
        ),
        (&["A", "B"], &["warning step[1]/task[B]: no way leads to this task"]),
        (&["A>B", "B", "B"], &["error step[1]/task[B]: the code is also that of step[1]/task[B]"]),
    ] {
        let mut definition = way(tasks);
        // An end that is none: whatever the way itself shows.
        if tasks == ["A>X+Y", "TRA_KET_QUA"] {
            assert_eq!(definition.end_of_processing, None);
            definition.end_of_processing = Some(EndOfProcessing { task: step_code("A"), assumed: true });
        }
        assert_eq!(shown(&definition), expected, "{tasks:?}");
    }
}

#[test]
fn branches_are_joined_or_end_by_themselves() {
    for (tasks, expected) in [
        (&["A>B+C", "B>D", "C>D", "*D"][..], &[][..]),
        (&["A>B+C", "B", "C"], &[]),
        (
            &["A>B+C", "B>D", "C>D", "D"],
            &["warning step[1]/task[D]: 2 branches lead to it, and it does not wait for them"],
        ),
        (&["A>B", "*B"], &["error step[1]/task[B]: it waits for branches, and 1 lead to it"]),
        (&["*A"], &["error step[1]/task[A]: it waits for branches, and 0 lead to it"]),
        (&["A>B+B", "B"], &["error step[1]/task[A]: next names B twice"]),
        // A task that no way leads to is no branch to wait for.
        (
            &["A>B", "*B", "C>B"],
            &[
                "warning step[1]/task[C]: no way leads to this task",
                "error step[1]/task[B]: it waits for branches, and 1 lead to it",
            ],
        ),
    ] {
        assert_eq!(shown(&way(tasks)), expected, "{tasks:?}");
    }
    let mut no_next = way(&["A>B+C", "B", "C"]);
    no_next.steps[0].tasks[0].next = None;
    assert!(shown(&no_next).contains(&"error step[1]/task[A]: branches, and no next".to_owned()));
}

#[test]
fn the_way_has_each_task_after_all_that_lead_to_it() {
    let definition = way(&["A>B+C", "B>C", "C>D", "D", "E"]);
    let codes: Vec<_> = definition.way().into_iter().map(StepCode::as_str).collect();
    assert_eq!(codes, ["A", "B", "C", "D"]);
}

#[test]
fn the_end_of_processing_is_a_task_that_is_reached() {
    let ended = |task: &str, assumed| {
        let end = EndOfProcessing { task: step_code(task), assumed };
        shown(&Definition { end_of_processing: Some(end), ..way(&["A>B", "B", "C"]) })
    };
    let unreached = "warning step[1]/task[C]: no way leads to this task";
    assert_eq!(ended("B", false), [unreached]);
    let assumed = "warning process: no task is marked as the end of processing; B is assumed";
    assert_eq!(ended("B", true), [unreached, assumed]);
    let error = "error step[1]/task[C]: it ends the processing, and no way leads to it";
    assert_eq!(ended("C", false), [unreached, error]);
    let unknown = "error process: X ends the processing, and is not a task of the procedure";
    assert_eq!(ended("X", false), [unreached, unknown]);
    let none = Definition { end_of_processing: None, ..way(&["A>B", "B>TRA_KET_QUA", "TRA_KET_QUA"]) };
    assert_eq!(shown(&none), [assumed]);
    let notice = Policies { notice_after: Some(step_code("X")), ..Policies::default() };
    let expected = "error process: the tax notice follows X, which is not a task of the procedure";
    assert_eq!(shown(&Definition { policies: notice, ..way(&["A"]) }), [expected]);
}

#[test]
fn pauses_are_ended_by_a_later_task() {
    assert_eq!(shown(&way(&["A!>B", "B?"])), [""; 0]);
    assert_eq!(shown(&way(&["A!"])), ["error step[1]/task[A]: pause, and no later task has unpause"]);
    assert_eq!(shown(&way(&["A?"])), ["warning step[1]/task[A]: unpause, but the clock runs already"]);
    let twice = ["warning step[1]/task[B]: pause, but the clock stands already"];
    assert_eq!(shown(&way(&["A!>B", "B!>C", "C?"])), twice);
}

#[test]
fn the_parts_are_compared_with_the_whole() {
    let timed = |term, of_step: Option<u32>| {
        let mut definition = Definition { term: ProcedureTerm::Fixed(term), ..way(&["A=3>B", "B=2"]) };
        definition.steps[0].half_days = of_step;
        shown(&definition)
    };
    assert_eq!(timed(Term::HalfDays(5), Some(5)), [""; 0]);
    assert_eq!(
        timed(Term::WorkingDays(2), Some(5)),
        ["error process: the steps take 2.5 days, the term is 2"]
    );
    assert_eq!(
        timed(Term::WorkingDays(3), Some(5)),
        ["warning process: the steps take 2.5 days, the term is 3"]
    );
    assert_eq!(timed(Term::WorkingDays(3), None), [""; 0]);
    assert_eq!(timed(Term::HalfDays(4), Some(4)), ["warning step[1]: its tasks take 2.5 days, the step 2"]);
    assert_eq!(timed(Term::WorkingHours(1), Some(5)), [""; 0]);
    // Side by side, the longest way counts.
    let branches = |days| {
        let tasks = ["A=1>B+C", "B=2>D", "C=6>D", "*D=1"];
        shown(&Definition { term: ProcedureTerm::Fixed(Term::WorkingDays(days)), ..way(&tasks) })
    };
    assert_eq!(branches(4), [""; 0]);
    assert_eq!(branches(3), ["error process: the longest way takes 4 days, the term is 3"]);
}

#[test]
fn a_term_must_be_one_that_an_office_could_mean() {
    let of = |term| {
        let mut definition = Definition { term: ProcedureTerm::Fixed(term), ..way(&["A=1"]) };
        definition.online_term = Some(ProcedureTerm::Fixed(term));
        let found = shown(&definition).into_iter().filter(|text| text.contains("online term"));
        found.collect::<Vec<_>>().concat()
    };
    for sane in [
        Term::WorkingDays(1),
        Term::WorkingDays(3_650),
        Term::CalendarDays(3_650),
        Term::WorkingHours(2_000),
        Term::HalfDays(0),
        Term::Open,
    ] {
        assert_eq!(of(sane), "", "{sane:?}");
    }
    let nothing = "and the tasks take longer";
    for (odd, reason) in [
        (Term::WorkingDays(0), nothing),
        (Term::CalendarDays(0), nothing),
        (Term::WorkingHours(0), nothing),
        (Term::WorkingDays(3_651), "more than 3650"),
        (Term::CalendarDays(u32::MAX), "more than 3650"),
        (Term::HalfDays(7_301), "more than 7300"),
        (Term::WorkingHours(2_001), "more than 2000"),
    ] {
        assert!(
            of(odd).starts_with("error process: the online term is") && of(odd).ends_with(reason),
            "{odd:?}"
        );
    }
    let no_time = Definition { term: ProcedureTerm::Fixed(Term::WorkingDays(0)), ..way(&["A"]) };
    assert_eq!(shown(&no_time), [""; 0]);
}

#[test]
fn every_defect_is_reported_at_once() {
    let mut definition = enriched();
    definition.name = " ".to_owned();
    definition.field_code = serde_json::from_value(json!("lĩnh vực")).unwrap();
    definition.papers.push(definition.papers[0].clone());
    definition.papers[0].code = serde_json::from_value(json!("đơn")).unwrap();
    definition.papers.push(definition.papers[1].clone());
    definition.results.push(definition.results[0].clone());
    definition.online.swap(0, 1);
    definition.steps[1].group = String::new();
    definition.steps[0].tasks[1].code = serde_json::from_value(json!("thụ lý")).unwrap();
    definition.form =
        Some(Form { schema: json!({"type": "object", "properties": {"số": {}}}), ui: json!(null) });
    let word = |what: &str| format!("is not {what}: 1 to 64 letters, digits, '.', '_' or '-'");
    let colon = |what: &str| format!("is not {what}: 1 to 64 letters, digits, '.', '_', ':' or '-'");
    assert_eq!(
        shown(&definition),
        [
            "error process: name is missing".to_owned(),
            format!("error step[1]/task[thụ lý]: \"thụ lý\" {}", colon("a step code")),
            "error step[2]: group is missing".to_owned(),
            format!("error process: \"lĩnh vực\" {}", word("a field code")),
            format!("error paper[1]: \"đơn\" {}", colon("a paper code")),
            "error paper[3]: the code DON_DE_NGHI is also that of a paper before".to_owned(),
            "error result[2]: the code KQ.G15.000031 is also that of a result before".to_owned(),
            "error online[2]: the level of 2019-07-01 does not come after that of 2022-07-01".to_owned(),
            "error form/properties/số: not a field code: a letter, then up to 63 letters, digits, '_' or '-'"
                .to_owned(),
            "error step[1]/task[TIEP_NHAN]: next \"THU_LY\" is not a task of the procedure".to_owned(),
            "error process: the tax notice follows THU_LY, which is not a task of the procedure".to_owned(),
        ]
    );
    let nothing = Definition::new("", ProcedureTerm::SetAtReceipt, vec![]);
    assert_eq!(shown(&nothing), ["error process: name is missing", "error process: no step"]);
    let no_task = Definition::new("A", ProcedureTerm::SetAtReceipt, vec![Step::new("B", "G", vec![])]);
    assert_eq!(shown(&no_task), ["error process: no task"]);
}

#[test]
fn a_definition_beyond_the_limits_is_not_looked_into() {
    let tasks: Vec<_> = (0..PARTS_MAX).map(|number| format!("T{number}>T{}", number + 1)).collect();
    let many = way(&tasks.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(shown(&many), ["error process: more than 1000 steps and tasks, papers or results"]);
}

fn definitions() -> impl Strategy<Value = Definition> {
    let code = || (0..6_u8).prop_map(|number| step_code(&format!("T{number}")));
    let task = (
        code(),
        prop::option::of(code()),
        prop::collection::vec(code(), 0..2),
        any::<(bool, bool, bool)>(),
        0..4_u32,
    );
    let task = task.prop_map(|(code, next, also, (joins, pauses, resumes), half_days)| Task {
        half_days: Some(half_days),
        next,
        also,
        joins,
        pauses,
        resumes,
        ..Task::new(code, "task")
    });
    let end = prop::option::of((code(), any::<bool>()));
    (prop::collection::vec(task, 0..7), end, 0..9_u32).prop_map(|(tasks, end, days)| Definition {
        end_of_processing: end.map(|(task, assumed)| EndOfProcessing { task, assumed }),
        ..Definition::new(
            "Thủ tục mẫu",
            ProcedureTerm::Fixed(Term::WorkingDays(days)),
            vec![Step::new("B", "G", tasks)],
        )
    })
}

proptest! {
    #[test]
    fn nothing_is_said_twice_and_a_clean_way_comes_to_its_end(definition in definitions()) {
        let found = definition.check();
        for (index, defect) in found.iter().enumerate() {
            prop_assert!(!found[..index].contains(defect), "{defect:?}");
        }
        if has_errors(&found) {
            return Ok(());
        }
        let way = definition.way();
        for task in definition.tasks().filter(|task| way.contains(&&task.code)) {
            let at = |code: &StepCode| way.iter().position(|passed| *passed == code);
            prop_assert!(task.followers().all(|after| at(&task.code) < at(after)));
        }
        prop_assert!(definition.assumed_end().is_some());
    }

    #[test]
    fn what_is_known_already_is_not_added(definition in definitions()) {
        let found = definition.check();
        prop_assert_eq!(definition.defects_with(&found), found.clone());
        prop_assert_eq!(definition.defects_with(&[]), found);
    }
}
