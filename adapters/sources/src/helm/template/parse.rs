//! Tokens to nodes, by the rules of Go's `text/template/parse`.

use super::ast::{At, Branch, Node, is_empty};
use super::lex::{Kind, Lexer, SyntaxError, Token};
use super::literal::unquote;
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

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    pub(super) pos: usize,
    pub(super) vars: Vec<Rc<str>>,
    loops: u32,
    pub(super) depth: u32,
    definitions: Vec<(Rc<str>, Vec<Node>)>,
}

enum Step {
    Node(Node),
    End(At),
    Else(At),
}

pub(super) type Parse<T> = Result<T, SyntaxError>;

pub(super) fn error(at: At, message: impl Into<String>) -> SyntaxError {
    SyntaxError {
        offset: at.start,
        message: message.into(),
    }
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Token {
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

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek();
        self.pos += 1;
        token
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.pos += 1;
        }
    }

    pub(super) fn peek_solid(&mut self) -> Token {
        self.skip_space();
        self.peek()
    }

    pub(super) fn next_solid(&mut self) -> Token {
        self.skip_space();
        self.next()
    }

    pub(super) fn word(&self, token: Token) -> &str {
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

    pub(super) fn unexpected(&self, token: Token, context: &str) -> SyntaxError {
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

    pub(super) fn enter(&mut self, at: At) -> Parse<()> {
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
    pub(super) fn from(&self, open: At) -> At {
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

    pub(super) fn unquoted(&self, token: Token) -> Parse<Rc<str>> {
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
}
