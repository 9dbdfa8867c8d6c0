//! Random lines of array expressions, which mean the same to NumPy and to squall.
//!
//! squall says what shape and dtype each line has; a line that it refuses is remembered with its reason, and
//! the reference says whether NumPy would have done the same.

use squall::array::DType;

use crate::dice::Dice;
use crate::engine::parsed;
use crate::inputs::Input;

/// An array or number that later lines may use.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) dtype: DType,
    /// Computed by something that two libraries may round in different ways: a result, and no operand.
    pub(crate) rough: bool,
}

pub(crate) struct Generator<'a> {
    pub(crate) dice: &'a mut Dice,
    /// What squall has accepted.
    pub(crate) lines: Vec<(String, String)>,
    pub(crate) refused: Vec<(String, String, String)>,
    pub(crate) terms: Vec<Term>,
    made: usize,
}

pub(crate) const EXTENTS: [u64; 13] = [1, 2, 3, 3, 4, 5, 7, 8, 13, 17, 40, 71, 0];

impl<'a> Generator<'a> {
    pub(crate) fn new(dice: &'a mut Dice, inputs: &[Input]) -> Self {
        let mut own = Generator { dice, lines: Vec::new(), refused: Vec::new(), terms: Vec::new(), made: 0 };
        for input in inputs {
            let chunks: Vec<String> = input.shape.iter().map(|extent| own.chunk(*extent)).collect();
            let chunks = if chunks.len() == 1 {
                format!("({},)", chunks[0])
            } else {
                format!("({})", chunks.join(", "))
            };
            let text = format!("load('{}', chunks={chunks})", input.path);
            own.enter(input.name.clone(), text, false);
        }
        own
    }

    fn chunk(&mut self, extent: u64) -> String {
        match self.dice.below(3) {
            0 => "-1".into(),
            1 => (1 + self.dice.below(extent.max(1))).to_string(),
            _ => "17".into(),
        }
    }

    /// Makes a line and asks squall about it.
    pub(crate) fn step(&mut self) {
        let (text, rough) = self.line();
        self.add(text, rough);
    }

    fn add(&mut self, text: String, rough: bool) {
        let name = format!("v{}", self.made);
        self.made += 1;
        self.enter(name, text, rough);
    }

    fn enter(&mut self, name: String, text: String, rough: bool) {
        match parsed(&self.lines, &[(name.clone(), text.clone())]) {
            Ok(parsed) => {
                let expr = &parsed.results[0].1;
                let (shape, dtype) = (expr.shape().extents().to_vec(), expr.dtype());
                if expr.shape().size() <= 100_000 {
                    self.terms.push(Term { name: name.clone(), shape, dtype, rough });
                    self.lines.push((name, text));
                }
            }
            Err(error) => self.refused.push((name, text, error.to_string())),
        }
    }

    /// Something to compute with; rather one that is new, or put together of several.
    fn term(&mut self) -> Term {
        let mut exact: Vec<Term> = self.terms.iter().filter(|term| !term.rough).cloned().collect();
        let joined = |text: &str| text.starts_with("concatenate(") || text.starts_with("stack(");
        let is_joined =
            |term: &Term| self.lines.iter().any(|(name, text)| *name == term.name && joined(text));
        if exact.iter().any(is_joined) && self.dice.once_in(4) {
            exact.retain(is_joined);
        }
        if exact.is_empty() {
            return Term { name: "ones((3, 4))".into(), shape: vec![3, 4], dtype: DType::F64, rough: false };
        }
        let late = exact.len().saturating_sub(3);
        let from = if self.dice.once_in(2) { late } else { 0 };
        self.dice.pick(&exact[from..]).clone()
    }

    fn line(&mut self) -> (String, bool) {
        match self.dice.below(12) {
            0..3 => (self.view(), false),
            3..5 => (self.unary(), false),
            5..8 => (self.binary(), false),
            8 => self.transcendental(),
            9 if self.dice.once_in(2) => self.statistic(),
            9 => (self.scan(), false),
            _ => (self.reduction(), false),
        }
    }

