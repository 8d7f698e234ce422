//! Permission groups, accounts and grants: who may do what, and who could.

use api::input::{
    AccountKind, DefinePermissionGroupInput, EstablishAgencyInput, Function as FunctionInput, GrantInput,
    GrantOver, IssueMachineKeyInput, LockAccountInput, LockReason, OpenAccountInput, PlaceInput,
    RevokeGrantInput, RevokeMachineKeyInput, SetPasswordInput, UnlockAccountInput,
};
use api::problem::{Problem, ServiceError};
use api::service::{Caller, Service};
use domain::access::{Function, Scope};
use domain::identity::{AgencyId, PrincipalId};
use infrastructure::clock::Clock;
use serde_json::{Value, json};

use crate::read_models::told_anew_they_say_the_same;
use crate::support::office::{
    ADMIN, AGENCY, CITIZEN, LAN, OTHER_AGENCY, ask, caller, established, key, registered,
};
use crate::support::{Backend, Place, instant, on_each_backend, whole_log};

on_each_backend!(
    an_account_may_do_what_it_is_granted_and_where,
    who_could_do_it_on_that_day_is_told,
    nobody_grants_to_themselves_or_beyond_what_they_manage,
    nobody_takes_over_who_reaches_beyond_what_they_manage,
    what_is_signed_in_with_is_changed_on_the_record,
    what_makes_no_sense_is_refused,
    who_has_the_place_of_an_agency_has_its_dossiers_in_scope,
);

/// Below the agency.
const WARD: &str = "000.00.18.H42";

fn name(input: &str) -> String {
    format!("MẪU {input}")
}

pub(crate) fn account(login: &str, agency: &str) -> OpenAccountInput {
    OpenAccountInput {
        idempotency_key: key(&format!("open {login}")),
        kind: AccountKind::Person,
        login: Some(login.to_owned()),
        issuer: None,
        subject: None,
        name: name(login),
        place: PlaceInput {
            agency: agency.to_owned(),
            unit: None,
            position_title: Some("Chuyên viên".to_owned()),
        },
    }
}

pub(crate) fn group(code: &str, functions: &[FunctionInput]) -> DefinePermissionGroupInput {
    DefinePermissionGroupInput {
        idempotency_key: key(&format!("define {code} {functions:?}")),
        expected_version: None,
        code: code.to_owned(),
        name: name(code),
        functions: functions.to_vec(),
    }
}

pub(crate) fn granting(
    account: PrincipalId,
    group: &str,
    over: GrantOver,
    agency: Option<&str>,
) -> GrantInput {
    GrantInput {
        idempotency_key: key(&format!("grant {account} {group} {over:?} {agency:?}")),
        account_id: account.0,
        group: group.to_owned(),
        over,
        agency: agency.map(str::to_owned),
        from: None,
        until: None,
    }
}

async fn office(place: &Place, clock: &Clock) -> Service {
    let service = established(place, clock.clone()).await;
    let mut ward = EstablishAgencyInput::new(key(WARD), WARD, "UBND phường");
    ward.parent = Some(AGENCY.to_owned());
    service.establish_agency(&caller(ADMIN), &ward).await.unwrap();
    service.read_side.catch_up().await.unwrap();
    service
}

fn clock() -> Clock {
    Clock::fixed(instant("2026-03-02T09:00:00+07:00"))
}

fn agency(code: &str) -> AgencyId {
    AgencyId::of(&domain::codes::AgencyCode::parse(code).unwrap())
}

async fn opened(service: &Service, login: &str, at: &str) -> PrincipalId {
    let done = service.open_account(&caller(ADMIN), &account(login, at)).await.unwrap();
    service.read_side.catch_up().await.unwrap();
    done.account
}

async fn acting(service: &Service, id: PrincipalId) -> Caller {
    let principal = service.principal(id).await.unwrap().unwrap();
    Caller { principal, ..caller(ADMIN) }
}

