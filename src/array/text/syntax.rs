//! Tokens to a syntax tree: names, numbers, calls, attributes, tuples and arithmetic, with their places.

use crate::array::text::lexer::{Token, tokens};
use crate::array::text::place::{Source, Span};
use crate::error::{Error, Result};

/// Bounds the recursion over a tree; also the number of terms in one sum.
const DEPTH: u32 = 200;

/// A piece of an expression.
#[derive(Debug)]
pub(super) struct Syntax {
    pub(super) span: Span,
    pub(super) kind: Kind,
    depth: u32,
}

#[derive(Debug)]
pub(super) enum Kind {
    Integer(u128),
    Float(f64),
    Text(String),
    Name(String),
    Attribute { of: Box<Syntax>, name: String, place: Span },
    Call { function: Box<Syntax>, arguments: Vec<Argument> },
    Tuple(Vec<Syntax>),
    Unary { minus: bool, operand: Box<Syntax> },
    Binary { sign: &'static str, place: Span, left: Box<Syntax>, right: Box<Syntax> },
}

/// An argument of a call, with its keyword.
#[derive(Debug)]
pub(super) struct Argument {
    pub(super) keyword: Option<(String, Span)>,
    pub(super) value: Syntax,
}

/// The tree of a whole text, and the names it uses, in the order of the text.
pub(super) fn read(source: &Source) -> Result<(Syntax, Vec<(String, Span)>)> {
    let mut reader = Reader { source, tokens: tokens(source)?, next: 0, nesting: 0, names: Vec::new() };
    if reader.peek() == &Token::End {
        return Err(Error::refused(format!("`{}` has no expression", source.name)));
    }
    let syntax = reader.list()?;
    if reader.peek() != &Token::End {
        return Err(reader.unexpected());
    }
    Ok((syntax, reader.names))
}

struct Reader<'a> {
    source: &'a Source,
    tokens: Vec<(Token, Span)>,
    next: usize,
    nesting: u32,
    names: Vec<(String, Span)>,
}

/// How tightly an operator of two operands binds.
fn binding(sign: &str) -> Option<u32> {
    match sign {
        "==" | "!=" | "<" | "<=" | ">" | ">=" => Some(1),
        "<<" | ">>" => Some(2),
        "+" | "-" => Some(3),
        "*" | "/" | "//" | "%" | "@" => Some(4),
        "**" => Some(6),
        _ => None,
    }
}

/// Between `*` and `**`, as in Python: `-x ** 2` is `-(x ** 2)`.
const UNARY_BINDING: u32 = 5;

