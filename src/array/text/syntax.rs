//! Tokens to a syntax tree with places, by Python's grammar for expressions.
//!
//! What Python has and arrays cannot take (`and`, chained comparisons, `if`) is refused here with what to
//! write instead. What a tree means is `evaluate`'s.

use std::sync::Arc;

use crate::array::text::lexer::{Token, tokens};
use crate::array::text::place::{Source, Span};
use crate::array::text::table;
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
    /// The name of a function, called without a prefix.
    Function(String),
    Attribute {
        of: Box<Syntax>,
        name: String,
        place: Span,
    },
    Call {
        function: Box<Syntax>,
        arguments: Vec<Argument>,
    },
    Subscript {
        of: Box<Syntax>,
        index: Box<Syntax>,
    },
    Tuple(Vec<Syntax>),
    List(Vec<Syntax>),
    /// A tuple or list of nothing but plain whole numbers.
    Integers {
        list: bool,
        values: Arc<Vec<i64>>,
    },
    Dict(Vec<(Syntax, Syntax)>),
    /// Start, stop, step of a subscript.
    Slice([Option<Box<Syntax>>; 3]),
    Ellipsis,
    Unary {
        sign: &'static str,
        operand: Box<Syntax>,
    },
    Binary {
        sign: &'static str,
        place: Span,
        left: Box<Syntax>,
        right: Box<Syntax>,
    },
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
    let syntax = reader.expressions()?;
    if reader.peek() != &Token::End {
        return Err(reader.unexpected());
    }
    Ok((syntax, reader.names))
}

/// Words of Python's grammar that no line can have as its name.
pub(super) const KEYWORDS: [&str; 9] = ["and", "or", "not", "if", "else", "for", "in", "is", "lambda"];

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
        "==" | "!=" | "<" | "<=" | ">" | ">=" => Some(COMPARISON),
        "|" => Some(2),
        "^" => Some(3),
        "&" => Some(4),
        "<<" | ">>" => Some(5),
        "+" | "-" => Some(6),
        "*" | "/" | "//" | "%" | "@" => Some(7),
        "**" => Some(9),
        _ => None,
    }
}

const COMPARISON: u32 = 1;

/// Between `*` and `**`, as in Python: `-x ** 2` is `-(x ** 2)`.
const UNARY: u32 = 8;

