//! Arrays that are not made of others: random numbers, one value, even steps, files.

use std::sync::Arc;

use crate::array::chunks::Chunks;
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Expr, Operation};
use crate::array::make::fold;
use crate::array::random::Random;
use crate::array::shape::Shape;
use crate::array::stored::Stored;
use crate::error::{Error, Result};

impl Expr {
    /// A random array, of f64; refuses parameters that are out of range.
    pub fn random(random: Random, shape: Shape, chunks: &Chunks) -> Result<Expr> {
        random.distribution.check()?;
        if shape.ndim() == 0 {
            return Err(Error::refused("a random array without an axis").hint("for one element write size=1"));
        }
        let chunks = chunks.resolve(&shape, DType::F64)?;
        Ok(Expr::source(Operation::Random(random), shape, DType::F64, chunks))
    }

    /// An array of one value, rounded to the dtype. Of shape `()`, a number.
    pub fn full(value: Scalar, shape: Shape, dtype: DType, chunks: &Chunks) -> Result<Expr> {
        if let (Scalar::Float(float), DType::I64) = (value, dtype)
            && !(-TWO_TO_THE_63..TWO_TO_THE_63).contains(&float)
        {
            return Err(Error::refused("a float that no int64 can hold")
                .hint("choose a smaller value, or another dtype"));
        }
        let chunks = chunks.resolve(&shape, dtype)?;
        let value = fold::rounded(value, dtype);
        if shape.ndim() == 0 {
            return Ok(Expr::number(value, dtype));
        }
        Ok(Expr::source(Operation::Full(value), shape, dtype, chunks))
    }

    /// An array of one value that the dtype holds, in chunks of our choice.
    pub(super) fn filled(value: Scalar, shape: Shape, dtype: DType) -> Result<Expr> {
        Expr::full(value, shape, dtype, &Chunks::Automatic)
    }

    /// `start`, `start + step`, .. before `stop`: `ceil((stop - start) / step)` elements.
    ///
    /// Element i of floats is `start + i * delta` with `delta = (start + step) - start`, every operation
    /// rounded to the dtype, as NumPy does. `dtype` may be int64, float32 or float64; without one, any float
    /// among the numbers makes float64.
    pub fn arange(
        start: Scalar,
        stop: Scalar,
        step: Scalar,
        dtype: Option<DType>,
        chunks: &Chunks,
    ) -> Result<Expr> {
        let real = [start, stop, step].iter().any(|scalar| matches!(scalar, Scalar::Float(_)));
        let count = if real {
            count_of_floats(start.to_f64(), stop.to_f64(), step.to_f64())?
        } else {
            count_of_integers(start.to_i64(), stop.to_i64(), step.to_i64())?
        };
        let shape = Shape::new(vec![count])?;
        match dtype.unwrap_or(if real { DType::F64 } else { DType::I64 }) {
            DType::Bool => {
                Err(Error::refused("arange of bool").hint("its dtype is int64, float32 or float64"))
            }
            DType::I64 => {
                let step = if real {
                    let second = Scalar::Float(start.to_f64() + step.to_f64());
                    second.to_i64().wrapping_sub(start.to_i64())
                } else {
                    step.to_i64()
                };
                even(Scalar::Int(start.to_i64()), Scalar::Int(step), None, shape, chunks)
            }
            DType::F64 => {
                let delta = second(start, step) - start.to_f64();
                even(Scalar::Float(start.to_f64()), Scalar::Float(delta), None, shape, chunks)
            }
            DType::F32 => {
                let single = |scalar| Expr::number(fold::rounded(scalar, DType::F32), DType::F32);
                let start_single = fold::rounded(start, DType::F32).to_f64();
                let second = fold::rounded(Scalar::Float(second(start, step)), DType::F32).to_f64();
                let counting = even(Scalar::Int(0), Scalar::Int(1), None, shape, chunks)?.cast(DType::F32)?;
                let delta = single(Scalar::Float(second - start_single));
                let product = Expr::binary(Binary::Multiply, &counting, &delta)?;
                Expr::binary(Binary::Add, &product, &single(start))
            }
        }
    }

