//! Operations on elements: which dtype they compute in (NEP 50) and give, and how shapes broadcast.

use crate::array::cut::AxisChunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Expr, Operation, Unary, View};
use crate::array::make::fold;
use crate::array::shape::Shape;
use crate::error::{Error, Result};

impl Expr {
    /// A Python number, which takes the dtype of the array it meets.
    pub fn scalar(scalar: Scalar) -> Expr {
        Expr::source(Operation::Scalar(scalar), Shape::number(), scalar.dtype(), Vec::new())
    }

    /// The number, if it is known already.
    pub fn known(&self) -> Option<Scalar> {
        match self.operation() {
            Operation::Scalar(scalar) => Some(*scalar),
            _ => None,
        }
    }

    /// An operation on each element. Functions of real numbers take integers and truth values as f64.
    ///
    /// Where NumPy keeps integers, so do `negative`, `abs`, `sign`, `square`, `floor`, `ceil`, `trunc` and
    /// `round`. `reciprocal` of integers is real.
    pub fn unary(operation: Unary, operand: &Expr) -> Result<Expr> {
        if let Some(scalar) = operand.weak()
            && let Some(value) = fold::unary(operation, scalar)?
        {
            return Ok(Expr::scalar(value));
        }
        let Some(taken) = unary_takes(operation, operand.dtype())? else { return Ok(operand.clone()) };
        let operand = operand.cast(taken)?;
        let gives = match operation {
            Unary::IsNan | Unary::IsFinite | Unary::IsInf => DType::Bool,
            _ => taken,
        };
        let (shape, chunks) = (operand.shape().clone(), operand.chunks().to_vec());
        Expr::upon(Operation::Unary(operation, operand), shape, gives, chunks)
    }

    /// An operation on two operands, element by element, after promotion and broadcasting.
    pub fn binary(operation: Binary, left: &Expr, right: &Expr) -> Result<Expr> {
        let mut dtype = promoted(&[left, right]);
        if let (Some(left), Some(right)) = (left.weak(), right.weak()) {
            if let Some(value) = fold::binary(operation, left, right)? {
                return Ok(Expr::scalar(value));
            }
            if operation == Binary::Power {
                // Python's integers to a negative power are floats.
                dtype = DType::F64;
            }
        }
        let (operation, taken) = binary_takes(operation, dtype)?;
        if operation == Binary::Power
            && let Some(power) = known_power(left, right, taken)?
        {
            return Ok(power);
        }
        let (operands, shape, chunks) = together(&[left, right], &[taken, taken])?;
        let [left, right] = <[Expr; 2]>::try_from(operands).expect("two operands stay two");
        let gives = if is_comparison(operation) { DType::Bool } else { taken };
        Expr::upon(Operation::Binary(operation, left, right), shape, gives, chunks)
    }

    /// The second operand where the first is true, else the third.
    pub fn choose(condition: &Expr, left: &Expr, right: &Expr) -> Result<Expr> {
        let dtype = promoted(&[left, right]);
        let (operands, shape, chunks) = together(&[condition, left, right], &[DType::Bool, dtype, dtype])?;
        let [condition, left, right] = <[Expr; 3]>::try_from(operands).expect("three operands stay three");
        Expr::upon(Operation::Where(condition, left, right), shape, dtype, chunks)
    }

    /// The elements in another dtype: rounded, truncated towards zero, or whether they are not 0.
    pub fn cast(&self, dtype: DType) -> Result<Expr> {
        if self.dtype() == dtype {
            return Ok(self.clone());
        }
        if let Some(scalar) = self.known() {
            return Ok(Expr::number(fold::rounded(scalar, dtype), dtype));
        }
        let (shape, chunks) = (self.shape().clone(), self.chunks().to_vec());
        Expr::upon(Operation::Cast(self.clone()), shape, dtype, chunks)
    }

    /// A known number of a dtype, to which it is rounded already.
    pub(super) fn number(scalar: Scalar, dtype: DType) -> Expr {
        Expr::source(Operation::Scalar(scalar), Shape::number(), dtype, Vec::new())
    }

    /// A Python number. One of single precision is NumPy's, which has a dtype of its own.
    pub(super) fn weak(&self) -> Option<Scalar> {
        self.known().filter(|scalar| scalar.dtype() == self.dtype())
    }

    /// Repeated to the shape, which it broadcasts to.
    pub(super) fn repeated(&self, shape: &Shape) -> Result<Expr> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        let added = shape.ndim() - self.shape().ndim();
        let axis = |(axis, &extent): (usize, &u64)| match axis.checked_sub(added) {
            Some(own) if self.shape().extents()[own] == extent => self.chunks()[own].clone(),
            _ => AxisChunks::whole(extent),
        };
        let chunks = shape.extents().iter().enumerate().map(axis).collect();
        Expr::upon(Operation::View(View::Broadcast, self.clone()), shape.clone(), self.dtype(), chunks)
    }
}

/// The dtype of operands together: arrays and computed numbers decide, Python numbers follow.
fn promoted(operands: &[&Expr]) -> DType {
    let strong = operands.iter().filter(|operand| operand.weak().is_none()).map(|operand| operand.dtype());
    let weak = operands.iter().filter_map(|operand| operand.weak());
    match strong.reduce(DType::promote) {
        Some(dtype) => weak.fold(dtype, DType::promote_scalar),
        None => weak.map(Scalar::dtype).reduce(DType::promote).expect("an operation has operands"),
    }
}

