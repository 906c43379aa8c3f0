//! Runs programs, step by step and never more than allowed.

use super::compile::{Code, Op, Program};
use super::fault::{Eval, Fault, FaultKind, fault, unanswerable};
use super::library;
use super::value::{Key, List, Map, Opaque, Value};
use regex::Regex;
use seawall_model::Str;
use seawall_model::access::Authorizer;
use std::collections::{BTreeMap, HashMap};

/// The API server's bound for one expression.
pub const CALL_LIMIT: u64 = 1_000_000;

/// How deep evaluation may nest; variables that use variables add up.
const DEEPEST: usize = 320;

/// How deep a variable's value may be nested.
const DEEPEST_VALUE: usize = 64;

/// Runs the programs of one policy over one object. Steps are counted about as the API
/// server counts them: one for each operation, more for what reads or makes much.
pub struct Machine<'p> {
    roots: &'p [Value],
    names: &'p [Str],
    variables: &'p [Program],
    authorizer: Option<&'p dyn Authorizer>,
    memo: Vec<Option<Eval<Value>>>,
    pub(crate) locals: Vec<Value>,
    depth: usize,
    /// Steps left for the expression, and for all of them.
    call_left: u64,
    left: u64,
    current: Option<&'p Program>,
    patterns: HashMap<Str, Regex>,
}

impl<'p> Machine<'p> {
    /// A machine for these givens; `names` and `programs` are what stands under `variables`.
    /// All expressions together take at most `limit` steps.
    pub fn new(
        roots: &'p [Value],
        names: &'p [Str],
        programs: &'p [Program],
        authorizer: Option<&'p dyn Authorizer>,
        limit: u64,
    ) -> Self {
        Self {
            roots,
            names,
            variables: programs,
            authorizer,
            memo: programs.iter().map(|_| None).collect(),
            locals: Vec::new(),
            depth: 0,
            call_left: 0,
            left: limit,
            current: None,
            patterns: HashMap::new(),
        }
    }

    /// The value of an expression.
    pub fn run(&mut self, program: &'p Program) -> Result<Value, Fault> {
        self.locals.clear();
        self.depth = 0;
        self.call_left = CALL_LIMIT;
        self.current = Some(program);
        self.eval(&program.code).map_err(|fault| *fault)
    }

