//! Tokens to expressions, by precedence.

use super::ast::{DEEPEST, Expr, Kind, Operator};
use super::fault::CompileError;
use super::macros;
use super::token::{RESERVED, Token, tokens};
use super::value::Value;
use seawall_model::Str;

/// The longest expression, in bytes; the API server's own bound.
const LONGEST: usize = 100_000;

/// Reads an expression.
pub(crate) fn parse(source: &str) -> Result<Expr, CompileError> {
    if source.len() > LONGEST {
        return Err(CompileError::new(
            0,
            format!("the expression is longer than {LONGEST} bytes"),
        ));
    }
    let mut parser = Parser {
        tokens: tokens(source)?,
        next: 0,
        depth: 0,
    };
    let expr = parser.expr()?;
    match parser.peek() {
        Token::End => Ok(expr),
        token => parser.unexpected(&describe(token), "an operator or the end"),
    }
}

struct Parser {
    tokens: Vec<(Token, u32)>,
    next: usize,
    /// How many brackets are open.
    depth: usize,
}

type Parsed = Result<Expr, CompileError>;

fn describe(token: &Token) -> String {
    match token {
        Token::Ident(name) | Token::Quoted(name) => format!("`{name}`"),
        Token::Sign(sign) => format!("`{sign}`"),
        Token::End => "the end".to_owned(),
        Token::String(_) => "a text".to_owned(),
        Token::Bytes(_) => "bytes".to_owned(),
        _ => "a number".to_owned(),
    }
}

