//! The files that expressions name, each opened once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::array::shape::Shape;
use crate::array::stored::{Files, Stored};
use crate::error::Result;

/// What has been opened so far. Lines that load one file share one array.
pub(super) struct Opened<'a> {
    files: &'a dyn Files,
    opened: RefCell<BTreeMap<String, (Arc<Stored>, Shape)>>,
}

impl<'a> Opened<'a> {
    pub(super) fn new(files: &'a dyn Files) -> Self {
        Opened { files, opened: RefCell::new(BTreeMap::new()) }
    }

    pub(super) fn open(&self, path: &str) -> Result<(Arc<Stored>, Shape)> {
        if let Some(known) = self.opened.borrow().get(path) {
            return Ok(known.clone());
        }
        let (stored, shape) = self.files.open(path)?;
        let opened = (Arc::new(stored), shape);
        self.opened.borrow_mut().insert(path.to_owned(), opened.clone());
        Ok(opened)
    }
}
