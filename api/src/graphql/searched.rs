//! Pages of a list that is searched: rows that are not the caller's are passed over, a search ends after so many of them, and
//! the next one goes on from there. So a page may be short, or empty, and not be the last.

use std::borrow::Cow;

use async_graphql::connection::{
    ConnectionNameType, CursorType, DefaultConnectionName, Edge, EmptyFields, OpaqueCursor, PageInfo,
};
use async_graphql::{Object, OutputType, TypeName};
use uuid::Uuid;

type Cursor = OpaqueCursor<(i64, Uuid)>;

/// A connection as the library's, but for where the page ends.
pub struct SearchedPage<Node: OutputType> {
    edges: Vec<Edge<Cursor, Node, EmptyFields>>,
    has_previous_page: bool,
    next: Option<Cursor>,
}

impl<Node: OutputType> SearchedPage<Node> {
    /// Rows with their places, after a place; more may lie after the next.
    pub fn new(
        rows: impl IntoIterator<Item = ((i64, Uuid), Node)>,
        after: Option<(i64, Uuid)>,
        next: Option<(i64, Uuid)>,
    ) -> Self {
        let edge = |(place, node)| Edge::new(OpaqueCursor(place), node);
        let edges = rows.into_iter().map(edge).collect();
        Self { edges, has_previous_page: after.is_some(), next: next.map(OpaqueCursor) }
    }
}

#[Object(name_type)]
impl<Node: OutputType> SearchedPage<Node> {
    async fn page_info(&self) -> PageInfo {
        let cursor = |edge: &Edge<Cursor, Node, EmptyFields>| edge.cursor.encode_cursor();
        PageInfo {
            has_previous_page: self.has_previous_page,
            has_next_page: self.next.is_some(),
            start_cursor: self.edges.first().map(cursor),
            end_cursor: match &self.next {
                Some(next) => Some(next.encode_cursor()),
                None => self.edges.last().map(cursor),
            },
        }
    }

    async fn edges(&self) -> &[Edge<Cursor, Node, EmptyFields>] {
        &self.edges
    }

    async fn nodes(&self) -> Vec<&Node> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }
}

impl<Node: OutputType> TypeName for SearchedPage<Node> {
    fn type_name() -> Cow<'static, str> {
        DefaultConnectionName::type_name::<Node>().into()
    }
}
