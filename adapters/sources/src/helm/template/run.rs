//! Runs programs. Every piece of text that is written knows its place in the template, and
//! every value the values key that it comes from; both go wherever the text goes.

use super::literal::quoted_end;
use super::program::{Choice, Loop, Operand, Pipeline, Root, Stage, Step, Target};
use super::scope::{Scope, Template};
use super::{At, offset};
use crate::helm::error::{Fail, Result};
use crate::helm::funcs::regexes::Refused;
use crate::helm::funcs::{Args, Builtin};
use crate::helm::limits;
use crate::helm::places::{Places, ROOT};
use crate::helm::value::convert::{display, items, to_int64};
use crate::helm::value::object::Object;
use crate::helm::value::text::{How, Origin, Out, TOO_LONG, Text};
use crate::helm::value::{Data, List, Value};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// What a rendering has used up and holds.
pub(crate) struct Engine<'a> {
    pub(crate) places: &'a mut Places,
    pub(crate) scope: Rc<Scope>,
    pub(crate) includes: HashMap<Rc<str>, u32>,
    pub(crate) budget: limits::Budget,
    pub(crate) regexes: HashMap<Rc<str>, std::result::Result<regex::Regex, Refused>>,
}

/// What is to be done after a step.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Next {
    /// The next step.
    Go,
    /// The next item of the loop around.
    Skip,
    /// What follows the loop around.
    Leave,
}

/// Keys or numbers and items of what a loop runs over, one by one: a loop in a loop in a loop
/// over a long list must not copy it each time.
enum Rounds {
    List(List, Range<usize>),
    Count(Range<i64>),
    Pairs(std::vec::IntoIter<(Value, Value)>),
}

impl Iterator for Rounds {
    type Item = (Value, Value);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Rounds::List(list, places) => {
                let place = places.next()?;
                let number = Value::int(i64::try_from(place).unwrap_or(i64::MAX));
                Some((number, list.get(place)?))
            }
            Rounds::Count(numbers) => Some((Value::INVALID, Value::int(numbers.next()?))),
            Rounds::Pairs(pairs) => pairs.next(),
        }
    }
}

/// One run of a template.
struct Frame {
    text: Rc<Text>,
    slots: Vec<Value>,
    dot: Value,
    out: Out,
    /// The key that decided the steps that are run.
    around: u32,
}

