//! What a parsed template is made of. Every node knows its bytes in the template's text.

use crate::helm::funcs::Builtin;
use std::rc::Rc;

/// Bytes of a template's text, end exclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// One step of a template.
#[derive(Debug)]
pub(crate) enum Node {
    /// Text outside actions, after trimming.
    Text(At),
    /// `{{ pipeline }}`.
    Action(At, Pipe),
    /// `{{ if }}`.
    If(Box<Branch>),
    /// `{{ with }}`.
    With(Box<Branch>),
    /// `{{ range }}`.
    Range(Box<Branch>),
    /// `{{ template "name" pipeline }}`, and what a `{{ block }}` leaves behind.
    Template(At, Rc<str>, Option<Pipe>),
    /// `{{ break }}`.
    Break,
    /// `{{ continue }}`.
    Continue,
}

/// `if`, `with` or `range`.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

/// `$x := a | b | c`.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) at: At,
    pub(crate) assign: bool,
    pub(crate) decl: Vec<Rc<str>>,
    pub(crate) commands: Vec<Command>,
}

/// A function with its arguments, or a bare operand.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) args: Vec<Expr>,
}

/// An operand and where it stands.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) at: At,
    pub(crate) kind: ExprKind,
}

/// What an operand is.
#[derive(Debug)]
pub(crate) enum ExprKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    /// `.a.b`
    Field(Vec<Rc<str>>),
    /// `$x.a.b`
    Variable(Rc<str>, Vec<Rc<str>>),
    Function(&'static Builtin),
    /// `( … )`
    Pipe(Box<Pipe>),
    /// `( … ).a.b`
    Chain(Box<Expr>, Vec<Rc<str>>),
}

/// Whether the engine takes the body for empty: nothing but white space.
pub(crate) fn is_empty(nodes: &[Node], text: &str) -> bool {
    nodes.iter().all(|node| match node {
        Node::Text(at) => super::cut(text, *at).trim().is_empty(),
        _ => false,
    })
}