    fn source(&mut self) -> String {
        let extents: Vec<String> =
            (0..1 + self.dice.below(3)).map(|_| self.dice.pick(&EXTENTS).to_string()).collect();
        let shape = format!("({})", listed(&extents));
        match self.dice.below(6) {
            0 => format!("zeros({shape}, dtype='i8')"),
            1 => format!("ones({shape})"),
            2 => format!("full({shape}, {})", self.number()),
            3 => format!("arange({})", self.dice.below(70)),
            4 => format!("np.arange({}, 9.5, 0.25, chunks=17)", self.dice.between(-9, 9)),
            _ => format!("da.linspace(-1, {}, {})", self.dice.between(1, 9), 1 + self.dice.below(50)),
        }
    }

    fn view(&mut self) -> String {
        let term = self.term();
        let (name, ndim) = (&term.name, term.shape.len());
        match self.dice.below(13) {
            0 => format!("{name}.T"),
            1 => {
                let mut order: Vec<usize> = (0..ndim).collect();
                self.dice.shuffle(&mut order);
                format!("transpose({name}, ({}))", listed(&order))
            }
            2 => self.reshape(&term),
            3 => format!("{name}.ravel()"),
            4 => format!("squeeze({name})"),
            5 => format!("expand_dims({name}, {})", self.dice.between(-2, 2)),
            6 => self.broadcast(&term),
            7 | 8 => self.joined(&term),
            9 => self.source(),
            _ => self.sliced(&term),
        }
    }

    fn reshape(&mut self, term: &Term) -> String {
        let size: u64 = term.shape.iter().product();
        let factors: Vec<u64> = (1..=size.min(60)).filter(|factor| size.is_multiple_of(*factor)).collect();
        let name = &term.name;
        if factors.is_empty() || self.dice.once_in(9) {
            return format!("{name}.reshape(({}, -1))", self.dice.below(4));
        }
        let first = *self.dice.pick(&factors);
        match self.dice.below(3) {
            0 => format!("{name}.reshape({first}, {})", size / first),
            1 => format!("reshape({name}, ({first}, -1, 1))"),
            _ => format!("{name}.reshape((-1, {first}))"),
        }
    }

    fn broadcast(&mut self, term: &Term) -> String {
        let mut shape: Vec<u64> = vec![1 + self.dice.below(3); self.dice.below(2) as usize];
        shape.extend(
            term.shape.iter().map(|&extent| if extent == 1 { 1 + self.dice.below(5) } else { extent }),
        );
        format!("broadcast_to({}, ({}))", term.name, listed(&shape))
    }

    fn joined(&mut self, term: &Term) -> String {
        let alike = |other: &&Term| !other.rough && other.shape.len() == term.shape.len();
        let alike: Vec<Term> = self.terms.iter().filter(alike).cloned().collect();
        let same: Vec<&Term> = alike.iter().filter(|other| other.shape == term.shape).collect();
        let other = if same.is_empty() || self.dice.once_in(3) {
            self.dice.pick(&[&alike[..], std::slice::from_ref(term)].concat()).clone()
        } else {
            (*self.dice.pick(&same)).clone()
        };
        let ndim = term.shape.len() as i64;
        let axis = self.dice.between(-ndim, (ndim - 1).max(0));
        let third = if self.dice.once_in(3) { format!(", {}", term.name) } else { String::new() };
        let function = if self.dice.once_in(2) { "stack" } else { "concatenate" };
        format!("{function}([{}, {}{third}], axis={axis})", term.name, other.name)
    }

