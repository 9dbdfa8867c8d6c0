//! Against Python itself: trees and values of random expressions; and texts at random, which never panic.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::array::Operation;
use crate::array::dtype::Scalar;
use crate::array::text::place::Source;
use crate::array::text::syntax::{self, Kind, Syntax};
use crate::array::text::table::TABLE;
use crate::array::text::tests::parsed;

/// Prints the tree of each line of its input.
const TREES: &str = r#"
import ast, sys
SIGNS = dict(Add='+', Sub='-', Mult='*', Div='/', FloorDiv='//', Mod='%', Pow='**', MatMult='@', BitAnd='&',
    BitOr='|', BitXor='^', LShift='<<', RShift='>>', Lt='<', LtE='<=', Gt='>', GtE='>=', Eq='==', NotEq='!=',
    UAdd='+', USub='-', Invert='~')
sign = lambda operator: SIGNS[type(operator).__name__]
def many(name, nodes): return '(' + ' '.join([name] + [show(node) for node in nodes]) + ')'
def show(node):
    match node:
        case None: return '_'
        case ast.Constant(value) if value is ...: return '...'
        case ast.Constant(value): return repr(value)
        case ast.Name(name): return name
        case ast.Attribute(of, name): return f'(. {show(of)} {name})'
        case ast.Call(function, arguments, keywords):
            return many('call', [function, *arguments, *keywords])
        case ast.keyword(name, value): return f'{name}={show(value)}'
        case ast.Subscript(of, index): return many('[]', [of, index])
        case ast.Slice(start, stop, step): return many('slice', [start, stop, step])
        case ast.Tuple(items): return many('tuple', items)
        case ast.List(items): return many('list', items)
        case ast.Dict(keys, values): return many('dict', [node for pair in zip(keys, values) for node in pair])
        case ast.UnaryOp(operator, operand): return many(sign(operator), [operand])
        case ast.BinOp(left, operator, right): return many(sign(operator), [left, right])
        case ast.Compare(left, [operator], [right]): return many(sign(operator), [left, right])
for line in sys.stdin: print(show(ast.parse(line.strip(), mode='eval').body))
"#;

/// Prints the value of each line of its input; `skip` where it is no whole number of 64 bits all along.
const VALUES: &str = r"
import ast, operator, sys
class Skip(Exception): pass
def bounded(value):
    if isinstance(value, float) or abs(value) >= 2**100: raise Skip
    return value
def pow(left, right):
    if right < 0 or left.bit_length() * right > 100: raise Skip
    return left ** right
def shift(function):
    def shifted(left, right):
        if not 0 <= right < 50: raise Skip
        return function(left, right)
    return shifted
OPERATORS = dict(Add=operator.add, Sub=operator.sub, Mult=operator.mul, FloorDiv=operator.floordiv,
    Mod=operator.mod, Pow=pow, BitAnd=operator.and_, BitOr=operator.or_, BitXor=operator.xor,
    LShift=shift(operator.lshift), RShift=shift(operator.rshift), Lt=operator.lt, LtE=operator.le, Gt=operator.gt,
    GtE=operator.ge, Eq=operator.eq, NotEq=operator.ne, UAdd=operator.pos, USub=operator.neg, Invert=operator.invert)
def apply(sign, *nodes): return bounded(OPERATORS[type(sign).__name__](*map(value, nodes)))
def value(node):
    match node:
        case ast.Constant(number): return number
        case ast.UnaryOp(sign, operand): return apply(sign, operand)
        case ast.BinOp(left, sign, right): return apply(sign, left, right)
        case ast.Compare(left, [sign], [right]): return apply(sign, left, right)
for line in sys.stdin:
    try:
        result = value(ast.parse(line.strip(), mode='eval').body)
        print(result if -2**63 <= result < 2**63 else 'skip')
    except Skip: print('skip')
    except ZeroDivisionError: print('error')
";

