//! Expressions to code: names become places, functions become functions, and what can be
//! known to be wrong is an error now.

use super::ast::{Expr, Fold, How, Kind, Operator};
use super::eval::Machine;
use super::fault::{CompileError, Eval};
use super::library;
use super::parse::parse;
use super::types;
use super::value::Value;
use regex::Regex;
use seawall_model::Str;
use std::collections::HashMap;

/// The names that an expression may use.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// Names of what is given, in the order in which it is given to a [`Machine`].
    pub roots: Vec<&'static str>,
    /// Names under `variables`, in the order of their programs.
    pub variables: Vec<Str>,
}

/// A function of a library; the target of a member call is the first argument.
pub(crate) type Function = fn(&mut Machine<'_>, &[Value]) -> Eval<Value>;

/// A piece of a program.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) op: Op,
    pub(crate) at: u32,
}

#[derive(Debug)]
pub(crate) enum Op {
    Constant(Value),
    Local(usize),
    Root(usize),
    Variable(usize),
    Select(Box<Code>, Str, bool),
    Has(Box<Code>, Str),
    Index(Box<(Code, Code)>, bool),
    Call(Function, Str, Vec<Code>),
    List(Vec<(Code, bool)>),
    Map(Vec<(Code, Code, bool)>),
    Not(Box<Code>),
    Negate(Box<Code>),
    Binary(Operator, Box<(Code, Code)>),
    And(Vec<Code>),
    Or(Vec<Code>),
    Choice(Box<(Code, Code, Code)>),
    Fold(Box<Loop>),
    Bind(Box<(Code, Code)>),
}

/// A macro over a list or mapping.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) how: How,
    pub(crate) range: Code,
    pub(crate) two: bool,
    pub(crate) filter: Option<Code>,
    pub(crate) body: Code,
}

/// An expression ready to run.
#[derive(Debug)]
pub struct Program {
    pub(crate) code: Code,
    pub(crate) source: Str,
    /// Regular expressions that are written out.
    pub(crate) patterns: HashMap<Str, Regex>,
    /// Functions that the API server does not have.
    foreign: Vec<Str>,
    roots: Vec<&'static str>,
}

impl Program {
    /// Compiles an expression.
    pub fn compile(source: &str, env: &Env) -> Result<Self, CompileError> {
        let expr = parse(source)?;
        let mut compiler = Compiler {
            env,
            locals: Vec::new(),
            patterns: HashMap::new(),
            foreign: Vec::new(),
            mixed: false,
        };
        let code = compiler.code(&expr)?;
        Ok(Self {
            code,
            source: source.into(),
            patterns: compiler.patterns,
            foreign: compiler.foreign,
            roots: env.roots.clone(),
        })
    }

    /// The type of the result, as far as the text alone says it.
    pub fn result_type(&self) -> Option<&'static str> {
        types::of(&self.code)
    }

    /// Whether the value is just something of an object, of which the API server knows no type
    /// and which it therefore takes for nothing that has to be a `bool` or a `string`.
    pub fn is_untyped(&self) -> bool {
        types::is_untyped(&self.code, &|slot| {
            let root = self.roots.get(slot).copied().unwrap_or_default();
            matches!(root, "object" | "oldObject" | "params")
        })
    }

    /// The fields below a name that the expression speaks of, in the order in which it does:
    /// `object.spec.replicas > 1` speaks of `spec`, `replicas`.
    ///
    /// `variables` are the fields that each variable speaks of.
    pub fn fields(&self, root: &str, variables: &[Vec<Vec<Str>>]) -> Vec<Vec<Str>> {
        let mut fields = Vec::new();
        if let Some(slot) = self.roots.iter().position(|name| *name == root) {
            fields_of(&self.code, slot, variables, &mut fields);
        }
        fields
    }

    /// Functions in it that this module has and the API server has not: it would refuse the
    /// expression.
    pub fn foreign(&self) -> &[Str] {
        &self.foreign
    }

    /// The expression.
    pub fn source(&self) -> &Str {
        &self.source
    }
}

/// The fields of `request`.
const REQUEST: &[&str] = &[
    "kind",
    "resource",
    "subResource",
    "requestKind",
    "requestResource",
    "requestSubResource",
    "name",
    "namespace",
    "operation",
    "userInfo",
    "dryRun",
    "options",
];

struct Compiler<'e> {
    env: &'e Env,
    locals: Vec<Str>,
    patterns: HashMap<Str, Regex>,
    foreign: Vec<Str>,
    /// Whether this is an argument of `format()`.
    mixed: bool,
}

type Compiled = Result<Code, CompileError>;

fn code(op: Op, at: u32) -> Code {
    Code { op, at }
}

