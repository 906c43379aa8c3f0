//! Runs templates: Go's `text/template/exec.go` with Helm's options, on values that know
//! where they come from.

use super::ast::{At, Branch, Command, Expr, ExprKind, Node, Pipe};
use crate::helm::error::{Fail, Result};
use crate::helm::funcs::Args;
use crate::helm::places::Places;
use crate::helm::value::text::{How, Origin, Out, Text};
use crate::helm::value::{Data, Value};
use crate::helm::{limits, value::convert};
use std::collections::HashMap;
use std::rc::Rc;

/// The text that a template was read from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) text: Text,
}

/// A named template.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) source: Rc<Source>,
    pub(crate) body: Rc<Vec<Node>>,
}

/// Templates by name. `tpl` defines into a scope of its own on top of the chart's.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) templates: HashMap<Rc<str>, Template>,
    pub(crate) outer: Option<Rc<Scope>>,
}

impl Scope {
    pub(crate) fn find(&self, name: &str) -> Option<Template> {
        let mut scope = self;
        loop {
            if let Some(template) = scope.templates.get(name) {
                return Some(template.clone());
            }
            scope = scope.outer.as_deref()?;
        }
    }

    /// Adds a template as Go does: an empty body does not replace one that is not.
    pub(crate) fn define(&mut self, name: Rc<str>, template: Template) {
        let empty = super::ast::is_empty(&template.body, template.source.text.as_str());
        if empty && self.find(&name).is_some() {
            return;
        }
        self.templates.insert(name, template);
    }
}

/// What a rendering has used up and holds.
pub(crate) struct Engine<'a> {
    pub(crate) places: &'a mut Places,
    pub(crate) scope: Rc<Scope>,
    pub(crate) includes: HashMap<Rc<str>, u32>,
    pub(crate) budget: limits::Budget,
    pub(crate) regexes: HashMap<Rc<str>, std::result::Result<regex::Regex, String>>,
}

/// How a body ended.
#[derive(PartialEq, Eq, Clone, Copy)]
pub(super) enum Flow {
    Normal,
    Break,
    Continue,
}

/// One template at work.
pub(super) struct Frame {
    pub(super) source: Rc<Source>,
    pub(super) vars: Vec<(Rc<str>, Value)>,
    out: Out,
    /// The key that decided the body we are in.
    pub(super) around: u32,
}