/// Operands of these dtypes and one shape, numbers as they are, with the shape and the finest chunks.
fn together(operands: &[&Expr], dtypes: &[DType]) -> Result<(Vec<Expr>, Shape, Vec<AxisChunks>)> {
    let shapes: Vec<&Shape> = operands.iter().map(|operand| operand.shape()).collect();
    let shape = Shape::broadcast(&shapes)?;
    let one = |(operand, &dtype): (&&Expr, &DType)| {
        let operand = operand.cast(dtype)?;
        if operand.is_number() { Ok(operand) } else { operand.repeated(&shape) }
    };
    let chunks = finest(operands, &shape);
    let operands = operands.iter().zip(dtypes).map(one).collect::<Result<_>>()?;
    Ok((operands, shape, chunks))
}

/// Per axis the cut into most chunks among the operands that do not repeat along it.
pub(super) fn finest(operands: &[&Expr], shape: &Shape) -> Vec<AxisChunks> {
    let axis = |(axis, &extent): (usize, &u64)| {
        let own = operands.iter().filter_map(|operand| {
            let axis = (axis + operand.shape().ndim()).checked_sub(shape.ndim())?;
            (operand.shape().extents()[axis] == extent).then(|| &operand.chunks()[axis])
        });
        own.reduce(AxisChunks::finer).cloned().unwrap_or_else(|| AxisChunks::whole(extent))
    };
    shape.extents().iter().enumerate().map(axis).collect()
}

/// The dtype in which the operation is done; none where it changes nothing.
fn unary_takes(operation: Unary, dtype: DType) -> Result<Option<DType>> {
    let real = if dtype.is_real() { dtype } else { DType::F64 };
    Ok(match operation {
        Unary::Negate if dtype == DType::Bool => {
            return Err(Error::refused("the numpy boolean negative, the `-` operator, is not supported")
                .hint("use the `~` operator"));
        }
        Unary::Sign if dtype == DType::Bool => {
            return Err(unsupported("sign", dtype).hint("cast it first: x.astype(int)"));
        }
        Unary::Invert if dtype.is_real() => {
            return Err(unsupported("invert", dtype).hint("`~` takes int64 and bool"));
        }
        Unary::Absolute | Unary::Floor | Unary::Ceil | Unary::Trunc if dtype == DType::Bool => None,
        Unary::Floor | Unary::Ceil | Unary::Trunc | Unary::Round if dtype == DType::I64 => None,
        Unary::Square if dtype == DType::Bool => Some(DType::I64),
        Unary::Negate | Unary::Invert | Unary::Absolute | Unary::Sign | Unary::Square => Some(dtype),
        _ => Some(real),
    })
}

/// What is done to operands that promote to `dtype`, and in which dtype.
fn binary_takes(operation: Binary, dtype: DType) -> Result<(Binary, DType)> {
    let number = dtype.max(DType::I64);
    let real = if dtype.is_real() { dtype } else { DType::F64 };
    Ok(match operation {
        Binary::Add if dtype == DType::Bool => (Binary::Or, dtype),
        Binary::Multiply if dtype == DType::Bool => (Binary::And, dtype),
        Binary::Subtract if dtype == DType::Bool => {
            return Err(Error::refused("numpy boolean subtract, the `-` operator, is not supported")
                .hint("use the `^` operator"));
        }
        Binary::FloorDivide | Binary::Remainder | Binary::Power => (operation, number),
        Binary::Divide | Binary::Arctan2 | Binary::Hypot => (operation, real),
        Binary::And | Binary::Or | Binary::Xor if dtype.is_real() => {
            return Err(unsupported(operation.name(), dtype).hint("`&`, `|` and `^` take int64 and bool"));
        }
        _ => (operation, dtype),
    })
}

fn unsupported(function: &str, dtype: DType) -> Error {
    Error::refused(format!("ufunc '{function}' not supported for the input types"))
        .cause(format!("the elements are {dtype}"))
}

fn is_comparison(operation: Binary) -> bool {
    use Binary::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    matches!(operation, Less | LessEqual | Equal | NotEqual | Greater | GreaterEqual)
}

/// Powers that NumPy computes otherwise when the exponent is a number in the text.
fn known_power(base: &Expr, exponent: &Expr, dtype: DType) -> Result<Option<Expr>> {
    let Some(known) = exponent.known() else { return Ok(None) };
    if dtype == DType::I64 && known.to_i64() < 0 {
        return Err(Error::refused("Integers to negative integer powers are not allowed")
            .hint("write the exponent as a float, such as -1.0"));
    }
    let base = base.cast(dtype)?;
    let known = known.to_f64();
    Ok(if known == 2.0 {
        Some(Expr::unary(Unary::Square, &base)?)
    } else if known == 1.0 {
        Some(base)
    } else if known == -1.0 {
        Some(Expr::unary(Unary::Reciprocal, &base)?)
    } else if known == 0.5 && dtype.is_real() {
        Some(Expr::unary(Unary::Sqrt, &base)?)
    } else {
        None
    })
}
