//! What operations are called: NumPy's names, and Python's signs.

use crate::array::expr::{Binary, Reduction, ReductionKind, Scan, Unary};

impl Unary {
    /// NumPy's name.
    pub fn name(self) -> &'static str {
        match self {
            Unary::Negate => "negative",
            Unary::Invert => "invert",
            Unary::Absolute => "absolute",
            Unary::Sign => "sign",
            Unary::Square => "square",
            Unary::Sqrt => "sqrt",
            Unary::Cbrt => "cbrt",
            Unary::Exp => "exp",
            Unary::Expm1 => "expm1",
            Unary::Log => "log",
            Unary::Log1p => "log1p",
            Unary::Log2 => "log2",
            Unary::Log10 => "log10",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tan => "tan",
            Unary::Arcsin => "arcsin",
            Unary::Arccos => "arccos",
            Unary::Arctan => "arctan",
            Unary::Sinh => "sinh",
            Unary::Cosh => "cosh",
            Unary::Tanh => "tanh",
            Unary::Floor => "floor",
            Unary::Ceil => "ceil",
            Unary::Round => "round",
            Unary::Trunc => "trunc",
            Unary::Reciprocal => "reciprocal",
            Unary::IsNan => "isnan",
            Unary::IsFinite => "isfinite",
            Unary::IsInf => "isinf",
        }
    }
}

impl Binary {
    /// NumPy's name.
    pub fn name(self) -> &'static str {
        match self {
            Binary::Add => "add",
            Binary::Subtract => "subtract",
            Binary::Multiply => "multiply",
            Binary::Divide => "divide",
            Binary::FloorDivide => "floor_divide",
            Binary::Remainder => "remainder",
            Binary::Power => "power",
            Binary::Minimum => "minimum",
            Binary::Maximum => "maximum",
            Binary::Arctan2 => "arctan2",
            Binary::Hypot => "hypot",
            Binary::And => "bitwise_and",
            Binary::Or => "bitwise_or",
            Binary::Xor => "bitwise_xor",
            Binary::Less => "less",
            Binary::LessEqual => "less_equal",
            Binary::Equal => "equal",
            Binary::NotEqual => "not_equal",
            Binary::Greater => "greater",
            Binary::GreaterEqual => "greater_equal",
        }
    }

    /// Python's sign, or NumPy's name where there is none.
    pub fn symbol(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::FloorDivide => "//",
            Binary::Remainder => "%",
            Binary::Power => "**",
            Binary::And => "&",
            Binary::Or => "|",
            Binary::Xor => "^",
            Binary::Less => "<",
            Binary::LessEqual => "<=",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::Greater => ">",
            Binary::GreaterEqual => ">=",
            Binary::Minimum | Binary::Maximum | Binary::Arctan2 | Binary::Hypot => self.name(),
        }
    }
}

impl Scan {
    /// NumPy's name.
    pub fn name(self) -> &'static str {
        match self {
            Scan::Sum => "cumsum",
            Scan::Product => "cumprod",
        }
    }
}

impl Reduction {
    /// NumPy's name.
    pub fn name(self) -> &'static str {
        let (name, skipping) = match self.kind {
            ReductionKind::Sum => ("sum", "nansum"),
            ReductionKind::Product => ("prod", "nanprod"),
            ReductionKind::Mean => ("mean", "nanmean"),
            ReductionKind::Var { .. } => ("var", "nanvar"),
            ReductionKind::Std { .. } => ("std", "nanstd"),
            ReductionKind::Min => ("min", "nanmin"),
            ReductionKind::Max => ("max", "nanmax"),
            ReductionKind::ArgMin => ("argmin", "nanargmin"),
            ReductionKind::ArgMax => ("argmax", "nanargmax"),
            ReductionKind::Any => ("any", "any"),
            ReductionKind::All => ("all", "all"),
            ReductionKind::CountNonzero => ("count_nonzero", "count_nonzero"),
        };
        if self.skip_nan { skipping } else { name }
    }
}