    fn sliced(&mut self, term: &Term) -> String {
        let mut indices = Vec::new();
        for &extent in &term.shape {
            let (extent, dice) = (extent as i64, &mut *self.dice);
            let bound = |dice: &mut Dice| match dice.below(3) {
                0 => String::new(),
                _ => dice.between(-extent - 2, extent + 2).to_string(),
            };
            indices.push(match dice.below(7) {
                0 if extent > 0 => dice.between(-extent, extent - 1).to_string(),
                1 => ":".into(),
                2 => "::-1".into(),
                3 if dice.once_in(5) => dice.between(-extent - 1, extent).to_string(),
                4 => format!("{}:", bound(dice)),
                _ => format!("{}:{}:{}", bound(dice), bound(dice), dice.pick(&[1, 2, 3, -1, -2, 5])),
            });
        }
        if self.dice.once_in(4) {
            indices.truncate(self.dice.below(indices.len() as u64 + 1) as usize);
        }
        if self.dice.once_in(4) {
            indices.insert(self.dice.below(indices.len() as u64 + 1) as usize, "None".into());
        }
        if indices.is_empty() || self.dice.once_in(6) {
            indices.insert(0, "...".into());
        }
        format!("{}[{}]", term.name, indices.join(", "))
    }

    fn unary(&mut self) -> String {
        let Term { name, dtype, .. } = self.term();
        let methods = ["astype('f4')", "astype('i8')", "astype('f8')", "astype(bool)", "round()", "round(1)"];
        let (low, high) = (self.dice.between(-3, 1), self.dice.between(0, 4));
        match self.dice.below(10) {
            0 => format!("{name}.{}", self.dice.pick(&methods)),
            1 => format!("clip({name}, {low}, {high})"),
            2 => format!("{name}.clip(min={low}.5)"),
            3 => format!("-{name}"),
            4 if dtype < DType::F32 || self.dice.once_in(9) => format!("~{name}"),
            5 => format!("{name}.{}", self.dice.pick(&methods[..4])),
            _ => {
                let functions = [
                    "abs",
                    "sign",
                    "square",
                    "sqrt",
                    "floor",
                    "ceil",
                    "trunc",
                    "rint",
                    "reciprocal",
                    "isnan",
                    "isfinite",
                    "isinf",
                    "np.absolute",
                    "logical_not",
                ];
                format!("{}({name})", self.dice.pick(&functions))
            }
        }
    }

    fn number(&mut self) -> String {
        let numbers =
            ["0", "1", "2", "3", "-2", "0.5", "-1.25", "7.0", "True", "np.inf", "np.nan", "-0.0", "1e300"];
        (*self.dice.pick(&numbers)).into()
    }

    /// Two operands of shapes that NumPy can bring together, mostly.
    fn pair(&mut self) -> (Term, String) {
        let left = self.term();
        let fits = |other: &&Term| {
            let axes = left.shape.iter().rev().zip(other.shape.iter().rev());
            !other.rough && axes.into_iter().all(|(a, b)| a == b || *a == 1 || *b == 1)
        };
        let fitting: Vec<Term> = self.terms.iter().filter(fits).cloned().collect();
        let right = match self.dice.below(8) {
            0 | 1 => self.number(),
            2 => self.term().name,
            _ if fitting.is_empty() => left.name.clone(),
            _ => self.dice.pick(&fitting).name.clone(),
        };
        (left, right)
    }

    fn binary(&mut self) -> String {
        let (left, right) = self.pair();
        let left = left.name;
        let squared = format!("({left}) ** 2");
        let (left, right) = if self.dice.once_in(4) { (right, left) } else { (left, right) };
        match self.dice.below(12) {
            0 => {
                format!("{}({left}, {right})", self.dice.pick(&["minimum", "maximum", "np.add", "np.equal"]))
            }
            1 => format!("({left}) {} ({right})", self.dice.pick(&["&", "|", "^"])),
            2 => format!("where({left} > 0, {left}, {right})"),
            3 => format!("where({left}, {right}, {})", self.number()),
            4 => format!("{left} {} {right}", self.dice.pick(&["<", "<=", "==", "!=", ">", ">="])),
            5 => squared,
            6 => format!("{left} {} {right}", self.dice.pick(&["//", "%"])),
            _ => format!("{left} {} {right}", self.dice.pick(&["+", "-", "*", "/", "*", "-"])),
        }
    }

