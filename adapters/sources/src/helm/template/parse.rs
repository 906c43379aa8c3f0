//! Tokens to nodes, by the rules of Go's `text/template/parse`.

use super::ast::{At, Branch, Command, Expr, ExprKind, Node, Pipe, is_empty};
use super::lex::{Kind, Lexer, SyntaxError, Token};
use super::literal::{number, rune, unquote};
use crate::helm::funcs;
use std::rc::Rc;

/// Deepest nesting of blocks and parentheses. Go allows more; nobody writes more, and every
/// level costs native stack here.
const MAX_NESTING: u32 = 250;

/// The templates of one text: its own body and its definitions, in order.
pub(crate) struct Parsed {
    pub(crate) body: Vec<Node>,
    pub(crate) definitions: Vec<(Rc<str>, Vec<Node>)>,
}

/// Reads one template text.
pub(crate) fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    let tokens = Lexer::new(text).run()?;
    let mut parser = Parser {
        text,
        tokens,
        pos: 0,
        vars: vec![Rc::from("$")],
        loops: 0,
        depth: 0,
        definitions: Vec::new(),
    };
    let mut body = Vec::new();
    loop {
        if parser.peek().kind == Kind::Eof {
            break;
        }
        if parser.peek().kind == Kind::Open {
            let back = parser.pos;
            parser.next();
            if parser.keyword() == Some("define") {
                parser.next_solid();
                parser.definition()?;
                continue;
            }
            parser.pos = back;
        }
        match parser.step()? {
            Step::Node(node) => body.push(node),
            Step::End(at) => return Err(error(at, "unexpected {{end}}")),
            Step::Else(at) => return Err(error(at, "unexpected {{else}}")),
        }
    }
    Ok(Parsed {
        body,
        definitions: parser.definitions,
    })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    pos: usize,
    vars: Vec<Rc<str>>,
    loops: u32,
    depth: u32,
    definitions: Vec<(Rc<str>, Vec<Node>)>,
}

enum Step {
    Node(Node),
    End(At),
    Else(At),
}

type Parse<T> = Result<T, SyntaxError>;

fn error(at: At, message: impl Into<String>) -> SyntaxError {
    SyntaxError {
        offset: at.start,
        message: message.into(),
    }
}

