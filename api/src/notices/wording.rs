//! What a message says: the dossier's code, what it is about and when it is due, or was opened. Nothing about the applicant,
//! and no name of anybody.

use chrono::{DateTime, FixedOffset};
use domain::disclosure::DisclosureReason;
use domain::notice::Occasion;
use domain::time::VIETNAM;
use infrastructure::carrier::{Message, sms};
use infrastructure::event_store::instant;
use projections::disclosure::Disclosure;
use projections::dossier_summary::DossierSummary;
use projections::notice::Notice;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Settings;
use crate::service::Names;

/// What is told.
#[derive(Clone, Copy)]
pub(super) enum Told<'a> {
    Deadline(Occasion, i64),
    Disclosure(&'a Disclosure),
}

pub(super) struct Wording<'a> {
    pub(super) row: &'a Notice,
    pub(super) told: Told<'a>,
    pub(super) summary: &'a DossierSummary,
    pub(super) names: &'a Names,
    pub(super) settings: &'a Settings,
}

impl Wording<'_> {
    pub(super) fn message(&self) -> Message {
        match self.told {
            Told::Deadline(occasion, due_at) => self.of_deadline(occasion, due_at),
            Told::Disclosure(disclosure) => self.of_disclosure(disclosure),
        }
    }

    fn of_deadline(&self, occasion: Occasion, due_at: i64) -> Message {
        let due_at = instant(due_at).with_timezone(&VIETNAM);
        let due = local(due_at);
        let what = match occasion {
            Occasion::DueSoon => "Sắp đến hạn",
            Occasion::DueToday => "Đến hạn hôm nay",
            Occasion::Overdue => "Quá hạn",
            Occasion::Escalated => "Quá hạn kéo dài",
        };
        let facts = json!({
            "type": "notice",
            "occasion": occasion.name(),
            "dueAt": due_at.to_rfc3339(),
        });
        let code = self.summary.code.as_str();
        let subject = format!("{what}: hồ sơ {code}, hạn {due}");
        self.put_together(what, subject, &format!("Hạn giải quyết: {due}\n"), facts)
    }

    /// The official is named where who may know asks: in `disclosures`.
    fn of_disclosure(&self, disclosure: &Disclosure) -> Message {
        let what = "Mở dữ liệu cá nhân khẩn cấp";
        let [opened_at, until] =
            [disclosure.opened_at, disclosure.until_at].map(|at| instant(at).with_timezone(&VIETNAM));
        let reason = match disclosure.reason() {
            Some(DisclosureReason::Danger) => "nguy hiểm đến tính mạng, sức khỏe",
            Some(DisclosureReason::Absence) => "người thụ lý vắng mặt, hạn không chờ",
            Some(DisclosureReason::ApplicantPresent) => "người nộp hồ sơ đang chờ tại quầy",
            Some(DisclosureReason::Authority) => "cơ quan có thẩm quyền yêu cầu gấp",
            Some(DisclosureReason::Other) | None => "lý do khác",
        };
        let (code, acting_for) = (self.summary.code.as_str(), self.agency(disclosure.agency));
        let details = format!(
            "Cơ quan của người mở: {acting_for}\nLý do: {reason}\nMở lúc: {}\nĐến: {}\nMã lần mở: {}\n",
            local(opened_at),
            local(until),
            disclosure.disclosure_id,
        );
        let facts = json!({
            "type": "disclosure",
            "disclosureId": disclosure.disclosure_id,
            "actingFor": acting_for,
            "reason": disclosure.reason,
            "openedAt": opened_at.to_rfc3339(),
            "until": until.to_rfc3339(),
        });
        let subject = format!("{what}: hồ sơ {code}, lúc {}", local(opened_at));
        self.put_together(what, subject, &details, facts)
    }

    fn put_together(&self, what: &str, subject: String, details: &str, mut facts: Value) -> Message {
        let Self { row, summary, names, settings, .. } = self;
        let code = summary.code.as_str();
        let procedure = names.procedures.get(&summary.procedure_id);
        let procedure = procedure.map(|row| row.name.as_str()).unwrap_or_default();
        let holder = self.agency(row.holder_agency);
        let link = settings.link(code);
        let mut text =
            format!("{what}\n\nHồ sơ: {code}\nThủ tục: {procedure}\nCơ quan đang giữ: {holder}\n{details}");
        if let Some(link) = &link {
            text += &format!("{link}\n");
        }
        text += "\nTin nhắn tự động của hệ thống một cửa điện tử.\n";
        let common = json!({
            "id": row.delivery_id,
            "dossierId": row.dossier_id,
            "code": code,
            "procedure": procedure,
            "holderAgency": holder,
            "recipient": row.recipient,
            "link": link,
        });
        if let (Value::Object(facts), Value::Object(common)) = (&mut facts, common) {
            facts.extend(common);
        }
        let short = sms::short(&format!("{subject}. {procedure}"), settings.parts_max());
        Message { id: row.delivery(), subject, text, short, facts }
    }

    fn agency(&self, id: Uuid) -> &str {
        self.names.agencies.get(&id).map(|row| row.name.as_str()).unwrap_or_default()
    }
}

fn local(at: DateTime<FixedOffset>) -> String {
    at.format("%H:%M ngày %d/%m/%Y").to_string()
}