    fn transcendental(&mut self) -> (String, bool) {
        let functions = [
            "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "arcsin", "arccos",
            "arctan", "sinh", "cosh", "tanh", "cbrt",
        ];
        let (left, right) = self.pair();
        let name = &left.name;
        let text = match self.dice.below(6) {
            0 => format!("arctan2({name}, {right})"),
            1 => format!("hypot({name}, {right})"),
            2 if left.dtype.is_real() => {
                format!("abs({name}) ** {}", self.dice.pick(&["0.5", "3", "1.5", "-1", "2.25"]))
            }
            _ => format!("{}({name})", self.dice.pick(&functions)),
        };
        (text, true)
    }

    fn scan(&mut self) -> String {
        let term = self.term();
        let ndim = term.shape.len() as i64;
        let axis = self.dice.between(-ndim, (ndim - 1).max(0));
        match self.dice.below(5) {
            0 => format!("cumprod({}, axis={axis})", term.name),
            1 => format!("diff({}, axis={axis})", term.name),
            2 => format!("diff({}, {}, axis={axis})", term.name, self.dice.below(4)),
            3 if ndim < 2 => format!("{}.cumsum()", term.name),
            _ => format!("{}.cumsum({axis})", term.name),
        }
    }

    fn axis(&mut self, ndim: usize) -> String {
        let ndim = ndim as i64;
        let mut axes: Vec<i64> = (0..ndim).collect();
        self.dice.shuffle(&mut axes);
        match self.dice.below(4) {
            0 => String::new(),
            1 if ndim > 1 => {
                let count = 1 + self.dice.below(ndim as u64) as usize;
                format!("axis=({})", listed(&axes[..count]))
            }
            2 if self.dice.once_in(9) => format!("axis={ndim}"),
            _ if ndim == 0 => String::new(),
            _ => format!("axis={}", axes[0] - if self.dice.once_in(2) { ndim } else { 0 }),
        }
    }

    /// Often of two arrays at once, of which one may be a part of the other.
    fn reduction(&mut self) -> String {
        let term = self.term();
        let methods = ["sum", "mean", "var", "std", "min", "max", "prod", "argmin", "argmax", "any", "all"];
        let functions =
            ["nansum", "nanmean", "nanvar", "nanstd", "nanmin", "nanmax", "ptp", "count_nonzero", "sem"];
        let method = self.dice.below(3) > 0;
        let name = *self.dice.pick(if method { &methods[..] } else { &functions });
        let mut arguments = vec![self.axis(term.shape.len())];
        if self.dice.once_in(4) {
            arguments.push("keepdims=True".into());
        }
        if matches!(name, "var" | "std" | "nanvar" | "nanstd") && self.dice.once_in(2) {
            arguments.push(format!("ddof={}", self.dice.below(3)));
        }
        if name == "sum" && self.dice.once_in(6) {
            arguments.push(format!("dtype='{}'", self.dice.pick(&["f4", "f8", "i8"])));
        }
        arguments.retain(|argument| !argument.is_empty());
        let of = |term: &Term| {
            if method {
                return format!("{}.{name}({})", term.name, arguments.join(", "));
            }
            let words: Vec<&str> =
                std::iter::once(&term.name).chain(&arguments).map(String::as_str).collect();
            format!("{name}({})", words.join(", "))
        };
        let (text, other) = (of(&term), self.term());
        if other.shape.len() == term.shape.len() && self.dice.once_in(2) {
            self.add(of(&other), false);
        }
        text
    }