fn code_of<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> &'static str {
    match outcome.unwrap_err() {
        ServiceError::Problem(problem) => problem.code(),
        ServiceError::Failure(failure) => panic!("{failure:?}"),
    }
}

async fn an_account_may_do_what_it_is_granted_and_where(backend: Backend) {
    let place = Place::new(backend).await;
    let clock = clock();
    let service = office(&place, &clock).await;
    let admin = caller(ADMIN);
    service
        .define_permission_group(
            &admin,
            &group("MOT_CUA", &[FunctionInput::Intake, FunctionInput::ReadDossiers]),
        )
        .await
        .unwrap();
    service.define_permission_group(&admin, &group("DUYET", &[FunctionInput::Approve])).await.unwrap();
    let id = opened(&service, "lan.nguyen", AGENCY).await;
    let before = service.principal(id).await.unwrap().unwrap();
    assert_eq!(before.powers.iter().count(), 0, "nothing is allowed before something is granted");

    let over_all = granting(id, "MOT_CUA", GrantOver::Subtree, Some(AGENCY));
    let granted = service.grant(&admin, &over_all).await.unwrap();
    let mut for_a_week = granting(id, "DUYET", GrantOver::Agency, Some(OTHER_AGENCY));
    for_a_week.until = "2026-03-06".parse().ok();
    service.grant(&admin, &for_a_week).await.unwrap();
    let again = service.grant(&admin, &over_all).await.unwrap();
    assert_eq!(again, granted, "a repeat gets the same answer");

    let principal = service.principal(id).await.unwrap().unwrap();
    assert_eq!(principal.acting_as.agency, agency(AGENCY));
    for (function, of, may) in [
        (Function::Intake, AGENCY, true),
        (Function::Intake, WARD, true),
        (Function::Intake, OTHER_AGENCY, false),
        (Function::Approve, OTHER_AGENCY, true),
        (Function::Approve, AGENCY, false),
        (Function::Process, AGENCY, false),
    ] {
        assert_eq!(principal.may(function, [agency(of)]), may, "{function:?} {of}");
    }
    // They see what their function covers, and no more.
    let dossier = registered(&service, "one").await;
    service.read_side.catch_up().await.unwrap();
    let lan = acting(&service, id).await;
    assert!(service.dossier_by_id(&lan, dossier.dossier_id).await.unwrap().is_some());
    clock.set(instant("2026-03-07T00:00:00+07:00"));
    let principal = service.principal(id).await.unwrap().unwrap();
    assert!(!principal.has(Function::Approve) && principal.has(Function::Intake), "the week is over");

    let lock =
        LockAccountInput { idempotency_key: key("lock"), account_id: id.0, reason: LockReason::Suspected };
    service.lock_account(&admin, &lock).await.unwrap();
    assert_eq!(service.principal(id).await.unwrap(), None, "a locked account is nobody");
    let all = "{ accounts { nodes { login name agency { code } positionTitle locked
        grants { over agency { code } from until revokedAt } } } permissionGroups { code functions retired } }";
    service.read_side.catch_up().await.unwrap();
    let seen = ask(&service, ADMIN, all, json!({})).await;
    assert_eq!(
        seen["accounts"]["nodes"],
        json!([{
            "login": "lan.nguyen", "name": "MẪU lan.nguyen", "agency": {"code": AGENCY},
            "positionTitle": "Chuyên viên", "locked": "SUSPECTED",
            "grants": [
                {"over": "SUBTREE", "agency": {"code": AGENCY}, "from": "2026-03-02", "until": null, "revokedAt": null},
                {"over": "AGENCY", "agency": {"code": OTHER_AGENCY}, "from": "2026-03-02", "until": "2026-03-06",
                 "revokedAt": null},
            ],
        }])
    );
    assert_eq!(
        seen["permissionGroups"],
        json!([
            {"code": "DUYET", "functions": ["APPROVE"], "retired": false},
            {"code": "MOT_CUA", "functions": ["INTAKE", "READ_DOSSIERS"], "retired": false},
        ])
    );
}