impl Engine<'_> {
    /// Runs a named template and gives its text.
    pub(crate) fn render(&mut self, name: &str, dot: &Value) -> Result<Text> {
        let Some(template) = self.scope.find(name) else {
            return Err(Fail::new(format!(
                "template: no template {name:?} associated with template \"gotpl\""
            )));
        };
        self.run(&template, dot, Out::default(), 0).map(Out::finish)
    }

    /// Runs a template that appends to `out`.
    pub(crate) fn run(
        &mut self,
        template: &Template,
        dot: &Value,
        out: Out,
        around: u32,
    ) -> Result<Out> {
        self.budget.stack()?;
        // A template that is given nil has no dot at all: its fields are nothing, no error.
        let nothing = Value {
            data: Data::Invalid,
            cause: dot.cause,
        };
        let dot = if matches!(dot.data, Data::Nil) {
            &nothing
        } else {
            dot
        };
        let mut frame = Frame {
            source: template.source.clone(),
            vars: vec![(Rc::from("$"), dot.clone())],
            out,
            around,
        };
        self.body(&mut frame, &template.body, dot)?;
        if frame.out.is_full() {
            return Err(Fail::limit("the rendered text is longer than 16 MiB"));
        }
        Ok(frame.out)
    }

    pub(super) fn body(&mut self, frame: &mut Frame, nodes: &[Node], dot: &Value) -> Result<Flow> {
        for node in nodes {
            self.budget.step(1)?;
            let flow = self.node(frame, node, dot)?;
            if flow != Flow::Normal {
                return Ok(flow);
            }
        }
        Ok(Flow::Normal)
    }

    fn node(&mut self, frame: &mut Frame, node: &Node, dot: &Value) -> Result<Flow> {
        match node {
            Node::Text(at) => {
                let base = Origin {
                    cause: frame.around,
                    how: How::Around,
                    ..Origin::default()
                };
                let source = frame.source.clone();
                frame
                    .out
                    .push_slice(&source.text, at.start as usize, at.end as usize, base);
            }
            Node::Action(at, pipe) => {
                let value = self.pipe(frame, dot, pipe)?;
                if pipe.decl.is_empty() {
                    self.print(frame, *at, &value)?;
                }
            }
            Node::If(branch) | Node::With(branch) => {
                let is_with = matches!(node, Node::With(_));
                return self.choice(frame, branch, dot, is_with);
            }
            Node::Range(branch) => return self.range(frame, branch, dot),
            Node::Template(at, name, pipe) => self.call(frame, *at, name, pipe.as_ref(), dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Normal)
    }

    fn print(&mut self, frame: &mut Frame, at: At, value: &Value) -> Result<()> {
        let origin = frame.action(at);
        let text = match &value.data {
            Data::Text(text) => text.clone(),
            Data::Invalid | Data::Nil => Text::from("<no value>"),
            Data::Object(object) if object.kind_name() == "ptr" && object.display().is_none() => {
                Text::from(convert::display(value))
            }
            _ => Text::from(convert::display(value)),
        };
        self.budget.bytes(text.as_str().len())?;
        frame.out.push_text(&text.caused_by(value.cause), origin);
        Ok(())
    }

    fn choice(
        &mut self,
        frame: &mut Frame,
        branch: &Branch,
        dot: &Value,
        with: bool,
    ) -> Result<Flow> {
        let mark = frame.vars.len();
        let value = self.pipe(frame, dot, &branch.pipe)?;
        let around = frame.around;
        let cause = value.first_cause();
        if cause > crate::helm::places::ROOT {
            frame.around = cause;
        }
        let flow = if value.truth() {
            self.body(frame, &branch.body, if with { &value } else { dot })?
        } else if let Some(otherwise) = &branch.otherwise {
            self.body(frame, otherwise, dot)?
        } else {
            Flow::Normal
        };
        frame.around = around;
        frame.vars.truncate(mark);
        Ok(flow)
    }

    fn call(
        &mut self,
        frame: &mut Frame,
        at: At,
        name: &Rc<str>,
        pipe: Option<&Pipe>,
        dot: &Value,
    ) -> Result<()> {
        let Some(template) = self.scope.find(name) else {
            return Err(Fail::at(
                format!("template {name:?} not defined"),
                &frame.source,
                at,
            ));
        };
        let data = match pipe {
            Some(pipe) => self.pipe(frame, dot, pipe)?,
            None => Value::INVALID,
        };
        let out = std::mem::take(&mut frame.out);
        frame.out = self.run(&template, &data, out, frame.around)?;
        Ok(())
    }

    /// A pipeline's value; declares its variables.
    pub(super) fn pipe(&mut self, frame: &mut Frame, dot: &Value, pipe: &Pipe) -> Result<Value> {
        self.budget.step(1)?;
        let mut value: Option<Value> = None;
        for command in &pipe.commands {
            let mut made = self.command(frame, dot, command, value.take())?;
            if matches!(made.data, Data::Nil) {
                made.data = Data::Invalid;
            }
            value = Some(made);
        }
        let value = value.unwrap_or(Value::INVALID);
        for name in &pipe.decl {
            if pipe.assign {
                frame.assign(name, value.clone(), pipe.at)?;
            } else {
                frame.vars.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn command(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        command: &Command,
        last: Option<Value>,
    ) -> Result<Value> {
        let Some((first, rest)) = command.args.split_first() else {
            return Ok(Value::INVALID);
        };
        match &first.kind {
            ExprKind::Function(function) => {
                self.function(frame, dot, first.at, function, rest, last)
            }
            ExprKind::Field(names) => {
                let receiver = dot.clone();
                self.chain(frame, dot, first.at, receiver, names, rest, last)
            }
            ExprKind::Variable(name, names) if !names.is_empty() => {
                let receiver = frame.variable(name, first.at)?;
                self.chain(frame, dot, first.at, receiver, names, rest, last)
            }
            ExprKind::Chain(inner, names) => {
                let receiver = self.operand(frame, dot, inner)?;
                self.chain(frame, dot, first.at, receiver, names, rest, last)
            }
            kind => {
                if !rest.is_empty() || last.is_some() {
                    let text = super::cut(frame.source.text.as_str(), first.at).to_owned();
                    let message = format!("can't give argument to non-function {text}");
                    return Err(Fail::at(message, &frame.source, first.at));
                }
                if matches!(kind, ExprKind::Nil) {
                    return Err(Fail::at("nil is not a command", &frame.source, first.at));
                }
                self.operand(frame, dot, first)
            }
        }
    }

    /// An operand's value.
    fn operand(&mut self, frame: &mut Frame, dot: &Value, expr: &Expr) -> Result<Value> {
        self.budget.step(1)?;
        match &expr.kind {
            ExprKind::Dot => Ok(dot.clone()),
            ExprKind::Nil => Ok(Value::NIL),
            ExprKind::Bool(truth) => Ok(Value::bool(*truth)),
            ExprKind::Int(value) => Ok(Value::int(*value)),
            ExprKind::Float(value) => Ok(Value::float(*value)),
            ExprKind::Text(text) => Ok(Value::text(text.clone())),
            ExprKind::Field(names) => {
                self.chain(frame, dot, expr.at, dot.clone(), names, &[], None)
            }
            ExprKind::Variable(name, names) => {
                let receiver = frame.variable(name, expr.at)?;
                self.chain(frame, dot, expr.at, receiver, names, &[], None)
            }
            ExprKind::Function(function) => self.function(frame, dot, expr.at, function, &[], None),
            ExprKind::Pipe(pipe) => {
                self.budget.stack()?;
                self.pipe(frame, dot, pipe)
            }
            ExprKind::Chain(inner, names) => {
                let receiver = self.operand(frame, dot, inner)?;
                self.chain(frame, dot, expr.at, receiver, names, &[], None)
            }
        }
    }

    /// `receiver.a.b arguments`.
    #[allow(clippy::too_many_arguments)] // Go's has as many
    fn chain(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        at: At,
        receiver: Value,
        names: &[Rc<str>],
        rest: &[Expr],
        last: Option<Value>,
    ) -> Result<Value> {
        let mut value = receiver;
        let Some((method, fields)) = names.split_last() else {
            return Ok(value);
        };
        let located = |fail: Fail, frame: &Frame| fail.or_at(&frame.source, at);
        for name in fields {
            value = self
                .field(&value, name, Vec::new())
                .map_err(|fail| located(fail, frame))?;
        }
        let mut args = Vec::with_capacity(rest.len() + 1);
        for expr in rest {
            args.push(self.operand(frame, dot, expr)?);
        }
        args.extend(last);
        self.field(&value, method, args)
            .map_err(|fail| located(fail, frame))
    }

    fn function(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        at: At,
        function: &'static crate::helm::funcs::Builtin,
        rest: &[Expr],
        last: Option<Value>,
    ) -> Result<Value> {
        let given = rest.len() + usize::from(last.is_some());
        if let Some(message) = function.wrong_count(given) {
            return Err(Fail::at(message, &frame.source, at));
        }
        if matches!(function.name, "and" | "or") {
            let mut value = Value::INVALID;
            for expr in rest {
                value = self.operand(frame, dot, expr)?;
                if value.truth() == (function.name == "or") {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let mut values = Vec::with_capacity(given);
        for expr in rest {
            values.push(self.operand(frame, dot, expr)?);
        }
        values.extend(last);
        let mut args = Args::new(values);
        let cause = args.first_cause();
        // Reading an argument costs, too: hashing a long text a million times, say.
        self.budget
            .bytes(args.text_len())
            .map_err(|fail| fail.or_at(&frame.source, at))?;
        match (function.call)(self, &mut args) {
            Ok(value) => {
                if let Data::List(list) = &value.data {
                    let made = self.budget.step(list.len() as u64);
                    made.map_err(|fail| fail.or_at(&frame.source, at))?;
                }
                if let Data::Text(text) = &value.data {
                    if text.is_cut() {
                        let fail =
                            Fail::limit("a template function makes more than 16 MiB of text");
                        return Err(fail.or_at(&frame.source, at));
                    }
                    self.budget
                        .bytes(text.as_str().len())
                        .map_err(|f| f.or_at(&frame.source, at))?;
                }
                Ok(with_cause(value, cause))
            }
            Err(fail) => {
                let fail = fail.in_call(function.name);
                Err(fail.or_at(&frame.source, at))
            }
        }
    }
}

/// A computed scalar comes from the key of what it was computed from.
fn with_cause(value: Value, cause: u32) -> Value {
    match &value.data {
        Data::List(_) | Data::Map(_) | Data::Object(_) => value,
        Data::Text(text) if text.is_marked() => value,
        _ => value.caused_by(cause),
    }
}

impl Frame {
    pub(super) fn assign(&mut self, name: &str, value: Value, at: At) -> Result<()> {
        let slot = self
            .vars
            .iter_mut()
            .rev()
            .find(|(known, _)| **known == *name);
        let Some(slot) = slot else {
            return Err(Fail::at(
                format!("undefined variable: {name}"),
                &self.source,
                at,
            ));
        };
        slot.1 = value;
        Ok(())
    }

    fn variable(&self, name: &str, at: At) -> Result<Value> {
        let found = self.vars.iter().rev().find(|(known, _)| **known == *name);
        match found {
            Some((_, value)) => Ok(value.clone()),
            None => Err(Fail::at(
                format!("undefined variable: {name}"),
                &self.source,
                at,
            )),
        }
    }

    /// The origin of what an action prints.
    fn action(&self, at: At) -> Origin {
        let mut origin = self.source.text.origin_at(at.start);
        if origin.file != 0 && origin.end == 0 {
            origin.end = origin.start + (at.end - at.start);
        }
        if origin.cause == 0 {
            (origin.cause, origin.how) = (self.around, How::Around);
        }
        origin
    }
}
