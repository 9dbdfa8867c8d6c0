//! A source file as the rules see it: every path, method call, macro, function and `unsafe` in it.
//!
//! `syn` makes sure that the file is Rust. Names are then collected from its tokens, because a path inside a
//! macro's arguments is a use like any other, and no syntax tree has it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file below `src`.
pub(crate) struct Source {
    /// From the package's root, such as `src/plan/stage.rs`.
    pub(crate) path: String,
    /// Its module, without `crate`: `plan`, `stage`. Empty for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// Whether it is compiled for unit tests alone.
    pub(crate) is_test: bool,
    pub(crate) text: String,
    pub(crate) mentions: Vec<Mention>,
    /// Modules in files of their own that are declared under `#[cfg(test)]`.
    pub(crate) test_modules: Vec<Vec<String>>,
}

/// Something that a file mentions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mention {
    pub(crate) what: What,
    pub(crate) line: usize,
    /// Whether it stands in an item for unit tests.
    pub(crate) is_test: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// A path, from `crate` or an outer crate where that is known.
    Path(Vec<String>),
    /// `name!`
    Macro(String),
    /// `.name::<turbofish>(first ...)`
    Method {
        name: String,
        turbofish: String,
        first: String,
    },
    /// A function with a body, and the lines from `fn` to its end.
    Function {
        name: String,
        lines: usize,
    },
    Unsafe,
}

impl Source {
    /// Reads a file's text.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Source, String> {
        let failed = |error: String| format!("{path}: {error}");
        syn::parse_file(text).map_err(|error| failed(error.to_string()))?;
        let tokens: TokenStream =
            text.parse().map_err(|error: proc_macro2::LexError| failed(error.to_string()))?;
        let module = module_of(path);
        let mut scan = Scan { modules: module.clone(), ..Scan::default() };
        scan.stream(tokens, false);
        let is_test = false;
        let Scan { mentions, test_modules, .. } = scan;
        Ok(Source { path: path.to_owned(), module, is_test, text: text.to_owned(), mentions, test_modules })
    }

    /// The room, or `lib` and `main`, which are none.
    pub(crate) fn room(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }

    /// What is mentioned outside of unit tests.
    pub(crate) fn product(&self) -> impl Iterator<Item = &Mention> {
        self.mentions.iter().filter(|mention| !mention.is_test && !self.is_test)
    }
}

fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    path.split('/').filter(|part| !matches!(*part, "mod" | "lib")).map(str::to_owned).collect()
}

/// The walk through a file's tokens.
#[derive(Default)]
struct Scan {
    /// The module that the walk is in.
    modules: Vec<String>,
    /// Imported names and what they stand for.
    aliases: Vec<(String, Vec<String>)>,
    mentions: Vec<Mention>,
    test_modules: Vec<Vec<String>>,
}

