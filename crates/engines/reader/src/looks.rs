//! A fingerprint of how a page looks.

use image::{GrayImage, imageops};

/// The dHash of a page: it is shrunk to 9 by 8 pixels, and each bit says whether a pixel is darker than the one to its
/// right.
pub(crate) fn looks(page: &GrayImage) -> u64 {
    let small = imageops::thumbnail(page, 9, 8);
    let mut bits = 0;
    for row in small.rows() {
        let row: Vec<u8> = row.map(|pixel| pixel.0[0]).collect();
        for (left, right) in row.iter().zip(row.iter().skip(1)) {
            bits = bits << 1 | u64::from(left < right);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Luma;

    #[test]
    fn pages_that_look_alike_differ_in_few_bits() {
        let draw = |noise: u32| {
            GrayImage::from_fn(450, 400, |x, y| {
                let shade = (x * 7 / 45 + y * 3 / 40) % 11 * 22;
                Luma([u8::try_from(shade + (x * y) % noise).unwrap_or(u8::MAX)])
            })
        };
        let mirrored = imageops::flip_horizontal(&draw(1));
        assert!((looks(&draw(1)) ^ looks(&draw(9))).count_ones() <= 6);
        assert!((looks(&draw(1)) ^ looks(&mirrored)).count_ones() >= 16);
    }
}
