//! Reminders of deadlines: who is told what, once; what happens when whoever receives them does not behave, and when
//! whoever carries them is killed or held up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use api::input::{ExtendDossierInput, NoteInput, PauseDossierInput, PauseReason};
use api::notices::{Notifier, Round, Settings};
use api::service::{Accepted, Service};
use chrono::DateTime;
use domain::codes::DossierCode;
use domain::identity::DossierId;
use domain::notice::{self, Event, Notices};
use domain::recorded::Version;
use infrastructure::clock::Clock;
use projections::notice::{DeliveryState, Notice};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::cli::{json_of, motcua, stored};
use crate::read_models::told_anew_they_say_the_same;
use crate::support::office::{
    AGENCY, LAN, LEADER, MAI, ask, caller, established, forward_to, key, on, registered,
};
use crate::support::receiver::{Answer, MailServer, Receiver};
use crate::support::{Backend, Place, Server, instant, on_each_backend, whole_log};

on_each_backend!(
    each_occasion_is_told_once_to_whom_it_concerns,
    where_nobody_is_set_up_the_log_is_told,
    another_deadline_begins_anew_and_what_is_done_is_not_told,
    a_graver_notice_takes_the_place_of_a_milder_one,
    whoever_does_not_behave_is_tried_again_under_the_same_id,
    what_comes_to_nothing_for_too_long_is_given_up,
    nobody_is_disturbed_at_night_or_on_days_off,
    an_e_mail_is_one_and_a_server_that_says_no_is_believed,
    a_gateway_of_sms_gets_what_it_asks_for,
    who_does_not_answer_holds_up_nobody_else,
    built_again_nothing_is_sent_again,
    one_carries_and_another_stands_by,
    killed_at_any_moment_everybody_is_told_and_knows_what_is_the_same,
    held_up_and_overtaken_no_harm_is_done,
    reminders_are_seen_with_the_dossier_and_from_the_command_line,
);

const LONG: Duration = Duration::from_secs(60);

/// An office, whoever receives messages, and a dossier of Lan's that is due on 9 March at 17:00.
pub(crate) struct Office {
    pub(crate) place: Place,
    pub(crate) service: Service,
    pub(crate) clock: Clock,
    pub(crate) receiver: Receiver,
}

impl Office {
    pub(crate) async fn new(backend: Backend) -> Self {
        let place = Place::with_keys(backend).await;
        let clock = Clock::fixed(instant("2026-03-02T08:00:00+07:00"));
        let service = established(&place, clock.clone()).await;
        Self { place, service, clock, receiver: Receiver::start().await }
    }

    pub(crate) async fn dossier(&self, name: &str) -> Accepted {
        let accepted = registered(&self.service, name).await;
        let forwarding = forward_to(LAN, key(&format!("{name}, to Lan")), accepted.dossier_id);
        self.service.forward_dossier(&caller(LEADER), &forwarding).await.unwrap();
        accepted
    }

    fn write(&self, settings: &str) -> PathBuf {
        let path = self.place.folder.join("notices.toml");
        std::fs::write(&path, settings).unwrap();
        path
    }

    pub(crate) fn notifier(&self, settings: &str) -> Notifier {
        Notifier::new(self.service.clone(), Settings::read(&self.write(settings)).unwrap()).unwrap()
    }

    /// Lan and the leader by webhook.
    fn webhooks(&self) -> String {
        let url = &self.receiver.url;
        format!(
            "since = \"2026-01-01\"\n{}{}",
            person(LAN, &format!("webhook = \"{url}/lan\"")),
            person(LEADER, &format!("head = true\nwebhook = \"{url}/head\"")),
        )
    }

    pub(crate) async fn at(&self, notifier: &Notifier, local: &str) -> Round {
        self.clock.set(instant(&format!("{local}:00+07:00")));
        self.round(notifier).await
    }

    pub(crate) async fn round(&self, notifier: &Notifier) -> Round {
        self.service.read_side.catch_up().await.unwrap();
        let follower = self.service.read_side.follow();
        let round = notifier.once().await.unwrap().unwrap();
        follower.stop().await;
        round
    }

    pub(crate) async fn notices(&self, dossier: DossierId) -> Vec<Notice> {
        self.service.read_side.catch_up().await.unwrap();
        projections::notice::of_dossiers(self.service.read_side.database(), &[dossier.0]).await.unwrap()
    }

    async fn states(&self, dossier: DossierId) -> Vec<(&'static str, DeliveryState)> {
        let notices = self.notices(dossier).await;
        notices.iter().map(|row| (row.occasion().unwrap().name(), row.state)).collect()
    }
}

pub(crate) fn id(token: &str) -> Uuid {
    caller(token).principal.id.0
}