impl Engine<'_> {
    /// Runs a template by name and gives its text.
    pub(crate) fn render(&mut self, name: &str, dot: &Value) -> Result<Text> {
        match self.scope.find(name).cloned() {
            Some(template) => self.run(&template, dot, Out::default(), 0).map(Out::finish),
            None => Err(Fail::new(format!(
                "no template is called {name:?}: define it or mend the name"
            ))),
        }
    }

    /// Runs a template that adds to `out`.
    pub(crate) fn run(
        &mut self,
        template: &Template,
        dot: &Value,
        out: Out,
        around: u32,
    ) -> Result<Out> {
        self.budget.stack()?;
        // Room for all variables at once: a template that calls itself pays for it each time.
        self.budget.step(template.program.slots as u64)?;
        let mut dot = dot.clone();
        if let Data::Nil = dot.data {
            // A template that is given nil has no dot: names below it are nothing, no error.
            dot.data = Data::Invalid;
        }
        let mut slots = vec![Value::INVALID; template.program.slots];
        if let Some(slot) = slots.first_mut() {
            *slot = dot.clone();
        }
        let mut frame = Frame {
            text: template.text.clone(),
            slots,
            dot,
            out,
            around,
        };
        self.all(&mut frame, &template.program.steps)?;
        if frame.out.is_full() {
            return Err(Fail::limit("the rendered text is longer than 16 MiB"));
        }
        Ok(frame.out)
    }

    fn all(&mut self, frame: &mut Frame, steps: &[Step]) -> Result<Next> {
        for step in steps {
            self.budget.step(1)?;
            let next = match step {
                Step::Copy(at) => {
                    frame.copy(*at);
                    Next::Go
                }
                Step::Print(at, pipeline) => {
                    let value = self.value(frame, pipeline)?;
                    self.print(frame, *at, &value)?;
                    Next::Go
                }
                Step::Keep(pipeline) => {
                    self.value(frame, pipeline)?;
                    Next::Go
                }
                Step::Choose(choice) => self.choose(frame, choice)?,
                Step::Repeat(repeat) => self.repeat(frame, repeat)?,
                Step::Call(at, name, data) => {
                    self.call(frame, *at, name, data.as_ref())?;
                    Next::Go
                }
                Step::Leave => Next::Leave,
                Step::Skip => Next::Skip,
            };
            if next != Next::Go {
                return Ok(next);
            }
        }
        Ok(Next::Go)
    }

    fn print(&mut self, frame: &mut Frame, at: At, value: &Value) -> Result<()> {
        let text = match &value.data {
            Data::Text(text) => text.clone(),
            // What charts compare with, and what is cut out of every text at its end.
            Data::Invalid | Data::Nil => Text::from(crate::helm::funcs::builtin::NO_VALUE),
            _ => Text::from(display(value)),
        };
        self.budget.make(text.as_str().len() as u64)?;
        let origin = frame.origin(at);
        frame.out.push_text(&text.caused_by(value.cause), origin);
        Ok(())
    }

    fn choose(&mut self, frame: &mut Frame, choice: &Choice) -> Result<Next> {
        let value = self.value(frame, &choice.test)?;
        let around = frame.around;
        frame.around = decided(&value).unwrap_or(around);
        let next = if !value.truth() {
            self.all(frame, &choice.otherwise)?
        } else if choice.enters {
            let outer = std::mem::replace(&mut frame.dot, value);
            let next = self.all(frame, &choice.then)?;
            frame.dot = outer;
            next
        } else {
            self.all(frame, &choice.then)?
        };
        frame.around = around;
        Ok(next)
    }

    fn repeat(&mut self, frame: &mut Frame, repeat: &Loop) -> Result<Next> {
        let value = self.value(frame, &repeat.over)?;
        let rounds = self.rounds(frame, &repeat.over, &value)?;
        let around = frame.around;
        let list = decided(&value).unwrap_or(around);
        let mut rounds = rounds.peekable();
        if rounds.peek().is_none() {
            frame.around = list;
            let next = self.all(frame, &repeat.otherwise)?;
            frame.around = around;
            return Ok(next);
        }
        let outer = frame.dot.clone();
        for (key, item) in rounds {
            self.budget.step(1)?;
            match repeat.over.targets.as_slice() {
                [] => {}
                [one] => frame.set(one, item.clone(), repeat.over.at)?,
                [first, second, ..] => {
                    frame.set(first, key, repeat.over.at)?;
                    frame.set(second, item.clone(), repeat.over.at)?;
                }
            }
            frame.around = match item.first_cause() {
                0 => list,
                own => own,
            };
            frame.dot = item;
            if self.all(frame, &repeat.each)? == Next::Leave {
                break;
            }
        }
        frame.dot = outer;
        frame.around = around;
        Ok(Next::Go)
    }

    /// What a loop runs over.
    fn rounds(&mut self, frame: &Frame, over: &Pipeline, value: &Value) -> Result<Rounds> {
        match &value.data {
            Data::List(list) => return Ok(Rounds::List(list.clone(), 0..list.len())),
            Data::Invalid | Data::Nil => return Ok(Rounds::Pairs(Vec::new().into_iter())),
            Data::Map(map) => {
                // The body may change the map.
                self.budget.values(map.len())?;
                let named =
                    |(key, item): (Rc<str>, Value)| (Value::text(key).caused_by(item.cause), item);
                let pairs: Vec<_> = map.entries().into_iter().map(named).collect();
                return Ok(Rounds::Pairs(pairs.into_iter()));
            }
            Data::Int(..) | Data::Uint(..) if over.targets.len() < 2 => {
                return Ok(Rounds::Count(0..to_int64(value).max(0)));
            }
            Data::Object(object) => {
                self.budget.values(object.length())?;
                if let Some(items) = items(value) {
                    let pairs: Vec<_> = (0..).map(Value::int).zip(items).collect();
                    return Ok(Rounds::Pairs(pairs.into_iter()));
                }
                if let Object::Files(files) = &**object {
                    let named = |(name, file): (&Rc<str>, &_)| {
                        let crate::helm::value::object::ChartFile { bytes, .. } = file;
                        let bytes = Value::object(Object::Bytes(bytes.clone()));
                        (Value::text(name.clone()), bytes)
                    };
                    let pairs: Vec<_> = files.files.iter().map(named).collect();
                    return Ok(Rounds::Pairs(pairs.into_iter()));
                }
            }
            _ => {}
        }
        let message = match value.data {
            Data::Int(..) | Data::Uint(..) => {
                "a loop over a number has one variable, not two".to_owned()
            }
            _ => format!(
                "range needs a list, a map or a number, not {}",
                value.in_words()
            ),
        };
        Err(Fail::at(message, &frame.text, over.at))
    }

    fn call(
        &mut self,
        frame: &mut Frame,
        at: At,
        name: &str,
        data: Option<&Pipeline>,
    ) -> Result<()> {
        let Some(template) = self.scope.find(name).cloned() else {
            let message = format!("no template is called {name:?}: define it or mend the name");
            return Err(Fail::at(message, &frame.text, at));
        };
        let dot = match data {
            Some(pipeline) => self.value(frame, pipeline)?,
            None => Value::INVALID,
        };
        let out = std::mem::take(&mut frame.out);
        frame.out = self.run(&template, &dot, out, frame.around)?;
        Ok(())
    }

    /// What a pipeline gives; its variables have it afterwards.
    fn value(&mut self, frame: &mut Frame, pipeline: &Pipeline) -> Result<Value> {
        self.budget.step(1)?;
        let mut piped = None;
        for stage in &pipeline.stages {
            let mut value = self.stage(frame, stage, piped)?;
            if let Data::Nil = value.data {
                value.data = Data::Invalid;
            }
            piped = Some(value);
        }
        let value = piped.unwrap_or(Value::INVALID);
        for target in &pipeline.targets {
            frame.set(target, value.clone(), pipeline.at)?;
        }
        Ok(value)
    }

    fn stage(&mut self, frame: &mut Frame, stage: &Stage, piped: Option<Value>) -> Result<Value> {
        let Stage { head, arguments } = stage;
        if let (Root::Function(function), []) = (&head.root, head.path.as_slice()) {
            return self.function(frame, head, function, arguments, piped);
        }
        if head.path.is_empty() {
            let message = if !arguments.is_empty() || piped.is_some() {
                "this is no function and takes no arguments"
            } else if let Root::Nothing = head.root {
                "nil alone is no value"
            } else {
                return self.operand(frame, head);
            };
            return Err(frame.fail(message, head));
        }
        let receiver = self.root(frame, head)?;
        self.follow(frame, head, receiver, arguments, piped)
    }

    /// What an operand gives as it stands.
    fn operand(&mut self, frame: &mut Frame, operand: &Operand) -> Result<Value> {
        self.budget.step(1)?;
        let root = self.root(frame, operand)?;
        if operand.path.is_empty() {
            return Ok(root);
        }
        self.follow(frame, operand, root, &[], None)
    }

    fn root(&mut self, frame: &mut Frame, operand: &Operand) -> Result<Value> {
        match &operand.root {
            Root::Dot => Ok(frame.dot.clone()),
            Root::Nothing => Ok(Value::NIL),
            Root::Fixed(value) => Ok(value.clone()),
            Root::Variable(Target::Slot(slot)) => {
                Ok(frame.slots.get(*slot).cloned().unwrap_or(Value::INVALID))
            }
            Root::Variable(Target::Undeclared(name)) => Err(frame.fail(undeclared(name), operand)),
            Root::Function(function) => self.function(frame, operand, function, &[], None),
            Root::Group(pipeline) => {
                self.budget.stack()?;
                self.value(frame, pipeline)
            }
        }
    }

    /// `receiver.a.b arguments`: only the last name can take arguments.
    fn follow(
        &mut self,
        frame: &mut Frame,
        operand: &Operand,
        receiver: Value,
        arguments: &[Operand],
        piped: Option<Value>,
    ) -> Result<Value> {
        let Some((last, before)) = operand.path.split_last() else {
            return Ok(receiver);
        };
        let place = |frame: &Frame, fail: Fail| fail.or_at(&frame.text, frame.at(operand));
        let mut value = receiver;
        for name in before {
            value = self
                .member(&value, name, Vec::new())
                .map_err(|fail| place(frame, fail))?;
        }
        let given = self.given(frame, arguments, piped)?;
        self.member(&value, last, given)
            .map_err(|fail| place(frame, fail))
    }

    /// The values of arguments, what is piped last.
    fn given(
        &mut self,
        frame: &mut Frame,
        arguments: &[Operand],
        piped: Option<Value>,
    ) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(frame, argument)?);
        }
        values.extend(piped);
        Ok(values)
    }

    fn function(
        &mut self,
        frame: &mut Frame,
        head: &Operand,
        function: &'static Builtin,
        arguments: &[Operand],
        piped: Option<Value>,
    ) -> Result<Value> {
        let count = arguments.len() + usize::from(piped.is_some());
        if let Some(message) = function.wrong_count(count) {
            return Err(frame.fail(message, head));
        }
        if let Some(ends_with) = function.decides_at() {
            // The rest is not looked at once an argument decides.
            let mut value = Value::INVALID;
            for argument in arguments {
                value = self.operand(frame, argument)?;
                if value.truth() == ends_with {
                    return Ok(value);
                }
            }
            return Ok(piped.unwrap_or(value));
        }
        let mut args = Args::new(self.given(frame, arguments, piped)?);
        let cause = args.first_cause();
        let result = self.invoke(function, &mut args);
        match result {
            Ok(value) => Ok(from_key(value, cause)),
            Err(fail) => Err(fail.or_at(&frame.text, frame.at(head))),
        }
    }

    /// Calls a function and pays for what it reads and makes.
    fn invoke(&mut self, function: &'static Builtin, args: &mut Args) -> Result<Value> {
        // Reading an argument costs, too: hashing a long text a million times, say.
        self.budget.read(args.length())?;
        if function.walks {
            for value in args.all() {
                self.budget.walk(value)?;
            }
        }
        let value = (function.call)(self, args).map_err(|fail| fail.in_call(function.name))?;
        if let Data::Text(text) = &value.data
            && text.is_cut()
        {
            return Err(Fail::limit(TOO_LONG));
        }
        self.budget.keep(&value)?;
        Ok(value)
    }
}

