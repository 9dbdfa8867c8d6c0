//! Arrays as NumPy prints them: brackets, lines of at most 75 characters, and `...` where there are more than
//! 1000 elements. How an element is written is `column`'s matter.

use crate::array::repr::column::Column;
use crate::array::value::ArrayValue;

/// More elements than this are not all shown.
const THRESHOLD: u64 = 1000;
/// Then at each end of a long axis so many are.
const EDGE: usize = 3;
/// Characters in a line.
const WIDTH: usize = 75;

/// `[1. 2.]`, and lines below one another for further axes.
pub(in crate::array) fn print(array: &ArrayValue) -> String {
    if array.shape().size() == 0 {
        return "[]".into();
    }
    let extents: Vec<usize> = array.shape().extents().iter().map(|&extent| extent as usize).collect();
    let abbreviated = array.shape().size() > THRESHOLD;
    let axes: Vec<Axis> = extents
        .iter()
        .enumerate()
        .map(|(axis, &extent)| Axis {
            extent,
            cut: abbreviated && extent > 2 * EDGE,
            stride: extents[axis + 1..].iter().product(),
        })
        .collect();
    let mut places = Vec::new();
    shown(&axes, 0, &mut places);
    let elements: Vec<_> = places.into_iter().map(|place| array.element(place)).collect();
    let column = Column::fitting(&elements);
    let words = elements.iter().map(|element| column.word(element)).collect::<Vec<_>>().into_iter();
    Page { words }.block(&axes, 1)
}

struct Axis {
    extent: usize,
    /// Whether only its ends are shown.
    cut: bool,
    /// Elements from one place to the next.
    stride: usize,
}

impl Axis {
    fn shown(&self) -> impl Iterator<Item = usize> {
        let (head, tail) = if self.cut { (EDGE, self.extent - EDGE) } else { (self.extent, self.extent) };
        (0..head).chain(tail..self.extent)
    }
}

/// The places of the shown elements in C order.
fn shown(axes: &[Axis], first: usize, places: &mut Vec<usize>) {
    match axes {
        [] => places.push(first),
        [axis, inner @ ..] => {
            axis.shown().for_each(|index| shown(inner, first + index * axis.stride, places));
        }
    }
}

/// The words of the shown elements, in the order in which they are written.
struct Page<W> {
    words: W,
}

impl<W: Iterator<Item = String>> Page<W> {
    /// What the axes hold, in brackets; lines but the first begin at column `indent`.
    fn block(&mut self, axes: &[Axis], indent: usize) -> String {
        match axes {
            [] => String::new(),
            [axis] => self.row(axis, indent),
            [axis, inner @ ..] => {
                let between = "\n".repeat(inner.len()) + &" ".repeat(indent);
                let mut blocks: Vec<String> = axis.shown().map(|_| self.block(inner, indent + 1)).collect();
                if axis.cut {
                    blocks.insert(EDGE, "...".into());
                }
                format!("[{}]", blocks.join(&between))
            }
        }
    }

    fn row(&mut self, axis: &Axis, indent: usize) -> String {
        // Each axis that is open takes a bracket from the line's end, and so does this one.
        let width = WIDTH - indent;
        let mut words: Vec<String> = self.words.by_ref().take(axis.shown().count()).collect();
        if axis.cut {
            words.insert(EDGE, "...".into());
        }
        let mut text = String::from("[");
        let mut column = indent;
        for word in words {
            // The first word of a line stands there however long it is.
            if column > indent && column + word.len() > width {
                text.truncate(text.trim_end().len());
                text.push('\n');
                text.push_str(&" ".repeat(indent));
                column = indent;
            }
            text.push_str(&word);
            text.push(' ');
            column += word.len() + 1;
        }
        text.pop();
        text.push(']');
        text
    }
}
