//! Where on a page codes may be: whatever is dense and stands by itself.

use image::{GrayImage, Luma, imageops};

/// The side of a cell in pixels, of which the page is made here: 2 mm at 200 dots per inch.
const CELL: u32 = 16;

/// How many regions of a page are looked at, the largest first.
const REGIONS_MAX: usize = 10;

/// How many cells a region has at least.
const CELLS_MIN: usize = 9;

/// How many degrees a region is turned by, as sine and cosine in parts of 65,536.
const TILTS: [(i64, i64); 8] = [
    (4572, 65_376),
    (-4572, 65_376), // 4 degrees
    (9121, 64_898),
    (-9121, 64_898), // 8 degrees
    (2287, 65_496),
    (-2287, 65_496), // 2 degrees
    (13_626, 64_104),
    (-13_626, 64_104), // 12 degrees
];

/// A rectangle of cells, its ends included.
#[derive(Clone, Copy)]
struct Area {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
    cells: usize,
}

/// The regions of a page, each with some of the page around it.
pub(crate) fn regions(page: &GrayImage) -> Vec<GrayImage> {
    let grid = Grid::new(page);
    let mut areas = grid.areas();
    areas.sort_by_key(|area| std::cmp::Reverse(area.cells));
    areas.truncate(REGIONS_MAX);
    areas.into_iter().map(|area| area.crop(page)).collect()
}

impl Area {
    fn crop(self, page: &GrayImage) -> GrayImage {
        let (x, y) = (self.left.saturating_sub(1) * CELL, self.top.saturating_sub(1) * CELL);
        let width = (self.right + 2) * CELL - x;
        let height = (self.bottom + 2) * CELL - y;
        // The crop ends where the page does.
        imageops::crop_imm(page, x, y, width, height).to_image()
    }
}

/// How many cells around it say what paper is to a cell.
const NEAR: u32 = 6;

/// Of each cell the lightest one near it, across or down.
fn lightest_near(shades: &GrayImage, across: u32, down: u32) -> GrayImage {
    GrayImage::from_fn(shades.width(), shades.height(), |x, y| {
        let near = (0..=2 * NEAR).filter_map(|step| {
            let x = (x + across * step).checked_sub(across * NEAR)?;
            let y = (y + down * step).checked_sub(down * NEAR)?;
            Some(shades.get_pixel_checked(x, y)?.0[0])
        });
        Luma([near.max().unwrap_or(u8::MAX)])
    })
}

/// Which cells of a page have ink.
struct Grid {
    width: u32,
    height: u32,
    inked: Vec<bool>,
}

impl Grid {
    fn new(page: &GrayImage) -> Self {
        let (width, height) = (page.width().div_ceil(CELL), page.height().div_ceil(CELL));
        let shades = imageops::thumbnail(page, width.max(1), height.max(1));
        let paper = lightest_near(&lightest_near(&shades, 1, 0), 0, 1);
        let inked = shades.pixels().zip(paper.pixels()).map(|(shade, paper)| {
            // An eighth darker than the paper around: a page may be lit from one side.
            shade.0[0] < paper.0[0] / 8 * 7
        });
        Self { width, height, inked: inked.collect() }
    }

    fn at(&self, x: u32, y: u32) -> Option<usize> {
        let is_inside = x < self.width && y < self.height;
        is_inside.then(|| usize::try_from(y * self.width + x).ok()).flatten()
    }

    /// The areas of cells with ink that touch, sides or corners.
    fn areas(&self) -> Vec<Area> {
        let mut is_seen = vec![false; self.inked.len()];
        let cells = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        let mut areas: Vec<Area> =
            cells.filter_map(|(x, y)| self.area(x, y, &mut is_seen)).collect();
        areas.retain(|area| area.cells >= CELLS_MIN);
        areas
    }

    /// The area around a cell, if it has ink and was not seen yet.
    fn area(&self, x: u32, y: u32, is_seen: &mut [bool]) -> Option<Area> {
        let mut open = Vec::new();
        self.visit(x, y, is_seen, &mut open);
        let (left, top) = *open.first()?;
        let mut area = Area { left, top, right: left, bottom: top, cells: 0 };
        while let Some((x, y)) = open.pop() {
            area.cells += 1;
            area.left = area.left.min(x);
            area.right = area.right.max(x);
            area.top = area.top.min(y);
            area.bottom = area.bottom.max(y);
            for near_y in y.saturating_sub(1)..=y + 1 {
                for near_x in x.saturating_sub(1)..=x + 1 {
                    self.visit(near_x, near_y, is_seen, &mut open);
                }
            }
        }
        Some(area)
    }

    fn visit(&self, x: u32, y: u32, is_seen: &mut [bool], open: &mut Vec<(u32, u32)>) {
        let Some(at) = self.at(x, y) else { return };
        let (Some(inked), Some(seen)) = (self.inked.get(at), is_seen.get_mut(at)) else { return };
        if *inked && !*seen {
            *seen = true;
            open.push((x, y));
        }
    }
}

/// A region, turned by some degrees this way and that.
pub(crate) fn tilted(region: &GrayImage) -> impl Iterator<Item = GrayImage> {
    TILTS.into_iter().map(|(sine, cosine)| turned(region, sine, cosine))
}

/// An image that is turned around its middle; what comes into view is white.
fn turned(image: &GrayImage, sine: i64, cosine: i64) -> GrayImage {
    let (width, height) = image.dimensions();
    let (middle_x, middle_y) = (i64::from(width / 2), i64::from(height / 2));
    GrayImage::from_fn(width, height, |x, y| {
        let (x, y) = (i64::from(x) - middle_x, i64::from(y) - middle_y);
        let from_x = ((x * cosine - y * sine) >> 16) + middle_x;
        let from_y = ((x * sine + y * cosine) >> 16) + middle_y;
        let from = u32::try_from(from_x).ok().zip(u32::try_from(from_y).ok());
        from.and_then(|(x, y)| image.get_pixel_checked(x, y)).copied().unwrap_or(Luma([u8::MAX]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_by_itself_is_a_region() {
        let page = GrayImage::from_fn(800, 1000, |x, y| {
            let is_left = (100..260).contains(&x) && (100..260).contains(&y);
            let is_right = (500..700).contains(&x) && (100..400).contains(&y);
            let is_checkered = (x / 8 + y / 8) % 2 == 0;
            Luma([if (is_left || is_right) && is_checkered { 0 } else { 255 }])
        });
        let found: Vec<_> = regions(&page).iter().map(GrayImage::dimensions).collect();
        assert_eq!(found.len(), 2);
        assert!(matches!(found.first(), Some((200..280, 300..380))), "{found:?}");
        assert!(matches!(found.last(), Some((160..240, 160..240))), "{found:?}");
    }

    #[test]
    fn a_turn_and_its_opposite_give_the_middle_back() {
        let dot =
            GrayImage::from_fn(101, 101, |x, y| Luma([if x == 70 && y == 50 { 0 } else { 255 }]));
        let turned_once = turned(&dot, 65_536, 0);
        assert_eq!(turned_once.get_pixel(50, 30), &Luma([0]));
        assert_eq!(turned(&turned_once, -65_536, 0), dot);
    }
}