fn expr(kind: Kind, at: u32) -> Parsed {
    Expr::new(kind, at)
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens
            .get(self.next)
            .map_or(&Token::End, |(token, _)| token)
    }

    fn at(&self) -> u32 {
        self.tokens.get(self.next).map_or(0, |(_, at)| *at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.next += 1;
        }
        token
    }

    fn is(&self, sign: &'static str) -> bool {
        *self.peek() == Token::Sign(sign)
    }

    fn accept(&mut self, sign: &'static str) -> bool {
        let found = self.is(sign);
        if found {
            self.next += 1;
        }
        found
    }

    fn need(&mut self, sign: &'static str) -> Result<(), CompileError> {
        if self.accept(sign) {
            return Ok(());
        }
        let found = describe(self.peek());
        self.unexpected(&found, &format!("`{sign}`"))
    }

    fn unexpected<T>(&self, found: &str, want: &str) -> Result<T, CompileError> {
        let message = format!("syntax error: {found} where {want} is expected");
        Err(CompileError::new(self.at(), message))
    }

    fn deeper(&mut self) -> Result<(), CompileError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("the expression is nested deeper than {DEEPEST} levels");
            return Err(CompileError::new(self.at(), message));
        }
        Ok(())
    }

    fn expr(&mut self) -> Parsed {
        self.deeper()?;
        let condition = self.or()?;
        let at = self.at();
        let result = if self.accept("?") {
            let yes = self.or()?;
            self.need(":")?;
            let no = self.expr()?;
            expr(Kind::Choice(Box::new((condition, yes, no))), at)?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(result)
    }

    fn or(&mut self) -> Parsed {
        let first = self.and()?;
        let at = self.at();
        if !self.is("||") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.accept("||") {
            all.push(self.and()?);
        }
        expr(Kind::Or(all), at)
    }

    fn and(&mut self) -> Parsed {
        let first = self.binary(0)?;
        let at = self.at();
        if !self.is("&&") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.accept("&&") {
            all.push(self.binary(0)?);
        }
        expr(Kind::And(all), at)
    }

    fn operator(&self) -> Option<(Operator, u8)> {
        Some(match self.peek() {
            Token::Ident(word) if word == "in" => (Operator::In, 0),
            Token::Sign("==") => (Operator::Equal, 0),
            Token::Sign("!=") => (Operator::NotEqual, 0),
            Token::Sign("<") => (Operator::Less, 0),
            Token::Sign("<=") => (Operator::LessEqual, 0),
            Token::Sign(">") => (Operator::Greater, 0),
            Token::Sign(">=") => (Operator::GreaterEqual, 0),
            Token::Sign("+") => (Operator::Add, 1),
            Token::Sign("-") => (Operator::Subtract, 1),
            Token::Sign("*") => (Operator::Multiply, 2),
            Token::Sign("/") => (Operator::Divide, 2),
            Token::Sign("%") => (Operator::Modulo, 2),
            _ => return None,
        })
    }

    /// Left-associative operators of at least this strength.
    fn binary(&mut self, weakest: u8) -> Parsed {
        let mut left = self.unary()?;
        while let Some((operator, strength)) = self.operator() {
            if strength < weakest {
                break;
            }
            let at = self.at();
            self.next += 1;
            let right = self.binary(strength + 1)?;
            left = expr(Kind::Binary(operator, Box::new(left), Box::new(right)), at)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at();
        for sign in ["!", "-"] {
            if !self.is(sign) {
                continue;
            }
            let mut count = 0_usize;
            while self.accept(sign) {
                count += 1;
            }
            if sign == "-" {
                // The grammar reads a sign before a number as part of it.
                match self.peek().clone() {
                    Token::TooLarge => {
                        self.next += 1;
                        return self.negated(count - 1, Value::Int(i64::MIN), at);
                    }
                    Token::Int(number) => {
                        self.next += 1;
                        return self.negated(count - 1, Value::Int(number.wrapping_neg()), at);
                    }
                    Token::Double(number) => {
                        self.next += 1;
                        return self.negated(count - 1, Value::Double(-number), at);
                    }
                    _ => {}
                }
            }
            let operand = self.member()?;
            if count.is_multiple_of(2) {
                return Ok(operand);
            }
            let operand = Box::new(operand);
            return if sign == "!" {
                expr(Kind::Not(operand), at)
            } else {
                expr(Kind::Negate(operand), at)
            };
        }
        self.member()
    }

    fn negated(&mut self, signs: usize, number: Value, at: u32) -> Parsed {
        let number = expr(Kind::Literal(number), at)?;
        let literal = self.members(number)?;
        if signs.is_multiple_of(2) {
            Ok(literal)
        } else {
            expr(Kind::Negate(Box::new(literal)), at)
        }
    }

    fn member(&mut self) -> Parsed {
        let primary = self.primary()?;
        self.members(primary)
    }

    /// Selections, indices and calls that follow an operand.
    fn members(&mut self, mut left: Expr) -> Parsed {
        loop {
            let at = self.at();
            if self.accept(".") {
                let optional = self.accept("?");
                let (name, is_quoted) = match self.take() {
                    Token::Ident(name) => (name, false),
                    Token::Quoted(name) => (name, true),
                    token => {
                        self.next = self.next.saturating_sub(1);
                        return self.unexpected(&describe(&token), "a field's name");
                    }
                };
                let name_at = at + 1;
                if self.is("(") && !optional && !is_quoted {
                    self.next += 1;
                    let args = self.arguments()?;
                    left = macros::member(left, name.into(), args, name_at)?;
                    continue;
                }
                if !is_quoted && matches!(name.as_str(), "in" | "true" | "false" | "null") {
                    let message = format!("`{name}` is a word of the language: write ['{name}']");
                    return Err(CompileError::new(name_at, message));
                }
                left = expr(
                    Kind::Select {
                        operand: Box::new(left),
                        field: name.into(),
                        optional,
                    },
                    name_at,
                )?;
            } else if self.accept("[") {
                let optional = self.accept("?");
                let index = self.expr()?;
                self.need("]")?;
                left = expr(
                    Kind::Index {
                        operand: Box::new(left),
                        index: Box::new(index),
                        optional,
                    },
                    at,
                )?;
            } else if self.is("{") && is_type_name(&left) {
                let message = "messages cannot be constructed in admission policies";
                return Err(CompileError::new(at, message));
            } else {
                return Ok(left);
            }
        }
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        let literal = |value| expr(Kind::Literal(value), at);
        match self.take() {
            Token::Int(number) => literal(Value::Int(number)),
            Token::Uint(number) => literal(Value::Uint(number)),
            Token::Double(number) => literal(Value::Double(number)),
            Token::String(text) => literal(Value::text(text)),
            Token::Bytes(bytes) => literal(Value::Bytes(bytes.into())),
            Token::TooLarge => Err(CompileError::new(at, "an integer does not fit 64 bits")),
            Token::Ident(word) => self.word(word, at),
            Token::Sign("(") => {
                let inner = self.expr()?;
                self.need(")")?;
                Ok(inner)
            }
            Token::Sign("[") => self.list(at),
            Token::Sign("{") => self.map(at),
            Token::Sign(".") => match self.take() {
                Token::Ident(word) => self.word(word, at),
                token => {
                    self.next = self.next.saturating_sub(1);
                    self.unexpected(&describe(&token), "a name")
                }
            },
            token => {
                self.next = self.tokens.iter().position(|(_, o)| *o == at).unwrap_or(0);
                self.unexpected(&describe(&token), "a value")
            }
        }
    }

    fn word(&mut self, word: String, at: u32) -> Parsed {
        let literal = match word.as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ => None,
        };
        if let Some(value) = literal {
            return expr(Kind::Literal(value), at);
        }
        if word == "in" || RESERVED.contains(&word.as_str()) {
            let message = format!("reserved identifier: `{word}`");
            return Err(CompileError::new(at, message));
        }
        let name: Str = word.into();
        if self.accept("(") {
            let args = self.arguments()?;
            return macros::global(name, args, at);
        }
        expr(Kind::Ident(name), at)
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, CompileError> {
        let mut args = Vec::new();
        if self.accept(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expr()?);
            if !self.accept(",") {
                self.need(")")?;
                return Ok(args);
            }
        }
    }

    fn list(&mut self, at: u32) -> Parsed {
        let mut items = Vec::new();
        while !self.accept("]") {
            let optional = self.accept("?");
            items.push((self.expr()?, optional));
            if !self.accept(",") {
                self.need("]")?;
                break;
            }
        }
        expr(Kind::List(items), at)
    }

    fn map(&mut self, at: u32) -> Parsed {
        let mut entries = Vec::new();
        while !self.accept("}") {
            let optional = self.accept("?");
            let key = self.expr()?;
            self.need(":")?;
            entries.push((key, self.expr()?, optional));
            if !self.accept(",") {
                self.need("}")?;
                break;
            }
        }
        expr(Kind::Map(entries), at)
    }
}

fn is_type_name(left: &Expr) -> bool {
    match &left.kind {
        Kind::Ident(_) => true,
        Kind::Select {
            operand, optional, ..
        } => !optional && is_type_name(operand),
        _ => false,
    }
}
