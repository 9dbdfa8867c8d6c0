//! The drawing as PNG. The font comes with the program: a cluster's nodes may have none.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use crate::draw::Drawing;
use crate::error::{Error, ErrorKind, Result};

/// Pixels of the picture for one of the SVG's, where that does not make it too large.
const SCALE: f32 = 2.0;
/// The most pixels of a side.
const SIDE: f32 = 16_384.0;

impl Drawing {
    /// The SVG as pixels.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let failed =
            |cause: String| Error::new(ErrorKind::Internal, "the drawing cannot become a PNG").cause(cause);
        let mut options = Options { font_family: "DejaVu Sans Mono".into(), ..Options::default() };
        let fonts = options.fontdb_mut();
        fonts.load_font_data(dejavu::sans_mono::regular().to_vec());
        fonts.load_font_data(dejavu::sans_mono::bold().to_vec());
        let tree = Tree::from_str(&self.to_svg(), &options).map_err(|error| failed(error.to_string()))?;
        let size = tree.size();
        let scale = SCALE.min(SIDE / size.width().max(size.height()));
        let pixels = |length: f32| ((length * scale).ceil() as u32).max(1);
        let mut picture = Pixmap::new(pixels(size.width()), pixels(size.height()))
            .ok_or_else(|| failed("it is too large".into()))?;
        resvg::render(&tree, Transform::from_scale(scale, scale), &mut picture.as_mut());
        picture.encode_png().map_err(|error| failed(error.to_string()))
    }
}
