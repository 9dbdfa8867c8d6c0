//! The dtypes that operations take and give: NEP 50 over the four dtypes.

use super::{array, float, int, number};
use crate::array::dtype::{DType, Scalar};
use crate::array::expr::{Binary, Expr, Operation, Reduction, ReductionKind, Scan, Unary};

const DTYPES: [DType; 4] = [DType::Bool, DType::I64, DType::F32, DType::F64];

fn gives(result: crate::error::Result<Expr>) -> &'static str {
    result.map_or("-", |expr| expr.dtype().name())
}

#[test]
fn two_arrays_promote_as_in_numpy() {
    let mut table = Vec::new();
    for operation in [
        Binary::Add,
        Binary::Subtract,
        Binary::Divide,
        Binary::FloorDivide,
        Binary::Power,
        Binary::Minimum,
        Binary::Hypot,
        Binary::And,
        Binary::Less,
    ] {
        table.push(operation.name().to_owned());
        for left in DTYPES {
            let row =
                DTYPES.map(|right| gives(Expr::binary(operation, &array(&[2], left), &array(&[2], right))));
            table.push(format!("  {left:8} {}", row.join(" ")));
        }
    }
    insta::assert_snapshot!(table.join("\n"), @"
    add
      bool bool int64 float32 float64
      int64 int64 int64 float64 float64
      float32 float32 float64 float32 float64
      float64 float64 float64 float64 float64
    subtract
      bool - int64 float32 float64
      int64 int64 int64 float64 float64
      float32 float32 float64 float32 float64
      float64 float64 float64 float64 float64
    divide
      bool float64 float64 float32 float64
      int64 float64 float64 float64 float64
      float32 float32 float64 float32 float64
      float64 float64 float64 float64 float64
    floor_divide
      bool int64 int64 float32 float64
      int64 int64 int64 float64 float64
      float32 float32 float64 float32 float64
      float64 float64 float64 float64 float64
    power
      bool int64 int64 float32 float64
      int64 int64 int64 float64 float64
      float32 float32 float64 float32 float64
      float64 float64 float64 float64 float64
    minimum
      bool bool int64 float32 float64
      int64 int64 int64 float64 float64
      float32 float32 float64 float32 float64
      float64 float64 float64 float64 float64
    hypot
      bool float64 float64 float32 float64
      int64 float64 float64 float64 float64
      float32 float32 float64 float32 float64
      float64 float64 float64 float64 float64
    bitwise_and
      bool bool int64 - -
      int64 int64 int64 - -
      float32 - - - -
      float64 - - - -
    less
      bool bool bool bool bool
      int64 bool bool bool bool
      float32 bool bool bool bool
      float64 bool bool bool bool
    ");
}

#[test]
fn python_numbers_follow_the_array_and_computed_numbers_do_not() {
    let table = DTYPES.map(|dtype| {
        let left = array(&[2], dtype);
        let others = [
            Expr::scalar(Scalar::Bool(true)),
            int(1),
            float(1.0),
            number(DType::I64),
            number(DType::F32),
            number(DType::F64),
            float(1.0).cast(DType::F32).unwrap(),
        ];
        let row = others.map(|other| gives(Expr::binary(Binary::Multiply, &left, &other)));
        format!("{dtype:8} {}", row.join(" "))
    });
    insta::assert_snapshot!(table.join("\n"), @"
    bool bool int64 float64 int64 float32 float64 float32
    int64 int64 int64 float64 int64 float64 float64 float64
    float32 float32 float32 float32 float64 float32 float64 float32
    float64 float64 float64 float64 float64 float64 float64 float64
    ");
}

#[test]
fn functions_take_integers_as_reals_unless_numpy_keeps_them() {
    let functions = [
        Unary::Negate,
        Unary::Invert,
        Unary::Absolute,
        Unary::Sign,
        Unary::Square,
        Unary::Sqrt,
        Unary::Floor,
        Unary::Round,
        Unary::Reciprocal,
        Unary::IsNan,
    ];
    let table = functions.map(|function| {
        let row = DTYPES.map(|dtype| gives(Expr::unary(function, &array(&[2], dtype))));
        format!("{:10} {}", function.name(), row.join(" "))
    });
    insta::assert_snapshot!(table.join("\n"), @"
    negative   - int64 float32 float64
    invert     bool int64 - -
    absolute   bool int64 float32 float64
    sign       - int64 float32 float64
    square     int64 int64 float32 float64
    sqrt       float64 float64 float32 float64
    floor      bool int64 float32 float64
    round      float64 int64 float32 float64
    reciprocal float64 float64 float32 float64
    isnan      bool bool bool bool
    ");
}

#[test]
fn reductions_give_the_dtypes_of_numpy() {
    let kinds = [
        ReductionKind::Sum,
        ReductionKind::Product,
        ReductionKind::Mean,
        ReductionKind::Var { ddof: 1 },
        ReductionKind::Min,
        ReductionKind::ArgMax,
        ReductionKind::Any,
        ReductionKind::CountNonzero,
    ];
    let mut table = Vec::new();
    for kind in kinds {
        let reduction = Reduction { kind, skip_nan: false };
        let row = DTYPES.map(|dtype| {
            let full = Expr::reduce(reduction, &array(&[2], dtype), None, false).unwrap();
            let empty = Expr::reduce(reduction, &array(&[0, 2], dtype), Some(&[1]), false).unwrap();
            assert_eq!(full.dtype(), empty.dtype(), "{kind:?} of {dtype}");
            full.dtype().name()
        });
        table.push(format!("{:14} {}", reduction.name(), row.join(" ")));
    }
    for scan in [Scan::Sum, Scan::Product] {
        let row = DTYPES.map(|dtype| gives(Expr::scan(scan, &array(&[2], dtype), None)));
        table.push(format!("{:14} {}", scan.name(), row.join(" ")));
    }
    insta::assert_snapshot!(table.join("\n"), @"
    sum            int64 int64 float32 float64
    prod           int64 int64 float32 float64
    mean           float64 float64 float32 float64
    var            float64 float64 float32 float64
    min            bool int64 float32 float64
    argmax         int64 int64 int64 int64
    any            bool bool bool bool
    count_nonzero  int64 int64 int64 int64
    cumsum         int64 int64 float32 float64
    cumprod        int64 int64 float32 float64
    ");
}

#[test]
fn operands_stand_in_the_dtype_of_the_operation() {
    let sum = Expr::binary(Binary::Add, &array(&[2], DType::F32), &float(0.1)).unwrap();
    let Operation::Binary(Binary::Add, left, right) = sum.operation() else { panic!("{sum:?}") };
    assert_eq!((left.dtype(), right.dtype()), (DType::F32, DType::F32));
    assert_eq!(right.known(), Some(Scalar::Float(f64::from(0.1_f32))));
    let less = Expr::binary(Binary::Less, &array(&[2], DType::Bool), &array(&[2], DType::I64)).unwrap();
    let Operation::Binary(Binary::Less, left, _) = less.operation() else { panic!("{less:?}") };
    assert!(matches!(left.operation(), Operation::Cast(_)));
    assert_eq!((left.dtype(), less.dtype()), (DType::I64, DType::Bool));
}

#[test]
fn sums_and_products_of_truth_values_are_or_and_and() {
    let bits = array(&[2], DType::Bool);
    for (operation, done) in [(Binary::Add, Binary::Or), (Binary::Multiply, Binary::And)] {
        let result = Expr::binary(operation, &bits, &bits).unwrap();
        assert!(matches!(result.operation(), Operation::Binary(found, ..) if *found == done));
    }
}

#[test]
fn python_numbers_are_computed_at_once() {
    let folded = |operation, left: Scalar, right: Scalar| {
        Expr::binary(operation, &Expr::scalar(left), &Expr::scalar(right)).unwrap().known()
    };
    let (seven, minus_two) = (Scalar::Int(7), Scalar::Int(-2));
    let table = [
        folded(Binary::Add, seven, Scalar::Float(0.5)),
        folded(Binary::Add, Scalar::Bool(true), Scalar::Bool(true)),
        folded(Binary::Or, Scalar::Bool(true), Scalar::Bool(false)),
        folded(Binary::Divide, seven, minus_two),
        folded(Binary::FloorDivide, seven, minus_two),
        folded(Binary::Remainder, seven, minus_two),
        folded(Binary::Power, minus_two, seven),
        folded(Binary::Xor, seven, minus_two),
        folded(Binary::LessEqual, seven, Scalar::Float(7.0)),
        folded(Binary::NotEqual, Scalar::Float(f64::NAN), Scalar::Float(f64::NAN)),
        // Rounded by the kernels alone.
        folded(Binary::Power, Scalar::Float(2.0), Scalar::Float(0.3)),
        Expr::unary(Unary::Negate, &int(3)).unwrap().known(),
        Expr::unary(Unary::Invert, &Expr::scalar(Scalar::Bool(true))).unwrap().known(),
        Expr::unary(Unary::Sin, &int(3)).unwrap().known(),
    ];
    let shown = table.map(|known| known.map_or("not known".to_owned(), |known| format!("{known:?}")));
    insta::assert_snapshot!(shown.join("\n"), @"
    Float(7.5)
    Int(2)
    Bool(true)
    Float(-3.5)
    Int(-4)
    Int(-1)
    Int(-128)
    Int(-7)
    Bool(true)
    Bool(true)
    not known
    Int(-3)
    Int(-2)
    not known
    ");
    let tenth = Expr::binary(Binary::Power, &int(10), &int(-1)).unwrap();
    assert_eq!((tenth.dtype(), tenth.is_number()), (DType::F64, true));
}

#[test]
fn plain_powers_are_squares_and_roots() {
    let power = |dtype, exponent: &Expr| {
        Expr::binary(Binary::Power, &array(&[2], dtype), exponent).unwrap().operation().clone()
    };
    assert!(matches!(power(DType::F64, &int(2)), Operation::Unary(Unary::Square, _)));
    assert!(matches!(power(DType::I64, &int(2)), Operation::Unary(Unary::Square, _)));
    assert!(matches!(power(DType::I64, &float(0.5)), Operation::Unary(Unary::Sqrt, _)));
    assert!(matches!(power(DType::F32, &int(-1)), Operation::Unary(Unary::Reciprocal, _)));
    assert!(matches!(power(DType::F64, &int(3)), Operation::Binary(Binary::Power, ..)));
}
