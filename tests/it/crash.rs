//! The real binary under load, killed with -9 and started again on the same store. What it acknowledged is there, once;
//! what it did not acknowledge is sent again and done once; and the log can be checked by anybody.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use api::graphql::PositionText;
use domain::decider::StoredEvent;
use domain::dossier;
use domain::identity::{CommandId, DossierId};
use domain::recorded::Version;
use infrastructure::clock::Clock;
use infrastructure::event_store::StoredRow;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::http::Client;
use crate::support::office::{
    AGENCY, CITIZEN, INTAKE, LAN, LEADER, OTHER_AGENCY, PROCEDURE, caller, codes, established, key, open,
};
use crate::support::{Backend, Choices, Place, Server, assert_sound, is_long, on_each_backend, whole_log};

on_each_backend!(
    nothing_acknowledged_is_lost_when_the_server_is_killed,
    a_code_given_before_a_crash_is_used_after_it,
    a_command_under_way_when_the_server_is_killed_is_done_once,
);

const CLIENTS: usize = 6;
const KILLS: usize = 25;
const KILLS_LONG: usize = 200;

/// A command as a client keeps it until it has an answer: sent again, it is the same to the byte.
#[derive(Clone, Debug)]
struct Command {
    operation: &'static str,
    token: &'static str,
    key: Uuid,
    input: Value,
    /// What the applicant's name must open to, for a command that enters a dossier.
    name: Option<String>,
}

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    dossier: DossierId,
    version: i64,
    position: i64,
}

impl Command {
    fn enter(online: bool, key: Uuid, agency: &str) -> Self {
        let name = format!("MẪU Người nộp {key}");
        let submit = json!({
            "idempotencyKey": key,
            "procedure": PROCEDURE,
            "receivingAgency": agency,
            "applicant": {"kind": "CITIZEN", "name": name, "phone": "0900000000"},
            "subject": format!("Xin xác nhận {key}"),
        });
        let name = Some(name);
        match online {
            true => Self { operation: "submitDossier", token: CITIZEN, key, input: submit, name },
            false => {
                let input = json!({"submit": submit, "channel": "COUNTER"});
                Self { operation: "registerDossier", token: INTAKE, key, input, name }
            }
        }
    }

    /// The next step of a dossier that is at a version, or none after the last.
    fn next(key: Uuid, dossier: &Known, says_version: bool) -> Option<Self> {
        let expected = says_version.then_some(dossier.version);
        let on = json!({"idempotencyKey": key, "dossierId": dossier.id.0, "expectedVersion": expected});
        let assignee = |token| caller(token).principal.id.0;
        let (operation, token, input) = match dossier.steps_done {
            0 => ("receiveDossier", INTAKE, json!({"on": on})),
            1 => ("forwardDossier", LEADER, json!({"on": on, "assignee": assignee(LAN)})),
            2 => ("completeStep", LAN, json!({"on": on, "step": "THU_LY", "note": "đã xem"})),
            3 => ("forwardDossier", LEADER, json!({"on": on, "assignee": assignee(LEADER)})),
            4 => ("finishProcessing", LEADER, json!({"on": on, "outcome": "GRANTED"})),
            5 => ("returnResult", INTAKE, json!({"on": on, "method": "COUNTER"})),
            _ => return None,
        };
        Some(Self { operation, token, key, input, name: None })
    }

    fn id(&self) -> CommandId {
        CommandId::derive(caller(self.token).principal.id, self.operation, self.key)
    }

    /// How many events it writes.
    fn events(&self) -> usize {
        if self.operation == "registerDossier" { 2 } else { 1 }
    }

    /// Sends it. An error says nothing about whether it was done; a refusal is a defect of the test or of the server.
    async fn send(&self, client: &mut Client) -> std::io::Result<Answer> {
        let kind = format!("{}{}", self.operation[..1].to_uppercase(), &self.operation[1..]);
        let document = format!(
            "mutation($input: {kind}Input!) {{ answer: {}(input: $input) {{
                dossierId version position problems {{ code message }} }} }}",
            self.operation
        );
        let answered = client.graphql(self.token, &document, &self.input).await?;
        let answer = &answered["data"]["answer"];
        if answered.get("errors").is_some() {
            return Err(std::io::Error::other(answered.to_string()));
        }
        assert_eq!(answer["problems"], json!([]), "{self:?}: {answered}");
        let position = answer["position"].as_str().and_then(PositionText::decode);
        Ok(Answer {
            dossier: answer["dossierId"].as_str().unwrap().parse().unwrap(),
            version: answer["version"].as_i64().unwrap(),
            position: position.unwrap_or_else(|| panic!("{answered}")).0.0,
        })
    }
}