const COULD: &str = "query Q($function: Function!, $agency: String, $at: DateTime) {
    accessAsOf(function: $function, agency: $agency, at: $at) {
        accountId agency { code } group { code functions } over overAgency { code } } }";

async fn who_could_do_it_on_that_day_is_told(backend: Backend) {
    let place = Place::new(backend).await;
    let clock = clock();
    let service = office(&place, &clock).await;
    let admin = caller(ADMIN);
    let define = async |functions: &[FunctionInput]| {
        service.define_permission_group(&admin, &group("MOT_CUA", functions)).await.unwrap();
    };
    define(&[FunctionInput::Intake]).await;
    let (lan, minh) = (opened(&service, "lan", AGENCY).await, opened(&service, "minh", WARD).await);
    let over_ward = granting(minh, "MOT_CUA", GrantOver::Agency, Some(WARD));
    let granted = service.grant(&admin, &over_ward).await.unwrap();
    clock.set(instant("2026-03-03T09:00:00+07:00"));
    service.grant(&admin, &granting(lan, "MOT_CUA", GrantOver::Subtree, Some(AGENCY))).await.unwrap();
    clock.set(instant("2026-03-04T09:00:00+07:00"));
    define(&[FunctionInput::Intake, FunctionInput::Approve]).await;
    clock.set(instant("2026-03-05T09:00:00+07:00"));
    let revoke = RevokeGrantInput {
        idempotency_key: key("revoke"),
        account_id: minh.0,
        grant_id: granted.grant.unwrap().0,
    };
    service.revoke_grant(&admin, &revoke).await.unwrap();
    service.read_side.catch_up().await.unwrap();

    let could = async |function: &str, agency: Option<&str>, at: &str| -> Vec<Value> {
        let at = format!("2026-03-{at}:00+07:00");
        let variables = json!({"function": function, "agency": agency, "at": at});
        let read = ask(&service, ADMIN, COULD, variables).await["accessAsOf"].clone();
        let read = read.as_array().unwrap().clone();
        let mut ids: Vec<Value> = read.into_iter().map(|entry| entry["accountId"].clone()).collect();
        ids.sort_by_key(ToString::to_string);
        ids
    };
    let (lan, minh) = (json!(lan.0), json!(minh.0));
    let mut both = [lan.clone(), minh.clone()];
    both.sort_by_key(ToString::to_string);
    assert_eq!(could("INTAKE", Some(WARD), "02T08:59").await, [json!(null); 0]);
    assert_eq!(could("INTAKE", Some(WARD), "02T12:00").await, std::slice::from_ref(&minh));
    assert_eq!(could("INTAKE", Some(WARD), "03T12:00").await, both);
    assert_eq!(could("INTAKE", Some(AGENCY), "03T12:00").await, std::slice::from_ref(&lan));
    assert_eq!(could("INTAKE", Some(OTHER_AGENCY), "03T12:00").await, [json!(null); 0]);
    assert_eq!(could("APPROVE", None, "03T12:00").await, [json!(null); 0], "the group did not allow it yet");
    assert_eq!(could("APPROVE", None, "04T12:00").await, both);
    assert_eq!(could("INTAKE", Some(WARD), "05T12:00").await, [lan]);
    let variables = json!({"function": "INTAKE", "agency": WARD, "at": "2026-03-02T12:00:00+07:00"});
    assert_eq!(
        ask(&service, "dev:auditor:kiem-tra@000.00.16.H42", COULD, variables).await["accessAsOf"][0],
        json!({
            "accountId": granted.account.0, "agency": {"code": WARD}, "over": "AGENCY", "overAgency": {"code": WARD},
            // As it was then.
            "group": {"code": "MOT_CUA", "functions": ["INTAKE"]},
        })
    );
    let tables = ["account_directory", "permission_group_directory"];
    told_anew_they_say_the_same(&service.read_side, &tables).await;
}

