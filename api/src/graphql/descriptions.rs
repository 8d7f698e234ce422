//! What the schema says where no doc comment can say it: of the types that the library brings along, and of what is the
//! same in dozens of places. Everything else is described where it is defined, which goes before what is shared here.

use std::borrow::Cow;
use std::collections::HashMap;

use async_graphql::registry::{MetaField, MetaInputValue, MetaType, Registry};
use async_graphql::{InputType, InputValueError, InputValueResult, Value};

/// Name, specification where the library gives none, description.
const SCALARS: &[(&str, Option<&str>, &str)] = &[
    (
        "DateTime",
        None,
        "Thời điểm, kèm chênh lệch so với giờ UTC. An instant by RFC 3339, such as `2026-03-02T08:00:00+07:00`. Answers \
         are in the time of Vietnam.",
    ),
    (
        "JSON",
        Some("https://datatracker.ietf.org/doc/html/rfc8259"),
        "Dữ liệu JSON. Any value of RFC 8259; what it holds is said where it is used.",
    ),
    (
        "NaiveDate",
        Some("https://datatracker.ietf.org/doc/html/rfc3339#section-5.6"),
        "Ngày, theo giờ Việt Nam. A local day, `full-date` of RFC 3339, such as `2026-03-02`.",
    ),
    (
        "NaiveTime",
        Some("https://datatracker.ietf.org/doc/html/rfc3339#section-5.6"),
        "Giờ trong ngày, theo giờ Việt Nam. A local time of day, `partial-time` of RFC 3339, such as `07:30:00`.",
    ),
    (
        "UUID",
        None,
        "Mã định danh trong hệ thống. An id by RFC 4122, such as `6ba7b810-9dad-11d1-80b4-00c04fd430c8`.",
    ),
];

/// End of a type's name, field or nothing for the type itself, description.
const PAGES: &[(&str, &str, &str)] = &[
    ("Connection", "", "Một trang của danh sách. One page of a list, as Relay's connections are."),
    ("Connection", "edges", "Các dòng của trang. The rows of the page, each with its cursor."),
    (
        "Connection",
        "nodes",
        "Các dòng của trang, không kèm con trỏ. The rows of the page without their cursors.",
    ),
    ("Connection", "pageInfo", "Thông tin phân trang. Whether there are more pages, and where to go on."),
    ("Edge", "", "Một dòng của trang. A row of a page with its cursor."),
    ("Edge", "cursor", "Con trỏ. Where the row stands in the list, opaque to clients: pass it as `after`."),
    ("Edge", "node", "Nội dung của dòng. What the row holds."),
    ("PageInfo", "", "Thông tin phân trang. Whether there are more pages, and where to go on."),
    (
        "PageInfo",
        "endCursor",
        "Con trỏ của dòng cuối. Pass it as `after` for the next page, which also an empty one may have; null where there is \
         neither a row nor a next page.",
    ),
    ("PageInfo", "hasNextPage", "Còn trang sau. There are rows after this page."),
    ("PageInfo", "hasPreviousPage", "Còn trang trước. There are rows before this page."),
    ("PageInfo", "startCursor", "Con trỏ của dòng đầu. Cursor of the first row; null of an empty page."),
];

/// Name and type of a field or an argument, description. Whatever is called so and is of that type means the same.
const SHARED: &[(&str, &str, &str)] = &[
    ("accountId", "UUID!", "Mã định danh tài khoản. Id of the account that it is about."),
    (
        "after",
        "String",
        "Con trỏ. The page begins after this one, which a page before gave; the first page if absent.",
    ),
    ("dossierId", "UUID!", "Mã định danh hồ sơ. Id of the dossier that it is about."),
    ("first", "Int", "Số dòng tối đa. At most 100; 20 if absent."),
    (
        "idempotencyKey",
        "UUID!",
        "Khóa chống lặp. The same key again gets the first answer and writes nothing.",
    ),
    (
        "minPosition",
        "Position",
        "Vị trí tối thiểu. The answer waits until what it reads has seen this position; READ_MODEL_BEHIND if that takes \
         too long. It does not wait if absent.",
    ),
    ("note", "String", "Ghi chú. In words; none if absent."),
    (
        "on",
        "OnAgency!",
        "Cơ quan, ngày hiệu lực và căn cứ. Which agency it is about, from which day on, and why.",
    ),
    ("on", "OnDossier!", "Hồ sơ được thao tác. Which dossier it is about, as its caller saw it."),
    ("part", "PartInput", "Phạm vi hồ sơ. Whose dossiers are meant; all of them if absent."),
    ("period", "PeriodInput!", "Kỳ báo cáo. Which days are meant."),
    (
        "position",
        "Position",
        "Vị trí trong nhật ký. Pass it as `minPosition` to read what was written; null where nothing was done.",
    ),
    ("problems", "[Problem!]!", "Lý do không thực hiện. Why it was not done. Empty when it was."),
];