/// A dossier as its client knows it.
struct Known {
    id: DossierId,
    version: i64,
    steps_done: u32,
}

/// One of several clients, each with dossiers of its own.
struct Worker {
    name: usize,
    choices: Choices,
    sent: u64,
    dossiers: Vec<Known>,
    /// Sent, and not answered yet.
    pending: Option<Command>,
    acknowledged: Vec<(Command, Answer)>,
    /// Sent, not answered, and given up.
    abandoned: Vec<Command>,
}

impl Worker {
    fn new(name: usize, choices: Choices) -> Self {
        Self {
            name,
            choices,
            sent: 0,
            dossiers: Vec::new(),
            pending: None,
            acknowledged: Vec::new(),
            abandoned: Vec::new(),
        }
    }

    /// Works until the server is gone.
    async fn work(mut self, address: String) -> Self {
        let Ok(mut client) = Client::connect(&address).await else { return self };
        if self.choices.below(4) == 0 {
            self.give_up();
        }
        loop {
            let command = match self.pending.take() {
                Some(again) => again,
                None => self.think(),
            };
            match command.send(&mut client).await {
                Ok(answer) => self.note(command, answer),
                Err(_) => {
                    self.pending = Some(command);
                    return self;
                }
            }
        }
    }

    /// Sends again what has no answer.
    async fn settle(&mut self, address: &str) {
        if let Some(command) = self.pending.take() {
            let mut client = Client::connect(address).await.unwrap();
            let answer = command.send(&mut client).await.unwrap();
            self.note(command, answer);
        }
    }

    /// Some never come back. Only with a new dossier: its steps go on from what its client knows.
    fn give_up(&mut self) {
        if let Some(command) = self.pending.take_if(|pending| pending.name.is_some()) {
            self.abandoned.push(command);
        }
    }

    fn think(&mut self) -> Command {
        self.sent += 1;
        let key = key(&format!("client {}: {}", self.name, self.sent));
        if 4 <= self.dossiers.len() || (!self.dossiers.is_empty() && self.choices.below(3) != 0) {
            let end = u64::try_from(self.dossiers.len()).unwrap();
            let at = usize::try_from(self.choices.below(end)).unwrap();
            let says_version = self.choices.below(2) == 0;
            if let Some(command) = Command::next(key, &self.dossiers[at], says_version) {
                return command;
            }
            self.dossiers.swap_remove(at);
        }
        let online = self.choices.below(2) == 0;
        // Staff of one agency take in for that agency only.
        let agency = if online { *self.choices.pick(&[AGENCY, AGENCY, OTHER_AGENCY]) } else { AGENCY };
        Command::enter(online, key, agency)
    }

    fn note(&mut self, command: Command, answer: Answer) {
        if command.name.is_some() {
            let steps_done = u32::from(command.operation == "registerDossier");
            // The people who act are of one agency.
            let is_elsewhere = command.input["receivingAgency"] == json!(OTHER_AGENCY);
            if !is_elsewhere {
                self.dossiers.push(Known { id: answer.dossier, version: answer.version, steps_done });
            }
        } else if let Some(known) = self.dossiers.iter_mut().find(|known| known.id == answer.dossier) {
            known.version = answer.version;
            known.steps_done += 1;
        }
        self.acknowledged.push((command, answer));
    }
}