async fn nobody_grants_to_themselves_or_beyond_what_they_manage(backend: Backend) {
    let place = Place::new(backend).await;
    let service = office(&place, &clock()).await;
    let admin = caller(ADMIN);
    for (code, functions) in [
        ("QUAN_TRI", &[FunctionInput::ManageAccess, FunctionInput::Audit][..]),
        ("MOT_CUA", &[FunctionInput::Intake]),
    ] {
        service.define_permission_group(&admin, &group(code, functions)).await.unwrap();
    }
    let head = opened(&service, "truong", AGENCY).await;
    let (of_ward, of_other) =
        (opened(&service, "cua-phuong", WARD).await, opened(&service, "cua-so", OTHER_AGENCY).await);
    service.grant(&admin, &granting(head, "QUAN_TRI", GrantOver::Subtree, Some(AGENCY))).await.unwrap();
    let manager = acting(&service, head).await;

    let within = granting(of_ward, "MOT_CUA", GrantOver::Agency, Some(WARD));
    service.grant(&manager, &within).await.unwrap();
    let ward = service.principal(of_ward).await.unwrap().unwrap();
    assert_eq!(ward.powers.of(Function::Intake), Some(&Scope::of(agency(WARD))));
    for (input, code) in [
        (granting(head, "MOT_CUA", GrantOver::Agency, Some(AGENCY)), "OWN_ACCOUNT"),
        (granting(of_other, "MOT_CUA", GrantOver::Agency, Some(WARD)), "NOT_FOUND"),
        (granting(of_ward, "MOT_CUA", GrantOver::Agency, Some(OTHER_AGENCY)), "GRANT_TOO_WIDE"),
        (granting(of_ward, "MOT_CUA", GrantOver::Province, None), "GRANT_TOO_WIDE"),
        // What lets somebody grant on.
        (granting(of_ward, "QUAN_TRI", GrantOver::Agency, Some(WARD)), "GRANT_TOO_WIDE"),
    ] {
        assert_eq!(code_of(service.grant(&manager, &input).await), code, "{input:?}");
    }
    assert_eq!(code_of(service.open_account(&manager, &account("la", OTHER_AGENCY)).await), "BAD_USER_INPUT");
    assert_eq!(code_of(service.open_account(&manager, &account("khac", OTHER_AGENCY)).await), "NOT_FOUND");
    let wider = group("MOT_CUA", &[FunctionInput::Intake, FunctionInput::Administer]);
    assert_eq!(code_of(service.define_permission_group(&manager, &wider).await), "GRANT_TOO_WIDE");
    // Of other agencies' accounts they see nothing.
    let (seen, _) = service.accounts(&manager, None, 100).await.unwrap();
    let mut seen: Vec<_> = seen.into_iter().map(|(row, _)| row.login.unwrap()).collect();
    seen.sort();
    assert_eq!(seen, ["cua-phuong", "truong"]);
    // Who does not manage access changes and sees nothing of it.
    for nobody in [caller(LAN), caller(CITIZEN)] {
        assert_eq!(code_of(service.grant(&nobody, &within).await), "NO_FUNCTION");
        assert_eq!(code_of(service.open_account(&nobody, &account("moi", AGENCY)).await), "NO_FUNCTION");
        assert_eq!(code_of(service.accounts(&nobody, None, 10).await), "NO_FUNCTION");
        assert_eq!(code_of(service.access_as_of(&nobody, Function::Intake, None, None).await), "NO_FUNCTION");
    }
}

