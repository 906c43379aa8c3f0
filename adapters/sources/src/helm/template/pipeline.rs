//! Pipelines, commands and operands.

use super::ast::{Command, Expr, ExprKind, Pipe};
use super::lex::{Kind, Token};
use super::literal::{number, rune};
use super::parse::{Parse, Parser, error};
use crate::helm::funcs;
use std::rc::Rc;

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &'static str, end: Kind) -> Parse<Pipe> {
        let start = self.peek_solid().at;
        let mut pipe = Pipe {
            at: start,
            assign: false,
            decl: Vec::new(),
            commands: Vec::new(),
        };
        self.declarations(context, &mut pipe)?;
        loop {
            let token = self.peek_solid();
            match token.kind {
                kind if kind == end => {
                    pipe.at.end = token.at.start.max(start.end);
                    self.next();
                    break;
                }
                Kind::Bool
                | Kind::Rune
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::RawText
                | Kind::Text2
                | Kind::Variable
                | Kind::LeftParen => {
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return Err(self.unexpected(token, context)),
            }
        }
        if pipe.commands.is_empty() {
            return Err(error(start, format!("missing value for {context}")));
        }
        for (stage, command) in pipe.commands.iter().enumerate().skip(1) {
            let Some(first) = command.args.first() else {
                continue;
            };
            if matches!(
                first.kind,
                ExprKind::Bool(_)
                    | ExprKind::Dot
                    | ExprKind::Nil
                    | ExprKind::Int(_)
                    | ExprKind::Float(_)
                    | ExprKind::Text(_)
            ) {
                let stage = stage + 1;
                let message = format!("non executable command in pipeline stage {stage}");
                return Err(error(first.at, message));
            }
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, `$i, $x :=`.
    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Parse<()> {
        loop {
            let back = self.pos;
            let token = self.peek_solid();
            if token.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            let name: Rc<str> = Rc::from(self.word(token));
            match self.peek_solid().kind {
                kind @ (Kind::Assign | Kind::Declare) => {
                    self.next();
                    pipe.assign = kind == Kind::Assign;
                    pipe.decl.push(name.clone());
                    self.vars.push(name);
                    return Ok(());
                }
                Kind::Comma => {
                    self.next();
                    pipe.decl.push(name.clone());
                    self.vars.push(name);
                    if context != "range" || pipe.decl.len() > 1 {
                        let message = format!("too many declarations in {context}");
                        return Err(error(token.at, message));
                    }
                    if self.peek_solid().kind != Kind::Variable {
                        return Err(error(token.at, "range can only initialize variables"));
                    }
                }
                _ => {
                    self.pos = back;
                    return Ok(());
                }
            }
        }
    }

    fn command(&mut self) -> Parse<Command> {
        let start = self.peek_solid().at;
        let mut args = Vec::new();
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::Close | Kind::RightParen => {
                    self.pos -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(token, "operand")),
            }
        }
        if args.is_empty() {
            return Err(error(start, "empty command"));
        }
        Ok(Command { args })
    }

    fn operand(&mut self) -> Parse<Option<Expr>> {
        let Some(mut expr) = self.term()? else {
            return Ok(None);
        };
        let mut chain: Vec<Rc<str>> = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            chain.push(Rc::from(self.word(token).trim_start_matches('.')));
            expr.at.end = token.at.end;
        }
        if chain.is_empty() {
            return Ok(Some(expr));
        }
        match &mut expr.kind {
            ExprKind::Field(fields) | ExprKind::Variable(_, fields) => fields.append(&mut chain),
            ExprKind::Bool(_)
            | ExprKind::Text(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Nil
            | ExprKind::Dot => {
                let term = super::cut(self.text, expr.at).to_owned();
                return Err(error(expr.at, format!("unexpected . after term {term:?}")));
            }
            _ => {
                let at = expr.at;
                expr = Expr {
                    at,
                    kind: ExprKind::Chain(Box::new(expr), chain),
                };
            }
        }
        Ok(Some(expr))
    }

    fn term(&mut self) -> Parse<Option<Expr>> {
        let token = self.next_solid();
        let at = token.at;
        let word = self.word(token);
        let kind = match token.kind {
            Kind::Identifier if word == "nil" => ExprKind::Nil,
            Kind::Identifier if self.keyword_at(token) => {
                self.pos -= 1;
                return Ok(None);
            }
            Kind::Identifier => match funcs::find(word) {
                Some(function) => ExprKind::Function(function),
                None => return Err(error(at, format!("function {word:?} not defined"))),
            },
            Kind::Dot => ExprKind::Dot,
            Kind::Variable => {
                if !self.vars.iter().any(|known| **known == *word) {
                    return Err(error(at, format!("undefined variable {word:?}")));
                }
                ExprKind::Variable(Rc::from(word), Vec::new())
            }
            Kind::Field => ExprKind::Field(vec![Rc::from(word.trim_start_matches('.'))]),
            Kind::Bool => ExprKind::Bool(word == "true"),
            Kind::Number => number(word).map_err(|message| error(at, message))?,
            Kind::Rune => match rune(word) {
                Some(value) => ExprKind::Int(value),
                None => return Err(error(at, format!("malformed character constant: {word}"))),
            },
            Kind::Text2 | Kind::RawText => ExprKind::Text(self.unquoted(token)?),
            Kind::LeftParen => {
                self.enter(at)?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.depth -= 1;
                let at = self.from(at);
                return Ok(Some(Expr {
                    at,
                    kind: ExprKind::Pipe(Box::new(pipe)),
                }));
            }
            _ => {
                self.pos -= 1;
                return Ok(None);
            }
        };
        Ok(Some(Expr { at, kind }))
    }

    fn keyword_at(&self, token: Token) -> bool {
        matches!(
            self.word(token),
            "block"
                | "define"
                | "else"
                | "end"
                | "if"
                | "range"
                | "template"
                | "with"
                | "break"
                | "continue"
        )
    }
}
