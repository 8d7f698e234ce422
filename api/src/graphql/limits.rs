//! What a document may ask for. Everything here is decided before a resolver runs: first from the text alone, so that
//! nothing is parsed that could not be, then from the parsed document, then from what the schema says it costs.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Positioned, ServerError, ValidationResult};

/// Bytes of a document. The introspection of GraphiQL has 2,000.
const BYTES_MAX: usize = 64 * 1024;
const TOKENS_MAX: usize = 4_000;
/// Brackets within brackets: whoever parses goes down a level for each.
const NESTING_MAX: usize = 64;
/// Another name for a field is another execution of it.
const ALIASES_MAX: usize = 40;
const DIRECTIVES_MAX: usize = 60;
/// Fields within fields. The introspection of GraphiQL is the deepest: 15, for types within lists within lists.
const DEPTH_MAX: usize = 16;
/// Fields, with those of a list as often as the list may be long.
const COST_MAX: usize = 4_000;

/// Why a document is not executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    #[error("the document has {bytes} bytes; at most {BYTES_MAX}")]
    Bytes { bytes: usize },
    #[error("the document has more than {TOKENS_MAX} tokens")]
    Tokens,
    #[error("the document nests brackets more than {NESTING_MAX} deep")]
    Nesting,
    #[error("the document has {aliases} aliases; at most {ALIASES_MAX}")]
    Aliases { aliases: usize },
    #[error("the document has {directives} directives; at most {DIRECTIVES_MAX}")]
    Directives { directives: usize },
    #[error("the document is {depth} fields deep; at most {DEPTH_MAX}")]
    Depth { depth: usize },
    #[error("the document costs {cost}; at most {COST_MAX}: ask for fewer rows or fields")]
    Cost { cost: usize },
}

impl TooMuch {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bytes { .. } => "DOCUMENT_TOO_LONG",
            Self::Tokens => "TOO_MANY_TOKENS",
            Self::Nesting => "NESTED_TOO_DEEP",
            Self::Aliases { .. } => "TOO_MANY_ALIASES",
            Self::Directives { .. } => "TOO_MANY_DIRECTIVES",
            Self::Depth { .. } => "QUERY_TOO_DEEP",
            Self::Cost { .. } => "QUERY_TOO_COMPLEX",
        }
    }

    /// As an answer tells it.
    pub fn into_error(self) -> ServerError {
        let mut error = ServerError::new(self.to_string(), None);
        error.extensions.get_or_insert_default().set("code", self.code());
        error
    }
}

/// The document and what was counted, unless it is none or asks for more than a document may.
pub fn parse(text: &str) -> Result<(ExecutableDocument, Counted), ServerError> {
    check_text(text).map_err(TooMuch::into_error)?;
    let document = parse_query(text).map_err(|error| {
        let mut error: ServerError = error.into();
        error.extensions.get_or_insert_default().set("code", "GRAPHQL_PARSE_FAILED");
        error
    })?;
    let counted = Counted::of(&document).map_err(TooMuch::into_error)?;
    Ok((document, counted))
}

/// Looks at the text only. What is no GraphQL passes: the parser says what is wrong with it.
pub fn check_text(document: &str) -> Result<(), TooMuch> {
    let bytes = document.len();
    if BYTES_MAX < bytes {
        return Err(TooMuch::Bytes { bytes });
    }
    measure(document, TOKENS_MAX, NESTING_MAX).map(|_| ())
}

/// Tokens, and how deep brackets nest: never less than whoever parses the text meets. A number counts as its parts.
fn measure(document: &str, tokens_max: usize, nesting_max: usize) -> Result<(usize, usize), TooMuch> {
    let (mut tokens, mut nesting, mut deepest) = (0_usize, 0_usize, 0_usize);
    let mut rest = document.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(BYTE_ORDER_MARK) {
            rest = after;
            continue;
        }
        rest = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                rest = after;
                continue;
            }
            b'#' => {
                rest = skip(after, |byte| byte != b'\n' && byte != b'\r');
                continue;
            }
            b'"' => after_string(rest),
            b'{' | b'[' | b'(' => {
                nesting += 1;
                deepest = deepest.max(nesting);
                after
            }
            b'}' | b']' | b')' => {
                nesting = nesting.saturating_sub(1);
                after
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                skip(after, |byte| byte == b'_' || byte.is_ascii_alphanumeric())
            }
            // Nothing has to stand between numbers: `00` is two, `1-1` as well.
            b'1'..=b'9' => skip(after, |byte| byte.is_ascii_digit()),
            _ => after,
        };
        tokens += 1;
        if tokens_max < tokens {
            return Err(TooMuch::Tokens);
        }
        if nesting_max < nesting {
            return Err(TooMuch::Nesting);
        }
    }
    Ok((tokens, deepest))
}

