//! What is said about text that is no expression, about lines that clash, and where the caret stands.

use crate::array::text::tests::refused;

#[test]
fn unfinished_text_is_refused() {
    insta::assert_snapshot!(refused(&[], ""), @"error: `result` has no expression");
    insta::assert_snapshot!(refused(&[], "   "), @"error: `result` has no expression");
    insta::assert_snapshot!(refused(&[], "1 +"), @r"
    error: the expression ends too early
    cause: result = 1 +
                       ^
    ");
    insta::assert_snapshot!(refused(&[], "(1 + 2"), @r"
    error: the expression ends too early
    cause: result = (1 + 2
                          ^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(size=3"), @r"
    error: the expression ends too early
    cause: result = random.normal(size=3
                                        ^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "random.normal(size=3 chunks=2)"), @r"
    error: unexpected `chunks`
    cause: result = random.normal(size=3 chunks=2)
                                         ^^^^^^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "\"abc"), @r#"
    error: a text without its closing quote
    cause: result = "abc
                    ^^^^
    "#);
}

#[test]
fn numbers_that_python_would_not_read_are_refused() {
    insta::assert_snapshot!(refused(&[], "1__0"), @r"
    error: invalid number `1__0`
    cause: result = 1__0
                    ^^^^
    ");
    insta::assert_snapshot!(refused(&[], "007"), @r"
    error: invalid number `007`
    cause: result = 007
                    ^^^
    hint: leave out the leading zeros
    ");
    insta::assert_snapshot!(refused(&[], "0x"), @r"
    error: invalid number `0x`
    cause: result = 0x
                    ^^
    ");
    insta::assert_snapshot!(refused(&[], "3j"), @r"
    error: invalid number `3j`
    cause: result = 3j
                    ^^
    ");
    insta::assert_snapshot!(refused(&[], "1.2.3"), @r"
    error: invalid number `1.2.3`
    cause: result = 1.2.3
                    ^^^^^
    ");
    insta::assert_snapshot!(refused(&[], "1e"), @r"
    error: invalid number `1e`
    cause: result = 1e
                    ^^
    ");
    insta::assert_snapshot!(refused(&[], "1 // 0"), @r"
    error: division by zero
    cause: result = 1 // 0
                      ^^
    hint: of numbers Python refuses it; an array divides by 0 to inf or nan
    ");
}

#[test]
fn signs_out_of_place_are_refused() {
    insta::assert_snapshot!(refused(&[], "1 2"), @r"
    error: unexpected `2`
    cause: result = 1 2
                      ^
    ");
    insta::assert_snapshot!(refused(&[], "1 ? 2"), @r"
    error: unexpected character `?`
    cause: result = 1 ? 2
                      ^
    ");
    insta::assert_snapshot!(refused(&[], "\"a\\nb\""), @r#"
    error: a backslash in a text
    cause: result = "a\nb"
                      ^
    "#);
    insta::assert_snapshot!(refused(&[], "x.3"), @r"
    error: unexpected `.3`
    cause: result = x.3
                     ^^
    ");
    insta::assert_snapshot!(refused(&[], "a = 3"), @r"
    error: unexpected `=`
    cause: result = a = 3
                      ^
    ");
    insta::assert_snapshot!(refused(&[], "f(a.b=3)"), @r"
    error: unexpected `=`
    cause: result = f(a.b=3)
                         ^
    ");
    insta::assert_snapshot!(refused(&[], ")"), @r"
    error: unexpected `)`
    cause: result = )
                    ^
    ");
}

#[test]
fn mistakes_among_plain_whole_numbers_have_their_places() {
    insta::assert_snapshot!(refused(&[], "(1, 2, 3"), @r"
    error: the expression ends too early
    cause: result = (1, 2, 3
                            ^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "[1, 2, 03, 4]"), @r"
    error: invalid number `03`
    cause: result = [1, 2, 03, 4]
                           ^^
    hint: leave out the leading zeros
    ");
    insta::assert_snapshot!(refused(&[], "(1, 2 3)"), @r"
    error: unexpected `3`
    cause: result = (1, 2 3)
                          ^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "[1, 2,, 3]"), @r"
    error: unexpected `,`
    cause: result = [1, 2,, 3]
                          ^
    ");
    insta::assert_snapshot!(refused(&[], "(1, 2]"), @r"
    error: unexpected `]`
    cause: result = (1, 2]
                         ^
    hint: `)` is missing here
    ");
    insta::assert_snapshot!(refused(&[], "x.(1, 2)"), @r"
    error: unexpected `(`
    cause: result = x.(1, 2)
                      ^
    ");
    insta::assert_snapshot!(refused(&[], "1 + (2, 3)"), @r"
    error: arithmetic with a tuple
    cause: result = 1 + (2, 3)
                        ^^^^^^
    ");
}

#[test]
fn lines_that_clash_are_refused() {
    insta::assert_snapshot!(refused(&[("a", "b + 1"), ("b", "c + 1"), ("c", "a + 1")], "a"), @r"
    error: `a` is defined by itself
    cause: c = a + 1
               ^
    cause: `a` needs `b` needs `c` needs `a`
    ");
    insta::assert_snapshot!(refused(&[("a", "a")], "1"), @r"
    error: `a` is defined by itself
    cause: a = a
               ^
    cause: `a` needs `a`
    ");
    insta::assert_snapshot!(refused(&[("result", "1")], "1"), @r"
    error: `result` is defined twice
    hint: arrays and results share their names: rename one of the lines
    ");
    insta::assert_snapshot!(refused(&[("np", "1")], "1"), @r"
    error: `np` cannot be a name
    cause: `np` means something of its own in every expression
    hint: rename the line
    ");
    insta::assert_snapshot!(refused(&[("random", "1")], "1"), @r"
    error: `random` cannot be a name
    cause: `random` means something of its own in every expression
    hint: rename the line
    ");
    insta::assert_snapshot!(refused(&[("2x", "1")], "1"), @r"
    error: `2x` cannot be a name
    hint: a name is made of letters, digits and `_`, and does not begin with a digit
    ");
    insta::assert_snapshot!(refused(&[("a b", "1")], "1"), @r"
    error: `a b` cannot be a name
    hint: a name is made of letters, digits and `_`, and does not begin with a digit
    ");
    insta::assert_snapshot!(refused(&[("None", "1")], "1"), @r"
    error: `None` cannot be a name
    cause: `None` means something of its own in every expression
    hint: rename the line
    ");
    insta::assert_snapshot!(refused(&[("unused", "random.normal(size=-1)")], "1"), @r"
    error: a negative size
    cause: unused = random.normal(size=-1)
                                       ^^
    ");
}

#[test]
fn the_caret_stands_under_the_place_in_every_text() {
    insta::assert_snapshot!(refused(&[], "1 +\n  random.nromal(size=3).sum() +\n  2"), @r"
    error: `random` has no `nromal`
    cause: result =   random.nromal(size=3).sum() +
                             ^^^^^^
    hint: did you mean `normal`?
    ");
    insta::assert_snapshot!(refused(&[], "'äöü' + oops"), @r"
    error: unknown name `oops`
    cause: result = 'äöü' + oops
                            ^^^^
    hint: names are defined in [arrays] and [results]
    ");
    insta::assert_snapshot!(refused(&[], "1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + oops + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1"), @r#"
    error: unknown name `oops`
    cause: result = ...+ 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + oops + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 +...
                                                                                             ^^^^
    hint: names are defined in [arrays] and [results]
    "#);
}