impl Reader<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn place(&self) -> Span {
        self.tokens[self.next].1
    }

    fn take(&mut self) -> (Token, Span) {
        let taken = self.tokens[self.next].clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        taken
    }

    fn take_sign(&mut self, sign: &'static str) -> Option<Span> {
        (*self.peek() == Token::Sign(sign)).then(|| self.take().1)
    }

    fn expect(&mut self, sign: &'static str) -> Result<Span> {
        self.take_sign(sign).ok_or_else(|| self.unexpected().hint(format!("`{sign}` is missing here")))
    }

    fn unexpected(&self) -> Error {
        let what = match self.peek() {
            Token::End => "the expression ends too early".to_owned(),
            Token::Sign("[") => "indexing is not supported yet".to_owned(),
            _ => format!("unexpected `{}`", self.source.at(self.place())),
        };
        self.source.error(self.place(), what)
    }

    /// An expression, or a tuple without brackets.
    fn list(&mut self) -> Result<Syntax> {
        let first = self.expression(0)?;
        if *self.peek() != Token::Sign(",") {
            return Ok(first);
        }
        let start = first.span;
        let mut items = vec![first];
        while self.take_sign(",").is_some() {
            if matches!(self.peek(), Token::End | Token::Sign(")" | "]")) {
                break;
            }
            items.push(self.expression(0)?);
        }
        let span = start.to(items[items.len() - 1].span);
        let depth = deepest(&items);
        self.node(span, depth, Kind::Tuple(items))
    }

    /// Operands and operators that bind more tightly than `least`.
    fn expression(&mut self, least: u32) -> Result<Syntax> {
        self.nesting += 1;
        self.check_depth(self.place(), self.nesting)?;
        let mut left = self.unary()?;
        while let Token::Sign(sign) = *self.peek() {
            let Some(binds) = binding(sign).filter(|&binds| binds > least) else { break };
            let place = self.take().1;
            // Of two powers the right one comes first.
            let right = self.expression(if sign == "**" { UNARY_BINDING - 1 } else { binds })?;
            let depth = left.depth.max(right.depth);
            let (span, left_box, right) = (left.span.to(right.span), Box::new(left), Box::new(right));
            left = self.node(span, depth, Kind::Binary { sign, place, left: left_box, right })?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Syntax> {
        let minus = match self.peek() {
            Token::Sign("-") => true,
            Token::Sign("+") => false,
            _ => return self.postfix(),
        };
        let place = self.take().1;
        let operand = self.expression(UNARY_BINDING)?;
        let (span, depth) = (place.to(operand.span), operand.depth);
        self.node(span, depth, Kind::Unary { minus, operand: Box::new(operand) })
    }

    /// An atom with the attributes and calls that follow it.
    fn postfix(&mut self) -> Result<Syntax> {
        let mut of = self.atom()?;
        loop {
            let depth = of.depth;
            if self.take_sign(".").is_some() {
                let Token::Name(name) = self.peek().clone() else { return Err(self.unexpected()) };
                let place = self.take().1;
                of =
                    self.node(of.span.to(place), depth, Kind::Attribute { of: Box::new(of), name, place })?;
            } else if self.take_sign("(").is_some() {
                let (arguments, end) = self.arguments()?;
                let depth = arguments.iter().map(|argument| argument.value.depth).fold(depth, u32::max);
                of = self.node(of.span.to(end), depth, Kind::Call { function: Box::new(of), arguments })?;
            } else {
                return Ok(of);
            }
        }
    }

    fn atom(&mut self) -> Result<Syntax> {
        let place = self.place();
        let kind = match self.peek().clone() {
            Token::Integer(value) => Kind::Integer(value),
            Token::Float(value) => Kind::Float(value),
            Token::Text(text) => Kind::Text(text),
            Token::Name(name) => {
                self.names.push((name.clone(), place));
                Kind::Name(name)
            }
            Token::Sign("(") => return self.bracketed(")"),
            Token::Sign("[") => return self.bracketed("]"),
            _ => return Err(self.unexpected()),
        };
        self.take();
        self.node(place, 0, kind)
    }

    /// An expression or tuple in round brackets; square ones always make a tuple.
    fn bracketed(&mut self, close: &'static str) -> Result<Syntax> {
        let start = self.take().1;
        if let Some(end) = self.take_sign(close) {
            return self.node(start.to(end), 0, Kind::Tuple(Vec::new()));
        }
        let mut inner = self.list()?;
        let end = self.expect(close)?;
        if close == "]" && !matches!(inner.kind, Kind::Tuple(_)) {
            inner = self.node(inner.span, inner.depth, Kind::Tuple(vec![inner]))?;
        }
        inner.span = start.to(end);
        Ok(inner)
    }

    /// The arguments of a call up to its closing bracket.
    fn arguments(&mut self) -> Result<(Vec<Argument>, Span)> {
        let mut arguments: Vec<Argument> = Vec::new();
        loop {
            if let Some(end) = self.take_sign(")") {
                return Ok((arguments, end));
            }
            let value = self.expression(0)?;
            let argument = if *self.peek() == Token::Sign("=") {
                let Kind::Name(name) = value.kind else { return Err(self.unexpected()) };
                // A keyword is no use of a name.
                self.names.pop();
                self.take();
                Argument { keyword: Some((name, value.span)), value: self.expression(0)? }
            } else {
                Argument { keyword: None, value }
            };
            if argument.keyword.is_none() && arguments.iter().any(|earlier| earlier.keyword.is_some()) {
                let what = "an argument without keyword after one with a keyword";
                return Err(self.source.error(argument.value.span, what));
            }
            arguments.push(argument);
            if self.take_sign(",").is_none() {
                let end = self.expect(")")?;
                return Ok((arguments, end));
            }
        }
    }

    fn node(&self, span: Span, children: u32, kind: Kind) -> Result<Syntax> {
        self.check_depth(span, children + 1)?;
        Ok(Syntax { span, kind, depth: children + 1 })
    }

    fn check_depth(&self, span: Span, depth: u32) -> Result<()> {
        if depth <= DEPTH {
            return Ok(());
        }
        let what = format!("an expression of more than {DEPTH} levels");
        Err(self.source.error(span, what).hint("give parts of it names in [arrays]"))
    }
}

fn deepest(items: &[Syntax]) -> u32 {
    items.iter().map(|item| item.depth).max().unwrap_or(0)
}
