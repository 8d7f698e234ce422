//! What the marks mean: the structure that a screen reader walks through.

use std::num::NonZeroU16;

use krilla::tagging::{Identifier, Node, TableHeaderScope, Tag, TagGroup, TagKind};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    Paragraph,
    /// The title of the paper; there is one.
    Title(String),
    /// A picture, with what it says.
    Figure(String),
    Table,
    Caption,
    HeadRows,
    BodyRows,
    Row,
    ColumnHeader,
    Cell,
}

impl Role {
    fn tag(&self) -> TagKind {
        match self {
            Self::Paragraph => Tag::P.into(),
            Self::Title(title) => Tag::Hn(NonZeroU16::MIN, Some(title.clone())).into(),
            Self::Figure(alternative) => Tag::Figure(Some(alternative.clone())).into(),
            Self::Table => Tag::Table.into(),
            Self::Caption => Tag::Caption.into(),
            Self::HeadRows => Tag::THead.into(),
            Self::BodyRows => Tag::TBody.into(),
            Self::Row => Tag::TR.into(),
            Self::ColumnHeader => Tag::TH(TableHeaderScope::Column).into(),
            Self::Cell => Tag::TD.into(),
        }
    }
}

/// A thing on the paper, above its children in reading order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element {
    pub(super) role: Role,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<Child>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Child {
    Element(usize),
    Mark { page: usize, index: usize },
}

/// The nodes of the elements without a parent.
pub(super) fn nodes(elements: &[Element], identifiers: &[Vec<Option<Identifier>>]) -> Vec<Node> {
    let roots = elements.iter().filter(|element| element.parent.is_none());
    roots.map(|element| node(elements, identifiers, element)).collect()
}

fn node(elements: &[Element], identifiers: &[Vec<Option<Identifier>>], element: &Element) -> Node {
    let mut group = TagGroup::new(element.role.tag());
    for child in &element.children {
        match *child {
            Child::Element(index) => {
                if let Some(element) = elements.get(index) {
                    group.push(node(elements, identifiers, element));
                }
            }
            Child::Mark { page, index } => {
                let identifier = identifiers.get(page).and_then(|page| page.get(index));
                if let Some(identifier) = identifier.copied().flatten() {
                    group.push(identifier);
                }
            }
        }
    }
    group.into()
}