async fn nothing_acknowledged_is_lost_when_the_server_is_killed(backend: Backend) {
    let kills = if is_long() { KILLS_LONG } else { KILLS };
    let place = Place::with_keys(backend).await;
    drop(established(&place, Clock::System).await);
    let mut choices = Choices::seeded("kills");
    let mut workers: Vec<_> = (0..CLIENTS).map(|name| Worker::new(name, choices.fork())).collect();
    let mut starts = Vec::new();
    let mut unanswered = 0;
    for _ in 0..kills {
        let server = Server::start(&place).await;
        starts.push(server.started_in);
        let working: Vec<_> =
            workers.into_iter().map(|worker| tokio::spawn(worker.work(server.address.clone()))).collect();
        tokio::time::sleep(Duration::from_millis(choices.below(400))).await;
        server.kill().await;
        workers = Vec::new();
        for worker in working {
            workers.push(worker.await.unwrap());
        }
        unanswered += workers.iter().filter(|worker| worker.pending.is_some()).count();
    }

    let server = Server::start(&place).await;
    for worker in &mut workers {
        worker.settle(&server.address).await;
    }
    let acknowledged: Vec<_> = workers.iter().flat_map(|worker| &worker.acknowledged).cloned().collect();
    let abandoned: Vec<_> = workers.iter().flat_map(|worker| &worker.abandoned).cloned().collect();
    let service = open(&place, Clock::System).await;
    let before = whole_log(service.store()).await;
    answers_are_the_same(&server.address, &acknowledged).await;
    server.kill().await;
    let rows = whole_log(service.store()).await;
    assert_eq!(rows, before, "a repeat wrote something");
    assert_sound(&rows);
    done_once(&rows, &acknowledged, &abandoned);
    let codes = codes(&rows);
    // A number without a dossier is one that was given to a client who gave up.
    let given_up: HashSet<_> = abandoned.iter().map(|command| command.id().dossier()).collect();
    let gaps: Vec<_> = codes.unused.iter().filter(|(_, dossier)| !given_up.contains(dossier)).collect();
    assert!(gaps.is_empty(), "numbers of nobody: {gaps:?}");
    names_open(&service, &rows, &acknowledged).await;

    starts.sort();
    let (median, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    eprintln!(
        "{backend:?}: {kills} kills, {} commands acknowledged, {unanswered} sent again, {} given up, {} events, {} codes \
         without a dossier; started in {median:?} (at most {slowest:?})",
        acknowledged.len(),
        abandoned.len(),
        rows.len(),
        codes.unused.len(),
    );
    assert!(kills < acknowledged.len(), "the clients got nowhere");
    assert!(median < Duration::from_secs(2), "a restart took {median:?}");
}

/// A key that was answered once is answered the same for ever.
async fn answers_are_the_same(address: &str, acknowledged: &[(Command, Answer)]) {
    let mut client = Client::connect(address).await.unwrap();
    for (command, answer) in acknowledged {
        assert_eq!(command.send(&mut client).await.unwrap(), *answer, "{command:?}");
    }
}

/// Every acknowledged command is in the log once and where its answer says; a command that was given up is there once or
/// not at all; and there is nothing else.
fn done_once(rows: &[StoredRow], acknowledged: &[(Command, Answer)], abandoned: &[Command]) {
    let mut by_command: HashMap<CommandId, Vec<&StoredRow>> = HashMap::new();
    for row in rows.iter().filter(|row| row.stream.starts_with("dossier-")) {
        by_command.entry(row.decode_metadata().unwrap().command).or_default().push(row);
    }
    for (command, answer) in acknowledged {
        let own = by_command.remove(&command.id()).unwrap_or_else(|| panic!("lost: {command:?}, {answer:?}"));
        assert_eq!(own.len(), command.events(), "{command:?}");
        let last = own[own.len() - 1];
        let found = Answer { dossier: answer.dossier, version: last.version, position: last.position };
        assert_eq!((found, &last.stream), (answer.clone(), &dossier::stream(answer.dossier)), "{command:?}");
        let first = command.id().append().event(0).0;
        assert_eq!(own[0].event_id, first, "{command:?}");
    }
    for command in abandoned {
        let own = by_command.remove(&command.id()).map_or(0, |own| own.len());
        assert!(own == 0 || own == command.events(), "half of {command:?}");
    }
    assert!(by_command.is_empty(), "nobody asked for {by_command:?}");
}

/// What was sealed before any of the crashes opens after all of them.
async fn names_open(service: &api::service::Service, rows: &[StoredRow], acknowledged: &[(Command, Answer)]) {
    let mut submitted: HashMap<&str, &StoredRow> = HashMap::new();
    submitted.extend(rows.iter().filter(|row| row.version == 1).map(|row| (row.stream.as_str(), row)));
    for (command, answer) in acknowledged {
        let Some(name) = &command.name else { continue };
        let row = submitted[dossier::stream(answer.dossier).as_str()];
        let mut opened = Vec::new();
        let mut event: dossier::Event = row.decode_as().unwrap();
        let mut tokens = Vec::new();
        event.each_private(&mut |_, _, value| tokens.push(value.token().unwrap().clone()));
        for token in tokens {
            let secret = service.executor.keys.open_value(&token, &row.stream, &row.type_name).await.unwrap();
            opened.push(secret.expose().to_owned());
        }
        let subject = format!("Xin xác nhận {}", command.key);
        assert_eq!(opened, [name.as_str(), "0900000000", &subject], "{command:?}");
    }
}

/// The moment between giving a number and using it, on purpose: the log takes no dossier, and then the server is killed.
async fn a_code_given_before_a_crash_is_used_after_it(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, Clock::System).await;
    let commands: Vec<_> = ["one", "two", "three", "four"]
        .into_iter()
        .enumerate()
        .map(|(n, name)| Command::enter(n % 2 == 0, key(name), AGENCY))
        .collect();
    let [one, two, three, four] = commands.as_slice() else { unreachable!() };
    place.refuse_insert("NEW.type LIKE 'dossier.%'", "P0001").await;
    let server = Server::start(&place).await;
    let mut client = Client::connect(&server.address).await.unwrap();
    for command in [one, two, three] {
        let error = command.send(&mut client).await.unwrap_err();
        assert!(error.to_string().contains("INTERNAL"), "{error}");
    }
    server.kill().await;
    place.allow_insert().await;
    let given = codes(&whole_log(service.store()).await);
    assert_eq!((given.used.len(), given.unused.len()), (0, 3));

    let server = Server::start(&place).await;
    let mut client = Client::connect(&server.address).await.unwrap();
    let mut acknowledged = Vec::new();
    // The second never comes back.
    for command in [four, three, one] {
        acknowledged.push((command.clone(), command.send(&mut client).await.unwrap()));
    }
    answers_are_the_same(&server.address, &acknowledged).await;
    server.kill().await;
    let rows = whole_log(service.store()).await;
    assert_sound(&rows);
    done_once(&rows, &acknowledged, &[]);
    names_open(&service, &rows, &acknowledged).await;
    let codes = codes(&rows);
    let number = |command: &Command| codes.used[&command.id().dossier()][21..].to_owned();
    assert_eq!([one, three, four].map(number), ["0001", "0003", "0004"]);
    let unused: Vec<_> = codes.unused.iter().map(|(code, dossier)| (&code[21..], *dossier)).collect();
    assert_eq!(unused, [("0002", two.id().dossier())], "the one gap, and whose it is");
}

