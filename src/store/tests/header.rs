//! Headers: what is accepted, what is refused and how, and that nothing panics.

use proptest::prelude::*;

use crate::array::{DType, Shape};
use crate::array::{Format, Kind};
use crate::store::header::{ELEMENTS_AT, Header, Problem, parse, text_at, write};

fn shape_of(text: &str) -> Vec<u64> {
    parse(text.as_bytes()).unwrap().shape.extents().to_vec()
}

/// Cause and hint of each.
fn refused(texts: &[&str]) -> String {
    let each = |text: &&str| {
        let Problem { cause, hint } = parse(text.as_bytes()).unwrap_err();
        format!("{cause}\n{}", hint.map(|hint| format!("  {hint}\n")).unwrap_or_default())
    };
    texts.iter().map(each).collect()
}

/// A dictionary with this `descr`.
fn of(descr: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3,), }}")
}

#[test]
fn dictionaries_are_read_in_any_order_and_spacing() {
    let expected = Header {
        format: Format { kind: Kind::Float, itemsize: 8, big_endian: false },
        fortran_order: true,
        shape: Shape::new(vec![3, 4]).unwrap(),
    };
    for text in [
        "{'descr': '<f8', 'fortran_order': True, 'shape': (3, 4), }          \n",
        "{'shape':(3,4),'fortran_order':True,'descr':'<f8'}",
        " {\"fortran_order\" : True ,\n\t\"shape\" : ( 3 , 4 , ) , \"descr\" : \"<f8\" , }",
        "{'descr': '<f8', 'fortran_order': True, 'shape': (3L, 4L)}\n",
    ] {
        assert_eq!(parse(text.as_bytes()), Ok(expected.clone()), "{text}");
    }
}

