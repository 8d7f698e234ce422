//! `dev:<group>:<name>[/<unit>]@<agency code>`: a token that says by itself who one is and what one may do. It proves nothing,
//! so the server takes it only when it is started for development. Real authentication replaces it.

use domain::access::{ActingAs, Function, Powers, Principal, Scope};
use domain::codes::{AgencyCode, UnitCode};
use domain::identity::{AgencyId, NAMESPACE, PrincipalId};
use uuid::Uuid;

/// Groups and what they may do.
const GROUPS: &[(&str, &[Function], bool)] = &[
    ("citizen", &[Function::File], false),
    (
        "intake",
        &[Function::File, Function::Intake, Function::ReadDossiers, Function::ReadPersonalData],
        false,
    ),
    ("officer", &[Function::Process, Function::ReadDossiers, Function::ReadPersonalData], false),
    ("leader", &[Function::Process, Function::Assign, Function::Approve, Function::ReadDossiers], false),
    // On duty at night: sees dossiers masked, and may break the glass.
    ("duty", &[Function::ReadDossiers, Function::BreakGlass], false),
    ("auditor", &[Function::ReadDossiers, Function::Audit], true),
    ("integrator", &[Function::ReadDossiers, Function::AdHocQueries], true),
    ("relay", &[Function::ReadDossiers, Function::Synchronise], true),
    (
        "admin",
        &[
            Function::File,
            Function::Intake,
            Function::Process,
            Function::Assign,
            Function::Approve,
            Function::ReadDossiers,
            Function::ReadPersonalData,
            Function::Administer,
            Function::ManageAccess,
            Function::Audit,
            Function::AdHocQueries,
        ],
        true,
    ),
];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    #[error("a development token has the form dev:<group>:<name>[/<unit>]@<agency code>")]
    Shape,
    #[error(
        "there is no such group; groups are citizen, intake, officer, leader, duty, auditor, integrator, relay, admin"
    )]
    Group,
    #[error("the agency code is not valid")]
    Agency,
    #[error("the unit is not valid")]
    Unit,
}

/// The principal that a token names.
pub fn parse(token: &str) -> Result<Principal, InvalidToken> {
    let rest = token.strip_prefix("dev:").ok_or(InvalidToken::Shape)?;
    let (group, rest) = rest.split_once(':').ok_or(InvalidToken::Shape)?;
    let (name, agency) = rest.rsplit_once('@').ok_or(InvalidToken::Shape)?;
    let (name, unit) = name.split_once('/').map_or((name, None), |(name, unit)| (name, Some(unit)));
    if name.is_empty() {
        return Err(InvalidToken::Shape);
    }
    let unit = unit.map(UnitCode::parse).transpose().map_err(|_| InvalidToken::Unit)?;
    let (_, functions, province) =
        GROUPS.iter().find(|(known, _, _)| *known == group).ok_or(InvalidToken::Group)?;
    let agency = AgencyId::of(&AgencyCode::parse(agency).map_err(|_| InvalidToken::Agency)?);
    Ok(Principal {
        id: principal_id(name),
        acting_as: ActingAs {
            agency,
            unit: unit.map(|unit| unit.to_string()),
            position_title: Some(group.to_owned()),
        },
        powers: Powers::over(functions, &if *province { Scope::Province } else { Scope::of(agency) }),
    })
}

/// The id of the person that a token names.
pub fn principal_id(name: &str) -> PrincipalId {
    PrincipalId(Uuid::new_v5(&NAMESPACE, format!("development principal:{name}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_a_principal_and_what_it_acts_as() {
        let officer = parse("dev:officer:lan@000.00.16.H42").unwrap();
        assert!(officer.has(Function::Process) && !officer.has(Function::Approve));
        assert_eq!(officer.powers.of(Function::Process), Some(&Scope::of(officer.acting_as.agency)));
        assert_eq!(officer.id, parse("dev:leader:lan@000.00.16.H42").unwrap().id);
        let of_unit = parse("dev:officer:lan/PHONG_1@000.00.16.H42").unwrap();
        assert_eq!((of_unit.id, of_unit.acting_as.unit.as_deref()), (officer.id, Some("PHONG_1")));
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parse("Bearer x"), Err(InvalidToken::Shape));
        assert_eq!(parse("dev:officer:@000.00.16.H42"), Err(InvalidToken::Shape));
        assert_eq!(parse("dev:king:lan@000.00.16.H42"), Err(InvalidToken::Group));
        assert_eq!(parse("dev:officer:lan@nowhere"), Err(InvalidToken::Agency));
        assert_eq!(parse("dev:officer:lan/@000.00.16.H42"), Err(InvalidToken::Unit));
        assert_eq!(parse("dev:officer:/PHONG_1@000.00.16.H42"), Err(InvalidToken::Shape));
    }
}