impl Scan {
    fn stream(&mut self, stream: TokenStream, is_test: bool) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        // Set by an attribute, until the item after it ends.
        let mut item_is_test = false;
        while at < tokens.len() {
            let here = is_test || item_is_test;
            at += match &tokens[at] {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    item_is_test |= tokens.get(at + 1).is_some_and(is_test_attribute);
                    1
                }
                TokenTree::Punct(punct) if punct.as_char() == '\'' => 2,
                TokenTree::Punct(punct) if punct.as_char() == '.' => self.method(&tokens[at..], here),
                TokenTree::Punct(punct) => {
                    item_is_test &= punct.as_char() != ';';
                    1
                }
                TokenTree::Group(group) => {
                    self.stream(group.stream(), here);
                    item_is_test &= group.delimiter() != Delimiter::Brace;
                    1
                }
                TokenTree::Ident(word) if word == "use" => {
                    item_is_test = false;
                    self.import(&tokens[at + 1..], &[], here) + 1
                }
                TokenTree::Ident(word) if word == "mod" => {
                    item_is_test = false;
                    self.module(&tokens[at..], here)
                }
                TokenTree::Ident(word) => {
                    match word.to_string().as_str() {
                        "fn" => self.function(&tokens[at..], here),
                        "unsafe" => self.mention(What::Unsafe, &tokens[at], here),
                        _ => {}
                    }
                    let follows_type = at >= 3
                        && is_double_colon(&tokens[at - 2..])
                        && !matches!(tokens[at - 3], TokenTree::Ident(_) | TokenTree::Group(_));
                    self.path(&tokens[at..], here, follows_type && is_punct(&tokens[at - 3], '>'))
                }
                TokenTree::Literal(_) => 1,
            };
        }
    }

    fn mention(&mut self, what: What, token: &TokenTree, is_test: bool) {
        self.mentions.push(Mention { what, line: token.span().start().line, is_test });
    }

    /// `a::b::c` in code; returns how many tokens it took.
    fn path(&mut self, tokens: &[TokenTree], is_test: bool, of_a_type: bool) -> usize {
        let mut segments = vec![tokens[0].to_string()];
        let mut length = 1;
        while let (true, Some(TokenTree::Ident(next))) =
            (tokens.get(length..).is_some_and(is_double_colon), tokens.get(length + 2))
        {
            segments.push(next.to_string());
            length += 3;
        }
        let is_macro = matches!(
            tokens.get(length..),
            Some([bang, TokenTree::Group(_), ..]) if is_punct(bang, '!')
        );
        if is_macro {
            let name = segments.last().expect("a path has a segment").clone();
            self.mention(What::Macro(name), &tokens[0], is_test);
        }
        // Of `<T>::f` the beginning is no name.
        if !of_a_type {
            let path = self.resolve(segments);
            self.mention(What::Path(path), &tokens[0], is_test);
        }
        length
    }

    /// The tree of a `use`, below `prefix`; returns how many tokens it took.
    fn import(&mut self, tokens: &[TokenTree], prefix: &[String], is_test: bool) -> usize {
        let mut path = prefix.to_vec();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    let name = tokens.get(at + 1).map_or(String::new(), ToString::to_string);
                    self.imported(std::mem::take(&mut path), Some(name), token, is_test);
                    at += 1;
                }
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.import(&inner, &path, is_test);
                    path.clear();
                }
                TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => {
                    self.imported(std::mem::replace(&mut path, prefix.to_vec()), None, token, is_test);
                    if punct.as_char() == ';' {
                        return at + 1;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                // `use<'a>` in a type is no import.
                _ => return 0,
            }
            at += 1;
        }
        // After a trailing comma only the prefix is left.
        if path.len() > prefix.len() {
            self.imported(path, None, &tokens[at - 1], is_test);
        }
        at
    }

    fn imported(&mut self, mut path: Vec<String>, name: Option<String>, at: &TokenTree, is_test: bool) {
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let Some(last) = path.last() else { return };
        let name = name.unwrap_or_else(|| last.clone());
        let path = self.resolve(path);
        if path.len() > 1 {
            self.aliases.push((name, path.clone()));
        }
        self.mention(What::Path(path), at, is_test);
    }

    /// The path from the crate's root or an outer crate, as far as the file tells.
    fn resolve(&self, path: Vec<String>) -> Vec<String> {
        let mut base = self.modules.clone();
        let mut rest = path.as_slice();
        match path[0].as_str() {
            "crate" => return path,
            "self" => rest = &rest[1..],
            "super" => {
                while let Some(("super", after)) =
                    rest.split_first().map(|(first, after)| (first.as_str(), after))
                {
                    base.pop();
                    rest = after;
                }
            }
            first => {
                let known = self.aliases.iter().rev().find(|(name, _)| name == first && path.len() > 1);
                return match known {
                    Some((_, full)) => full.iter().chain(&path[1..]).cloned().collect(),
                    None => path,
                };
            }
        }
        std::iter::once("crate".to_owned()).chain(base).chain(rest.iter().cloned()).collect()
    }

    /// `mod name { ... }` or `mod name;`.
    fn module(&mut self, tokens: &[TokenTree], is_test: bool) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(1) else { return 1 };
        self.modules.push(name.to_string());
        match tokens.get(2) {
            Some(TokenTree::Group(group)) => self.stream(group.stream(), is_test),
            _ if is_test => self.test_modules.push(self.modules.clone()),
            _ => {}
        }
        self.modules.pop();
        3
    }

    /// `fn name ... { ... }`, also in a macro.
    fn function(&mut self, tokens: &[TokenTree], is_test: bool) {
        let Some(TokenTree::Ident(name)) = tokens.get(1) else { return };
        let body = tokens.iter().take_while(|token| !is_punct(token, ';')).find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
            _ => None,
        });
        if let Some(body) = body {
            let lines = body.span_close().end().line + 1 - tokens[0].span().start().line;
            self.mention(What::Function { name: name.to_string(), lines }, &tokens[0], is_test);
        }
    }

    /// `.name(...)`, `.name::<T>(...)`; a range or a field is no call. Returns how many tokens to pass over.
    fn method(&mut self, tokens: &[TokenTree], is_test: bool) -> usize {
        let name = match tokens.get(1) {
            Some(TokenTree::Ident(name)) => name.to_string(),
            Some(next) if is_punct(next, '.') => return 2,
            _ => return 1,
        };
        let mut rest = &tokens[2..];
        let mut turbofish = String::new();
        if is_double_colon(rest) {
            rest = &rest[2..];
            let end = rest.iter().position(|token| matches!(token, TokenTree::Group(_))).unwrap_or(0);
            turbofish = rest[..end].iter().map(ToString::to_string).collect();
            rest = &rest[end..];
        }
        if let Some(TokenTree::Group(group)) = rest.first()
            && group.delimiter() == Delimiter::Parenthesis
        {
            let first = group.stream().into_iter().next().map_or(String::new(), |token| token.to_string());
            self.mention(What::Method { name, turbofish, first }, &tokens[1], is_test);
        }
        2
    }
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_double_colon(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [first, second, ..] if is_punct(first, ':') && is_punct(second, ':'))
}

/// `[cfg(test)]`, `[test]`, `[tokio::test(...)]`.
fn is_test_attribute(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    let name = text.split('(').next().unwrap_or_default();
    text == "cfg(test)" || text.starts_with("cfg(all(test,") || name == "test" || name.ends_with("::test")
}
