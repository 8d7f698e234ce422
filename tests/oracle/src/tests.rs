use std::cell::RefCell;
use std::collections::BTreeMap;

use domain::access::Function;
use domain::dossier::Act;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::cedar::{Cedar, Law, POLICIES};
use crate::ours::{Domain, Ours};
use crate::world::{World, worlds};

/// Worlds; each is asked some fifty questions.
const CASES: u32 = 6_000;
/// In so many worlds a mistake shows.
const CASES_OF_A_MISTAKE: u32 = 3_000;

/// How often something was denied, and how often it was allowed.
type Tally = BTreeMap<String, [u32; 2]>;

/// What both say to every question: ours first.
fn answers(law: &Law, domain: Domain, world: &World) -> Vec<(String, bool, bool)> {
    let (ours, cedar) = (Ours::of(world, domain), Cedar::of(law, world));
    let knows = ("knows of it".to_owned(), ours.knows(), cedar.knows());
    let functions = Function::ALL
        .iter()
        .map(|function| (format!("has {}", function.name()), ours.has(*function), cedar.has(*function)));
    let acts = Act::ALL.iter().map(|act| (format!("may {}", act.name()), ours.may(*act), cedar.may(*act)));
    [knows].into_iter().chain(functions).chain(acts).collect()
}

#[test]
fn what_is_allowed_is_what_the_documents_say() {
    let law = Law::read(POLICIES);
    let tally: RefCell<Tally> = RefCell::default();
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&worlds(), |world| {
        for (question, ours, cedar) in answers(&law, Domain::AsItIs, &world) {
            tally.borrow_mut().entry(question.clone()).or_default()[usize::from(cedar)] += 1;
            if ours != cedar {
                let reason = format!("{question}: ours says {ours}, the documents say {cedar}");
                return Err(TestCaseError::fail(reason));
            }
        }
        Ok(())
    });
    let tally = tally.into_inner();
    for (question, [denied, allowed]) in &tally {
        println!("{question}: allowed {allowed} times, denied {denied} times");
    }
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(tally.len(), 1 + Function::ALL.len() + Act::ALL.len());
    for (question, [denied, allowed]) in tally {
        assert!(0 < denied && 0 < allowed, "{question} is not really asked");
    }
}

/// Whether the two differ in some world.
fn is_noticed(law: &Law, domain: Domain) -> bool {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..CASES_OF_A_MISTAKE).any(|_| {
        let world = worlds().new_tree(&mut runner).unwrap().current();
        answers(law, domain, &world).iter().any(|(_, ours, cedar)| ours != cedar)
    })
}

#[test]
fn a_mistake_of_the_domain_is_noticed() {
    let law = Law::read(POLICIES);
    for domain in [
        Domain::WithoutTheTree,
        Domain::WithoutSuccession,
        Domain::AnHourLate,
        Domain::WithGroupsAsAtFirst,
        Domain::WithoutRelations,
        Domain::WithOneScopeForAll,
        Domain::WithEveryFunctionAReasonToKnow,
        Domain::WithoutFiling,
        Domain::WithABlindCounter,
        Domain::WithDelegatesForEver,
        Domain::WithDelegatesAsApplicants,
    ] {
        assert!(is_noticed(&law, domain), "{domain:?}");
    }
}

/// Each condition of the policies taken away, or turned round.
#[test]
fn a_mistake_of_the_policies_is_noticed() {
    for (there, instead) in [
        (
            "resource.since <= context.now && (if resource has revoked then context.now < resource.revoked else true)",
            "resource.since <= context.now",
        ),
        ("context.today <= resource.last_day", "context.today < resource.last_day"),
        ("resource.first_day <= context.today &&", "resource.first_day < context.today &&"),
        ("(if context.said has until then context.now < context.said.until else true)", "true"),
        (
            "(if resource has until then context.now < resource.until else true)",
            "(if resource has until then context.now <= resource.until else true)",
        ),
        ("&& principal.is_locked }", "&& !principal.is_locked }"),
        ("@function(\"any\")", "@function(\"READ_DOSSIERS\")"),
        ("@but(\"FILE AD_HOC_QUERIES\")", "@but(\"FILE\")"),
        ("@but(\"FILE AD_HOC_QUERIES\")", "@but(\"AD_HOC_QUERIES\")"),
        (
            "@id(\"knows of their own\")\n@function(\"FILE\")",
            "@id(\"knows of their own\")\n@function(\"any\")",
        ),
        ("@id(\"acts on their own\")\n@function(\"FILE\")", "@id(\"acts on their own\")\n@function(\"any\")"),
        ("resource has applicant && resource.applicant == principal", "resource has applicant"),
        ("resource has delegate && resource.delegate == principal", "resource has delegate"),
        ("Action::\"ATTACH_PAPER\",\n        Action::\"COLLECT\"", "Action::\"ATTACH_PAPER\""),
        (
            "@function(\"INTAKE\")\npermit (principal == ?principal, action in Action::\"FUNCTION/INTAKE\"",
            "@function(\"INTAKE\")\npermit (principal == ?principal, action in [Action::\"FUNCTION/INTAKE\", Action::\"COLLECT\"]",
        ),
        (
            "when { resource has applicant && resource.applicant == principal };",
            "when {\n    (resource has applicant && resource.applicant == principal) ||\n    (resource has delegate && resource.delegate == principal)\n};",
        ),
        (
            "action == Action::\"FUNCTION/FILE\", resource)",
            "action == Action::\"FUNCTION/FILE\", resource in ?resource)",
        ),
        (
            "action == Action::\"FUNCTION/AD_HOC_QUERIES\", resource)",
            "action == Action::\"FUNCTION/AD_HOC_QUERIES\", resource in ?resource)",
        ),
        ("@function(\"AUDIT\")", "@function(\"MANAGE_ACCESS\")"),
        ("(if resource has assignee then resource.assignee == principal else true)", "true"),
        (
            "permit (principal == ?principal, action in Action::\"FUNCTION/APPROVE\", resource in ?resource)\nwhen { resource has holder && resource.holder == principal.agency }",
            "permit (principal == ?principal, action in Action::\"FUNCTION/APPROVE\", resource in ?resource)\nwhen { resource has holder }",
        ),
        ("(if resource has sending then resource.sending == principal else true)", "true"),
        ("resource has transit && resource.transit == principal.agency", "resource has transit"),
        ("resource.consulted.contains(principal.agency)", "true"),
        ("@function(\"PROCESS ASSIGN\")", "@function(\"PROCESS\")"),
        (
            "@over(\"province\")\npermit (principal == ?principal, action in Action::\"FUNCTION/ASSIGN\"",
            "permit (principal == ?principal, action in Action::\"FUNCTION/ASSIGN\"",
        ),
    ] {
        let changed = POLICIES.replacen(there, instead, 1);
        assert!(changed != POLICIES, "{there} is not in the policies");
        assert!(is_noticed(&Law::read(&changed), Domain::AsItIs), "{there}: {instead}");
    }
}
