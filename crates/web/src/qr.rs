//! QR codes, drawn as SVG.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// The light edge that readers need around a code (ISO/IEC 18004), in modules.
const QUIET: i32 = 4;

/// A QR code, ready to be drawn.
pub(crate) struct Qr {
    /// The width and the height of the picture, in modules.
    pub(crate) size: i32,
    /// The dark modules, as the `d` of an SVG path.
    pub(crate) path: String,
}

impl Qr {
    /// The code that says `text`; `None` where the text is longer than a code holds.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
                let run = i32::try_from(run).ok()?;
                if run > 0 {
                    // Writing to a string cannot fail.
                    let _written = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
                }
                x += run + 1;
            }
        }
        Some(Self { size: code.size() + 2 * QUIET, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is drawn is read again, by a reader that knows nothing of the one that drew it.
    #[test]
    fn a_code_can_be_read() {
        let text = "otpauth://totp/Stubmart:ann%2Ba%26b@example.com?secret=GEZDGNBVGY3TQOJQ";
        let qr = Qr::of(text).unwrap();
        let size = usize::try_from(qr.size).unwrap();
        let mut dark = vec![false; size * size];
        for run in qr.path.split_terminator('z') {
            let (at, run) = run.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let [x, y, run] = [x, y, run.split_once('v').unwrap().0]
                .map(|number| number.parse::<usize>().unwrap());
            dark[y * size + x..y * size + x + run].fill(true);
        }
        let quiet = usize::try_from(QUIET).unwrap();
        assert!(dark[..size * quiet].iter().all(|it| !it), "the edge is light");
        let code = rqrr::SimpleGrid::from_func(size - 2 * quiet, |x, y| {
            dark[(y + quiet) * size + x + quiet]
        });
        assert_eq!(rqrr::Grid::new(code).decode().unwrap().1, text);
        assert!(Qr::of(&"a".repeat(3000)).is_none());
    }
}
