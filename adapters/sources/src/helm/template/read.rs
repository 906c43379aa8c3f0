//! Template text to programs: the crate's tree, checked where the crate forgives more than
//! Go does, with every function and variable found.

use super::layout::{self, Layout};
use super::literal::{quoted_end, unquote};
use super::program::{Choice, Loop, Operand, Pipeline, Program, Root, Stage, Step, Target};
use super::{At, SyntaxError, cut, offset};
use crate::helm::funcs;
use crate::helm::value::Value;
use gotmpl::TemplateError;
use gotmpl::parse::{
    BranchNode, Expr, ListNode, Node, Number, Parser, PipeNode, Pos, SmolStr, TemplateNode,
};
use std::rc::Rc;

/// The templates of one text: its own and those that it defines, in order.
pub(crate) struct Parsed {
    pub(crate) main: Program,
    pub(crate) definitions: Vec<(Rc<str>, Program)>,
    /// Bytes in its actions.
    pub(crate) size: usize,
}

/// Reads one template text.
pub(crate) fn read(text: &str) -> Result<Parsed, SyntaxError> {
    let mut layout = layout::of(text)?;
    let (main, defines) = Parser::new(&layout.code, "{{", "}}")
        .and_then(Parser::parse)
        .map_err(|error| of_crate(&layout, error))?;
    if let Some(unclosed) = layout.unclosed.take() {
        return Err(unclosed);
    }
    let mut definitions: Vec<(Rc<str>, Program)> = Vec::new();
    for define in &defines {
        let made = program(text, &layout, &define.body)?;
        if !define_once(&mut definitions, &define.name, made) {
            let message = format!("{:?} is defined twice in this file", &*define.name);
            return Err(error(&layout, define.pos, message));
        }
    }
    Ok(Parsed {
        main: program(text, &layout, &main)?,
        definitions,
        size: layout.size,
    })
}

/// Adds a definition. Of two that have one name one must be blank, and the other counts.
fn define_once(definitions: &mut Vec<(Rc<str>, Program)>, name: &str, made: Program) -> bool {
    match definitions.iter_mut().find(|(known, _)| **known == *name) {
        None => definitions.push((Rc::from(name), made)),
        Some(_) if made.blank => {}
        Some((_, old)) if old.blank => *old = made,
        Some(_) => return false,
    }
    true
}

/// The crate's error, at the byte that its line and column mean.
fn of_crate(layout: &Layout, error: TemplateError) -> SyntaxError {
    let text = layout.code.as_str();
    let (line, column, message) = match error {
        TemplateError::Parse {
            line, col, message, ..
        }
        | TemplateError::Lex {
            line, col, message, ..
        } => (line, col, message),
        other => (1, 1, other.to_string()),
    };
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines
        .by_ref()
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let within = lines.next().unwrap_or("");
    let at = within
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(within.len(), |(at, _)| at);
    // Its closing delimiters stand where they end.
    let end = before + at;
    let closes = text.get(..end).is_some_and(|text| text.ends_with("}}"));
    let at = if closes { end - 2 } else { end };
    let message = if message.starts_with("empty command") {
        "a value is missing here".to_owned()
    } else if message.starts_with("expected RightParen") {
        "a closing parenthesis is missing here".to_owned()
    } else if message.starts_with("expected closing delimiter") {
        "the action should end before this".to_owned()
    } else {
        format!("this is no template action: {message}")
    };
    SyntaxError::new(offset(layout.place(at)), message)
}

fn error(layout: &Layout, pos: Pos, message: impl Into<String>) -> SyntaxError {
    SyntaxError::new(offset(layout.place(pos.offset)), message)
}

fn program(text: &str, layout: &Layout, list: &ListNode) -> Result<Program, SyntaxError> {
    let mut builder = Builder {
        text,
        layout,
        names: vec![(SmolStr::new_static("$"), Target::Slot(0))],
        slots: 1,
    };
    let steps = builder.steps(list)?;
    let blank = steps.iter().all(|step| match step {
        Step::Copy(at) => cut(text, *at).trim().is_empty(),
        _ => false,
    });
    Ok(Program {
        steps,
        slots: builder.slots,
        blank,
    })
}

struct Builder<'a> {
    text: &'a str,
    layout: &'a Layout,
    /// Variables that can be seen, inner ones last.
    names: Vec<(SmolStr, Target)>,
    slots: usize,
}