pub(crate) fn person(token: &str, ways: &str) -> String {
    format!("[[person]]\nid = \"{}\"\nagency = \"{AGENCY}\"\n{ways}\n", id(token))
}

/// Where it went and what it was about.
fn told(receiver: &Receiver) -> Vec<(String, String)> {
    let got = receiver.take();
    got.iter().map(|got| (got.path.clone(), got.json()["occasion"].as_str().unwrap().to_owned())).collect()
}

fn pair(path: &str, occasion: &str) -> (String, String) {
    (path.to_owned(), occasion.to_owned())
}

pub(crate) const NOTHING: Round = Round { raised: 0, delivered: 0, failed: 0, withdrawn: 0, waiting: 0 };
const ONE: Round = Round { raised: 1, delivered: 1, ..NOTHING };

async fn each_occasion_is_told_once_to_whom_it_concerns(backend: Backend) {
    let office = Office::new(backend).await;
    let Accepted { dossier_id, code, .. } = office.dossier("a").await;
    let notifier = office.notifier(&office.webhooks());
    for (local, round, told_of) in [
        ("2026-03-04T09:00", NOTHING, vec![]),
        ("2026-03-05T00:00", ONE, vec![pair("/lan", "DUE_SOON")]),
        ("2026-03-06T09:00", NOTHING, vec![]),
        ("2026-03-08T23:59", NOTHING, vec![]),
        ("2026-03-09T00:00", ONE, vec![pair("/lan", "DUE_TODAY")]),
        ("2026-03-09T17:00", NOTHING, vec![]),
        ("2026-03-09T17:01", ONE, vec![pair("/lan", "OVERDUE")]),
        ("2026-03-09T23:59", NOTHING, vec![]),
        ("2026-03-10T00:00", ONE, vec![pair("/head", "ESCALATED")]),
        ("2026-04-10T09:00", NOTHING, vec![]),
    ] {
        assert_eq!(office.at(&notifier, local).await, round, "{local}");
        let got = office.receiver.got();
        assert_eq!(told(&office.receiver), told_of, "{local}");
        for got in got {
            let body = got.json();
            assert_eq!(got.headers["webhook-id"], body["id"].as_str().unwrap());
            assert_eq!((&body["code"], &body["dueAt"]), (&json!(code), &json!("2026-03-09T17:00:00+07:00")));
            assert_eq!(body["procedure"], json!("Cấp giấy xác nhận"));
            assert!(!got.body.contains("Nguyễn"), "{}", got.body);
        }
    }
    assert!(office.states(dossier_id).await.iter().all(|(_, state)| *state == DeliveryState::Delivered));
}

async fn where_nobody_is_set_up_the_log_is_told(backend: Backend) {
    let office = Office::new(backend).await;
    let Accepted { dossier_id, .. } = office.dossier("a").await;
    // Heads are told where the officer is not set up.
    let url = &office.receiver.url;
    let heads = person(LEADER, &format!("head = true\nwebhook = \"{url}/head\""));
    let notifier = office.notifier(&format!("since = \"2026-01-01\"\n{heads}"));
    assert_eq!(office.at(&notifier, "2026-03-05T09:00").await, ONE);
    assert_eq!(told(&office.receiver), [pair("/head", "DUE_SOON")]);
    let notifier = office.notifier("since = \"2026-01-01\"\n");
    assert_eq!(office.at(&notifier, "2026-03-09T09:00").await, ONE);
    let [_, log] = &office.notices(dossier_id).await[..] else { panic!("two notices") };
    assert_eq!((log.recipient, log.way.0, log.state), (None, notice::Way::Log, DeliveryState::Delivered));
    // And nobody of what was due before notices began.
    let notifier = office.notifier("since = \"2026-03-10\"\n");
    assert_eq!(office.at(&notifier, "2026-03-10T09:00").await, NOTHING);
}