/// Blank, wherever it stands.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn skip(bytes: &[u8], is_skipped: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !is_skipped(*byte)).unwrap_or(bytes.len());
    &bytes[end..]
}

/// What follows a string, or a block string, that begins here. A block string that does not end is none: to whoever parses it
/// is an empty string, and what follows that.
fn after_string(bytes: &[u8]) -> &[u8] {
    if let Some(block) = bytes.strip_prefix(b"\"\"\"") {
        let mut rest = block;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b"\\\"\"\"") {
                rest = after;
            } else if let Some(after) = rest.strip_prefix(b"\"\"\"") {
                return after;
            } else {
                rest = &rest[1..];
            }
        }
        return &bytes[2..];
    }
    let mut rest = &bytes[1..];
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => rest = after.get(1..).unwrap_or_default(),
            b'"' | b'\n' => break,
            _ => {}
        }
    }
    rest
}

/// What a document has of what is counted, in all its operations and fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    aliases: usize,
    directives: usize,
    /// It asks for the schema itself.
    pub asks_for_schema: bool,
}

impl Counted {
    pub fn of(document: &ExecutableDocument) -> Result<Self, TooMuch> {
        let mut counted = Self::default();
        for (_, operation) in document.operations.iter() {
            counted.directives(&operation.node.directives);
            counted.selections(&operation.node.selection_set.node);
        }
        for fragment in document.fragments.values() {
            counted.directives(&fragment.node.directives);
            counted.selections(&fragment.node.selection_set.node);
        }
        let Self { aliases, directives, .. } = counted;
        if ALIASES_MAX < aliases {
            return Err(TooMuch::Aliases { aliases });
        }
        if DIRECTIVES_MAX < directives {
            return Err(TooMuch::Directives { directives });
        }
        Ok(counted)
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) {
        self.directives += directives.len();
    }

    /// No deeper than brackets may nest.
    fn selections(&mut self, set: &SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let Field { alias, name, directives, selection_set, .. } = &field.node;
                    self.aliases += usize::from(alias.is_some());
                    self.asks_for_schema |= matches!(name.node.as_str(), "__schema" | "__type");
                    self.directives(directives);
                    self.selections(&selection_set.node);
                }
                Selection::FragmentSpread(spread) => self.directives(&spread.node.directives),
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives);
                    self.selections(&fragment.node.selection_set.node);
                }
            }
        }
    }
}

/// The operation that a request means, if it means one.
pub fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a Positioned<OperationDefinition>> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(operation),
        (DocumentOperations::Single(_), Some(_)) => None,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => None,
    }
}

/// A subscription has one root field, unconditionally (spec §5.2.3.1); here not in a fragment either, which the library
/// would pass over.
pub fn has_one_field(operation: &OperationDefinition) -> bool {
    match operation.selection_set.node.items.as_slice() {
        [Positioned { node: Selection::Field(field), .. }] => field.node.directives.is_empty(),
        _ => false,
    }
}

/// Compares what the schema says a document costs with what it may cost.
pub struct Limits;

impl ExtensionFactory for Limits {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Limits)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Limits {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let validated = next.run(ctx).await?;
        let ValidationResult { depth, complexity: cost, .. } = validated;
        if DEPTH_MAX < depth {
            return Err(vec![TooMuch::Depth { depth }.into_error()]);
        }
        if COST_MAX < cost {
            return Err(vec![TooMuch::Cost { cost }.into_error()]);
        }
        Ok(validated)
    }
}
