//! Drawings as files: the ending of the name says in which form.

use std::path::Path;

use crate::array::Array;
use crate::draw::{Drawing, draw};
use crate::error::{Error, Result};

impl Drawing {
    /// Writes the drawing to a file that ends in `.svg`, `.dot`, `.txt` or, with the feature `png`, `.png`. A file
    /// that is there is replaced.
    ///
    /// # Errors
    /// For any other ending, and where the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => self.to_svg().into_bytes(),
            Some("dot" | "gv") => self.to_dot().into_bytes(),
            Some("txt") => self.to_text().into_bytes(),
            #[cfg(feature = "png")]
            Some("png") => self.to_png()?,
            #[cfg(not(feature = "png"))]
            Some("png") => {
                return Err(Error::refused("this squall draws no PNG")
                    .cause("it was built without the feature `png`")
                    .hint("draw an .svg, or build with `cargo build --features png`"));
            }
            _ => {
                return Err(Error::refused(format!(
                    "cannot tell the form of `{}` from its name",
                    path.display()
                ))
                .hint("a drawing ends in .svg, .dot, .txt or .png"));
            }
        };
        if let Ok(found) = std::fs::metadata(path)
            && !found.is_file()
        {
            let what = if found.is_dir() { "a directory" } else { "no regular file" };
            return Err(Error::refused(format!("cannot draw to `{}`: it is {what}", path.display()))
                .hint("name a file that is new, or one that may be replaced"));
        }
        std::fs::write(path, bytes)
            .map_err(|error| Error::system(format!("cannot write `{}`", path.display()), &error))
    }
}

impl Array {
    /// Draws the task graph of the array to a file that ends in `.svg`, `.dot`, `.txt` or, with the feature
    /// `png`, `.png`; one that is there is replaced. Nothing is computed, and graphviz is not needed.
    ///
    /// # Errors
    /// A mistake made on the way to the array, another ending, and a file that cannot be written.
    pub fn visualize(&self, path: impl AsRef<Path>) -> Result<()> {
        draw(&[("result".to_owned(), self.expr()?)]).write(path.as_ref())
    }
}