impl Builder<'_> {
    fn steps(&mut self, list: &ListNode) -> Result<Vec<Step>, SyntaxError> {
        let mut out = Vec::with_capacity(list.nodes.len());
        for node in &list.nodes {
            match node {
                Node::Text(piece) => {
                    let pieces = self.layout.texts(piece.pos.offset);
                    out.extend(pieces.map(Step::Copy));
                }
                Node::Action(action) => {
                    let pipeline = self.pipeline(&action.pipe)?;
                    out.push(if pipeline.targets.is_empty() {
                        Step::Print(self.action(action.pos), pipeline)
                    } else {
                        Step::Keep(pipeline)
                    });
                }
                Node::If(branch) => out.push(self.choice(branch, false)?),
                Node::With(branch) => out.push(self.choice(branch, true)?),
                Node::Range(branch) => out.push(self.repeat(branch)?),
                Node::Template(call) => out.push(self.call(call)?),
                Node::Break(_) => out.push(Step::Leave),
                Node::Continue(_) => out.push(Step::Skip),
                Node::List(list) => out.extend(self.steps(list)?),
                // Definitions come beside the tree, not in it.
                Node::Define(define) => {
                    return Err(self.error(define.pos, "define cannot stand here"));
                }
            }
        }
        Ok(out)
    }

    /// The two bodies of a block. What the first declares is known in the second, too, but
    /// has no value there: an error when that is run, and not before.
    fn bodies(&mut self, branch: &BranchNode) -> Result<[Vec<Step>; 2], SyntaxError> {
        let seen = self.names.len();
        let first = self.steps(&branch.body)?;
        for (name, _) in self.names.split_off(seen) {
            self.announce(&name);
        }
        let second = match &branch.else_body {
            Some(list) => self.steps(list)?,
            None => Vec::new(),
        };
        self.names.truncate(seen);
        Ok([first, second])
    }

    /// Makes a name known that nothing has.
    fn announce(&mut self, name: &SmolStr) {
        if self.find(name).is_none() {
            let target = Target::Undeclared(Rc::from(&**name));
            self.names.push((name.clone(), target));
        }
    }

    fn choice(&mut self, branch: &BranchNode, enters: bool) -> Result<Step, SyntaxError> {
        let seen = self.names.len();
        let test = self.pipeline(&branch.pipe)?;
        let [then, otherwise] = self.bodies(branch)?;
        self.names.truncate(seen);
        let made = Choice {
            test,
            enters,
            then,
            otherwise,
        };
        Ok(Step::Choose(Box::new(made)))
    }

    fn repeat(&mut self, branch: &BranchNode) -> Result<Step, SyntaxError> {
        let seen = self.names.len();
        let over = self.pipeline(&branch.pipe)?;
        let [each, otherwise] = self.bodies(branch)?;
        self.names.truncate(seen);
        let made = Loop {
            over,
            each,
            otherwise,
        };
        Ok(Step::Repeat(Box::new(made)))
    }

    fn call(&mut self, call: &TemplateNode) -> Result<Step, SyntaxError> {
        let at = self.action(call.pos);
        let keyword = self.from(call.pos);
        if call.pipe.is_none() && keyword.starts_with("block") {
            return Err(self.error(call.pos, "a block needs a value for its dot"));
        }
        let data = match &call.pipe {
            Some(pipe) => Some(self.pipeline(pipe)?),
            None => None,
        };
        Ok(Step::Call(at, Rc::from(&*call.name), data))
    }

    /// The action that something stands in, with its delimiters.
    fn action(&self, pos: Pos) -> At {
        self.layout.action(pos.offset)
    }

    /// The template's byte that the parser means.
    fn place(&self, pos: Pos) -> usize {
        self.layout.place(pos.offset)
    }

    fn from(&self, pos: Pos) -> &str {
        self.text.get(self.place(pos)..).unwrap_or("")
    }

    fn error(&self, pos: Pos, message: impl Into<String>) -> SyntaxError {
        error(self.layout, pos, message)
    }

    fn pipeline(&mut self, pipe: &PipeNode) -> Result<Pipeline, SyntaxError> {
        self.well_declared(pipe)?;
        // What is declared here has no value yet where the value is made.
        let seen = self.names.len();
        for name in &pipe.decl {
            self.announce(name);
        }
        let mut stages = Vec::with_capacity(pipe.commands.len());
        for command in &pipe.commands {
            let [head, rest @ ..] = command.args.as_slice() else {
                return Err(self.error(command.pos, "a value is missing here"));
            };
            let head = self.operand(head)?;
            let takes_none = match head.root {
                Root::Dot | Root::Nothing | Root::Fixed(_) => head.path.is_empty(),
                _ => false,
            };
            if takes_none && !stages.is_empty() {
                let message = "only a function or a field can take what is piped into it";
                return Err(self.error(command.pos, message));
            }
            let mut arguments = Vec::with_capacity(rest.len());
            for argument in rest {
                self.parted(argument.pos())?;
                arguments.push(self.operand(argument)?);
            }
            stages.push(Stage { head, arguments });
        }
        self.names.truncate(seen);
        let mut targets = Vec::with_capacity(pipe.decl.len());
        for name in &pipe.decl {
            targets.push(self.target(name, pipe.is_assign));
        }
        let start = offset(self.place(pipe.pos));
        let end = self.action(pipe.pos).end.max(start);
        Ok(Pipeline {
            at: At { start, end },
            targets,
            stages,
        })
    }

    /// Where a pipeline's value goes: to a new variable or to one that is there.
    fn target(&mut self, name: &SmolStr, known: bool) -> Target {
        if known && let Some(target) = self.find(name) {
            return target;
        }
        let target = if known {
            // Not an error until it is run.
            Target::Undeclared(Rc::from(&**name))
        } else {
            self.slots += 1;
            Target::Slot(self.slots - 1)
        };
        self.names.push((name.clone(), target.clone()));
        target
    }

    fn find(&self, name: &SmolStr) -> Option<Target> {
        let mut names = self.names.iter().rev();
        names
            .find(|(known, _)| known == name)
            .map(|(_, target)| target.clone())
    }

    /// `$a :=` and `$a, $b :=` with one comma between two names; the crate takes more.
    fn well_declared(&self, pipe: &PipeNode) -> Result<(), SyntaxError> {
        let mut text = self.from(pipe.pos);
        for (index, name) in pipe.decl.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let rest = text.trim_start().strip_prefix(comma);
            text = rest
                .and_then(|rest| rest.trim_start().strip_prefix(&**name))
                .ok_or_else(|| self.error(pipe.pos, "variables are declared as $a or as $a, $b"))?;
        }
        if !pipe.decl.is_empty() && text.trim_start().starts_with(',') {
            return Err(self.error(pipe.pos, "a variable is missing after the comma"));
        }
        Ok(())
    }

    /// Arguments are parted by white space; the crate does not insist.
    fn parted(&self, pos: Pos) -> Result<(), SyntaxError> {
        let before = self.text.get(..self.place(pos)).unwrap_or("");
        if before.ends_with([' ', '\t', '\r', '\n']) {
            return Ok(());
        }
        Err(self.error(pos, "a space is missing before this argument"))
    }

    fn operand(&mut self, expr: &Expr) -> Result<Operand, SyntaxError> {
        let pos = expr.pos();
        let mut path: &[SmolStr] = &[];
        let root = match expr {
            Expr::Dot(_) => Root::Dot,
            Expr::Nil(_) => Root::Nothing,
            Expr::Bool(_, truth) => Root::Fixed(Value::bool(*truth)),
            Expr::Number(_, Number::Int(value)) => Root::Fixed(Value::int(*value)),
            Expr::Number(_, Number::Float(value)) => Root::Fixed(Value::float(*value)),
            Expr::Number(_, Number::Uint(_)) => {
                return Err(self.error(pos, "this number is too large"));
            }
            Expr::String(..) => Root::Fixed(Value::text(self.quoted(pos)?)),
            Expr::Field(_, names) => {
                if self.from(pos).starts_with("..") {
                    return Err(self.error(pos, "a name is missing between these dots"));
                }
                path = names;
                Root::Dot
            }
            Expr::Variable(_, name, names) => {
                path = names;
                let Some(target) = self.find(name) else {
                    let message = format!("the variable {name} is not declared here");
                    return Err(self.error(pos, message));
                };
                Root::Variable(target)
            }
            Expr::Identifier(_, name) => {
                let found = funcs::find(name);
                let missing = || self.error(pos, format!("Helm has no function {name:?}"));
                Root::Function(found.ok_or_else(missing)?)
            }
            Expr::Pipe(_, pipe) => Root::Group(Box::new(self.pipeline(pipe)?)),
            Expr::Chain(_, inner, names) => {
                path = names;
                self.operand(inner)?.root
            }
        };
        Ok(Operand {
            start: offset(self.place(pos)),
            root,
            path: path.iter().map(|name| Rc::from(&**name)).collect(),
        })
    }

    /// A quoted text, read from the template: the crate has no bytes, only characters.
    fn quoted(&self, pos: Pos) -> Result<String, SyntaxError> {
        let start = self.place(pos);
        quoted_end(self.text, start)
            .and_then(|end| unquote(self.text.get(start..end)?))
            .ok_or_else(|| self.error(pos, "an escape in these quotes means nothing"))
    }
}