/// What changes an account, asked by a caller of one account: what each was answered, by the name of what was asked.
async fn changed_by(
    service: &Service,
    by: &Caller,
    account: PrincipalId,
    grant: domain::identity::GrantId,
    machine_key: &str,
) -> Vec<(&'static str, Option<&'static str>)> {
    fn code<T>(outcome: Result<T, ServiceError>) -> Option<&'static str> {
        match outcome {
            Ok(_) => None,
            Err(ServiceError::Problem(problem)) => Some(problem.code()),
            Err(ServiceError::Failure(failure)) => panic!("{failure:?}"),
        }
    }
    let account_id = account.0;
    let named = |what: &str| key(&format!("{what} {account} {}", by.principal.id));
    let lock = LockAccountInput { idempotency_key: named("lock"), account_id, reason: LockReason::Suspected };
    let password =
        SetPasswordInput { account_id, password: "Mat-khau-dau-1".to_owned(), without_second_factor: true };
    let issue = IssueMachineKeyInput {
        idempotency_key: None,
        account_id,
        until: "2026-03-31".parse().unwrap(),
        functions: None,
    };
    let revoke_key = RevokeMachineKeyInput { account_id, key_id: machine_key.to_owned() };
    let revoke = RevokeGrantInput { idempotency_key: named("revoke"), account_id, grant_id: grant.0 };
    let unlock = UnlockAccountInput { idempotency_key: named("unlock"), account_id };
    vec![
        ("setPassword", code(service.set_password(by, password).await)),
        ("issueMachineKey", code(service.issue_machine_key(by, &issue).await)),
        ("revokeMachineKey", code(service.revoke_machine_key(by, &revoke_key).await)),
        ("lockAccount", code(service.lock_account(by, &lock).await)),
        ("unlockAccount", code(service.unlock_account(by, &unlock).await)),
        ("revokeGrant", code(service.revoke_grant(by, &revoke).await)),
    ]
}

