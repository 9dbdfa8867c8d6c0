//! What the nodes of a drawing are called: formulas as a user would write them, cut where they get long.

use crate::array::{AxisIndex, Binary, Bins, Expr, Operation, Scalar, Unary, Value, View};

/// Characters after which a formula is cut.
const LONGEST: usize = 60;

/// How strongly operators bind, comparisons least.
type Strength = u8;
const SIGN: Strength = 6;
const POWER: Strength = 7;
const ATOM: Strength = 8;

/// The formula of an expression. Reductions appear as their names.
pub(super) fn formula(expr: &Expr) -> String {
    let mut formula = Formula(String::new());
    match expr.operation() {
        Operation::Cast(operand) => {
            formula.write(operand, ATOM);
            formula.push(&format!(".astype({})", expr.dtype()));
        }
        _ => formula.write(expr, 0),
    }
    shortened(&formula.0, LONGEST)
}

/// A reduction with its axes, if it leaves others.
pub(super) fn reduction(expr: &Expr) -> String {
    match expr.operation() {
        Operation::Reduce(reduction, axes, operand) if axes.len() < operand.shape().ndim() => {
            let axes: Vec<String> = axes.iter().map(usize::to_string).collect();
            match axes.as_slice() {
                [axis] => format!("{}(axis={axis})", reduction.name()),
                axes => format!("{}(axis=({}))", reduction.name(), axes.join(", ")),
            }
        }
        Operation::Reduce(reduction, ..) => reduction.name().into(),
        Operation::Quantile(q, _) if *q == 0.5 => "median".into(),
        Operation::Quantile(q, _) => format!("quantile({})", Value::Number(*q)),
        Operation::QuantileAlong(q, axes, _) => format!("quantile({}, axis={axes:?})", Value::Number(*q)),
        Operation::Histogram(Bins::Even { count, .. }, _) => format!("histogram(bins={count})"),
        Operation::Histogram(Bins::Edges(edges), _) => {
            format!("histogram(bins={})", edges.len().saturating_sub(1))
        }
        _ => formula(expr),
    }
}

/// At most so many characters; `..` stands for what is left out.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(2)).chain("..".chars()).collect()
}

struct Formula(String);

impl Formula {
    fn push(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Stops where the text is long enough, so that what is shared many times over is not written out.
    fn write(&mut self, expr: &Expr, around: Strength) {
        if self.0.len() > LONGEST {
            return;
        }
        match expr.operation() {
            Operation::Scalar(scalar) => self.push(&number(*scalar)),
            Operation::Random(random) => self.push(random.distribution.name()),
            Operation::Full(value) => self.push(&match value.to_f64() {
                0.0 => "zeros".into(),
                1.0 => "ones".into(),
                _ => format!("full({})", number(*value)),
            }),
            Operation::Arange { last, .. } => self.push(if last.is_some() { "linspace" } else { "arange" }),
            Operation::Stored(stored) => {
                self.push(stored.name.rsplit('/').find(|part| !part.is_empty()).unwrap_or("/"))
            }
            Operation::Unary(Unary::Negate, operand) => self.signed("-", operand, around),
            Operation::Unary(Unary::Invert, operand) => self.signed("~", operand, around),
            Operation::Unary(unary, operand) => self.call(unary.name(), &[operand]),
            Operation::Binary(binary, left, right) => self.binary(*binary, left, right, around),
            Operation::Where(condition, left, right) => self.call("where", &[condition, left, right]),
            Operation::Cast(operand) | Operation::View(View::Broadcast, operand) => {
                self.write(operand, around)
            }
            // A reduction that keeps its axes.
            Operation::View(View::Reshape, operand)
                if matches!(operand.operation(), Operation::Reduce(..)) =>
            {
                self.write(operand, around);
            }
            Operation::View(view, operand) => self.view(view, expr, operand),
            Operation::Concatenate(_, parts) => self.call("concatenate", &parts.iter().collect::<Vec<_>>()),
            Operation::Scan(scan, _, operand) => self.call(scan.name(), &[operand]),
            Operation::Reduce(reduction, ..) => self.push(reduction.name()),
            Operation::Quantile(..) | Operation::QuantileAlong(..) => self.push("quantile"),
            Operation::Histogram(..) => self.push("histogram"),
        }
    }

    fn signed(&mut self, sign: &str, operand: &Expr, around: Strength) {
        self.enclosed(SIGN < around, |formula| {
            formula.push(sign);
            formula.write(operand, SIGN);
        });
    }

    fn binary(&mut self, binary: Binary, left: &Expr, right: &Expr, around: Strength) {
        let Some(strength) = strength(binary) else { return self.call(binary.name(), &[left, right]) };
        // Operators bind to the left, but for powers; comparisons do not follow one another.
        let (before, after) = match binary {
            Binary::Power => (strength + 1, SIGN),
            _ if strength == 0 => (1, 1),
            _ => (strength, strength + 1),
        };
        self.enclosed(strength < around, |formula| {
            formula.write(left, before);
            formula.push(&format!(" {} ", binary.symbol()));
            formula.write(right, after);
        });
    }

    fn enclosed(&mut self, parentheses: bool, write: impl FnOnce(&mut Self)) {
        self.push(if parentheses { "(" } else { "" });
        write(self);
        self.push(if parentheses { ")" } else { "" });
    }

    fn call(&mut self, name: &str, operands: &[&Expr]) {
        self.push(name);
        self.push("(");
        for (place, operand) in operands.iter().enumerate() {
            if self.0.len() > LONGEST {
                return;
            }
            self.push(if place == 0 { "" } else { ", " });
            self.write(operand, 0);
        }
        self.push(")");
    }

    fn view(&mut self, view: &View, expr: &Expr, operand: &Expr) {
        self.write(operand, ATOM);
        match view {
            View::Slice(axes) => {
                let taken: Vec<String> = axes.iter().zip(operand.shape().extents()).map(index).collect();
                let needed = taken.iter().rposition(|index| index != ":").map_or(0, |last| last + 1);
                self.push(&format!("[{}]", taken[..needed].join(", ")));
            }
            View::Transpose(order) if order.iter().rev().copied().eq(0..order.len()) => self.push(".T"),
            View::Transpose(order) => {
                let order: Vec<String> = order.iter().map(usize::to_string).collect();
                self.push(&format!(".transpose({})", order.join(", ")));
            }
            View::Reshape => self.push(&format!(".reshape{}", expr.shape())),
            View::Broadcast => {}
        }
    }
}

fn strength(binary: Binary) -> Option<Strength> {
    Some(match binary {
        Binary::Power => POWER,
        Binary::Multiply | Binary::Divide | Binary::FloorDivide | Binary::Remainder => 5,
        Binary::Add | Binary::Subtract => 4,
        Binary::And => 3,
        Binary::Xor => 2,
        Binary::Or => 1,
        Binary::Less
        | Binary::LessEqual
        | Binary::Equal
        | Binary::NotEqual
        | Binary::Greater
        | Binary::GreaterEqual => 0,
        Binary::Minimum | Binary::Maximum | Binary::Arctan2 | Binary::Hypot => return None,
    })
}

/// A number as a user would write it: whole floats without their point.
fn number(scalar: Scalar) -> String {
    match scalar {
        Scalar::Bool(truth) => Value::Bool(truth).to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) => {
            let text = Value::Number(value).to_string();
            text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
        }
    }
}