impl Reader<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn place(&self) -> Span {
        self.tokens[self.next].1
    }

    fn is_next(&self, sign: &'static str) -> bool {
        *self.peek() == Token::Sign(sign)
    }

    fn take(&mut self) -> (Token, Span) {
        let taken = self.tokens[self.next].clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        taken
    }

    fn take_sign(&mut self, sign: &'static str) -> Option<Span> {
        self.is_next(sign).then(|| self.take().1)
    }

    fn expect(&mut self, sign: &'static str) -> Result<Span> {
        self.take_sign(sign).ok_or_else(|| match self.peek() {
            Token::Name(word) if KEYWORDS.contains(&word.as_str()) => self.unexpected(),
            _ => self.unexpected().hint(format!("`{sign}` is missing here")),
        })
    }

    fn unexpected(&self) -> Error {
        let at = self.source.at(self.place());
        let what = match self.peek() {
            Token::End => "the expression ends too early".to_owned(),
            Token::Name(word) if ["and", "or", "not"].contains(&word.as_str()) => {
                format!("`{word}` asks for the truth of a whole array")
            }
            _ => format!("unexpected `{at}`"),
        };
        let error = self.source.error(self.place(), what);
        match at {
            "and" => error.hint("for each element write &: (x > 0) & (x < 1)"),
            "or" => error.hint("for each element write |: (x < 0) | (x > 1)"),
            "not" => error.hint("for each element write ~: ~(x > 0)"),
            "if" => error.hint("for each element write where(condition, this, that)"),
            "for" => error.hint("arrays are computed as a whole: leave out the loop"),
            _ => error,
        }
    }

    /// An expression, or a tuple without brackets.
    fn expressions(&mut self) -> Result<Syntax> {
        let first = self.expression(0)?;
        if !self.is_next(",") {
            return Ok(first);
        }
        let start = first.span;
        let mut items = vec![first];
        while self.take_sign(",").is_some() {
            if matches!(self.peek(), Token::End | Token::Sign(")")) {
                break;
            }
            items.push(self.expression(0)?);
        }
        let span = start.to(items[items.len() - 1].span);
        self.node(span, deepest(&items), Kind::Tuple(items))
    }

    /// Operands and operators that bind more tightly than `least`.
    fn expression(&mut self, least: u32) -> Result<Syntax> {
        self.nesting += 1;
        self.check_depth(self.place(), self.nesting)?;
        let mut left = self.unary()?;
        let mut compared = false;
        while let Token::Sign(sign) = *self.peek() {
            let Some(binds) = binding(sign).filter(|&binds| binds > least) else { break };
            if compared && binds == COMPARISON {
                return Err(self.chained());
            }
            compared = binds == COMPARISON;
            let place = self.take().1;
            // Of two powers the right one comes first.
            let right = self.expression(if sign == "**" { UNARY } else { binds })?;
            let depth = left.depth.max(right.depth);
            let (span, left_box, right) = (left.span.to(right.span), Box::new(left), Box::new(right));
            left = self.node(span, depth, Kind::Binary { sign, place, left: left_box, right })?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn chained(&self) -> Error {
        let what = "a chained comparison asks for the truth of a whole array";
        let hint = "compare twice and join by &, for example (0 < x) & (x < 1)";
        self.source.error(self.place(), what).hint(hint)
    }

    fn unary(&mut self) -> Result<Syntax> {
        let sign = match *self.peek() {
            Token::Sign(sign @ ("-" | "+" | "~")) => sign,
            _ => return self.postfix(),
        };
        let place = self.take().1;
        let operand = self.expression(UNARY)?;
        let (span, depth) = (place.to(operand.span), operand.depth);
        self.node(span, depth, Kind::Unary { sign, operand: Box::new(operand) })
    }

    /// An atom with the attributes, calls and subscripts that follow it.
    fn postfix(&mut self) -> Result<Syntax> {
        let mut of = self.atom()?;
        loop {
            let (start, depth) = (of.span, of.depth);
            if self.take_sign(".").is_some() {
                let Token::Name(name) = self.peek().clone() else { return Err(self.unexpected()) };
                let place = self.take().1;
                of = self.node(start.to(place), depth, Kind::Attribute { of: Box::new(of), name, place })?;
            } else if self.take_sign("(").is_some() {
                of.kind = self.called(of.kind);
                let (arguments, end) = self.arguments()?;
                let depth = arguments.iter().map(|argument| argument.value.depth).fold(depth, u32::max);
                of = self.node(start.to(end), depth, Kind::Call { function: Box::new(of), arguments })?;
            } else if self.take_sign("[").is_some() {
                let index = Box::new(self.subscript()?);
                let end = self.expect("]")?;
                let depth = depth.max(index.depth);
                of = self.node(start.to(end), depth, Kind::Subscript { of: Box::new(of), index })?;
            } else {
                return Ok(of);
            }
        }
    }

    /// A name that is called means the function of this name, so that lines may be called `mean`.
    fn called(&mut self, kind: Kind) -> Kind {
        match kind {
            Kind::Name(name) if table::function(&name).is_some() => {
                self.names.pop();
                Kind::Function(name)
            }
            kind => kind,
        }
    }

    fn atom(&mut self) -> Result<Syntax> {
        let place = self.place();
        let kind = match self.peek().clone() {
            Token::Integer(value) => Kind::Integer(value),
            Token::Float(value) => Kind::Float(value),
            Token::Text(text) => Kind::Text(text),
            Token::Integers { list, values } => Kind::Integers { list, values },
            Token::Name(word) if KEYWORDS.contains(&word.as_str()) => return Err(self.unexpected()),
            Token::Name(name) => {
                self.names.push((name.clone(), place));
                Kind::Name(name)
            }
            Token::Sign("...") => Kind::Ellipsis,
            Token::Sign("(") => return self.bracketed(),
            Token::Sign("[") => return self.list(),
            Token::Sign("{") => return self.dict(),
            _ => return Err(self.unexpected()),
        };
        self.take();
        self.node(place, 0, kind)
    }

    /// An expression or tuple in round brackets.
    fn bracketed(&mut self) -> Result<Syntax> {
        let start = self.take().1;
        if let Some(end) = self.take_sign(")") {
            return self.node(start.to(end), 0, Kind::Tuple(Vec::new()));
        }
        let mut inner = self.expressions()?;
        let end = self.expect(")")?;
        inner.span = start.to(end);
        Ok(inner)
    }

    fn list(&mut self) -> Result<Syntax> {
        let start = self.take().1;
        let (items, end) = self.items("]", |reader| reader.expression(0))?;
        self.node(start.to(end), deepest(&items), Kind::List(items))
    }

    fn dict(&mut self) -> Result<Syntax> {
        let start = self.take().1;
        let (items, end) = self.items("}", |reader| {
            let key = reader.expression(0)?;
            reader.expect(":")?;
            Ok((key, reader.expression(0)?))
        })?;
        let depth = items.iter().map(|(key, value)| key.depth.max(value.depth)).max().unwrap_or(0);
        self.node(start.to(end), depth, Kind::Dict(items))
    }

    /// Items with commas between them, one perhaps after the last, up to the closing bracket.
    fn items<T>(
        &mut self,
        close: &'static str,
        read: impl Fn(&mut Self) -> Result<T>,
    ) -> Result<(Vec<T>, Span)> {
        let mut items = Vec::new();
        loop {
            if let Some(end) = self.take_sign(close) {
                return Ok((items, end));
            }
            items.push(read(self)?);
            if self.take_sign(",").is_none() {
                let end = self.expect(close)?;
                return Ok((items, end));
            }
        }
    }

    /// What stands in the brackets of a subscript: one index, or a tuple of them.
    fn subscript(&mut self) -> Result<Syntax> {
        let first = self.index()?;
        if !self.is_next(",") {
            return Ok(first);
        }
        let start = first.span;
        let mut items = vec![first];
        while self.take_sign(",").is_some() && !self.is_next("]") {
            items.push(self.index()?);
        }
        let span = start.to(items[items.len() - 1].span);
        self.node(span, deepest(&items), Kind::Tuple(items))
    }

    /// An expression, or `start:stop:step`, of which each may be missing.
    fn index(&mut self) -> Result<Syntax> {
        let mut span = self.place();
        let first = self.bound()?;
        if !self.is_next(":") {
            return first.map(|index| *index).ok_or_else(|| self.unexpected());
        }
        span = span.to(self.take().1);
        let mut bounds = [first, self.bound()?, None];
        if let Some(colon) = self.take_sign(":") {
            span = span.to(colon);
            bounds[2] = self.bound()?;
        }
        let end = bounds.iter().flatten().map(|bound| bound.span.end).fold(span.end, usize::max);
        let depth = bounds.iter().flatten().map(|bound| bound.depth).max().unwrap_or(0);
        self.node(Span { end, ..span }, depth, Kind::Slice(bounds))
    }

    fn bound(&mut self) -> Result<Option<Box<Syntax>>> {
        if matches!(self.peek(), Token::Sign(":" | "," | "]")) {
            return Ok(None);
        }
        self.expression(0).map(|bound| Some(Box::new(bound)))
    }

    /// The arguments of a call up to its closing bracket.
    fn arguments(&mut self) -> Result<(Vec<Argument>, Span)> {
        let (arguments, end) = self.items(")", Self::argument)?;
        let by_keyword = arguments.iter().position(|argument| argument.keyword.is_some());
        let after = arguments.iter().skip(by_keyword.unwrap_or(arguments.len()));
        if let Some(misplaced) = after.into_iter().find(|argument| argument.keyword.is_none()) {
            let what = "an argument without keyword after one with a keyword";
            return Err(self.source.error(misplaced.value.span, what));
        }
        Ok((arguments, end))
    }

    fn argument(&mut self) -> Result<Argument> {
        let value = self.expression(0)?;
        if !self.is_next("=") {
            return Ok(Argument { keyword: None, value });
        }
        let Kind::Name(name) = value.kind else { return Err(self.unexpected()) };
        // A keyword is no use of a name.
        self.names.pop();
        self.take();
        Ok(Argument { keyword: Some((name, value.span)), value: self.expression(0)? })
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