/// Whoever gives somebody a password can sign in as them.
async fn nobody_takes_over_who_reaches_beyond_what_they_manage(backend: Backend) {
    let place = Place::new(backend).await;
    let service = office(&place, &clock()).await;
    let admin = caller(ADMIN);
    for (code, functions) in [
        ("QUAN_LY", &[FunctionInput::ManageAccess][..]),
        ("QUAN_TRI", &[FunctionInput::ManageAccess, FunctionInput::Administer]),
        ("MOT_CUA", &[FunctionInput::Intake]),
    ] {
        service.define_permission_group(&admin, &group(code, functions)).await.unwrap();
    }
    let head = opened(&service, "truong", AGENCY).await;
    service.grant(&admin, &granting(head, "QUAN_LY", GrantOver::Subtree, Some(AGENCY))).await.unwrap();
    let manager = acting(&service, head).await;
    let machine = async |login: &str, at: &str| {
        let input = OpenAccountInput { kind: AccountKind::Machine, ..account(login, at) };
        service.open_account(&admin, &input).await.unwrap().account
    };
    // A machine, so that everything can be asked of it; and each works where the manager manages.
    let in_a_week = |mut input: GrantInput| {
        input.from = "2026-03-09".parse().ok();
        input
    };
    let mut wide = Vec::new();
    for (login, grant) in [
        ("tinh", |id| granting(id, "QUAN_TRI", GrantOver::Province, None)),
        ("so-khac", |id| granting(id, "MOT_CUA", GrantOver::Agency, Some(OTHER_AGENCY))),
        ("quan-ly-khac", |id| granting(id, "QUAN_LY", GrantOver::Agency, Some(WARD))),
    ] as [(&str, fn(PrincipalId) -> GrantInput); 3]
    {
        let id = machine(login, AGENCY).await;
        wide.push((id, service.grant(&admin, &grant(id)).await.unwrap().grant.unwrap()));
    }
    let later = machine("sau-nay", WARD).await;
    let from_then = in_a_week(granting(later, "QUAN_TRI", GrantOver::Province, None));
    wide.push((later, service.grant(&admin, &from_then).await.unwrap().grant.unwrap()));
    for (id, grant) in wide {
        let issue = IssueMachineKeyInput {
            idempotency_key: None,
            account_id: id.0,
            until: "2026-03-31".parse().unwrap(),
            functions: None,
        };
        let (machine_key, whole, _) = service.issue_machine_key(&admin, &issue).await.unwrap();
        let before = service.executor.load::<domain::account::Account>(&domain::account::stream(id)).await;
        let version = before.unwrap().version;
        for (what, code) in changed_by(&service, &manager, id, grant, &machine_key).await {
            assert_eq!(code, Some("GRANT_TOO_WIDE"), "{what}");
        }
        let after = service.executor.load::<domain::account::Account>(&domain::account::stream(id)).await;
        assert_eq!(after.unwrap().version, version, "nothing was written");
        let look = infrastructure::keys::credentials::Look::Again;
        assert!(service.executor.keys.show_machine_key(whole.expose(), look).await.unwrap().is_some());
        // Whoever manages the province does all of it, in the same order.
        for (what, code) in changed_by(&service, &admin, id, grant, &machine_key).await {
            assert_eq!(code, None, "{what}");
        }
    }
    // What lies within is the manager's, also where it once reached further.
    let id = machine("trong-so", WARD).await;
    let mut is_over = granting(id, "QUAN_TRI", GrantOver::Province, None);
    is_over.from = "2026-02-02".parse().ok();
    is_over.until = "2026-03-01".parse().ok();
    service.grant(&admin, &is_over).await.unwrap();
    let revoked =
        service.grant(&admin, &granting(id, "QUAN_LY", GrantOver::Agency, Some(WARD))).await.unwrap();
    let revoke = RevokeGrantInput {
        idempotency_key: key("revoke"),
        account_id: id.0,
        grant_id: revoked.grant.unwrap().0,
    };
    service.revoke_grant(&admin, &revoke).await.unwrap();
    let grant =
        service.grant(&manager, &granting(id, "MOT_CUA", GrantOver::Agency, Some(WARD))).await.unwrap();
    let issue = IssueMachineKeyInput {
        idempotency_key: None,
        account_id: id.0,
        until: "2026-03-31".parse().unwrap(),
        functions: None,
    };
    let (machine_key, ..) = service.issue_machine_key(&manager, &issue).await.unwrap();
    for (what, code) in changed_by(&service, &manager, id, grant.grant.unwrap(), &machine_key).await {
        assert_eq!(code, None, "{what}");
    }
    // What they have granted somebody who reaches further they take back, and nothing else of theirs.
    let id = machine("hai-noi", AGENCY).await;
    service.grant(&admin, &granting(id, "MOT_CUA", GrantOver::Agency, Some(OTHER_AGENCY))).await.unwrap();
    let own = service.grant(&manager, &granting(id, "MOT_CUA", GrantOver::Agency, Some(WARD))).await.unwrap();
    let revoke = RevokeGrantInput {
        idempotency_key: key("revoke own"),
        account_id: id.0,
        grant_id: own.grant.unwrap().0,
    };
    service.revoke_grant(&manager, &revoke).await.unwrap();
}

