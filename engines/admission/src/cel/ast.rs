//! Expressions as they were written, macros taken apart.

use super::fault::CompileError;
use super::value::Value;
use seawall_model::Str;

/// An expression with its place.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    /// Byte offset into the source.
    pub(crate) at: u32,
    /// How deep it is nested, itself included.
    depth: usize,
}

/// How deep expressions may be nested. Everything that walks an expression recurses, and
/// threads have small stacks.
pub(crate) const DEEPEST: usize = 200;

impl Expr {
    /// An expression, unless it is nested too deep.
    pub(crate) fn new(kind: Kind, at: u32) -> Result<Self, CompileError> {
        let depth = 1 + kind.depth();
        if depth > DEEPEST {
            let message = format!("the expression is nested deeper than {DEEPEST} levels");
            return Err(CompileError::new(at, message));
        }
        Ok(Self { kind, at, depth })
    }
}

impl Kind {
    /// The depth of its deepest part.
    fn depth(&self) -> usize {
        let deepest = |exprs: &[Expr]| exprs.iter().map(|expr| expr.depth).max().unwrap_or(0);
        match self {
            Kind::Literal(_) | Kind::Ident(_) => 0,
            Kind::Select { operand, .. }
            | Kind::Has { operand, .. }
            | Kind::Not(operand)
            | Kind::Negate(operand) => operand.depth,
            Kind::Index { operand, index, .. } => operand.depth.max(index.depth),
            Kind::Call { target, args, .. } => {
                deepest(args).max(target.as_ref().map_or(0, |target| target.depth))
            }
            Kind::List(items) => items.iter().map(|(item, _)| item.depth).max().unwrap_or(0),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, value, _)| key.depth.max(value.depth))
                .max()
                .unwrap_or(0),
            Kind::Binary(_, left, right) => left.depth.max(right.depth),
            Kind::And(all) | Kind::Or(all) => deepest(all),
            Kind::Choice(parts) => parts.0.depth.max(parts.1.depth).max(parts.2.depth),
            Kind::Fold(fold) => {
                let filter = fold.filter.as_ref().map_or(0, |filter| filter.depth);
                fold.range.depth.max(fold.body.depth).max(filter)
            }
            Kind::Bind { value, body, .. } => value.depth.max(body.depth),
        }
    }
}

/// What an expression is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Literal(Value),
    Ident(Str),
    Select {
        operand: Box<Expr>,
        field: Str,
        optional: bool,
    },
    /// `has(operand.field)`.
    Has {
        operand: Box<Expr>,
        field: Str,
    },
    Index {
        operand: Box<Expr>,
        index: Box<Expr>,
        optional: bool,
    },
    Call {
        function: Str,
        target: Option<Box<Expr>>,
        args: Vec<Expr>,
    },
    List(Vec<(Expr, bool)>),
    Map(Vec<(Expr, Expr, bool)>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Choice(Box<(Expr, Expr, Expr)>),
    /// A macro that goes over a list or mapping.
    Fold(Box<Fold>),
    /// `cel.bind(name, value, body)`.
    Bind {
        name: Str,
        value: Box<Expr>,
        body: Box<Expr>,
    },
}

/// A macro that goes over a list or mapping.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    pub(crate) how: How,
    pub(crate) range: Expr,
    pub(crate) first: Str,
    /// The second variable, of the two-variable forms.
    pub(crate) second: Option<Str>,
    pub(crate) filter: Option<Expr>,
    pub(crate) body: Expr,
}

/// What a macro makes of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    All,
    Exists,
    ExistsOne,
    /// `map` and `transformList`.
    List,
    Filter,
    /// `transformMap`.
    Map,
    /// `transformMapEntry`.
    Entries,
    OptMap,
    OptFlatMap,
    SortBy,
}

/// A binary operator that evaluates both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}
