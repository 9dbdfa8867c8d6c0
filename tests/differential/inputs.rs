//! Random `.npy` files, as they are asked of NumPy.

use crate::dice::Dice;
use crate::generate::EXTENTS;

/// A file that NumPy writes.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) dtype: &'static str,
    pub(crate) shape: Vec<u64>,
    pub(crate) fortran: bool,
    pub(crate) kind: &'static str,
}

const DTYPES: [&str; 17] = [
    "?", "i1", "<i2", ">i4", "<i8", ">i8", "u1", "<u2", ">u4", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8",
    ">f8", "<f8",
];
/// The files of a case.
pub(crate) fn inputs(dice: &mut Dice, directory: &str) -> Vec<Input> {
    let input = |number: u64, dice: &mut Dice| {
        let ndim = *dice.pick(&[0, 1, 1, 2, 2, 2, 3, 3, 4]);
        let mut shape: Vec<u64> = (0..ndim).map(|_| *dice.pick(&EXTENTS)).collect();
        if ndim == 1 && dice.once_in(2) {
            shape[0] = 1 + dice.below(6000);
        } else if ndim == 2 && dice.once_in(4) {
            shape = vec![1 + dice.below(2500), 1 + dice.below(4)];
        }
        Input {
            name: format!("f{number}"),
            path: format!("{directory}/f{number}.npy"),
            dtype: dice.pick::<&str>(&DTYPES),
            shape,
            fortran: dice.once_in(3),
            kind: dice.pick::<&str>(&["plain", "special", "wide"]),
        }
    };
    (0..1 + dice.below(3)).map(|number| input(number, dice)).collect()
}