async fn what_is_signed_in_with_is_changed_on_the_record(backend: Backend) {
    let place = Place::new(backend).await;
    let service = office(&place, &clock()).await;
    let admin = caller(ADMIN);
    let input = OpenAccountInput { kind: AccountKind::Machine, ..account("may", AGENCY) };
    let id = service.open_account(&admin, &input).await.unwrap().account;
    let set = |password: &str| SetPasswordInput {
        account_id: id.0,
        password: password.to_owned(),
        without_second_factor: true,
    };
    service.set_password(&admin, set("Mat-khau-dau-1")).await.unwrap();
    let own = acting(&service, id).await;
    let secret = service.set_second_factor(&own).await.unwrap().unwrap();
    service.change_password(&own, domain::private::Secret::new("Cua-rieng-toi-2")).await.unwrap();
    service.set_password(&admin, set("Mat-khau-khac-3")).await.unwrap();
    let issue = IssueMachineKeyInput {
        idempotency_key: None,
        account_id: id.0,
        until: "2026-03-31".parse().unwrap(),
        functions: Some(vec![FunctionInput::ReadDossiers]),
    };
    let (machine_key, whole, _) = service.issue_machine_key(&admin, &issue).await.unwrap();
    let revoke = RevokeMachineKeyInput { account_id: id.0, key_id: machine_key.clone() };
    service.revoke_machine_key(&admin, &revoke).await.unwrap();
    assert_eq!(code_of(service.revoke_machine_key(&admin, &revoke).await), "NOT_FOUND", "it is revoked");
    // What cannot be written down is not done.
    place.refuse_insert("NEW.type LIKE 'account.%'", "23514").await;
    let refused = service.set_password(&admin, set("Mat-khau-la-4")).await;
    assert!(matches!(refused, Err(ServiceError::Failure(_))), "{refused:?}");
    assert!(service.issue_machine_key(&admin, &issue).await.is_err());
    place.allow_insert().await;
    let keys = service.machine_keys(id).await.unwrap();
    assert_eq!(keys.iter().map(|key| &key.key_id).collect::<Vec<_>>(), [&machine_key]);
    let policy = infrastructure::keys::credentials::CredentialPolicy::default();
    for (password, is_right) in [("Mat-khau-la-4", false), ("Mat-khau-khac-3", true)] {
        let typed = domain::private::Secret::new(password);
        let shown = service.executor.keys.show_password(id, typed, None, &policy).await.unwrap();
        let is_kept = matches!(shown, infrastructure::keys::credentials::Shown::MustChange);
        assert_eq!(is_kept, is_right, "{password}");
    }

    service.read_side.catch_up().await.unwrap();
    const HISTORY: &str = "{ accounts { nodes { history { eventType occurredAt actor machineKeyId } } } }";
    let themselves = id.0;
    let manager = admin.principal.id.0;
    let expected: Vec<Value> = [
        ("opened", manager, None),
        ("password_set", manager, None),
        ("second_factor_set", themselves, None),
        ("password_set", themselves, None),
        ("password_set", manager, None),
        ("second_factor_removed", manager, None),
        ("machine_key_issued", manager, Some(&machine_key)),
        ("machine_key_revoked", manager, Some(&machine_key)),
    ]
    .into_iter()
    .map(|(what, actor, machine_key)| {
        json!({
            "eventType": format!("account.{what}.v1"), "occurredAt": "2026-03-02T09:00:00+07:00", "actor": actor,
            "machineKeyId": machine_key,
        })
    })
    .collect();
    // For who manages it, and for who audits.
    for token in [ADMIN, "dev:auditor:kiem-tra@000.00.16.H42"] {
        let seen = ask(&service, token, HISTORY, json!({})).await;
        assert_eq!(seen["accounts"]["nodes"][0]["history"], json!(expected), "{token}");
    }
    let log: String = whole_log(service.store()).await.iter().map(|row| row.data.clone()).collect();
    for secret in ["Mat-khau", "Cua-rieng-toi-2", secret.expose(), whole.expose().split_once('.').unwrap().1]
    {
        assert!(!log.contains(secret));
    }
}

