//! What a template is when it is ready to run: names of functions and variables are gone,
//! and every step that can print or fail knows its bytes in the template's text.

use super::At;
use crate::helm::funcs::Builtin;
use crate::helm::value::Value;
use std::rc::Rc;

/// A template, or what a `define` or `block` holds.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    /// How many variables it has, `$` among them.
    pub(crate) slots: usize,
    /// It prints nothing but white space: such a template replaces no other.
    pub(crate) blank: bool,
}

/// One step.
#[derive(Debug)]
pub(crate) enum Step {
    /// Text outside of actions, after trimming.
    Copy(At),
    /// An action that prints what its pipeline gives.
    Print(At, Pipeline),
    /// An action that only sets a variable.
    Keep(Pipeline),
    /// `if` and `with`.
    Choose(Box<Choice>),
    /// `range`.
    Repeat(Box<Loop>),
    /// `template`, and what a `block` leaves where it stands.
    Call(At, Rc<str>, Option<Pipeline>),
    /// `break`.
    Leave,
    /// `continue`.
    Skip,
}

/// One of two ways.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) test: Pipeline,
    /// `with`: the value is the dot of what is chosen.
    pub(crate) enters: bool,
    pub(crate) then: Vec<Step>,
    pub(crate) otherwise: Vec<Step>,
}

/// The same steps for every item. The pipeline's targets are set anew for each.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) over: Pipeline,
    pub(crate) each: Vec<Step>,
    pub(crate) otherwise: Vec<Step>,
}

/// Stages that hand their value to the next, and where the last one's value goes.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) at: At,
    pub(crate) targets: Vec<Target>,
    pub(crate) stages: Vec<Stage>,
}

/// A variable.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// Its number in the program.
    Slot(usize),
    /// It is set or read, but declared nowhere: an error when that is run.
    Undeclared(Rc<str>),
}

/// A function or method with its arguments, or an operand alone.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) head: Operand,
    pub(crate) arguments: Vec<Operand>,
}

/// A root and the names that follow it: `.a.b`, `$x.a`, `(…).a`, `"text"`.
#[derive(Debug)]
pub(crate) struct Operand {
    /// Its first byte.
    pub(crate) start: u32,
    pub(crate) root: Root,
    pub(crate) path: Vec<Rc<str>>,
}

/// Where an operand's value comes from.
#[derive(Debug)]
pub(crate) enum Root {
    Dot,
    Variable(Target),
    Fixed(Value),
    /// The word `nil`.
    Nothing,
    Function(&'static Builtin),
    Group(Box<Pipeline>),
}
