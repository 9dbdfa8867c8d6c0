//! The files of a stage as one thread sees them: opened when they are first needed, for one run of tasks.

use crate::array::{Stored, Target};
use crate::error::Result;
use crate::plan::{Leaf, Values};
use crate::store::{Reader, Writer};

/// Readers, by the leaves that read, and writers, by the numbers of their targets.
#[derive(Default)]
pub(super) struct Files<'a> {
    /// Two leaves of one array go through it at different places, so each has its own.
    readers: Vec<(&'a Leaf, Reader)>,
    writers: Vec<Option<Writer>>,
}

impl<'a> Files<'a> {
    /// A leaf's reader of a stored array.
    pub(super) fn reader(&mut self, leaf: &'a Leaf, stored: &Stored) -> Result<&mut Reader> {
        let known = self.readers.iter().position(|(own, _)| std::ptr::eq(*own, leaf));
        let place = match known {
            Some(place) => place,
            None => {
                self.readers.push((leaf, Reader::open(stored)?));
                self.readers.len() - 1
            }
        };
        Ok(&mut self.readers[place].1)
    }

    /// Writes elements at `first`, `first + step`, .. of a target.
    pub(super) fn write(
        &mut self,
        number: u32,
        targets: &[Target],
        first: u64,
        step: i64,
        values: Values<'_>,
    ) -> Result<()> {
        self.writers.resize_with(targets.len(), || None);
        let place = &mut self.writers[number as usize];
        let writer = match place {
            Some(writer) => writer,
            None => place.insert(Writer::open(&targets[number as usize])?),
        };
        let at = |k: usize| first.wrapping_add_signed(step.wrapping_mul(k as i64));
        match values {
            Values::Real(values) if step == 1 => writer.write_real(first, values),
            Values::Integer(values) if step == 1 => writer.write_integer(first, values),
            Values::Real(values) => {
                let mut each = values.iter().enumerate();
                each.try_for_each(|(k, value)| writer.write_real(at(k), &[*value]))
            }
            Values::Integer(values) => {
                let mut each = values.iter().enumerate();
                each.try_for_each(|(k, value)| writer.write_integer(at(k), &[*value]))
            }
        }
    }

    /// What was written is on the disk when this returns.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.writers.iter_mut().flatten().try_for_each(Writer::sync)
    }
}
