//! Expression text to tokens, by Python's rules.
//!
//! Brackets with nothing but plain whole numbers in them are one token: lists of chunks may be millions long.

use std::sync::Arc;

use crate::array::text::place::{Source, Span};
use crate::error::{Error, Result};

/// The smallest piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Integer(u128),
    Float(f64),
    Text(String),
    Name(String),
    /// A tuple or list of whole numbers, its brackets included.
    Integers {
        list: bool,
        values: Arc<Vec<i64>>,
    },
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Longer ones first.
const SIGNS: [&str; 31] = [
    "...", "**", "//", "==", "!=", "<=", ">=", "<<", ">>", "+", "-", "*", "/", "%", "@", "(", ")", "[", "]",
    "{", "}", ",", ".", "=", ":", "<", ">", "|", "^", "&", "~",
];

/// All tokens with their places; the last is [`Token::End`].
pub(super) fn tokens(source: &Source) -> Result<Vec<(Token, Span)>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    loop {
        start += blank(&source.text[start..]);
        let rest = &source.text[start..];
        let Some(first) = rest.chars().next() else { break };
        let fraction = first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
        let (token, length) = if first.is_ascii_digit() || fraction {
            let length = number_length(rest);
            (number(source, Span { start, end: start + length })?, length)
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (Token::Name(rest[..length].into()), length)
        } else if first == '"' || first == '\'' {
            text(source, start, first)?
        } else if let Some((integers, length)) = integers(rest, tokens.last().map(|(token, _)| token)) {
            (integers, length)
        } else if let Some(sign) = SIGNS.iter().find(|&&sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            let span = Span { start, end: start + first.len_utf8() };
            return Err(source.error(span, format!("unexpected character `{}`", first.escape_debug())));
        };
        tokens.push((token, Span { start, end: start + length }));
        start += length;
    }
    let end = source.text.trim_end().len();
    tokens.push((Token::End, Span { start: end, end }));
    Ok(tokens)
}

/// Brackets with two or more plain whole numbers in them, if they are no call and no subscript of what stands
/// before them. Whatever else they hold is read token by token, and what is wrong with it is found there.
fn integers(text: &str, before: Option<&Token>) -> Option<(Token, usize)> {
    /// As many always fit.
    const DIGITS: usize = 18;
    let close = match text.as_bytes() {
        [b'(', ..] => b')',
        [b'[', ..] => b']',
        _ => return None,
    };
    match before {
        None => {}
        Some(Token::Sign(sign)) if ![")", "]", "}", "...", "."].contains(sign) => {}
        Some(_) => return None,
    }
    let (bytes, mut at, mut values) = (text.as_bytes(), 1, Vec::new());
    loop {
        at += blank(&text[at..]);
        let (start, mut value) = (at, 0);
        while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
            if at - start == DIGITS {
                return None;
            }
            value = 10 * value + i64::from(digit - b'0');
            at += 1;
        }
        let digits = at - start;
        if digits > 1 && bytes[start] == b'0' {
            return None;
        }
        if digits > 0 {
            values.push(value);
            at += blank(&text[at..]);
        }
        match *bytes.get(at)? {
            b',' if digits > 0 => at += 1,
            byte if byte == close && values.len() > 1 => {
                return Some((Token::Integers { list: close == b']', values: Arc::new(values) }, at + 1));
            }
            _ => return None,
        }
    }
}

/// The length of leading white space and comments.
fn blank(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == ',') {
        return 0;
    }
    let mut rest = text.trim_start();
    while rest.starts_with('#') {
        rest = rest.find('\n').map_or("", |newline| rest[newline..].trim_start());
    }
    text.len() - rest.len()
}

/// Digits, letters, points, and a sign after an exponent's `e`: whether it is a number is seen later.
fn number_length(text: &str) -> usize {
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let mut previous = ' ';
    for (place, c) in text.char_indices() {
        let exponent_sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && !hexadecimal;
        if !(c.is_alphanumeric() || c == '_' || c == '.' || exponent_sign) {
            return place;
        }
        previous = c;
    }
    text.len()
}

fn number(source: &Source, span: Span) -> Result<Token> {
    let written = source.at(span);
    let invalid = || source.error(span, format!("invalid number `{written}`"));
    let lower = written.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (lower.as_str(), 10),
    };
    // Python allows single underscores between digits, and after 0x.
    let digits = if radix == 16 { digits.strip_prefix('_').unwrap_or(digits) } else { digits };
    let misplaced = |(place, _): (usize, &str)| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_digit(radix));
        !(digit(digits[..place].chars().next_back()) && digit(digits[place + 1..].chars().next()))
    };
    if digits.match_indices('_').any(misplaced) {
        return Err(invalid());
    }
    let digits = digits.replace('_', "");
    if !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)) {
        let decimal_zeros = radix == 10 && digits.len() > 1 && digits.starts_with('0');
        if decimal_zeros && digits.chars().any(|c| c != '0') {
            return Err(invalid().hint("leave out the leading zeros"));
        }
        return u128::from_str_radix(&digits, radix).map(Token::Integer).map_err(|_| {
            source.error(span, format!("`{written}` is too large")).hint("whole numbers go up to 2^128-1")
        });
    }
    let plain = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-'));
    match digits.parse::<f64>() {
        Ok(value) if radix == 10 && plain => Ok(Token::Float(value)),
        _ => Err(invalid()),
    }
}

fn text(source: &Source, start: usize, quote: char) -> Result<(Token, usize)> {
    let rest = &source.text[start + 1..];
    let unfinished =
        |end: usize| -> Error { source.error(Span { start, end }, "a text without its closing quote") };
    let length = rest.find([quote, '\n']).ok_or_else(|| unfinished(source.text.len()))?;
    if !rest[length..].starts_with(quote) {
        return Err(unfinished(start + 1 + length));
    }
    if let Some(place) = rest[..length].find('\\') {
        let place = start + 1 + place;
        return Err(source.error(Span { start: place, end: place + 1 }, "a backslash in a text"));
    }
    Ok((Token::Text(rest[..length].into()), length + 2))
}