/// `5`, `:`, `2:`, `:10`, `::100`, `::-1`, as short as it can be.
fn index((index, &extent): (&AxisIndex, &u64)) -> String {
    let (start, step, count) = match *index {
        AxisIndex::Index(place) => return place.to_string(),
        AxisIndex::Range { start, step, count } => (start, step, count),
    };
    let reach = |count: u64| i128::from(start) + i128::from(step) * i128::from(count);
    // Another element would be beyond the axis.
    let to_end = !(0..i128::from(extent)).contains(&reach(count));
    let from_begin = start == if step > 0 { 0 } else { extent.saturating_sub(1) };
    let first = if from_begin { String::new() } else { start.to_string() };
    let last = if to_end { String::new() } else { reach(count).to_string() };
    if step == 1 { format!("{first}:{last}") } else { format!("{first}:{last}:{step}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Array, Index, arange, full, zeros};

    fn formula_of(array: &Array) -> String {
        formula(&array.expr().unwrap())
    }

    #[test]
    fn formulas_have_no_more_parentheses_than_they_need() {
        let (x, y) = (arange(0.0, 9.0, 1.0), full([9], 3.5));
        assert_eq!(formula_of(&((&x + 1.0) * &y - &x * 2.0)), "(arange + 1) * full(3.5) - arange * 2");
        assert_eq!(formula_of(&(&x - (&x - &y))), "arange - (arange - full(3.5))");
        assert_eq!(formula_of(&-(&x + &y)), "-(arange + full(3.5))");
        assert_eq!(formula_of(&x.sqrt().maximum(&y).less(3.0)), "maximum(sqrt(arange), full(3.5)) < 3");
    }

    #[test]
    fn slices_are_as_short_as_they_can_be() {
        let x = zeros([10, 20]);
        let of = |indices: &[Index]| formula_of(&x.slice(indices));
        assert_eq!(of(&[Index::from(2..)]), "zeros[2:]");
        assert_eq!(of(&[Index::ALL.step(-1)]), "zeros[::-1]");
        assert_eq!(of(&[Index::ALL.step(3)]), "zeros[::3]");
        assert_eq!(of(&[Index::from(..), Index::from(3)]), "zeros[:, 3]");
        assert_eq!(of(&[Index::from(1..7).step(2), Index::from(..5)]), "zeros[1:7:2, :5]");
        assert_eq!(formula_of(&x.t().at(0)), "zeros.T[0]");
    }

    #[test]
    fn formulas_end_where_they_get_long() {
        let mut doubled = arange(0.0, 9.0, 1.0);
        for _ in 0..200 {
            doubled = &doubled * &doubled;
        }
        let text = formula_of(&doubled);
        assert_eq!(text.len(), LONGEST);
        assert!(text.ends_with(".."));
    }
}