    fn quantile(&mut self, term: &Term) -> String {
        let q = *self.dice.pick(&["0", "1", "0.25", "0.9", "0.123", "[0.1, 0.5]"]);
        let mut arguments = vec![term.name.clone(), q.into(), self.axis(term.shape.len())];
        if self.dice.once_in(4) {
            arguments.push("keepdims=True".into());
        }
        arguments.retain(|argument| !argument.is_empty());
        if self.dice.once_in(2) {
            arguments.remove(1);
            return format!("median({})", arguments.join(", "));
        }
        format!("quantile({})", arguments.join(", "))
    }

    fn statistic(&mut self) -> (String, bool) {
        let term = self.term();
        match self.dice.below(10) {
            0..3 => (self.quantile(&term), true),
            3..5 => (self.histogram(&term), false),
            5..7 => (self.average(&term), false),
            7..9 => (self.covariance(), false),
            _ => {
                let (left, right) = self.pair();
                (format!("dot({}, {right})", left.name), false)
            }
        }
    }

    fn histogram(&mut self, term: &Term) -> String {
        let count = 1 + self.dice.below(12);
        let bins = match self.dice.below(6) {
            0 => format!("{count}"),
            1 => format!("bins={count}, range=(-5, 7)"),
            2 => format!("bins={count}, range=(3, 3)"),
            3 => "bins=[-3, -1, 0.5, 0.5, 4]".into(),
            4 => format!("linspace(-4, 4, {})", 1 + count),
            _ => "arange(-5, 6, 1)".into(),
        };
        let density = if self.dice.once_in(3) { ", density=True" } else { "" };
        format!("histogram({}, {bins}{density})[{}]", term.name, u64::from(self.dice.once_in(4)))
    }

    fn average(&mut self, term: &Term) -> String {
        let alike = |other: &&Term| !other.rough && other.shape == term.shape;
        let alike: Vec<String> = self.terms.iter().filter(alike).map(|other| other.name.clone()).collect();
        let axis = match self.dice.below(4) {
            0 => String::new(),
            _ => self.axis(term.shape.len()),
        };
        let weights = match (self.dice.below(3), term.shape.is_empty()) {
            (0, _) if !alike.is_empty() => self.dice.pick(&alike).clone(),
            (1, false) => {
                let at = self.dice.below(term.shape.len() as u64) as usize;
                return format!(
                    "average({}, axis={at}, weights=arange({}) + 0.5)",
                    term.name, term.shape[at]
                );
            }
            _ => format!("{} > 0", term.name),
        };
        let arguments = [term.name.clone(), axis, format!("weights={weights}")];
        let arguments: Vec<String> = arguments.into_iter().filter(|argument| !argument.is_empty()).collect();
        format!("average({})", arguments.join(", "))
    }

    /// Of arrays that are small enough for exact sums of all products in the reference.
    fn covariance(&mut self) -> String {
        let small = |term: &&Term| {
            let long = term.shape.iter().all(|&extent| extent <= 41) && term.shape.len() == 2;
            !term.rough && (term.shape.len() == 1 || long)
        };
        let small: Vec<Term> = self.terms.iter().filter(small).cloned().collect();
        if small.is_empty() {
            return "cov(linspace(0, 1, 7))".into();
        }
        let term = self.dice.pick(&small).clone();
        let alike: Vec<Term> = small.iter().filter(|other| other.shape == term.shape).cloned().collect();
        let function = *self.dice.pick(&["cov", "cov", "corrcoef"]);
        let mut arguments = vec![term.name.clone()];
        if self.dice.once_in(3) {
            arguments.push(self.dice.pick(&alike).name.clone());
        } else if self.dice.once_in(3) {
            arguments.push("rowvar=False".into());
        }
        if function == "cov" && self.dice.once_in(3) {
            arguments.push((*self.dice.pick(&["ddof=0", "ddof=2", "bias=True"])).into());
        }
        format!("{function}({})", arguments.join(", "))
    }
}

fn listed<T: std::fmt::Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("{item},")).collect();
    items.join(" ")
}