/// What a program of Python prints for each text.
fn python(program: &str, texts: &[String]) -> Vec<String> {
    let mut python = Command::new("python3")
        .args(["-W", "ignore", "-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    let input = texts.join("\n") + "\n";
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    let printed: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(printed.len(), texts.len(), "python3 stopped at {:?}", texts.get(printed.len()));
    printed
}

const INTEGER_SIGNS: [&str; 11] = ["+", "-", "*", "//", "%", "**", "&", "|", "^", "<<", ">>"];
const ALL_SIGNS: [&str; 13] = ["+", "-", "*", "/", "//", "%", "@", "**", "&", "|", "^", "<<", ">>"];
const COMPARISONS: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];

/// Texts at random, with few brackets, so that precedence decides.
struct Texts(StdRng);

impl Texts {
    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.0.random_range(0..choices.len())]
    }

    /// Arithmetic of whole numbers.
    fn arithmetic(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.0.random_range(0..10).to_string();
        }
        let part = |texts: &mut Texts| texts.arithmetic(depth - 1);
        match self.0.random_range(0..9) {
            0 => part(self),
            1 => format!("{}{}", self.one_of(&["-", "+", "~"]), part(self)),
            2 => format!("({})", part(self)),
            3 => format!("({} {} {})", part(self), self.one_of(&COMPARISONS), part(self)),
            _ => format!("{} {} {}", part(self), self.one_of(&INTEGER_SIGNS), part(self)),
        }
    }

    /// Any expression.
    fn expression(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self
                .one_of(&["x", "np", "3", "0", "1.5", "'text'", "None", "True", "sin", "_y1"])
                .to_owned();
        }
        let part = |texts: &mut Texts| texts.expression(depth - 1);
        match self.0.random_range(0..16) {
            0 => format!("{}{}", self.one_of(&["-", "+", "~", "- ", "--"]), part(self)),
            1 => format!("({})", part(self)),
            2 => format!("({} {} {})", part(self), self.one_of(&COMPARISONS), part(self)),
            3 => format!("{}({}, axis={})", self.one_of(&["sin", "x.sum", "f"]), part(self), part(self)),
            4 => format!("({}).T", part(self)),
            5 => format!("x[{}]", self.index(depth - 1)),
            6 => format!("x.y[{}, {}]", self.index(depth - 1), self.index(depth - 1)),
            7 => format!("({}, {})", part(self), part(self)),
            8 => format!("[{}, {}]", part(self), part(self)),
            9 => format!("{{{}: {}}}", part(self), part(self)),
            10 => format!("({})({})", part(self), part(self)),
            _ => {
                let space = self.one_of(&["", " ", "  "]);
                format!("{}{space}{}{space}{}", part(self), self.one_of(&ALL_SIGNS), part(self))
            }
        }
    }

    fn index(&mut self, depth: u32) -> String {
        let part = |texts: &mut Texts| texts.expression(depth);
        match self.0.random_range(0..7) {
            0 => ":".to_owned(),
            1 => format!("{}:", part(self)),
            2 => format!(":{}", part(self)),
            3 => format!("::{}", part(self)),
            4 => format!("{}:{}:{}", part(self), part(self), part(self)),
            5 => "...".to_owned(),
            _ => part(self),
        }
    }
}

/// The tree as the program above prints it.
fn show(syntax: &Syntax) -> String {
    let many = |name: &str, parts: &[String]| format!("({name} {})", parts.join(" "));
    let all = |items: &[Syntax]| items.iter().map(show).collect::<Vec<_>>();
    match &syntax.kind {
        Kind::Integer(value) => value.to_string(),
        Kind::Float(value) => format!("{value:?}"),
        Kind::Text(text) => format!("'{text}'"),
        Kind::Name(name) | Kind::Function(name) => name.clone(),
        Kind::Ellipsis => "...".to_owned(),
        Kind::Attribute { of, name, .. } => format!("(. {} {name})", show(of)),
        Kind::Call { function, arguments } => {
            let mut shown = vec![show(function)];
            shown.extend(arguments.iter().map(|argument| match &argument.keyword {
                Some((keyword, _)) => format!("{keyword}={}", show(&argument.value)),
                None => show(&argument.value),
            }));
            many("call", &shown)
        }
        Kind::Subscript { of, index } => many("[]", &[show(of), show(index)]),
        Kind::Slice(bounds) => {
            let bound = |bound: &Option<Box<Syntax>>| bound.as_deref().map_or("_".to_owned(), show);
            many("slice", &bounds.iter().map(bound).collect::<Vec<_>>())
        }
        Kind::Tuple(items) => many("tuple", &all(items)),
        Kind::List(items) => many("list", &all(items)),
        Kind::Integers { list, values } => {
            let values: Vec<String> = values.iter().map(i64::to_string).collect();
            many(if *list { "list" } else { "tuple" }, &values)
        }
        Kind::Dict(items) => {
            many("dict", &items.iter().flat_map(|(key, value)| [show(key), show(value)]).collect::<Vec<_>>())
        }
        Kind::Unary { sign, operand } => many(sign, &[show(operand)]),
        Kind::Binary { sign, left, right, .. } => many(sign, &[show(left), show(right)]),
    }
}

