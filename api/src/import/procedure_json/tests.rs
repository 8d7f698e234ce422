use domain::procedure::ProcedureTerm;
use domain::procedure::{Policies, Step, Task};
use serde_json::{Value, json};

use super::super::procedure_files::read_dir;
use super::super::real_input;
use super::*;

fn sound() -> Value {
    json!({
        "format": "motcua.procedure",
        "format_version": 1,
        "code": "DT01",
        "definition": {
            "name": "Thủ tục mẫu",
            "term": {"fixed": {"working_days": 3}},
            "steps": [{"name": "Thụ lý", "group": "PHONG", "tasks": [{"code": "THU_LY", "name": "Thụ lý"}]}],
            "end_of_processing": {"task": "THU_LY"}
        }
    })
}

fn parsed(value: &Value) -> ParsedProcedure {
    parse("DT01.procedure.json", value.to_string().as_bytes())
}

fn reasons(value: &Value) -> Vec<String> {
    let show = |defect: &Defect| format!("{:?} {}: {}", defect.severity, defect.element, defect.reason);
    parsed(value).defects.iter().map(show).collect()
}

#[test]
fn a_file_is_read_and_written_the_same() {
    let read = parsed(&sound());
    assert_eq!((read.code.as_ref().map(ProcedureCode::as_str), &read.defects[..]), (Some("DT01"), &[][..]));
    let text = write(&read.code.unwrap(), read.definition.as_ref().unwrap()).unwrap();
    let again = parse("DT01.procedure.json", text.as_bytes());
    assert_eq!(again.definition, read.definition);
    // The order of the keys is part of the format.
    assert_eq!(
        text,
        r#"{
  "format": "motcua.procedure",
  "format_version": 1,
  "code": "DT01",
  "definition": {
    "name": "Thủ tục mẫu",
    "term": {
      "fixed": {
        "working_days": 3
      }
    },
    "due_policy": {
      "day_term_due": "end_of_day",
      "late_receipt": "next_day"
    },
    "steps": [
      {
        "name": "Thụ lý",
        "group": "PHONG",
        "tasks": [
          {
            "code": "THU_LY",
            "name": "Thụ lý"
          }
        ]
      }
    ],
    "end_of_processing": {
      "task": "THU_LY"
    }
  }
}
"#
    );
}

#[test]
fn what_is_not_known_is_an_error_and_not_lost_in_silence() {
    let mut unknown = sound();
    unknown["definition"]["colour"] = json!("red");
    unknown["definition"]["steps"][0]["tasks"][0]["pause"] = json!(true);
    unknown["note"] = json!(1);
    let mut found = reasons(&unknown);
    found.sort();
    assert_eq!(
        found,
        [
            "Error file: the field \"definition.colour\" is not known to this program",
            "Error file: the field \"definition.steps.0.tasks.0.pause\" is not known to this program",
            "Error file: the field \"note\" is not known to this program",
        ]
    );
    assert!(parsed(&unknown).has_errors());
}

