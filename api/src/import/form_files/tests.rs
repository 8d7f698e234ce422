use super::super::real_input;
use super::*;

fn parse(items: &str) -> (ParsedForm, Vec<String>) {
    let mut defects = Defects::default();
    let parsed = parse_form(
        format!("<form><line label='1. Ngôi nhà' cols='2'>{items}</line></form>").as_bytes(),
        &mut defects,
    );
    (parsed, shown_defects(defects))
}

fn shown_defects(defects: Defects) -> Vec<String> {
    defects.into_vec().into_iter().map(|defect| format!("{}: {}", defect.element, defect.reason)).collect()
}

#[test]
fn fields_become_a_schema_and_hints() {
    let (parsed, defects) = parse(
        "<item type='Textbox' id='soNha' name='x' allownull='no' validate='text' label='Số nhà : ' size='30'/>
         <item type='Textbox' id='cmnd' name='Số CMND' allownull='yes' validate='number' label=''/>
         <item type='TextboxDate' id='ngay' name='' allownull='no' validate='date' label='Ngày cấp:'/>
         <item type='TextboxMoney' id='lePhi' allownull='' validate='text' label='Lệ phí'/>
         <item type='Textbox' id='mail' validate='Email'/><item type='Textbox' id='fax' validate='fax'/>
         <item type='DropDownList' id='xa' validate='ddli' src_file='public/xml/xml_phuong_xa.xml'/>
         <item type='Checkbox' id='khac' title='Tài liệu khác'/><item type='Button' id='btn'/>
         <item type='Checkbox' id='don' doc='yes' name='' title='Đơn đề nghị (02 bản)'/>",
    );
    assert_eq!(defects, [""; 0]);
    let form = parsed.form.unwrap();
    assert_eq!(
        form.schema,
        json!({
            "$schema": DIALECT,
            "type": "object",
            "required": ["soNha", "ngay"],
            "properties": {
                "soNha": {"type": "string", "title": "Số nhà", "minLength": 1},
                "cmnd": {"type": "string", "title": "Số CMND", "pattern": "^[0-9]+$"},
                "ngay": {"type": "string", "format": "date", "title": "Ngày cấp", "minLength": 1},
                "lePhi": {"type": "integer", "minimum": 0, "title": "Lệ phí"},
                "mail": {"type": "string", "format": "email"},
                "fax": {"type": "string", "pattern": PHONE},
                "xa": {"type": "string"},
                "khac": {"type": "boolean", "title": "Tài liệu khác"},
            }
        })
    );
    assert_eq!(form.check(), []);
    assert_eq!(form.ui["lines"].as_array().unwrap().len(), 1);
    let line = &form.ui["lines"][0];
    assert_eq!((&line["label"], &line["columns"]), (&json!("1. Ngôi nhà"), &json!(2)));
    assert_eq!(line["items"][0], json!({"field": "soNha", "widget": "text", "size": 30}));
    assert_eq!(line["items"][6], json!({"field": "xa", "widget": "select", "source": "xml_phuong_xa.xml"}));
    assert_eq!(line["items"][8], json!({"paper": "don"}));
    let papers: Vec<_> =
        parsed.papers.iter().map(|paper| (paper.code.as_str(), paper.name.as_str())).collect();
    assert_eq!(papers, [("don", "Đơn đề nghị (02 bản)")]);
    assert!(form.validate(&json!({"soNha": "12A", "ngay": "2024-05-06", "lePhi": 50000})).is_ok());
    assert_eq!(form.validate(&json!({"soNha": "", "lePhi": -1, "cmnd": "x"})).unwrap_err().len(), 4);
}

#[test]
fn every_defect_of_a_form_is_reported_and_the_rest_is_read() {
    let (parsed, defects) = parse(
        "<item type='Slider' id='a'/><item type='Textbox'/><item type='Textbox' id='số'/>
         <item type='Textbox' id='b' validate='odd' allownull='maybe' colour='red' doc='1'/>
         <item type='Textbox' id='b'/><item type='Checkbox' id='c' doc='yes'/>stray<box/>",
    );
    assert_eq!(
        defects,
        [
            "form/line[1]/item[a]: the type \"Slider\" is not known; not imported",
            "form/line[1]/item[]: id is missing; not imported",
            "form/line[1]/item[số]: id is not a letter, then up to 63 letters, digits, '_' or '-'; not imported",
            "form/line[1]/item[b]: the attribute \"colour\" is not known; not imported",
            "form/line[1]/item[b]: doc \"1\" is neither yes nor no; taken as no",
            "form/line[1]/item[b]: validate \"odd\" is not known; not imported",
            "form/line[1]/item[b]: allownull \"maybe\" is neither yes nor no; taken as yes",
            "form/line[1]/item[b]: the id is also that of an item before; not imported",
            "form/line[1]/item[c]: a paper without a name; the id stands in",
            "form/line[1]: text has no place here; not imported",
            "form/line[1]: line 3: an element \"box\" has no place here; not imported",
        ]
    );
    assert_eq!(parsed.form.unwrap().schema["properties"], json!({"b": {"type": "string"}}));
    assert_eq!(parsed.papers.len(), 1);
}

#[test]
fn a_form_that_is_not_well_formed_is_left_out() {
    for (xml, expected) in [
        ("<form><line>", "form: line 1, byte 12: the file ends before its elements do, 2 are open; no form"),
        ("<process/>", "form: line 1, byte 0: the root element is \"process\", not form; no form"),
        ("", "form: line 1, byte 0: the file has no element; no form"),
    ] {
        let mut defects = Defects::default();
        let parsed = parse_form(xml.as_bytes(), &mut defects);
        assert!(parsed.form.is_none() && parsed.papers.is_empty());
        assert_eq!(shown_defects(defects), [expected]);
    }
    let many = "<item type='Textbox' id='a'/>".repeat(ITEMS_MAX + 1);
    assert!(parse(&many).0.form.is_none());
}

#[test]
fn the_shipped_forms_give_fields_and_papers() {
    let Some(folder) = real_input("workflows") else { return };
    let (mut forms, mut fields, mut papers, mut found) = (0, 0, 0, Vec::new());
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names.iter().filter(|path| path.to_str().unwrap().ends_with("_form_struct.xml")) {
        let mut defects = Defects::default();
        let parsed = parse_form(&std::fs::read(path).unwrap(), &mut defects);
        found.extend(shown_defects(defects));
        let form = parsed.form.unwrap();
        assert_eq!(form.check(), [], "{}", path.display());
        // None is public.
        assert!(!form.schema.to_string().contains("x-public"));
        forms += 1;
        fields += form.schema["properties"].as_object().unwrap().len();
        papers += parsed.papers.len();
    }
    let count = |reason: &str| found.iter().filter(|defect| defect.contains(reason)).count();
    let counted = [
        count("the id is also that of an item before"),
        count("text has no place here"),
        count("is not known"),
        found.len(),
    ];
    assert_eq!((forms, fields, papers, counted), (89, 2404, 470, [39, 32, 2, 73]), "{found:#?}");
}