    /// Steps that are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Counts steps.
    pub(crate) fn charge(&mut self, steps: usize) -> Eval<()> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        match (
            self.call_left.checked_sub(steps),
            self.left.checked_sub(steps),
        ) {
            (Some(call_left), Some(left)) => {
                self.call_left = call_left;
                self.left = left;
                Ok(())
            }
            (call, _) => {
                let message = if call.is_none() {
                    "cost limit exceeded: the expression takes too many steps"
                } else {
                    "cost limit exceeded: the policy's expressions together take too many steps"
                };
                self.call_left = 0;
                Err(Box::new(Fault {
                    kind: FaultKind::Cost,
                    message: message.to_owned(),
                    offset: u32::MAX,
                    variable: None,
                }))
            }
        }
    }

    pub(crate) fn authorizer(&self) -> Option<&'p dyn Authorizer> {
        self.authorizer
    }

    /// A regular expression, compiled once.
    pub(crate) fn pattern(&mut self, pattern: &Str) -> Eval<Regex> {
        if let Some(known) = self
            .current
            .and_then(|program| program.patterns.get(pattern))
            .or_else(|| self.patterns.get(pattern))
        {
            return Ok(known.clone());
        }
        self.charge(10_000 + pattern.len() * 10)?;
        let compiled = library::regex::compile(pattern).map_err(fault)?;
        self.patterns.insert(pattern.clone(), compiled.clone());
        Ok(compiled)
    }

    pub(crate) fn eval(&mut self, code: &Code) -> Eval<Value> {
        if let Op::Constant(value) = &code.op {
            return Ok(value.clone());
        }
        self.depth += 1;
        let result = if self.depth > DEEPEST {
            Err(fault("the expression and its variables nest too deep"))
        } else {
            self.charge(1).and_then(|()| self.step(code))
        };
        self.depth -= 1;
        result.map_err(|mut fault| {
            if fault.offset == u32::MAX {
                fault.offset = code.at;
            }
            fault
        })
    }

    fn step(&mut self, code: &Code) -> Eval<Value> {
        match &code.op {
            Op::Constant(value) => Ok(value.clone()),
            Op::Local(slot) => self
                .locals
                .get(*slot)
                .cloned()
                .ok_or_else(|| fault("a local has no value")),
            Op::Root(slot) => self
                .roots
                .get(*slot)
                .cloned()
                .ok_or_else(|| fault("a name has no value")),
            Op::Variable(index) => self.variable(*index),
            Op::Select(operand, field, optional) => {
                let operand = self.eval(operand)?;
                self.select(&operand, field, *optional)
            }
            Op::Has(operand, field) => {
                let operand = self.eval(operand)?;
                self.has(&operand, field)
            }
            Op::Index(parts, optional) => {
                let operand = self.eval(&parts.0)?;
                let index = self.eval(&parts.1)?;
                self.index(&operand, &index, *optional)
            }
            Op::Call(function, _, args) => self.call(*function, args),
            Op::List(items) => self.list(items),
            Op::Map(entries) => self.map(entries),
            Op::Not(operand) => match self.eval(operand)? {
                Value::Bool(truth) => Ok(Value::Bool(!truth)),
                other => Err(no_overload("!_", &[&other])),
            },
            Op::Negate(operand) => {
                let operand = self.eval(operand)?;
                super::operators::negate(&operand)
            }
            Op::Binary(operator, sides) => {
                let left = self.eval(&sides.0)?;
                let right = self.eval(&sides.1)?;
                self.binary(*operator, &left, &right)
            }
            Op::And(all) => self.logic(all, false),
            Op::Or(all) => self.logic(all, true),
            Op::Choice(parts) => match self.eval(&parts.0)? {
                Value::Bool(true) => self.eval(&parts.1),
                Value::Bool(false) => self.eval(&parts.2),
                other => Err(no_overload("_?_:_", &[&other])),
            },
            Op::Fold(body) => self.fold(body),
            Op::Bind(parts) => {
                let value = self.eval(&parts.0)?;
                self.locals.push(value);
                let result = self.eval(&parts.1);
                self.locals.pop();
                result
            }
        }
    }

    fn call(&mut self, function: super::compile::Function, args: &[Code]) -> Eval<Value> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            let value = self.eval(arg)?;
            known(&value)?;
            values.push(value);
        }
        function(self, &values)
    }

    /// `&&` and `||`: a side that decides makes up for one that fails.
    fn logic(&mut self, all: &[Code], decisive: bool) -> Eval<Value> {
        let mut failed = None;
        for part in all {
            match self.eval(part) {
                Ok(Value::Bool(truth)) if truth == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => {}
                Ok(other) => {
                    let mut wrong = match known(&other) {
                        Ok(()) => no_overload(if decisive { "_||_" } else { "_&&_" }, &[&other]),
                        Err(wrong) => wrong,
                    };
                    wrong.offset = part.at;
                    failed.get_or_insert(wrong);
                }
                Err(wrong) if wrong.kind == FaultKind::Cost => return Err(wrong),
                Err(wrong) => {
                    failed.get_or_insert(wrong);
                }
            }
        }
        match failed {
            Some(wrong) => Err(wrong),
            None => Ok(Value::Bool(!decisive)),
        }
    }

    fn variable(&mut self, index: usize) -> Eval<Value> {
        if let Some(Some(known)) = self.memo.get(index) {
            return known.clone();
        }
        let Some(program) = self.variables.get(index) else {
            return Err(fault("a variable has no value"));
        };
        let locals = std::mem::take(&mut self.locals);
        let outer = self.current.replace(program);
        let result = self.eval(&program.code).and_then(|value| {
            if value.depth() > DEEPEST_VALUE {
                return Err(fault("the variable's value is nested too deep"));
            }
            Ok(value)
        });
        let result = result.map_err(|mut wrong| {
            if wrong.variable.is_none() {
                wrong.variable = self.names.get(index).cloned();
            }
            wrong
        });
        self.locals = locals;
        self.current = outer;
        if let Some(slot) = self.memo.get_mut(index) {
            *slot = Some(result.clone());
        }
        result
    }

    pub(crate) fn select(&mut self, operand: &Value, field: &Str, optional: bool) -> Eval<Value> {
        let found = match operand {
            Value::Map(map) => {
                self.charge(map.len() / 32)?;
                map.field(field)
            }
            Value::Optional(None) => return Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => return self.select(inner, field, true),
            Value::Opaque(opaque) => match &**opaque {
                Opaque::Authorizer(asked) => asked.field(field),
                _ => return Err(no_overload("select", &[operand])),
            },
            Value::Unknown(what) => return Err(unanswerable(*what)),
            // What may be missing is missing in what has no fields.
            _ if optional => None,
            _ => {
                return Err(fault(format!(
                    "no such overload: a {} has no fields, `{field}` was selected",
                    operand.type_name()
                )));
            }
        };
        match (found, optional) {
            (Some(value), false) => Ok(value),
            (Some(value), true) => Ok(Value::some(value)),
            (None, true) => Ok(Value::Optional(None)),
            (None, false) => Err(fault(format!("no such key: {field}"))),
        }
    }

    fn has(&mut self, operand: &Value, field: &Str) -> Eval<Value> {
        match operand {
            Value::Map(map) => {
                self.charge(map.len() / 32)?;
                Ok(Value::Bool(map.has(field)))
            }
            Value::Optional(Some(inner)) => self.has(inner, field),
            Value::Unknown(what) => Err(unanswerable(*what)),
            Value::List(_) | Value::Opaque(_) => Err(fault(format!(
                "no such overload: a {} has no fields, has(….{field}) was asked",
                operand.type_name()
            ))),
            // Not even `null` has it.
            _ => Ok(Value::Bool(false)),
        }
    }

    fn index(&mut self, operand: &Value, index: &Value, optional: bool) -> Eval<Value> {
        known(index)?;
        let found = match operand {
            Value::Map(map) => {
                self.charge(map.len() / 32)?;
                if Key::of(index).is_none() && !matches!(index, Value::Double(_)) {
                    return Err(no_overload("_[_]", &[operand, index]));
                }
                map.get(index)
            }
            Value::List(list) => {
                let Some(Key::Int(position)) = Key::of(index) else {
                    return Err(no_overload("_[_]", &[operand, index]));
                };
                usize::try_from(position).ok().and_then(|at| list.get(at))
            }
            Value::Optional(None) => return Ok(Value::Optional(None)),
            Value::Optional(Some(inner)) => return self.index(inner, index, true),
            Value::Unknown(what) => return Err(unanswerable(*what)),
            _ => return Err(no_overload("_[_]", &[operand, index])),
        };
        match (found, optional) {
            (Some(value), false) => Ok(value),
            (Some(value), true) => Ok(Value::some(value)),
            (None, true) => Ok(Value::Optional(None)),
            (None, false) => {
                let index = super::library::strings_format::shown(index);
                Err(fault(if matches!(operand, Value::List(_)) {
                    format!("index out of bounds: {index}")
                } else {
                    format!("no such key: {index}")
                }))
            }
        }
    }

    fn list(&mut self, items: &[(Code, bool)]) -> Eval<Value> {
        let mut values = Vec::with_capacity(items.len());
        for (item, optional) in items {
            match (self.eval(item)?, optional) {
                (Value::Optional(inner), true) => {
                    values.extend(inner.map(|inner| (*inner).clone()));
                }
                (other, true) => return Err(no_overload("[?_]", &[&other])),
                (value, false) => values.push(value),
            }
        }
        Ok(Value::List(List::Values(values.into())))
    }

    fn map(&mut self, entries: &[(Code, Code, bool)]) -> Eval<Value> {
        let mut map = BTreeMap::new();
        for (key, value, optional) in entries {
            let key = self.eval(key)?;
            let Some(key) = Key::of(&key).filter(|_| !matches!(key, Value::Double(_))) else {
                return Err(fault(format!("unsupported key type: {}", key.type_name())));
            };
            let value = match (self.eval(value)?, optional) {
                (Value::Optional(None), true) => continue,
                (Value::Optional(Some(inner)), true) => (*inner).clone(),
                (other, true) => return Err(no_overload("{?_}", &[&other])),
                (value, false) => value,
            };
            map.insert(key, value);
        }
        Ok(Value::Map(Map::Values(map.into())))
    }
}

/// Refuses what only the cluster knows.
pub(crate) fn known(value: &Value) -> Eval<()> {
    match value {
        Value::Unknown(what) => Err(unanswerable(*what)),
        _ => Ok(()),
    }
}

/// The operands have the wrong types.
pub(crate) fn no_overload(function: &str, operands: &[&Value]) -> Box<Fault> {
    if let Some(Value::Unknown(what)) = operands
        .iter()
        .find(|operand| matches!(operand, Value::Unknown(_)))
    {
        return unanswerable(*what);
    }
    let types: Vec<&str> = operands.iter().map(|value| value.type_name()).collect();
    fault(format!(
        "no such overload: {function} of ({})",
        types.join(", ")
    ))
}

/// The arguments have the wrong types.
pub(crate) fn mismatch<T>(function: &str, args: &[Value]) -> Eval<T> {
    let args: Vec<&Value> = args.iter().collect();
    Err(no_overload(function, &args))
}