/// The server dies while the log is being written, and nobody can say which came first.
async fn a_command_under_way_when_the_server_is_killed_is_done_once(backend: Backend) {
    let place = Place::with_keys(backend).await;
    let service = established(&place, Clock::System).await;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let command = Command::enter(true, key(&format!("round {round}")), AGENCY);
        let server = Server::start(&place).await;
        let mut client = Client::connect(&server.address).await.unwrap();
        let lock = place.lock_log().await;
        let waiting = tokio::time::timeout(Duration::from_millis(300), command.send(&mut client)).await;
        assert!(waiting.is_err(), "answered while the log was locked");
        if round == 0 {
            server.kill().await;
            lock.release().await;
        } else {
            // The write and the kill at the same moment.
            tokio::join!(lock.release(), server.kill());
        }
        let server = Server::start(&place).await;
        let mut client = Client::connect(&server.address).await.unwrap();
        let answer = command.send(&mut client).await.unwrap();
        acknowledged.push((command, answer));
        answers_are_the_same(&server.address, &acknowledged).await;
        server.kill().await;
    }
    let rows = whole_log(service.store()).await;
    assert_sound(&rows);
    done_once(&rows, &acknowledged, &[]);
    assert_eq!(codes(&rows).unused.len(), 0);
    let version = service.store().read_stream(&dossier::stream(acknowledged[0].1.dossier), Version(0)).await;
    assert_eq!(version.unwrap().len(), 1);
}
