//! What a reminder says: the dossier's code, what it is about and when it is due. Nothing about the applicant.

use chrono::{DateTime, FixedOffset};
use domain::notice::Occasion;
use domain::time::VIETNAM;
use infrastructure::carrier::{Message, sms};
use infrastructure::event_store::instant;
use projections::dossier_summary::DossierSummary;
use projections::notice::Notice;
use serde_json::json;

use super::Settings;
use crate::service::Names;

pub(super) struct Wording<'a> {
    pub(super) row: &'a Notice,
    pub(super) occasion: Occasion,
    pub(super) summary: &'a DossierSummary,
    pub(super) names: &'a Names,
    pub(super) settings: &'a Settings,
}

impl Wording<'_> {
    pub(super) fn message(&self) -> Message {
        let Self { row, occasion, summary, names, settings } = self;
        let code = summary.code.as_str();
        let due_at = instant(row.due_at).with_timezone(&VIETNAM);
        let due = local(due_at);
        let what = match occasion {
            Occasion::DueSoon => "Sắp đến hạn",
            Occasion::DueToday => "Đến hạn hôm nay",
            Occasion::Overdue => "Quá hạn",
            Occasion::Escalated => "Quá hạn kéo dài",
        };
        let subject = format!("{what}: hồ sơ {code}, hạn {due}");
        let procedure = names.procedures.get(&summary.procedure_id);
        let procedure = procedure.map(|row| row.name.as_str()).unwrap_or_default();
        let holder = names.agencies.get(&row.holder_agency).map(|row| row.name.as_str()).unwrap_or_default();
        let link = settings.link(code);
        let mut text = format!(
            "{what}\n\nHồ sơ: {code}\nThủ tục: {procedure}\nCơ quan đang giữ: {holder}\nHạn giải quyết: {due}\n"
        );
        if let Some(link) = &link {
            text += &format!("{link}\n");
        }
        text += "\nTin nhắn tự động của hệ thống một cửa điện tử.\n";
        let facts = json!({
            "type": "notice",
            "id": row.delivery_id,
            "occasion": occasion.name(),
            "dossierId": row.dossier_id,
            "code": code,
            "procedure": procedure,
            "holderAgency": holder,
            "dueAt": due_at.to_rfc3339(),
            "recipient": row.recipient,
            "link": link,
        });
        let short = sms::short(&format!("{subject}. {procedure}"), settings.parts_max());
        Message { id: row.delivery(), subject, text, short, facts }
    }
}

fn local(at: DateTime<FixedOffset>) -> String {
    at.format("%H:%M ngày %d/%m/%Y").to_string()
}