    /// `num` numbers of one distance from `start` to `stop`; f64. Element i is `start + i * step`, both
    /// operations rounded, with `step = (stop - start) / (num - 1)`, and the last one is `stop`. Without
    /// `endpoint`, the divisor is `num`, and `stop` is left out.
    pub fn linspace(start: f64, stop: f64, num: u64, endpoint: bool, chunks: &Chunks) -> Result<Expr> {
        let shape = Shape::new(vec![num])?;
        let steps = if endpoint { num.saturating_sub(1) } else { num };
        let step = if steps == 0 { 0.0 } else { (stop - start) / steps as f64 };
        let last = (endpoint && num > 1).then_some(stop);
        even(Scalar::Float(start), Scalar::Float(step), last, shape, chunks)
    }

    /// An array in files, as its header describes it.
    pub fn stored(stored: Arc<Stored>, shape: Shape, chunks: &Chunks) -> Result<Expr> {
        if stored.elements() != shape.size() {
            return Err(Error::refused(format!(
                "`{}` holds {} elements, not the {} of shape {shape}",
                stored.name,
                stored.elements(),
                shape.size()
            ))
            .hint("write the file again"));
        }
        let dtype = stored.format.dtype();
        let chunks = chunks.resolve(&shape, dtype)?;
        Ok(Expr::source(Operation::Stored(stored), shape, dtype, chunks))
    }

    /// The same source in other chunks; what is computed from arrays is cut as they are.
    pub fn in_chunks(&self, chunks: &Chunks) -> Result<Expr> {
        match self.operation() {
            Operation::Random(_) | Operation::Full(_) | Operation::Arange { .. } | Operation::Stored(_) => {
                let chunks = chunks.resolve(self.shape(), self.dtype())?;
                Ok(Expr::source(self.operation().clone(), self.shape().clone(), self.dtype(), chunks))
            }
            _ => Err(Error::refused("chunks of a computed array").hint(
                "give them to the arrays that it is computed from: right after .size(..), or as chunks=",
            )),
        }
    }
}

const TWO_TO_THE_63: f64 = 9_223_372_036_854_775_808.0;

fn even(start: Scalar, step: Scalar, last: Option<f64>, shape: Shape, chunks: &Chunks) -> Result<Expr> {
    let dtype = start.dtype();
    let chunks = chunks.resolve(&shape, dtype)?;
    Ok(Expr::source(Operation::Arange { start, step, last }, shape, dtype, chunks))
}

/// `start + step` as Python adds them, then as a float.
fn second(start: Scalar, step: Scalar) -> f64 {
    match (start, step) {
        (Scalar::Float(_), _) | (_, Scalar::Float(_)) => start.to_f64() + step.to_f64(),
        _ => (i128::from(start.to_i64()) + i128::from(step.to_i64())) as f64,
    }
}

fn count_of_integers(start: i64, stop: i64, step: i64) -> Result<u64> {
    if step == 0 {
        return Err(no_step());
    }
    let (mut distance, mut step) = (i128::from(stop) - i128::from(start), i128::from(step));
    if step < 0 {
        (distance, step) = (-distance, -step);
    }
    let count = if distance <= 0 { 0 } else { (distance - 1) / step + 1 };
    Ok(u64::try_from(count).expect("the distance of two 64-bit integers fits"))
}

fn count_of_floats(start: f64, stop: f64, step: f64) -> Result<u64> {
    if step == 0.0 {
        return Err(no_step());
    }
    let count = ((stop - start) / step).ceil();
    if count.is_nan() {
        return Err(Error::refused("arange: cannot compute length").hint("start, stop and step are finite"));
    }
    if count > TWO_TO_THE_63 {
        return Err(
            Error::refused("Maximum allowed size exceeded").hint("an array has at most 2^63 elements")
        );
    }
    // Negative ones are 0.
    Ok(count as u64)
}

fn no_step() -> Error {
    Error::refused("arange with a step of 0").hint("a step is positive or negative")
}