async fn another_deadline_begins_anew_and_what_is_done_is_not_told(backend: Backend) {
    let office = Office::new(backend).await;
    let Accepted { dossier_id, .. } = office.dossier("a").await;
    let notifier = office.notifier(&office.webhooks());
    office.receiver.answer([Answer::Status(503)]);
    assert_eq!(office.at(&notifier, "2026-03-09T09:00").await, Round { raised: 1, failed: 1, ..NOTHING });
    let extend = ExtendDossierInput {
        on: on(key("extend"), dossier_id),
        reason: "đông hồ sơ".to_owned(),
        due_at: DateTime::parse_from_rfc3339("2026-03-10T17:00:00+07:00").unwrap(),
        signed_by: "MẪU Lãnh đạo".to_owned(),
    };
    office.service.extend_dossier(&caller(LEADER), &extend).await.unwrap();
    // The old message is not needed any more; of the new deadline somebody is told.
    let round = office.at(&notifier, "2026-03-09T09:30").await;
    assert_eq!(round, Round { raised: 1, delivered: 1, withdrawn: 1, ..NOTHING });
    let pause = PauseDossierInput {
        on: on(key("pause"), dossier_id),
        reason: PauseReason::PublicPosting,
        note: None,
        until: None,
    };
    assert_eq!(told(&office.receiver), [pair("/lan", "DUE_TODAY"), pair("/lan", "DUE_SOON")]);
    office.receiver.answer([Answer::Status(503)]);
    assert_eq!(office.at(&notifier, "2026-03-10T09:00").await, Round { raised: 1, failed: 1, ..NOTHING });
    office.service.pause_dossier(&caller(LAN), &pause).await.unwrap();
    assert_eq!(office.at(&notifier, "2026-03-10T09:05").await, Round { withdrawn: 1, ..NOTHING });
    // The clock stands still: nothing is overdue.
    assert_eq!(office.at(&notifier, "2026-03-17T09:00").await, NOTHING);
    let states = office.states(dossier_id).await;
    use DeliveryState::{Delivered, Withdrawn};
    assert_eq!(states, [("DUE_TODAY", Withdrawn), ("DUE_SOON", Delivered), ("DUE_TODAY", Withdrawn)]);
    // It runs again, towards a later deadline.
    let resume = NoteInput { on: on(key("resume"), dossier_id), note: None };
    office.service.resume_dossier(&caller(LAN), &resume).await.unwrap();
    assert_eq!(office.at(&notifier, "2026-04-20T09:00").await, ONE);
    assert_eq!(told(&office.receiver).pop(), Some(pair("/head", "ESCALATED")));
}

async fn a_graver_notice_takes_the_place_of_a_milder_one(backend: Backend) {
    let office = Office::new(backend).await;
    let Accepted { dossier_id, .. } = office.dossier("a").await;
    let notifier = office.notifier(&office.webhooks());
    office.receiver.answer([Answer::Status(503)]);
    office.at(&notifier, "2026-03-05T09:00").await;
    office.receiver.take();
    // Nobody carried anything for a while: what is told is what is so.
    let round = office.at(&notifier, "2026-03-12T09:00").await;
    assert_eq!(round, Round { raised: 1, delivered: 1, withdrawn: 1, ..NOTHING });
    assert_eq!(told(&office.receiver), [pair("/head", "ESCALATED")]);
    use DeliveryState::{Delivered, Withdrawn};
    assert_eq!(office.states(dossier_id).await, [("DUE_SOON", Withdrawn), ("ESCALATED", Delivered)]);
}