async fn what_makes_no_sense_is_refused(backend: Backend) {
    let place = Place::new(backend).await;
    let service = office(&place, &clock()).await;
    let admin = caller(ADMIN);
    service.define_permission_group(&admin, &group("MOT_CUA", &[FunctionInput::Intake])).await.unwrap();
    let id = opened(&service, "lan", AGENCY).await;
    let opening = |change: fn(&mut OpenAccountInput)| {
        let mut input = account("moi.moi", AGENCY);
        change(&mut input);
        input
    };
    for (input, code) in [
        (opening(|input| input.login = Some("Lan Nguyễn".to_owned())), "BAD_USER_INPUT"),
        (opening(|input| input.login = None), "BAD_USER_INPUT"),
        (opening(|input| input.issuer = Some("https://dang-nhap.test".to_owned())), "BAD_USER_INPUT"),
        (opening(|input| input.name = "  ".to_owned()), "BAD_USER_INPUT"),
        (opening(|input| input.place.agency = "000.00.99.H42".to_owned()), "NOT_FOUND"),
        (opening(|input| input.place.unit = Some("có dấu cách".to_owned())), "BAD_USER_INPUT"),
        (opening(|input| input.login = Some("lan".to_owned())), "ACCOUNT_ALREADY_OPENED"),
    ] {
        assert_eq!(code_of(service.open_account(&admin, &input).await), code, "{input:?}");
    }
    let grant = |change: fn(&mut GrantInput)| {
        let mut input = granting(id, "MOT_CUA", GrantOver::Agency, Some(AGENCY));
        change(&mut input);
        input
    };
    for (input, code) in [
        (grant(|input| input.group = "KHONG_CO".to_owned()), "NOT_FOUND"),
        (grant(|input| input.group = "có dấu cách".to_owned()), "BAD_USER_INPUT"),
        (grant(|input| input.agency = None), "BAD_USER_INPUT"),
        (grant(|input| input.over = GrantOver::Province), "BAD_USER_INPUT"),
        (grant(|input| input.until = "2026-03-01".parse().ok()), "GRANT_ENDS_BEFORE_IT_BEGINS"),
        (grant(|input| input.account_id = key("nobody")), "NOT_FOUND"),
    ] {
        assert_eq!(code_of(service.grant(&admin, &input).await), code, "{input:?}");
    }
    let nothing = group("MOT_CUA", &[]);
    let refused = service.define_permission_group(&admin, &nothing).await.unwrap_err();
    assert!(matches!(
        refused,
        ServiceError::Problem(Problem::Refused { code: "PERMISSION_GROUP_ALLOWS_NOTHING", .. })
    ));
    // The same key for something else.
    let mut other = grant(|_| {});
    service.grant(&admin, &other).await.unwrap();
    other.until = "2026-12-31".parse().ok();
    assert_eq!(code_of(service.grant(&admin, &other).await), "IDEMPOTENCY_KEY_REUSED");
    // What is said of a person is not in the log.
    let rows = whole_log(service.store()).await;
    let text: String =
        rows.iter().map(|row| format!("{} {} {}\n", row.type_name, row.data, row.metadata)).collect();
    assert!(text.contains("account.opened.v1") && !text.contains("MẪU lan"), "names are sealed");
}

async fn who_has_the_place_of_an_agency_has_its_dossiers_in_scope(backend: Backend) {
    let place = Place::new(backend).await;
    let clock = clock();
    let service = office(&place, &clock).await;
    let admin = caller(ADMIN);
    service.define_permission_group(&admin, &group("XEM", &[FunctionInput::ReadDossiers])).await.unwrap();
    let id = opened(&service, "so-moi", OTHER_AGENCY).await;
    service.grant(&admin, &granting(id, "XEM", GrantOver::Agency, Some(OTHER_AGENCY))).await.unwrap();
    let scope = async || {
        let principal = service.principal(id).await.unwrap().unwrap();
        principal.powers.of(Function::ReadDossiers).cloned().unwrap()
    };
    assert_eq!(scope().await, Scope::of(agency(OTHER_AGENCY)));
    let succeed = api::input::SucceedAgencyInput {
        on: api::input::OnAgency {
            idempotency_key: key("succeed"),
            expected_version: None,
            agency: WARD.to_owned(),
            from: "2026-03-10".parse().unwrap(),
            decision: Some(api::input::DecisionInput {
                reference: "01/NQ-HĐND".to_owned(),
                decided_on: None,
            }),
        },
        by: vec![api::input::SuccessorInput { agency: OTHER_AGENCY.to_owned(), fields: None }],
    };
    service.succeed_agency(&admin, &succeed).await.unwrap();
    service.read_side.catch_up().await.unwrap();
    assert_eq!(scope().await, Scope::of(agency(OTHER_AGENCY)), "not before the day");
    clock.set(instant("2026-03-10T00:00:00+07:00"));
    let both = [agency(OTHER_AGENCY), agency(WARD)].into_iter().collect();
    assert_eq!(scope().await, Scope::Agencies(std::sync::Arc::new(both)));
}
