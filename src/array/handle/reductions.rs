//! Reductions of an [`Array`]: over all axes (`x.sum()`), or over some (`x.axis(0).keepdims().sum()`).

use crate::array::expr::{Expr, Reduction, ReductionKind, Scan};
use crate::array::handle::Array;
use crate::error::{Error, Result};

/// An array with the axes over which it is to be reduced.
///
/// ```
/// use squall::array::ones;
/// let x = ones([20, 30]);
/// assert_eq!(x.axis(0).mean().expr().unwrap().shape().extents(), [30]);
/// assert_eq!(x.axes([0, 1]).keepdims().max().expr().unwrap().shape().extents(), [1, 1]);
/// assert!(x.axis(2).mean().expr().is_err());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Axes {
    array: Array,
    axes: Option<Vec<i128>>,
    keepdims: bool,
}

impl Array {
    /// Reduces over one axis; -1 is the last.
    pub fn axis(&self, axis: i64) -> Axes {
        self.axes([axis])
    }

    /// Reduces over these axes; negative ones count from the last.
    pub fn axes(&self, axes: impl IntoIterator<Item = i64>) -> Axes {
        let axes = axes.into_iter().map(i128::from).collect();
        Axes { array: self.clone(), axes: Some(axes), keepdims: false }
    }

    /// Reduces over all axes, and keeps them with extent 1.
    pub fn keepdims(&self) -> Axes {
        self.all_axes().keepdims()
    }

    fn all_axes(&self) -> Axes {
        Axes { array: self.clone(), axes: None, keepdims: false }
    }
}

impl Axes {
    /// Keeps the axes that are reduced over, with extent 1.
    pub fn keepdims(self) -> Axes {
        Axes { keepdims: true, ..self }
    }

    fn reduce(&self, kind: ReductionKind, skip_nan: bool) -> Array {
        let reduction = Reduction { kind, skip_nan };
        self.map(|expr, axes| Expr::reduce(reduction, expr, axes, self.keepdims))
    }

    fn scan(&self, scan: Scan) -> Array {
        self.map(|expr, axes| match axes {
            None => Expr::scan(scan, expr, None),
            Some(&[axis]) => Expr::scan(scan, expr, Some(axis)),
            Some(axes) => Err(Error::refused(format!("`{}` along {} axes", scan.name(), axes.len()))
                .hint("it runs along one axis, or over all elements in C order")),
        })
    }

    fn map(&self, change: impl FnOnce(&Expr, Option<&[i128]>) -> Result<Expr>) -> Array {
        self.array.map(|expr| change(expr, self.axes.as_deref()))
    }
}

/// Each for all axes and for some.
macro_rules! both {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) |$axes:ident| $body:expr;)*) => {
        impl Array {$(
            $(#[$doc])*
            pub fn $name(&self $(, $argument: $kind)*) -> Array {
                self.all_axes().$name($($argument),*)
            }
        )*}

        impl Axes {$(
            $(#[$doc])*
            pub fn $name(&self $(, $argument: $kind)*) -> Array {
                let $axes = self;
                $body
            }
        )*}
    };
}

both! {
    /// The exact sum, rounded once. Of truth values, their number; a sum of integers that does not fit is an error.
    sum() |axes| axes.reduce(ReductionKind::Sum, false);
    /// The product; that of integers wraps.
    prod() |axes| axes.reduce(ReductionKind::Product, false);
    /// The exact mean, rounded once.
    mean() |axes| axes.reduce(ReductionKind::Mean, false);
    /// The exact variance, rounded once; divided by the number of elements.
    var() |axes| axes.var_ddof(0);
    /// The variance, divided by the number of elements less `ddof`.
    var_ddof(ddof: u64) |axes| axes.reduce(ReductionKind::Var { ddof }, false);
    /// The exact standard deviation, rounded once; divided by the number of elements.
    std() |axes| axes.std_ddof(0);
    /// The standard deviation, divided by the number of elements less `ddof`.
    std_ddof(ddof: u64) |axes| axes.reduce(ReductionKind::Std { ddof }, false);
    /// The standard error of the mean: the standard deviation, divided by the number of elements less 1, over the root
    /// of their number.
    sem() |axes| axes.sem_ddof(1);
    /// The standard error of the mean from a standard deviation with `ddof`.
    sem_ddof(ddof: u64) |axes| axes.map(|expr, over| Expr::sem(expr, over, ddof, axes.keepdims));
    /// The smallest element; NaN if there is one.
    min() |axes| axes.reduce(ReductionKind::Min, false);
    /// The largest element; NaN if there is one.
    max() |axes| axes.reduce(ReductionKind::Max, false);
    /// The place of the smallest element in C order: over all axes, or along one.
    argmin() |axes| axes.reduce(ReductionKind::ArgMin, false);
    /// The place of the largest element in C order: over all axes, or along one.
    argmax() |axes| axes.reduce(ReductionKind::ArgMax, false);
    /// Whether an element is not 0.
    any() |axes| axes.reduce(ReductionKind::Any, false);
    /// Whether no element is 0.
    all() |axes| axes.reduce(ReductionKind::All, false);
    /// How many elements are not 0.
    count_nonzero() |axes| axes.reduce(ReductionKind::CountNonzero, false);
    /// The sum without NaN.
    nansum() |axes| axes.reduce(ReductionKind::Sum, true);
    /// The mean without NaN.
    nanmean() |axes| axes.reduce(ReductionKind::Mean, true);
    /// The variance without NaN; divided by the number of elements that are left.
    nanvar() |axes| axes.reduce(ReductionKind::Var { ddof: 0 }, true);
    /// The standard deviation without NaN; divided by the number of elements that are left.
    nanstd() |axes| axes.reduce(ReductionKind::Std { ddof: 0 }, true);
    /// The smallest element that is not NaN.
    nanmin() |axes| axes.reduce(ReductionKind::Min, true);
    /// The largest element that is not NaN.
    nanmax() |axes| axes.reduce(ReductionKind::Max, true);
    /// From the smallest element to the largest.
    ptp() |axes| axes.map(|expr, over| Expr::ptp(expr, over, axes.keepdims));
    /// The mean, each element weighed. Weights have the array's shape, or are those along the axes.
    average(weights: &Array) |axes| axes.map(|expr, over| {
        Expr::average(expr, Some(&weights.expr()?), over, axes.keepdims)
    });
    /// NumPy's linear quantile, exact.
    quantile(q: f64) |axes| axes.map(|expr, over| Expr::quantile(expr, q, over, axes.keepdims));
    /// The quantile of one half.
    median() |axes| axes.map(|expr, over| Expr::median(expr, over, axes.keepdims));
    /// Running sums along one axis, or over all elements in C order; `keepdims` changes nothing.
    cumsum() |axes| axes.scan(Scan::Sum);
    /// Running products along one axis, or over all elements in C order; `keepdims` changes nothing.
    cumprod() |axes| axes.scan(Scan::Product);
}