/// Of the one argument of a mutation: its type says the rest.
const INPUT: &str = "Nội dung thao tác. What is to be done.";
/// Of the one argument of a mutation that does the same several times.
const INPUTS: &str = "Nội dung từng thao tác. What is to be done, in this order: at most 50. Each has an idempotency key of its \
                      own, so that the whole of it can be sent again.";

/// Not a type of the schema: registered like one after all that are, it is handed the registry they are in.
pub(super) struct Descriptions;

impl InputType for Descriptions {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("Descriptions")
    }

    fn create_type_info(registry: &mut Registry) -> String {
        describe(registry);
        Self::type_name().into_owned()
    }

    fn parse(_value: Option<Value>) -> InputValueResult<Self> {
        Err(InputValueError::custom("not a type of the schema"))
    }

    fn to_value(&self) -> Value {
        Value::Null
    }

    fn as_raw_value(&self) -> Option<&Self> {
        None
    }
}

fn describe(registry: &mut Registry) {
    let inherited = of_interfaces(registry);
    for (name, ty) in &mut registry.types {
        match ty {
            MetaType::Scalar { description, specified_by_url, .. } => {
                if let Some((_, url, text)) = SCALARS.iter().find(|(scalar, ..)| scalar == name) {
                    *description = Some((*text).to_owned());
                    if let Some(url) = url {
                        *specified_by_url = Some((*url).to_owned());
                    }
                }
            }
            MetaType::Object { description, fields, .. } => {
                if let Some(text) = of_page(name, "") {
                    *description = Some(text);
                }
                for field in fields.values_mut() {
                    describe_field(name, field, &inherited);
                }
            }
            MetaType::InputObject { input_fields, .. } => input_fields.values_mut().for_each(describe_input),
            MetaType::Interface { .. } | MetaType::Union { .. } | MetaType::Enum { .. } => {}
        }
    }
}

fn describe_field(ty: &str, field: &mut MetaField, inherited: &HashMap<(String, String), String>) {
    if let Some(text) = of_page(ty, &field.name) {
        field.description = Some(text);
    }
    if field.description.is_none() {
        let of_interface = inherited.get(&(ty.to_owned(), field.name.clone())).cloned();
        field.description = of_interface.or_else(|| shared(&field.name, &field.ty));
    }
    field.args.values_mut().for_each(describe_input);
}

fn describe_input(input: &mut MetaInputValue) {
    if input.description.is_none() {
        input.description = match input.name.as_str() {
            "input" => Some(INPUT.to_owned()),
            "inputs" => Some(INPUTS.to_owned()),
            name => shared(name, &input.ty),
        };
    }
}

/// What an interface says of a field goes for the types that have it, by type and field.
fn of_interfaces(registry: &Registry) -> HashMap<(String, String), String> {
    let mut inherited = HashMap::new();
    for (ty, interfaces) in &registry.implements {
        for interface in interfaces {
            let Some(MetaType::Interface { fields, .. }) = registry.types.get(interface) else { continue };
            for field in fields.values() {
                if let Some(text) = &field.description {
                    inherited.insert((ty.clone(), field.name.clone()), text.clone());
                }
            }
        }
    }
    inherited
}

fn of_page(ty: &str, field: &str) -> Option<String> {
    let found = PAGES.iter().find(|(end, of, _)| ty.ends_with(end) && *of == field);
    found.map(|(.., text)| (*text).to_owned())
}

fn shared(name: &str, ty: &str) -> Option<String> {
    let found = SHARED.iter().find(|(of, as_type, _)| *of == name && *as_type == ty);
    found.map(|(.., text)| (*text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_here_is_said_for_nobody() {
        let sdl = crate::graphql::sdl();
        let said = |text: &str| sdl.matches(&format!("{text}\n")).count();
        for (_, _, text) in SCALARS {
            assert_eq!(said(text), 1, "{text}");
        }
        for (_, _, text) in PAGES {
            assert!(1 <= said(text), "{text}");
        }
        for (name, _, text) in SHARED {
            assert!(2 <= said(text), "what stands in one place belongs there: {name}");
        }
        assert!(2 <= said(INPUT) && 2 <= said(INPUTS));
    }
}