impl Compiler<'_> {
    fn boxed(&mut self, expr: &Expr) -> Result<Box<Code>, CompileError> {
        self.code(expr).map(Box::new)
    }

    fn all(&mut self, exprs: &[Expr]) -> Result<Vec<Code>, CompileError> {
        exprs.iter().map(|expr| self.code(expr)).collect()
    }

    fn code(&mut self, expr: &Expr) -> Compiled {
        let at = expr.at;
        let op = match &expr.kind {
            Kind::Literal(value) => Op::Constant(value.clone()),
            Kind::Ident(name) => return self.ident(name, at),
            Kind::Select {
                operand,
                field,
                optional,
            } => return self.select(operand, field, *optional, at),
            Kind::Has { operand, field } => {
                if self.is_variables(operand) {
                    let found = self.env.variables.contains(field);
                    return if found {
                        Ok(code(Op::Constant(Value::Bool(true)), at))
                    } else {
                        Err(undefined(field, at))
                    };
                }
                self.request_has(operand, field, at)?;
                Op::Has(self.boxed(operand)?, field.clone())
            }
            Kind::Index {
                operand,
                index,
                optional,
            } => Op::Index(
                Box::new((self.code(operand)?, self.code(index)?)),
                *optional,
            ),
            Kind::Call {
                function,
                target,
                args,
            } => return self.call(function, target.as_deref(), args, at),
            Kind::List(items) => Op::List(
                items
                    .iter()
                    .map(|(item, optional)| Ok((self.code(item)?, *optional)))
                    .collect::<Result<_, _>>()?,
            ),
            Kind::Map(entries) => Op::Map(
                entries
                    .iter()
                    .map(|(key, value, optional)| {
                        Ok((self.code(key)?, self.code(value)?, *optional))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            Kind::Not(operand) => Op::Not(self.boxed(operand)?),
            Kind::Negate(operand) => Op::Negate(self.boxed(operand)?),
            Kind::Binary(operator, left, right) => {
                Op::Binary(*operator, Box::new((self.code(left)?, self.code(right)?)))
            }
            Kind::And(all) => Op::And(self.all(all)?),
            Kind::Or(all) => Op::Or(self.all(all)?),
            Kind::Choice(parts) => Op::Choice(Box::new((
                self.code(&parts.0)?,
                self.code(&parts.1)?,
                self.code(&parts.2)?,
            ))),
            Kind::Fold(fold) => return self.fold(fold, at),
            Kind::Bind { name, value, body } => {
                let value = self.code(value)?;
                self.foreign.push("cel.bind".into());
                self.locals.push(name.clone());
                let body = self.code(body);
                self.locals.pop();
                Op::Bind(Box::new((value, body?)))
            }
        };
        let code = code(op, at);
        types::check(&code, self.mixed)?;
        Ok(code)
    }

    fn ident(&mut self, name: &Str, at: u32) -> Compiled {
        if let Some(slot) = self.locals.iter().rposition(|local| local == name) {
            return Ok(code(Op::Local(slot), at));
        }
        if let Some(root) = self.env.roots.iter().position(|root| **root == **name) {
            return Ok(code(Op::Root(root), at));
        }
        if let Some(name) = library::type_named(name) {
            return Ok(code(Op::Constant(Value::Type(name)), at));
        }
        if &**name == "variables" {
            let message = "`variables` is no value of its own: write variables.name";
            return Err(CompileError::new(at, message));
        }
        Err(CompileError::new(
            at,
            format!("undeclared reference to '{name}'"),
        ))
    }

    fn is_free(&self, name: &str) -> bool {
        !self.locals.iter().any(|local| &**local == name) && !self.env.roots.contains(&name)
    }

    fn is_variables(&self, operand: &Expr) -> bool {
        matches!(&operand.kind, Kind::Ident(name) if &**name == "variables" && self.is_free(name))
    }

    fn select(&mut self, operand: &Expr, field: &Str, optional: bool, at: u32) -> Compiled {
        if self.is_variables(operand) {
            let index = self.env.variables.iter().position(|name| name == field);
            let index = index.ok_or_else(|| undefined(field, at))?;
            return Ok(code(Op::Variable(index), at));
        }
        if let Some(path) = path(operand)
            && self.is_free(path.split('.').next().unwrap_or_default())
            && let Some(name) = library::type_named(&format!("{path}.{field}"))
        {
            return Ok(code(Op::Constant(Value::Type(name)), at));
        }
        self.request_has(operand, field, at)?;
        let operand = self.boxed(operand)?;
        Ok(code(Op::Select(operand, field.clone(), optional), at))
    }

    /// The request is the only thing whose fields the API server knows beforehand.
    fn request_has(&self, operand: &Expr, field: &str, at: u32) -> Result<(), CompileError> {
        let is_request = matches!(&operand.kind, Kind::Ident(name) if &**name == "request")
            && self.env.roots.contains(&"request")
            && !self.locals.iter().any(|local| &**local == "request");
        if is_request && !REQUEST.contains(&field) {
            return Err(CompileError::new(at, format!("undefined field '{field}'")));
        }
        Ok(())
    }

    fn call(&mut self, name: &Str, target: Option<&Expr>, args: &[Expr], at: u32) -> Compiled {
        // `math.greatest(…)`: the target is a name that nothing else has.
        let full = target
            .and_then(path)
            .filter(|path| self.is_free(path.split('.').next().unwrap_or_default()))
            .map(|path| format!("{path}.{name}"))
            .filter(|full| library::exists(full, false));
        let (shown, target) = match &full {
            Some(full) => (full.as_str(), None),
            None => (&**name, target),
        };
        let mut code_args = Vec::with_capacity(args.len() + 1);
        if let Some(target) = target {
            code_args.push(self.code(target)?);
        }
        let is_member = target.is_some();
        if !library::exists(shown, is_member) {
            return Err(CompileError::new(
                at,
                format!("undeclared reference to '{shown}': there is no such function"),
            ));
        }
        let outer = self.mixed;
        self.mixed |= shown == "format";
        for arg in args {
            code_args.push(self.code(arg)?);
        }
        self.mixed = outer;
        let Some(function) = library::find(shown, is_member, code_args.len()) else {
            return Err(CompileError::new(
                at,
                format!(
                    "found no matching overload for '{shown}' with {} arguments",
                    args.len()
                ),
            ));
        };
        if shown.starts_with("math.") || shown.starts_with("base64.") {
            self.foreign.push(shown.into());
        }
        if matches!(shown, "matches" | "find" | "findAll")
            && let Some(Code {
                op: Op::Constant(Value::String(pattern)),
                at,
            }) = code_args.get(1)
            && !self.patterns.contains_key(pattern)
        {
            let compiled = library::regex::compile(pattern)
                .map_err(|message| CompileError::new(*at, message))?;
            self.patterns.insert(pattern.clone(), compiled);
        }
        let code = code(Op::Call(function, shown.into(), code_args), at);
        types::check(&code, self.mixed)?;
        Ok(code)
    }

    fn fold(&mut self, fold: &Fold, at: u32) -> Compiled {
        let range = self.code(&fold.range)?;
        self.locals.push(fold.first.clone());
        self.locals.extend(fold.second.clone());
        let filter = fold.filter.as_ref().map(|filter| self.code(filter));
        let body = self.code(&fold.body);
        self.locals.pop();
        if fold.second.is_some() {
            self.locals.pop();
        }
        let body = Loop {
            how: fold.how,
            range,
            two: fold.second.is_some(),
            filter: filter.transpose()?,
            body: body?,
        };
        let code = code(Op::Fold(Box::new(body)), at);
        types::check(&code, self.mixed)?;
        Ok(code)
    }
}

fn undefined(field: &str, at: u32) -> CompileError {
    let message = format!("undefined field '{field}': variables are declared above their use");
    CompileError::new(at, message)
}

/// The dotted name that an expression spells.
fn path(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Ident(name) => Some(name.to_string()),
        Kind::Select {
            operand,
            field,
            optional: false,
        } => Some(format!("{}.{field}", path(operand)?)),
        _ => None,
    }
}

/// The fields that a piece of code reads below a root.
fn fields_of(code: &Code, root: usize, variables: &[Vec<Vec<Str>>], to: &mut Vec<Vec<Str>>) {
    let mut path = Vec::new();
    let mut current = code;
    loop {
        match &current.op {
            Op::Select(operand, field, _) | Op::Has(operand, field) => {
                path.push(field.clone());
                current = operand;
            }
            Op::Index(parts, _) => {
                if let Op::Constant(Value::String(key)) = &parts.1.op {
                    path.push(key.clone());
                } else {
                    path.clear();
                    fields_of(&parts.1, root, variables, to);
                }
                current = &parts.0;
            }
            Op::Root(slot) if *slot == root => {
                path.reverse();
                if !path.is_empty() && !to.contains(&path) {
                    to.push(path);
                }
                return;
            }
            Op::Variable(index) => {
                path.reverse();
                for below in variables.get(*index).into_iter().flatten().take(8) {
                    let whole: Vec<Str> = below.iter().chain(&path).cloned().collect();
                    if !to.contains(&whole) {
                        to.push(whole);
                    }
                }
                return;
            }
            _ => break,
        }
    }
    let mut each = |codes: &[&Code]| {
        for code in codes {
            fields_of(code, root, variables, to);
        }
    };
    match &current.op {
        Op::Not(operand) | Op::Negate(operand) => each(&[operand]),
        Op::Binary(_, parts) | Op::Bind(parts) => each(&[&parts.0, &parts.1]),
        Op::Choice(parts) => each(&[&parts.0, &parts.1, &parts.2]),
        Op::And(all) | Op::Or(all) | Op::Call(_, _, all) => {
            for code in all {
                each(&[code]);
            }
        }
        Op::List(items) => {
            for (item, _) in items {
                each(&[item]);
            }
        }
        Op::Map(entries) => {
            for (key, value, _) in entries {
                each(&[key, value]);
            }
        }
        Op::Fold(body) => {
            each(&[&body.range]);
            if let Some(filter) = &body.filter {
                each(&[filter]);
            }
            each(&[&body.body]);
        }
        _ => {}
    }
}