impl Parser<'_> {
    fn peek(&self) -> Token {
        // The last token is always Eof; reading on stays there.
        let eof = Token {
            kind: Kind::Eof,
            at: At::default(),
        };
        self.tokens
            .get(self.pos)
            .or(self.tokens.last())
            .copied()
            .unwrap_or(eof)
    }

    fn next(&mut self) -> Token {
        let token = self.peek();
        self.pos += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.pos += 1;
        }
    }

    fn peek_solid(&mut self) -> Token {
        self.skip_space();
        self.peek()
    }

    fn next_solid(&mut self) -> Token {
        self.skip_space();
        self.next()
    }

    fn word(&self, token: Token) -> &str {
        super::cut(self.text, token.at)
    }

    /// The keyword that comes next, if one does.
    fn keyword(&mut self) -> Option<&'static str> {
        let token = self.peek_solid();
        if token.kind != Kind::Identifier {
            return None;
        }
        let word = self.word(token);
        let keywords = [
            "block", "break", "continue", "define", "else", "end", "if", "range", "nil",
            "template", "with",
        ];
        keywords.into_iter().find(|keyword| *keyword == word)
    }

    fn unexpected(&self, token: Token, context: &str) -> SyntaxError {
        let what = match token.kind {
            Kind::Eof => "EOF".to_owned(),
            _ => format!("{:?}", self.word(token)),
        };
        error(token.at, format!("unexpected {what} in {context}"))
    }

    fn expect_close(&mut self, context: &str) -> Parse<At> {
        let token = self.next_solid();
        if token.kind == Kind::Close {
            Ok(token.at)
        } else {
            Err(self.unexpected(token, context))
        }
    }

    fn enter(&mut self, at: At) -> Parse<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(error(at, format!("nesting is deeper than {MAX_NESTING}")));
        }
        Ok(())
    }

    /// Text or an action.
    fn step(&mut self) -> Parse<Step> {
        let token = self.next_solid();
        match token.kind {
            Kind::Text => Ok(Step::Node(Node::Text(token.at))),
            Kind::Open => self.action(token.at),
            _ => Err(self.unexpected(token, "input")),
        }
    }

    fn action(&mut self, open: At) -> Parse<Step> {
        let keyword = self.keyword();
        let token = self.peek();
        let node = match keyword {
            Some("end") => {
                self.next();
                let at = self.expect_close("end")?;
                return Ok(Step::End(At {
                    start: open.start,
                    end: at.end,
                }));
            }
            Some("else") => {
                self.next();
                if !matches!(self.keyword(), Some("if" | "with")) {
                    self.expect_close("else")?;
                }
                return Ok(Step::Else(open));
            }
            Some("if") => self.control("if", open)?,
            Some("with") => self.control("with", open)?,
            Some("range") => self.control("range", open)?,
            Some("template") => {
                self.next();
                let name = self.template_name("template clause")?;
                let pipe = if self.peek_solid().kind == Kind::Close {
                    self.next();
                    None
                } else {
                    Some(self.pipeline("template clause", Kind::Close)?)
                };
                Node::Template(self.from(open), name, pipe)
            }
            Some("block") => {
                self.next();
                let name = self.template_name("block clause")?;
                let pipe = self.pipeline("block clause", Kind::Close)?;
                let at = self.from(open);
                self.body_of(name.clone(), open)?;
                Node::Template(at, name, Some(pipe))
            }
            Some(word @ ("break" | "continue")) => {
                self.next();
                self.expect_close(word)?;
                if self.loops == 0 {
                    return Err(error(
                        token.at,
                        format!("{{{{{word}}}}} outside {{{{range}}}}"),
                    ));
                }
                if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                }
            }
            Some("define") => return Err(error(token.at, "unexpected {{define}}")),
            _ => {
                let pipe = self.pipeline("command", Kind::Close)?;
                Node::Action(self.from(open), pipe)
            }
        };
        Ok(Step::Node(node))
    }

    /// From an opening delimiter to the last token that was read.
    fn from(&self, open: At) -> At {
        let last = self.pos.checked_sub(1).and_then(|pos| self.tokens.get(pos));
        At {
            start: open.start,
            end: last.map_or(open.end, |token| token.at.end),
        }
    }

    fn template_name(&mut self, context: &str) -> Parse<Rc<str>> {
        let token = self.next_solid();
        match token.kind {
            Kind::Text2 | Kind::RawText => self.unquoted(token),
            _ => Err(self.unexpected(token, context)),
        }
    }

    fn unquoted(&self, token: Token) -> Parse<Rc<str>> {
        let text = unquote(self.word(token)).ok_or_else(|| error(token.at, "invalid syntax"))?;
        Ok(Rc::from(text))
    }

    fn definition(&mut self) -> Parse<()> {
        let open = self.peek().at;
        let name = self.template_name("define clause")?;
        self.expect_close("define clause")?;
        self.body_of(name, open)
    }

    /// The body of a `define` or `block`: its own variables, its own loops.
    fn body_of(&mut self, name: Rc<str>, open: At) -> Parse<()> {
        self.enter(open)?;
        let vars = std::mem::replace(&mut self.vars, vec![Rc::from("$")]);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.list()?;
        self.vars = vars;
        self.loops = loops;
        self.depth -= 1;
        if let Step::Else(at) = end {
            return Err(error(at, "unexpected {{else}} in define clause"));
        }
        let empty = is_empty(&body, self.text);
        match self
            .definitions
            .iter_mut()
            .find(|(known, _)| *known == name)
        {
            None => self.definitions.push((name, body)),
            Some(_) if empty => {}
            Some((_, old)) if is_empty(old, self.text) => *old = body,
            Some(_) => {
                let message = format!("template: multiple definition of template {name:?}");
                return Err(error(open, message));
            }
        }
        Ok(())
    }

    /// Nodes up to the `end` or `else` that is returned with them.
    fn list(&mut self) -> Parse<(Vec<Node>, Step)> {
        let mut nodes = Vec::new();
        loop {
            let token = self.peek_solid();
            if token.kind == Kind::Eof {
                return Err(error(token.at, "unexpected EOF"));
            }
            match self.step()? {
                Step::Node(node) => nodes.push(node),
                end => return Ok((nodes, end)),
            }
        }
    }

    fn control(&mut self, what: &'static str, open: At) -> Parse<Node> {
        self.next();
        self.enter(open)?;
        let vars = self.vars.len();
        let pipe = self.pipeline(what, Kind::Close)?;
        self.loops += u32::from(what == "range");
        let (body, end) = self.list()?;
        self.loops -= u32::from(what == "range");
        let otherwise = match end {
            Step::Else(open) if what != "range" && self.keyword() == Some(what) => {
                Some(vec![self.control(what, open)?])
            }
            Step::Else(at) => {
                if matches!(self.keyword(), Some("if" | "with")) {
                    // `else with` in an `if`: Go reads the keyword as a command and fails.
                    return Err(self.unexpected(self.peek(), "else"));
                }
                let (nodes, end) = self.list()?;
                if matches!(end, Step::Else(_)) {
                    return Err(error(at, "expected end; found {{else}}"));
                }
                Some(nodes)
            }
            _ => None,
        };
        self.vars.truncate(vars);
        self.depth -= 1;
        let branch = Box::new(Branch {
            pipe,
            body,
            otherwise,
        });
        Ok(match what {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    fn pipeline(&mut self, context: &'static str, end: Kind) -> Parse<Pipe> {
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