#[test]
fn trees_are_those_of_python() {
    let mut texts = Texts(StdRng::seed_from_u64(1));
    let texts: Vec<String> = (0..3000).map(|number| texts.expression(number % 5)).collect();
    for (text, expected) in texts.iter().zip(python(TREES, &texts)) {
        let source = Source { name: "line".to_owned(), text: text.clone() };
        let (tree, _) = syntax::read(&source).unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert_eq!(show(&tree), expected, "{text}");
    }
}

#[test]
fn values_are_those_of_python() {
    let mut texts = Texts(StdRng::seed_from_u64(2));
    let texts: Vec<String> = (0..6000).map(|number| texts.arithmetic(number % 5)).collect();
    let mut compared = 0;
    for (text, expected) in texts.iter().zip(python(VALUES, &texts)) {
        if expected == "skip" {
            continue;
        }
        compared += 1;
        let mut value = String::new();
        match parsed(&[], text).map(|expr| expr.operation().clone()) {
            Ok(Operation::Scalar(Scalar::Int(whole))) => write!(value, "{whole}").unwrap(),
            Ok(Operation::Scalar(Scalar::Bool(true))) => value.push_str("True"),
            Ok(Operation::Scalar(Scalar::Bool(false))) => value.push_str("False"),
            Ok(other) => panic!("{text} is {other:?}"),
            Err(error) if error.what() == "division by zero" => value.push_str("error"),
            Err(error) => panic!("{text}\n{error}"),
        }
        assert_eq!(value, expected, "{text}");
    }
    assert!(compared > 4000, "{compared}");
}

/// Pieces that may follow each other in any order.
fn pieces() -> Vec<&'static str> {
    let mut pieces: Vec<&str> = TABLE.iter().flat_map(|entry| entry.names()).collect();
    pieces.extend([
        "x", "y", "i", "da", "np", "random", "dask", "None", "True", "float", "and", "not", "if", "é",
    ]);
    pieces.extend([
        "0",
        "1",
        "2",
        "-1",
        "1.5",
        "1e3",
        "1e999",
        "2**70",
        "0x1f",
        "1_0",
        "9223372036854775807",
    ]);
    pieces.extend([
        "'f8.npy'",
        "\"auto\"",
        "'f4'",
        "'",
        "axis=",
        "keepdims=",
        "q=",
        "shape=",
        "size=",
        "out=",
    ]);
    pieces.extend(ALL_SIGNS);
    pieces.extend(COMPARISONS);
    pieces.extend([
        "(", ")", "(", ")", "[", "]", "{", "}", ",", ".", ":", "=", "...", "~", "\n", "#", "\\", "$",
    ]);
    pieces
}

const ARRAYS: [(&str, &str); 3] =
    [("x", "load('f8.npy')"), ("y", "random.normal(size=(2**31, 3))"), ("i", "load('i8.npy')")];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn texts_at_random_never_panic(
        soup in prop::collection::vec(prop::sample::select(pieces()), 0..24),
        space in prop::sample::select(vec!["", " "]),
    ) {
        let _ = parsed(&ARRAYS, &soup.join(space));
    }

    #[test]
    fn calls_with_arguments_at_random_never_panic(
        function in prop::sample::select(pieces()),
        method in any::<bool>(),
        arguments in prop::collection::vec(prop::sample::select(vec![
            "x", "y", "i", "x > 0", "0", "1", "-1", "2", "1.5", "2**62", "2**70", "-2**70", "np.nan", "np.inf",
            "None", "True", "()", "[]", "(0, 1)", "(2, -1)", "[x, x]", "[0.5, 2]", "{0: 1}", "'f8.npy'", "'f4'",
            "float", "...", "np", "np.sin", "x.sum", "x.mean()", "axis=0", "axis=-2", "axis=None", "axis=(0, 1)",
            "keepdims=True", "ddof=3", "dtype='f4'", "dtype=bool", "chunks=-1", "chunks='1 kB'", "range=(0, 1)",
            "range=(1, 0)", "bins=2**40", "density=True", "n=2**40", "num=2**62", "decimals=-3", "rowvar=False",
        ]), 0..4),
        subscript in prop::sample::select(vec!["", "[0]", "[::-2]", "[..., None, -1]", ".T", ".size", "[2**70:]"]),
    ) {
        let prefix = if method { "x." } else { "np." };
        let text = format!("{prefix}{function}({}){subscript}", arguments.join(", "));
        let _ = parsed(&ARRAYS, &text);
        let _ = parsed(&ARRAYS, &format!("random.{function}({}).sum()", arguments.join(", ")));
    }
}