#[test]
fn every_number_of_axes_is_read() {
    let dictionary = |shape: &str| format!("{{'descr': '|b1', 'fortran_order': False, 'shape': {shape}}}");
    assert_eq!(shape_of(&dictionary("()")), [0; 0]);
    assert_eq!(shape_of(&dictionary("(0,)")), [0]);
    assert_eq!(shape_of(&dictionary("(5, 0, 4611686018427387904)")), [5, 0, 1 << 62]);
    assert_eq!(shape_of(&dictionary("(1, 2, 3, 4, 5, 6)")), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn fortran_order_is_told_only_where_it_differs() {
    let order = |shape: &str| {
        let text = format!("{{'descr': '<f8', 'fortran_order': True, 'shape': {shape}}}");
        parse(text.as_bytes()).unwrap().fortran_order
    };
    assert!(order("(2, 3)"));
    assert!(order("(1, 2, 3)"));
    for shape in ["()", "(5,)", "(5, 1)", "(1, 5)", "(1, 1)", "(0, 5)"] {
        assert!(!order(shape), "{shape}");
    }
}

#[test]
fn byte_order_of_single_bytes_does_not_matter() {
    for descr in ["'|i1'", "'<i1'", "'>i1'", "'=i1'"] {
        let format = parse(of(descr).as_bytes()).unwrap().format;
        assert_eq!(format, Format { kind: Kind::Signed, itemsize: 1, big_endian: false });
    }
}

#[test]
fn dtypes_without_numbers_are_refused_with_what_to_do() {
    let descrs = [
        "'|O'",
        "[('a', '<f8'), ('b', '<i4')]",
        "('<f8', (3,))",
        "'<c16'",
        "'<U7'",
        "'|S3'",
        "'<M8[ns]'",
        "'|V8'",
        "'<f3'",
        "'float64'",
        "''",
        "'température'",
    ];
    let texts = descrs.map(of);
    insta::assert_snapshot!(refused(&texts.each_ref().map(String::as_str)), @r#"
    it holds pickled objects, which squall never loads: dtype `|O`
      save floats: `np.save(..., x.astype("float64"))`
    its elements are structured: `[('a', '<f8'), ('b', '<i4')]`
      save each field by itself: `np.save(..., x["field"])`
    its elements are structured: `('<f8', (3,))`
      save each field by itself: `np.save(..., x["field"])`
    its elements are complex: dtype `<c16`
      save two arrays: `np.save(..., x.real)` and `np.save(..., x.imag)`
    its elements are strings: dtype `<U7`
      save floats: `np.save(..., x.astype("float64"))`
    its elements are strings: dtype `|S3`
      save floats: `np.save(..., x.astype("float64"))`
    its elements are dates or durations: dtype `<M8[ns]`
      save whole numbers: `np.save(..., x.astype("int64"))`
    its elements are raw bytes: dtype `|V8`
      save numbers: `np.save(..., x.view("float64"))`
    its dtype `<f3` is not known
      save floats: `np.save(..., x.astype("float64"))`
    its dtype `float64` is not known
      save floats: `np.save(..., x.astype("float64"))`
    its dtype `` is not known
      save floats: `np.save(..., x.astype("float64"))`
    its dtype `température` is not known
      save floats: `np.save(..., x.astype("float64"))`
    "#);
}

#[test]
fn what_is_no_dictionary_of_an_array_is_refused() {
    let long = format!("{{'descr': {}", "x".repeat(1000));
    insta::assert_snapshot!(refused(&[
        "",
        "   \n",
        "[1, 2]",
        "{}",
        "{'descr': '<f8', 'fortran_order': False}",
        "{'descr': '<f8' 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (3,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': 3}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, -4)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4.5)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)} + 1",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'shape': (4,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'more': 1}",
        "{'descr': '<f\\x38', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': __import__('os'), 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8",
        "{\u{1b}[31m",
        &long,
    ]), @r"
    the header is malformed: `{` expected at byte 0, before its end
    the header is malformed: `{` expected at byte 4, before its end
    the header is malformed: `{` expected at byte 0, before `[1, 2]`
    the header lacks `descr`, `fortran_order` or `shape`: `{}`
    the header lacks `descr`, `fortran_order` or `shape`: `{'descr': '<f8', 'fortran_order': False}`
    the header is malformed: `}` expected at byte 16, before `'fortran_order': False, 'shape': (3,)}`
    the header is malformed: `True` or `False` expected at byte 34, before `0, 'shape': (3,)}`
    the header is malformed: `(` expected at byte 50, before `3}`
    the header is malformed: `,` expected at byte 52, before `)}`
    the shape has a negative extent, `-4`
    the header is malformed: `)` expected at byte 55, before `.5)}`
    the shape has too large an extent, `99999999999999999999`
    an array of shape (4294967296, 4294967296) has too many elements
    the header is malformed: nothing more expected at byte 56, before `+ 1`
    the header is malformed: another key expected at byte 56, before `'shape': (4,)}`
    the header is malformed: `descr`, `fortran_order` or `shape` expected at byte 56, before `'more': 1}`
    the header is malformed: a string expected at byte 10, before `'<f\x38', 'fortran_order': False, 'shape': (3,)}`
    the header is malformed: a string expected at byte 10, before `__import__('os'), 'fortran_order': False, 'shape': (3,)}`
    the header is malformed: a string expected at byte 10, before `'<f8`
    the header is malformed: a string expected at byte 1, before `�[31m`
    the header is malformed: a string expected at byte 10, before `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...`
    ");
}

#[test]
fn a_header_written_here_is_read_here() {
    for dtype in [DType::Bool, DType::I64, DType::F32, DType::F64] {
        for extents in [vec![], vec![0], vec![7], vec![1 << 62, 0], vec![1 << 20, 3], vec![1; 64]] {
            let shape = Shape::new(extents).unwrap();
            let bytes = write(dtype, &shape);
            assert_eq!(bytes.len() as u64, ELEMENTS_AT);
            let text = text_at(&bytes, ELEMENTS_AT).unwrap();
            assert_eq!(text.end, ELEMENTS_AT);
            let header = parse(&bytes[text.start as usize..]).unwrap();
            assert_eq!((header.format.dtype(), header.fortran_order, header.shape), (dtype, false, shape));
        }
    }
}

#[test]
fn the_longest_header_fits_its_page() {
    let mut extents = vec![1 << 62; 63];
    extents.push(0);
    let shape = Shape::new(extents).unwrap();
    let bytes = write(DType::F64, &shape);
    assert_eq!(bytes.len() as u64, ELEMENTS_AT);
    assert_eq!(parse(&bytes[10..]).unwrap().shape, shape);
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in any::<u64>()) {
        let _ = parse(&bytes);
        let _ = text_at(&bytes, length);
        let magic = [b"\x93NUMPY".as_slice(), &bytes].concat();
        if let Ok(text) = text_at(&magic, length) {
            prop_assert!(text.end <= length);
        }
    }

    #[test]
    fn a_damaged_header_is_an_answer(at in 0..66_usize, byte in any::<u8>(), cut in 0..67_usize) {
        let mut text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (31, 4, 0), }  \n".to_vec();
        text[at] = byte;
        let _ = parse(&text);
        let _ = parse(&text[..cut.min(text.len())]);
    }

    #[test]
    fn pieces_of_headers_in_any_order_are_an_answer(
        pieces in proptest::collection::vec(
            prop_oneof![
                "[{}():,'\"L \\\\-]", Just("'descr'".to_owned()), Just("'<f8'".to_owned()), Just("True".to_owned()),
                Just("'shape'".to_owned()), Just("'fortran_order'".to_owned()), "[0-9]{1,25}", "\\PC",
            ],
            0..30,
        )
    ) {
        let _ = parse(pieces.concat().as_bytes());
    }
}