#[test]
fn another_format_is_a_clear_error() {
    let with = |key: &str, value: Value| {
        let mut file = sound();
        file[key] = value;
        file
    };
    for (file, expected) in [
        (
            with("format_version", json!(2)),
            "Error file: format_version is 2: written by a newer program; this one reads 1",
        ),
        (with("format_version", json!(0)), "Error file: format_version is not 1"),
        (with("format", json!("other")), "Error file: format is not \"motcua.procedure\""),
        (json!({}), "Error file: format is not \"motcua.procedure\""),
        (json!([]), "Error file: not a JSON object: "),
        (with("definition", json!({"name": "A"})), "Error file: not a definition: missing field `term`"),
        (with("code", json!("mã")), "Error process: code: "),
        (with("code", json!("DT02")), "Warning file: the file is not named after the code \"DT02\""),
    ] {
        let found = reasons(&file);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
    assert_eq!(parse("x", &vec![b' '; 1 + (4 << 20)]).definition, None);
}

#[test]
fn what_is_wrong_with_the_definition_is_said() {
    let mut broken = sound();
    broken["definition"]["steps"][0]["tasks"][0]["next"] = json!("X");
    assert_eq!(reasons(&broken), ["Error step[1]/task[THU_LY]: next \"X\" is not a task of the procedure"]);
}

#[test]
fn a_definition_that_says_much_survives() {
    let code = ProcedureCode::parse("1.000948.H38").unwrap();
    let task = Task::new("THU_LY".parse().unwrap(), "Thụ lý");
    let definition = Definition {
        policies: Policies { extensions_max: 3, ..Policies::default() },
        ..Definition::new("A", ProcedureTerm::SetAtReceipt, vec![Step::new("B", "G", vec![task])])
    };
    let text = write(&code, &definition).unwrap();
    assert_eq!(parse("1.000948.H38.procedure.json", text.as_bytes()).definition, Some(definition));
}

#[test]
fn every_shipped_definition_survives() {
    let Some(folder) = real_input("workflows") else { return };
    let (mut sound, mut survived) = (0, 0);
    for procedure in read_dir(&folder).unwrap().iter().filter(|procedure| !procedure.has_errors()) {
        let (Some(code), Some(definition)) = (&procedure.code, &procedure.definition) else { continue };
        sound += 1;
        let again = parse(&format!("{code}{FILE_SUFFIX}"), write(code, definition).unwrap().as_bytes());
        assert!(!again.has_errors(), "{code}: {:?}", again.defects);
        let by_itself = super::definition(&serde_json::to_value(definition).unwrap());
        assert_eq!(by_itself.as_ref(), Ok(definition), "{code}");
        survived +=
            usize::from(again.code.as_ref() == Some(code) && again.definition.as_ref() == Some(definition));
    }
    assert_eq!((sound, survived), (81, 81));
}

#[test]
fn a_definition_by_itself_is_read_or_says_where_it_cannot_be() {
    let sound = sound()["definition"].clone();
    assert_eq!(serde_json::to_value(definition(&sound).unwrap().steps).unwrap(), sound["steps"]);
    let with = |pointer: &str, field: &str, to: Value| {
        let mut changed = sound.clone();
        changed.pointer_mut(pointer).unwrap()[field] = to;
        changed
    };
    let mut two_unknown = with("/steps/0/tasks/0", "half_day", json!(1));
    two_unknown["form"] = json!({"schema": {"type": "object", "whatever": 1}, "draw": {}});
    let mut no_steps = sound.clone();
    no_steps.as_object_mut().unwrap().remove("steps");
    for (json, places) in [
        (two_unknown, &["form.draw", "steps.0.tasks.0.half_day"][..]),
        (with("/steps/0/tasks/0", "half_days", json!("2")), &["steps.0.tasks.0.half_days"]),
        (with("/steps/0/tasks/0", "half_days", json!(-1)), &["steps.0.tasks.0.half_days"]),
        (with("/term/fixed", "working_days", json!(0.5)), &["term.fixed.working_days"]),
        (with("", "term", json!("soon")), &["term"]),
        (with("", "policies", json!({"extensions_max": null})), &["policies.extensions_max"]),
        (with("", "steps", json!({})), &["steps"]),
        (no_steps, &[""]),
        (json!("{}"), &[""]),
        (json!(["Thủ tục mẫu"]), &[""]),
        (Value::Null, &[""]),
    ] {
        let found = definition(&json).unwrap_err();
        assert_eq!(found.iter().map(|place| place.path.as_str()).collect::<Vec<_>>(), places, "{json}");
        assert!(found.iter().all(|place| !place.reason.is_empty()), "{found:?}");
    }
    let mut many = sound.clone();
    for nth in 0..=DEFECTS_MAX {
        many[format!("x{nth}")] = json!(1);
    }
    assert_eq!(definition(&many).unwrap_err().len(), DEFECTS_MAX);
}