async fn whoever_does_not_behave_is_tried_again_under_the_same_id(backend: Backend) {
    let office = Office::new(backend).await;
    let Accepted { dossier_id, .. } = office.dossier("a").await;
    let notifier = office.notifier(&office.webhooks());
    let failed = Round { failed: 1, ..NOTHING };
    office.receiver.answer([
        Answer::Status(500),
        Answer::RetryAfter(3_600),
        Answer::Status(408),
        Answer::Status(200),
    ]);
    assert_eq!(office.at(&notifier, "2026-03-05T09:00").await, Round { raised: 1, ..failed });
    // Not before its time.
    assert_eq!(office.at(&notifier, "2026-03-05T09:00").await, NOTHING);
    assert_eq!(office.at(&notifier, "2026-03-05T09:01").await, failed);
    // It asked to be left alone for an hour.
    assert_eq!(office.at(&notifier, "2026-03-05T10:00").await, NOTHING);
    assert_eq!(office.at(&notifier, "2026-03-05T10:01").await, failed);
    assert_eq!(office.at(&notifier, "2026-03-05T10:15").await, NOTHING);
    let [row] = &office.notices(dossier_id).await[..] else { panic!("one notice") };
    assert_eq!(
        (row.attempts, row.failure.as_deref(), row.state),
        (3, Some("ANSWERED 408"), DeliveryState::Pending)
    );
    assert_eq!(office.at(&notifier, "2026-03-05T10:16").await, Round { delivered: 1, ..NOTHING });
    let ids: BTreeSet<String> = office
        .receiver
        .got()
        .iter()
        .map(|got| got.headers["webhook-id"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!((office.receiver.got().len(), ids.len()), (4, 1));
    let [row] = &office.notices(dossier_id).await[..] else { panic!("one notice") };
    assert_eq!((row.attempts, row.failure.clone(), row.state), (4, None, DeliveryState::Delivered));
}

async fn what_comes_to_nothing_for_too_long_is_given_up(backend: Backend) {
    let office = Office::new(backend).await;
    let Accepted { dossier_id, .. } = office.dossier("a").await;
    // Nobody listens there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let head = person(LEADER, &format!("head = true\nwebhook = \"{nowhere}\""));
    let notifier = office.notifier(&format!("since = \"2026-01-01\"\n{head}"));
    office.clock.set(instant("2026-03-10T09:00:00+07:00"));
    let mut tries = 0;
    for _ in 0..100 {
        tries += office.round(&notifier).await.failed;
        office.clock.set(office.clock.now() + Duration::from_secs(3_600));
    }
    assert_eq!(tries, 8);
    let given_up =
        office.notices(dossier_id).await.into_iter().find(|row| row.state == DeliveryState::GivenUp);
    let given_up = given_up.unwrap();
    assert_eq!((given_up.attempts, given_up.failure.as_deref()), (8, Some("UNREACHABLE")));

    // What will not become right is not tried again.
    let second = office.dossier("b").await.dossier_id;
    let notifier = office.notifier(&office.webhooks());
    office.receiver.answer([Answer::Status(410)]);
    office.clock.set(office.clock.now() + Duration::from_secs(86_400 * 30));
    office.round(&notifier).await;
    let [row] = &office.notices(second).await[..] else { panic!("one notice") };
    assert_eq!(
        (row.attempts, row.state, row.failure.as_deref()),
        (1, DeliveryState::GivenUp, Some("ANSWERED 410"))
    );
}

async fn nobody_is_disturbed_at_night_or_on_days_off(backend: Backend) {
    let office = Office::new(backend).await;
    let mail = MailServer::start().await;
    let gateway = &office.receiver.url;
    let quiet = "[quiet]\nfrom = \"18:00\"\nto = \"07:00\"\n";
    let ways = format!(
        "since = \"2026-01-01\"\n{quiet}
         [email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"motcua@example.vn\"
         [sms]\nurl = \"{gateway}/sms\"\nbody = {{ to = \"{{to}}\" }}\n",
        mail.port
    );
    let lan = person(
        LAN,
        &format!("email = \"lan@example.vn\"\nsms = \"0900000001\"\nwebhook = \"{gateway}/hook\""),
    );
    office.dossier("a").await;
    let notifier = office.notifier(&format!("{ways}{lan}"));
    let paths = || office.receiver.take().into_iter().map(|got| got.path).collect::<Vec<_>>();
    // Machines do not sleep.
    assert_eq!(
        office.at(&notifier, "2026-03-05T00:00").await,
        Round { raised: 1, delivered: 1, waiting: 2, ..NOTHING }
    );
    assert_eq!((paths(), mail.take().len()), (vec!["/hook".to_owned()], 0));
    assert_eq!(office.at(&notifier, "2026-03-05T06:59").await, Round { waiting: 2, ..NOTHING });
    assert_eq!(office.at(&notifier, "2026-03-05T07:00").await, Round { delivered: 2, ..NOTHING });
    assert_eq!((paths(), mail.take().len()), (vec!["/sms".to_owned()], 1));
    // Overdue in the evening; whoever is on duty is told at once.
    assert_eq!(
        office.at(&notifier, "2026-03-09T18:30").await,
        Round { raised: 1, delivered: 1, waiting: 2, ..NOTHING }
    );
    let awake = person(
        LAN,
        &format!(
            "quiet = false\nemail = \"lan@example.vn\"\nsms = \"0900000001\"\nwebhook = \"{gateway}/hook\""
        ),
    );
    let notifier = office.notifier(&format!("{ways}{awake}"));
    assert_eq!(office.at(&notifier, "2026-03-09T22:00").await, Round { delivered: 2, ..NOTHING });
    // A Saturday, at noon.
    let late = office.dossier("c").await.dossier_id;
    let due = office.service.history(&caller(LAN), late).await.unwrap().last().unwrap().due_at.unwrap();
    assert_eq!(due, instant("2026-03-17T17:00:00+07:00"));
    let notifier = office.notifier(&format!("{ways}{lan}"));
    assert_eq!(office.at(&notifier, "2026-03-14T12:00").await.waiting, 2);
}

async fn an_e_mail_is_one_and_a_server_that_says_no_is_believed(backend: Backend) {
    let office = Office::new(backend).await;
    let mail = MailServer::start().await;
    let Accepted { dossier_id, code, .. } = office.dossier("a").await;
    let settings = format!(
        "since = \"2026-01-01\"\nlink = \"https://example.vn/ho-so/{{code}}\"
         [email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"Một cửa <motcua@example.vn>\"\n{}",
        mail.port,
        person(LAN, "email = \"Chị Lan <lan@example.vn>\""),
    );
    let notifier = office.notifier(&settings);
    mail.reply(["451 4.7.1 later"]);
    assert_eq!(office.at(&notifier, "2026-03-05T09:00").await, Round { raised: 1, failed: 1, ..NOTHING });
    assert_eq!(office.at(&notifier, "2026-03-05T09:01").await, Round { delivered: 1, ..NOTHING });
    let [text] = &mail.take()[..] else { panic!("one e-mail") };
    let [row] = &office.notices(dossier_id).await[..] else { panic!("one notice") };
    assert_eq!(row.attempts, 2);
    let read = read_by_python(text).await;
    assert_eq!(read["subject"], json!(format!("Sắp đến hạn: hồ sơ {code}, hạn 17:00 ngày 09/03/2026")));
    assert_eq!(
        (&read["from"], &read["to"]),
        (&json!("Một cửa <motcua@example.vn>"), &json!("Chị Lan <lan@example.vn>"))
    );
    assert_eq!(read["message-id"], json!(format!("<{}@example.vn>", row.delivery_id)));
    assert_eq!(read["auto-submitted"], json!("auto-generated"));
    let body = read["body"].as_str().unwrap();
    for said in [
        code.as_str(),
        "Cấp giấy xác nhận",
        "17:00 ngày 09/03/2026",
        &format!("https://example.vn/ho-so/{code}"),
    ] {
        assert!(body.contains(said), "{said}: {body}");
    }
    mail.reply(["550 5.1.1 no such user <lan@example.vn>"]);
    assert_eq!(office.at(&notifier, "2026-03-09T09:00").await, Round { raised: 1, failed: 1, ..NOTHING });
    let row = office.notices(dossier_id).await.pop().unwrap();
    assert_eq!((row.state, row.failure.as_deref()), (DeliveryState::GivenUp, Some("ANSWERED 550")));
    // What the server said names somebody: it is nowhere.
    let log = whole_log(office.service.store()).await;
    assert!(log.iter().all(|row| !row.data.contains("lan@example.vn")));
}

/// An independent reader of e-mail.
async fn read_by_python(mail: &str) -> Value {
    const READ: &str = "import sys, json, email, email.policy
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
read = {name.lower(): str(value) for name, value in mail.items()}
read['body'] = mail.get_content()
print(json.dumps(read))";
    let mut python = tokio::process::Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 reads e-mail");
    python.stdin.take().unwrap().write_all(mail.as_bytes()).await.unwrap();
    let output = python.wait_with_output().await.unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn a_gateway_of_sms_gets_what_it_asks_for(backend: Backend) {
    let office = Office::new(backend).await;
    let Accepted { dossier_id, code, .. } = office.dossier("a").await;
    let secret = office.place.folder.join("sms.secret");
    std::fs::write(&secret, "geheim\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let settings = format!(
        "since = \"2026-01-01\"
         [sms]\nurl = \"{}/sms\"\nsecret_file = \"sms.secret\"\nauthorization_file = \"sms.secret\"
         body = {{ Phone = \"{{to}}\", Content = \"{{text}}\", RequestId = \"{{id}}\", Parts = \"{{parts}}\", SecretKey = \"{{secret}}\", IsUnicode = 0 }}
         accepted = {{ pointer = \"/CodeResult\", equals = \"100\" }}\nreceipt = \"/SMSID\"\n{}",
        office.receiver.url,
        person(LAN, "sms = \"0900000001\""),
    );
    let notifier = office.notifier(&settings);
    // It says 200 to everything; what counts is its own code.
    office.receiver.answer([
        Answer::Json(json!({"CodeResult": "104", "ErrorMessage": "Brandname"})),
        Answer::Status(200),
        Answer::Json(json!({"CodeResult": 100, "SMSID": "abc 1"})),
    ]);
    assert_eq!(office.at(&notifier, "2026-03-05T09:00").await, Round { raised: 1, failed: 1, ..NOTHING });
    let failure = async || office.notices(dossier_id).await[0].failure.clone();
    assert_eq!(failure().await.as_deref(), Some("DECLINED 104"));
    assert_eq!(office.at(&notifier, "2026-03-05T09:01").await, Round { failed: 1, ..NOTHING });
    assert_eq!(failure().await.as_deref(), Some("ANSWERED 200"));
    assert_eq!(office.at(&notifier, "2026-03-05T09:06").await, Round { delivered: 1, ..NOTHING });
    let delivery = office.notices(dossier_id).await[0].delivery_id;
    let text = format!("Sap den han: ho so {code}, han 17:00 ngay 09/03/2026. Cap giay xac nhan");
    for got in office.receiver.got() {
        let expected = json!({
            "Phone": "0900000001", "Content": text, "RequestId": delivery, "Parts": "1", "SecretKey": "geheim",
            "IsUnicode": 0,
        });
        assert_eq!((got.path.as_str(), got.json()), ("/sms", expected));
        assert_eq!(got.headers["authorization"], "geheim");
    }
    let rows = office.service.store().read_stream(&notice::stream(dossier_id), Version(0)).await.unwrap();
    let Event::Delivered(delivered) = rows.last().unwrap().decode_as().unwrap() else {
        panic!("delivered last")
    };
    assert_eq!(delivered.receipt.as_deref(), Some("abc1"));
}

/// Nor does a stream that nobody can read, nor an agency that is not there.
async fn who_does_not_answer_holds_up_nobody_else(backend: Backend) {
    let office = Office::new(backend).await;
    let mut dossiers = Vec::new();
    for nth in 0..20 {
        dossiers.push(office.dossier(&format!("{nth}")).await.dossier_id);
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let settings = format!(
        "since = \"2026-01-01\"\n{}{}{}",
        person(LAN, &format!("webhook = \"{nowhere}\"")),
        person(LEADER, &format!("head = true\nwebhook = \"{}/head\"", office.receiver.url)),
        person(MAI, "head = true\nwebhook = \"http://127.0.0.1:1/\"").replace(AGENCY, "000.99.99.H99"),
    );
    let notifier = office.notifier(&settings);
    let round = office.at(&notifier, "2026-03-05T09:00").await;
    assert_eq!((round.raised, round.delivered, round.failed + round.waiting), (20, 0, 20));
    // Five in a row, and those that were under way then.
    assert!((5..=12).contains(&round.failed), "{round:?}");
    // Overdue, and escalated: heads are told of all, whatever became of the others.
    office.place.sql(&unreadable(backend, dossiers[3])).await.unwrap();
    let round = office.at(&notifier, "2026-03-10T09:00").await;
    assert_eq!((round.raised, round.delivered, round.failed), (19, 19, 0));
    assert_eq!(told(&office.receiver).len(), 19);
}

/// An event of a dossier's notices that no program reads.
fn unreadable(backend: Backend, dossier: DossierId) -> String {
    let id = match backend {
        Backend::Sqlite => format!("X'{}'", dossier.0.simple()),
        Backend::Postgres => format!("'{}'", dossier.0),
    };
    format!(
        "UPDATE log_head SET position = position + 1;
         INSERT INTO event (position, stream, version, event_id, type, data, metadata, occurred_at, recorded_at)
         VALUES ((SELECT position FROM log_head), '{}', 99, {id}, 'notice.delivered.v1', 'not json', '{{}}', 0, 0)",
        notice::stream(dossier),
    )
}

async fn built_again_nothing_is_sent_again(backend: Backend) {
    let office = Office::new(backend).await;
    office.dossier("a").await;
    let notifier = office.notifier(&office.webhooks());
    assert_eq!(office.at(&notifier, "2026-03-09T09:00").await, ONE);
    told_anew_they_say_the_same(&office.service.read_side, &["notice", "deadline_board"]).await;
    assert_eq!(office.round(&notifier).await, NOTHING);
    // A table that is gone altogether: nothing is done before it is there again.
    for text in ["DELETE FROM notice", "UPDATE checkpoint SET position = 0 WHERE name = 'notice'"] {
        let db = office.place.by_hand_in(&office.place.location().read, "read").await;
        infrastructure::on_db!(&db, pool => sqlx::query(text).execute(pool).await.map(|_| ())).unwrap();
    }
    assert_eq!(office.round(&notifier).await, NOTHING);
    assert_eq!(office.receiver.got().len(), 1);
}

async fn one_carries_and_another_stands_by(backend: Backend) {
    let office = Office::new(backend).await;
    let mut codes = BTreeSet::new();
    for nth in 0..30 {
        codes.insert(office.dossier(&format!("{nth}")).await.code);
    }
    office.clock.set(instant("2026-03-09T09:00:00+07:00"));
    let follower = office.service.read_side.follow();
    let notifiers = [office.notifier(&office.webhooks()), office.notifier(&office.webhooks())];
    let carrying: Vec<_> = notifiers.iter().map(Notifier::follow).collect();
    wait_until("all are told", async || told_codes(&office.receiver) == codes).await;
    let third = office.notifier(&office.webhooks());
    assert_eq!(third.once().await.unwrap(), None);
    for carrying in carrying {
        carrying.stop().await;
    }
    follower.stop().await;
    assert_eq!(office.receiver.got().len(), codes.len());
    // What was given back is taken at once.
    assert_eq!(office.round(&third).await, NOTHING);
}

fn told_codes(receiver: &Receiver) -> BTreeSet<DossierCode> {
    let got = receiver.got();
    got.iter().map(|got| DossierCode::parse(got.json()["code"].as_str().unwrap()).unwrap()).collect()
}

async fn wait_until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Dossiers that are long overdue, whenever the test runs.
async fn overdue(office: &Office, count: usize) -> Vec<DossierId> {
    let mut dossiers = Vec::new();
    for nth in 0..count {
        dossiers.push(office.dossier(&format!("{nth}")).await.dossier_id);
    }
    office.service.read_side.catch_up().await.unwrap();
    dossiers
}

/// How often each delivery was received, and that the log says of each exactly once that it was raised and delivered.
async fn assert_told_once(office: &Office, dossiers: &[DossierId]) -> BTreeMap<String, usize> {
    let mut raised = BTreeSet::new();
    for dossier in dossiers {
        let mut delivered = Vec::new();
        for row in office.service.store().read_stream(&notice::stream(*dossier), Version(0)).await.unwrap() {
            match row.decode_as().unwrap() {
                Event::Raised(event) => {
                    for delivery in event.deliveries {
                        assert!(raised.insert(delivery.id.to_string()), "raised twice: {}", delivery.id);
                    }
                }
                Event::Delivered(event) => delivered.push(event.delivery),
                Event::DisclosureRaised(_) => panic!("nothing was disclosed"),
                Event::AttemptFailed(_) | Event::Withdrawn(_) => {}
            }
        }
        assert_eq!(delivered.len(), 1, "{dossier}");
    }
    let mut received: BTreeMap<String, usize> = BTreeMap::new();
    for got in office.receiver.got() {
        *received.entry(got.headers["webhook-id"].to_str().unwrap().to_owned()).or_default() += 1;
    }
    // Nobody is left out, and nobody is told what was never written down.
    assert_eq!(received.keys().cloned().collect::<BTreeSet<_>>(), raised);
    received
}

async fn is_all_delivered(office: &Office, dossiers: &[DossierId]) -> bool {
    for dossier in dossiers {
        let state =
            office.service.executor.load::<Notices>(&notice::stream(*dossier)).await.unwrap().state.clone();
        if !state.has_settled() {
            return false;
        }
    }
    true
}

async fn killed_at_any_moment_everybody_is_told_and_knows_what_is_the_same(backend: Backend) {
    let office = Office::new(backend).await;
    let dossiers = overdue(&office, 30).await;
    let settings = office.write(&office.webhooks());
    let settings = settings.to_str().unwrap().to_owned();
    let mut kills = 0;
    loop {
        // After some messages it is killed, while it waits for an answer.
        let before = office.receiver.silences();
        office.receiver.forget_answers();
        if kills < 5 {
            office.receiver.answer((0..3).map(|_| Answer::Status(200)).chain((0..8).map(|_| Answer::Never)));
        }
        let server = Server::start_with(&office.place, &["--notices", &settings]).await;
        wait_until("killed, or done", async || {
            before < office.receiver.silences() || is_all_delivered(&office, &dossiers).await
        })
        .await;
        server.kill().await;
        if before == office.receiver.silences() {
            break;
        }
        kills += 1;
    }
    assert_eq!(kills, 5);
    let received = assert_told_once(&office, &dossiers).await;
    let again: usize = received.values().map(|times| times - 1).sum();
    // At most what was under way when it was killed.
    assert!((kills..=8 * kills).contains(&again), "{again} of {kills} kills");
}

async fn held_up_and_overtaken_no_harm_is_done(backend: Backend) {
    let office = Office::new(backend).await;
    let dossiers = overdue(&office, 20).await;
    let settings = office.write(&office.webhooks());
    let arguments = ["--notices", settings.to_str().unwrap()];
    let under_way = 8;
    office.receiver.answer((0..5).map(|_| Answer::Status(200)).chain((0..under_way).map(|_| Answer::Never)));
    let held_up = Server::start_with(&office.place, &arguments).await;
    wait_until("messages are under way", async || office.receiver.silences() == under_way).await;
    held_up.hold_up(&office.place).await;
    let other = Server::start_with(&office.place, &arguments).await;
    wait_until("the other has told all", async || is_all_delivered(&office, &dossiers).await).await;
    held_up.signal("CONT").await;
    // It finds out that it was overtaken, and that everything is done.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let received = assert_told_once(&office, &dossiers).await;
    assert!(received.values().all(|times| *times <= 2), "{received:?}");
    other.kill().await;
    held_up.kill().await;
}

async fn reminders_are_seen_with_the_dossier_and_from_the_command_line(backend: Backend) {
    let office = Office::new(backend).await;
    let Accepted { dossier_id, code, .. } = office.dossier("a").await;
    office.receiver.answer([Answer::Status(404)]);
    let notifier = office.notifier(&office.webhooks());
    office.at(&notifier, "2026-03-09T09:00").await;
    let query = "query($code: String!) { dossier(code: $code) {
        reminders { occasion dueAt recipient way state attempts failure settledAt } } }";
    office.service.read_side.catch_up().await.unwrap();
    let answer = ask(&office.service, LEADER, query, json!({"code": code})).await;
    let reminder = json!({
        "occasion": "DUE_TODAY", "dueAt": "2026-03-09T17:00:00+07:00", "recipient": id(LAN), "way": "WEBHOOK",
        "state": "GIVEN_UP", "attempts": 1, "failure": "ANSWERED 404", "settledAt": "2026-03-09T09:00:00+07:00",
    });
    assert_eq!(answer["dossier"]["reminders"], json!([reminder]));
    let folder = &office.place.folder;
    let listed = json_of(&motcua(folder, &stored(&office.place, &["notices", "list", "--json"])).await, 0);
    assert_eq!((&listed["waiting"], &listed["givenUp"]), (&json!(0), &json!(1)));
    assert_eq!(listed["notices"][0]["dossierId"], json!(dossier_id));
    let listed = motcua(folder, &stored(&office.place, &["notices", "list"])).await;
    assert!(String::from_utf8(listed.stdout).unwrap().contains("0 wait, 1 were given up"));

    // The example is a file of settings, but for the secrets that it names.
    let example = motcua(folder, &["notices".to_owned(), "example".to_owned()]).await;
    std::fs::write(folder.join("example.toml"), &example.stdout).unwrap();
    for secret in ["mail.password", "sms.secret", "webhook.secret"] {
        std::fs::write(folder.join(secret), "geheim").unwrap();
        std::fs::set_permissions(folder.join(secret), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
    }
    Settings::read(&folder.join("example.toml")).unwrap();
    // What it was meant for is long ago: overdue and escalated by now.
    let path = folder.join("notices.toml").display().to_string();
    let once = ["notices", "run", "--settings", &path, "--once", "--json"];
    let round = json_of(&motcua(folder, &stored(&office.place, &once)).await, 0);
    assert_eq!((&round["raised"], &round["delivered"]), (&json!(1), &json!(1)));
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let folder = crate::support::TempFolder::new();
    let refused = |text: &str| {
        let path = folder.join("notices.toml");
        std::fs::write(&path, text).unwrap();
        Settings::read(&path).expect_err(text).to_string()
    };
    let since = "since = \"2026-01-01\"\n";
    let person = format!("[[person]]\nid = \"{}\"\nagency = \"{AGENCY}\"\n", Uuid::from_u128(1));
    let mail = "[email]\nhost = \"h\"\nport = 25\ntls = \"none\"\nfrom = \"a@b.vn\"\n";
    std::fs::write(folder.join("open"), "geheim").unwrap();
    for (text, reason) in [
        (String::new(), "missing field `since`"),
        ("since = \"soon\"\n".to_owned(), "invalid"),
        (format!("{since}due_soon_workign_days = 2\n"), "unknown field"),
        (format!("{since}due_soon_working_days = 0\n"), "between 1 and 30"),
        (format!("{since}escalate_after_working_days = 31\n"), "between 1 and 30"),
        (format!("{since}[quiet]\nfrom = \"25:00\"\nto = \"07:00\"\n"), "no time"),
        (format!("{since}{person}"), "no way to be told"),
        (format!("{since}{person}sms = \"09\"\n"), "told by SMS, which is not set up"),
        (format!("{since}{person}email = \"a@b.vn\"\n"), "told by EMAIL, which is not set up"),
        (format!("{since}{person}webhook = \"http://h\"\n{person}webhook = \"http://h\"\n"), "there twice"),
        (format!("{since}[[person]]\nid = \"1\"\nagency = \"{AGENCY}\"\n"), "UUID"),
        (format!("{since}{person}webhook = \"http://h\"\n").replace(AGENCY, "H42"), "agency of"),
        (format!("{since}{mail}user = \"u\"\n"), "password_file"),
        (format!("{since}{mail}user = \"u\"\npassword_file = \"open\"\n"), "mode 600"),
        (format!("{since}{mail}user = \"u\"\npassword_file = \"absent\"\n"), "cannot be read"),
        (format!("{since}[sms]\nurl = \"http://h\"\nbody = {{}}\nparts_max = 0\n"), "parts_max"),
    ] {
        let said = refused(&text);
        assert!(said.contains(reason), "{text}\n{said}");
    }
}