/// The key that decides what is run because of a value.
fn decided(value: &Value) -> Option<u32> {
    Some(value.first_cause()).filter(|cause| *cause > ROOT)
}

/// A computed scalar comes from the key of what it was computed from.
fn from_key(value: Value, cause: u32) -> Value {
    match &value.data {
        Data::List(_) | Data::Map(_) | Data::Object(_) => value,
        Data::Text(text) if text.is_marked() => value,
        _ => value.caused_by(cause),
    }
}

fn undeclared(name: &str) -> String {
    format!("{name} has no value here: declare it with {name} := first")
}

impl Frame {
    fn set(&mut self, target: &Target, value: Value, at: At) -> Result<()> {
        match target {
            Target::Slot(slot) => {
                if let Some(slot) = self.slots.get_mut(*slot) {
                    *slot = value;
                }
                Ok(())
            }
            Target::Undeclared(name) => Err(Fail::at(undeclared(name), &self.text, at)),
        }
    }

    /// Writes a part of the template's own text.
    fn copy(&mut self, at: At) {
        let base = Origin {
            cause: self.around,
            how: How::Around,
            ..Origin::default()
        };
        let (start, end) = (at.start as usize, at.end as usize);
        self.out.push_slice(&self.text, start, end, base);
    }

    /// The origin of what an action prints.
    fn origin(&self, at: At) -> Origin {
        let mut origin = self.text.origin_at(at.start);
        if origin.file != 0 && origin.end == 0 {
            origin.end = origin.start + (at.end - at.start);
        }
        if origin.cause == 0 {
            (origin.cause, origin.how) = (self.around, How::Around);
        }
        origin
    }

    fn fail(&self, message: impl Into<String>, operand: &Operand) -> Fail {
        Fail::at(message, &self.text, self.at(operand))
    }

    /// The bytes of an operand. Only failures ask, so nobody remembers its end.
    fn at(&self, operand: &Operand) -> At {
        let text = self.text.as_str();
        let start = operand.start as usize;
        let mut at = start;
        let mut depth = 0usize;
        while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
            match c {
                '"' | '\'' | '`' if depth > 0 => {
                    at = quoted_end(text, at).unwrap_or(text.len());
                    continue;
                }
                '(' if depth > 0 || at == start => depth += 1,
                ')' if depth > 0 => depth -= 1,
                '.' | '$' | '_' => {}
                c if depth > 0 || c.is_alphanumeric() => {}
                _ => break,
            }
            at += c.len_utf8();
        }
        At {
            start: operand.start,
            end: offset(at.max(start)),
        }
    }
}
