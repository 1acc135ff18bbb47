//! Pictures of events: drawn from the event's name and kind, the same each time.
//!
//! A poster is a pure function of its address, so that browsers may keep it for ever. The kind of event
//! chooses what is drawn, the name its colours and shapes: every date of a show has the same poster.

use std::fmt::Write as _;

/// The size that everything is drawn in.
const WIDTH: i64 = 480;
const HEIGHT: i64 = 320;

/// The drawing's version: another one has other addresses.
const VERSION: u32 = 1;

/// What is drawn.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motif {
    #[default]
    Waves,
    Tiles,
    Strings,
    Curtain,
    Pitch,
    Diamond,
    Burst,
    Hills,
}

impl Motif {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Waves, "waves"),
        (Self::Tiles, "tiles"),
        (Self::Strings, "strings"),
        (Self::Curtain, "curtain"),
        (Self::Pitch, "pitch"),
        (Self::Diamond, "diamond"),
        (Self::Burst, "burst"),
        (Self::Hills, "hills"),
    ];

    /// Words of a kind of event, and what is drawn for it. The first that fits counts.
    const WORDS: [(&'static [&'static str], Self); 8] = [
        (&["mlb", "baseball", "softball"], Self::Diamond),
        (
            &[
                "nfl", "nba", "nhl", "mls", "sport", "football", "soccer", "basket", "hockey",
                "tennis", "rugby", "game", "league",
            ],
            Self::Pitch,
        ),
        (&["opera", "classic", "orchestra", "symphon", "choir", "ballet", "danc"], Self::Strings),
        (&["jazz", "blues", "soul", "electro", "techno", "house", "dj"], Self::Tiles),
        (&["musical", "play", "theat", "drama", "broadway"], Self::Curtain),
        (&["comed", "circus", "famil", "kid", "magic", "stand-up"], Self::Burst),
        (&["festival", "folk", "country", "world", "fair"], Self::Hills),
        (&["pop", "rock", "concert", "music", "rap", "hip", "metal", "indie", "punk"], Self::Waves),
    ];

    fn of(category: &str) -> Self {
        let category = category.to_lowercase();
        let is_in = |words: &[&str]| words.iter().any(|word| category.contains(word));
        let known = Self::WORDS.iter().find(|(words, _)| is_in(words));
        known.map_or_else(|| pick(&Self::ALL, hash(&category)).0, |(_, motif)| *motif)
    }
}

/// Five colours that go together: the ground, three that stand on it, and the darkest.
type Palette = [&'static str; 5];

const PALETTES: [Palette; 10] = [
    ["#14213d", "#fca311", "#f4f1e8", "#33518f", "#0b1428"],
    ["#ef6351", "#ffe066", "#1d6f8c", "#fbf3e4", "#3b1f2b"],
    ["#0b6e4f", "#f9dc5c", "#f4fffd", "#2fa36b", "#063d2c"],
    ["#cdb4db", "#3d348b", "#f35b04", "#fdfbff", "#241b52"],
    ["#f1dca7", "#d62828", "#12486b", "#f77f00", "#0f2a3d"],
    ["#2f6fed", "#ffbe0b", "#f5f8ff", "#173a94", "#0c1f52"],
    ["#4a1942", "#f06449", "#f0e6e4", "#8d4f8f", "#260c22"],
    ["#0a5c6b", "#c5f04a", "#eafffa", "#18a999", "#063740"],
    ["#1d1d22", "#ff5a5f", "#ffe74c", "#35a7ff", "#0c0c10"],
    ["#ffd6c9", "#bc4749", "#386641", "#fff6ee", "#33251f"],
];

/// Sixteen directions, a thousand long.
const DIRECTIONS: [(i64, i64); 16] = [
    (1000, 0),
    (924, 383),
    (707, 707),
    (383, 924),
    (0, 1000),
    (-383, 924),
    (-707, 707),
    (-924, 383),
    (-1000, 0),
    (-924, -383),
    (-707, -707),
    (-383, -924),
    (0, -1000),
    (383, -924),
    (707, -707),
    (924, -383),
];

/// One poster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Poster {
    motif: Motif,
    seed: u32,
}

impl Poster {
    /// The poster of an event with this name and kind.
    pub(crate) fn of(name: &str, category: &str) -> Self {
        Self { motif: Motif::of(category), seed: hash(name) }
    }

    /// Where it is served.
    pub(crate) fn href(self) -> String {
        let named = Motif::ALL.iter().find(|(motif, _)| *motif == self.motif);
        let word = named.map_or("hills", |(_, word)| word);
        format!("/posters/{word}-{:08x}-{VERSION}.svg", self.seed)
    }

    /// The poster of a file's name; nothing for any name that [`Self::href`] never gives.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".svg")?.split('-');
        let (word, seed, version) = (parts.next()?, parts.next()?, parts.next()?);
        let (motif, _) = *Motif::ALL.iter().find(|(_, known)| *known == word)?;
        let poster = Self { motif, seed: u32::from_str_radix(seed, 16).ok()? };
        (version == VERSION.to_string() && poster.href().ends_with(name)).then_some(poster)
    }

    /// The drawing.
    pub(crate) fn svg(self) -> String {
        let mut art = Art { dice: Dice(self.seed.into()), svg: String::with_capacity(4096) };
        let palettes = u32::try_from(PALETTES.len()).unwrap_or(1);
        let palette = pick(&PALETTES, art.dice.below(palettes));
        let [ground, ..] = palette;
        art.rect(0, 0, WIDTH, HEIGHT, ground);
        match self.motif {
            Motif::Waves => art.waves(palette),
            Motif::Tiles => art.tiles(palette),
            Motif::Strings => art.strings(palette),
            Motif::Curtain => art.curtain(palette),
            Motif::Pitch => art.pitch(palette),
            Motif::Diamond => art.diamond(palette),
            Motif::Burst => art.burst(palette),
            Motif::Hills => art.hills(palette),
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\">{}</svg>",
            art.svg
        )
    }
}

/// FNV-1a: the same on every machine and in every version.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// One of some, by a number.
fn pick<T: Copy + Default>(some: &[T], number: u32) -> T {
    let number = usize::try_from(number).unwrap_or(0);
    some.get(number % some.len().max(1)).copied().unwrap_or_default()
}

/// Chance that is the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    /// A number from 0 to below `limit`.
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(limit.max(1))).unwrap_or(0)
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::from(self.below(u32::try_from(high - low + 1).unwrap_or(1)))
    }
}

/// A drawing under way.
struct Art {
    dice: Dice,
    svg: String,
}

impl Art {
    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _written = self.svg.write_fmt(element);
    }

    fn rect(&mut self, x: i64, y: i64, width: i64, height: i64, fill: &str) {
        self.put(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>"
        ));
    }

    fn disc(&mut self, (x, y): (i64, i64), radius: i64, fill: &str) {
        self.put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{fill}\"/>"));
    }

    fn shape(&mut self, path: &str, fill: &str) {
        self.put(format_args!("<path d=\"{path}\" fill=\"{fill}\"/>"));
    }

    fn line(&mut self, path: &str, width: i64, stroke: &str) {
        self.put(format_args!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>"
        ));
    }

    /// Sound from a source: rings, out of step on either side of a cut.
    fn waves(&mut self, [ground, one, two, three, dark]: Palette) {
        let centre = (WIDTH / 2, self.dice.between(1, 3) * 80);
        let cut = self.dice.between(3, 7) * 48;
        let step = self.dice.between(34, 48);
        let colours = [one, ground, two, three, ground, dark];
        let shift = self.dice.below(6);
        for (x, width, late) in [(0, cut, 0), (cut, WIDTH - cut, 3)] {
            self.put(format_args!(
                "<svg x=\"{x}\" width=\"{width}\" height=\"{HEIGHT}\" viewBox=\"{x} 0 {width} {HEIGHT}\">"
            ));
            for ring in (0..10_u32).rev() {
                let fill = pick(&colours, ring + late + shift);
                self.disc(centre, step * (i64::from(ring) + 1) - step / 2, fill);
            }
            self.put(format_args!("</svg>"));
        }
    }

    /// Quarters and halves of circles, laid like tiles.
    fn tiles(&mut self, [ground, one, two, three, dark]: Palette) {
        const SIDE: i64 = 80;
        let colours = [ground, one, two, three, dark];
        for tile in 0..24 {
            let (x, y) = (tile % 6 * SIDE, tile / 6 * SIDE);
            let (right, bottom) = (x + SIDE, y + SIDE);
            let below = self.dice.below(5);
            // A little larger, so that no seam shows.
            self.rect(x, y, SIDE + 1, SIDE + 1, pick(&colours, below));
            let fill = pick(&colours, below + 1 + self.dice.below(4));
            match self.dice.below(7) {
                0 => {
                    self.shape(&format!("M{x} {y}h{SIDE}A{SIDE} {SIDE} 0 0 1 {x} {bottom}z"), fill)
                }
                1 => self.shape(&format!("M{right} {y}v{SIDE}A{SIDE} {SIDE} 0 0 1 {x} {y}z"), fill),
                2 => self.shape(
                    &format!("M{right} {bottom}h-{SIDE}A{SIDE} {SIDE} 0 0 1 {right} {y}z"),
                    fill,
                ),
                3 => self.shape(
                    &format!("M{x} {bottom}v-{SIDE}A{SIDE} {SIDE} 0 0 1 {right} {bottom}z"),
                    fill,
                ),
                4 => self.disc((x + SIDE / 2, y + SIDE / 2), SIDE * 2 / 5, fill),
                5 => self.shape(&format!("M{x} {y}h{SIDE}a40 40 0 0 1 -{SIDE} 0z"), fill),
                _ => self.shape(&format!("M{x} {bottom}L{right} {y}V{bottom}z"), fill),
            }
        }
    }

    /// Strings that swing together, with notes on them.
    fn strings(&mut self, [_, one, two, three, dark]: Palette) {
        let lines = self.dice.between(6, 9);
        let (rise, fall) = (self.dice.between(60, 150), self.dice.between(60, 150));
        let top = self.dice.between(20, 70);
        let moon = (self.dice.between(80, 400), self.dice.between(60, 260));
        self.disc(moon, 92, dark);
        for string in 0..lines {
            let y = top + string * 26;
            let (up, down) = (y - rise + string * 9, y + fall - string * 7);
            let colour = pick(&[two, one, two, three], u32::try_from(string).unwrap_or(0));
            self.line(&format!("M-10 {y}C150 {up} 300 {down} 490 {}", y + 30), 7, colour);
            if self.dice.below(2) == 0 {
                // The middle of the curve.
                self.disc((229, (y + 3 * up + 3 * down + y + 30) / 8), 13, one);
            }
        }
    }

    /// A stage: drapes, and a light on what stands between them.
    fn curtain(&mut self, [ground, one, two, three, dark]: Palette) {
        self.rect(0, 0, WIDTH, HEIGHT, dark);
        let spot = self.dice.between(200, 280);
        let reach = self.dice.between(80, 120);
        let (left, right) = (WIDTH / 2 - reach, WIDTH / 2 + reach);
        self.put(format_args!(
            "<path d=\"M{spot} -30L{left} 290H{right}z\" fill=\"{two}\" opacity=\".28\"/>"
        ));
        self.put(format_args!(
            "<ellipse cx=\"{}\" cy=\"290\" rx=\"{reach}\" ry=\"22\" fill=\"{two}\"/>",
            WIDTH / 2
        ));
        let size = self.dice.between(34, 56);
        self.disc((WIDTH / 2, 214), size, one);
        let folds = self.dice.between(4, 5);
        for fold in (0..folds).rev() {
            let fill = if fold % 2 == 0 { ground } else { three };
            let length = 320 - fold * self.dice.between(18, 40);
            for x in [fold * 34, WIDTH - 34 - fold * 34] {
                self.shape(&format!("M{x} 0h34V{length}a17 17 0 0 1 -34 0z"), fill);
            }
        }
        for scallop in 0..8 {
            let fill = if scallop % 2 == 0 { three } else { ground };
            self.shape(&format!("M{} 0h60v22a30 30 0 0 1 -60 0z", scallop * 60), fill);
        }
    }

    /// A pitch, a court or a rink from above, and the ball.
    fn pitch(&mut self, [ground, one, two, three, dark]: Palette) {
        let stripes = self.dice.between(5, 9);
        let wide = WIDTH / stripes + 1;
        for stripe in (0..stripes).step_by(2) {
            self.rect(stripe * wide, 0, wide, HEIGHT, three);
        }
        let middle = self.dice.between(180, 300);
        self.line(&format!("M{middle} -10V330"), 5, two);
        let circle = self.dice.between(52, 82);
        self.put(format_args!(
            "<circle cx=\"{middle}\" cy=\"160\" r=\"{circle}\" fill=\"none\" stroke=\"{two}\" stroke-width=\"5\"/>"
        ));
        for x in [-70, WIDTH + 70] {
            self.put(format_args!(
                "<circle cx=\"{x}\" cy=\"160\" r=\"140\" fill=\"none\" stroke=\"{two}\" stroke-width=\"5\"/>"
            ));
        }
        let ball = (self.dice.between(110, 370), self.dice.between(90, 230));
        self.disc((ball.0 + 12, ball.1 + 14), 56, dark);
        self.disc(ball, 56, one);
        let (x, y) = ball;
        self.line(&format!("M{} {y}Q{x} {} {} {y}", x - 56, y - 44, x + 56), 5, ground);
        self.line(&format!("M{x} {}Q{} {y} {x} {}", y - 56, x + 40, y + 56), 5, ground);
    }

    /// A ball park from behind the plate.
    fn diamond(&mut self, [ground, one, two, three, dark]: Palette) {
        let x = WIDTH / 2 + self.dice.between(-60, 60);
        for ring in (1..6).rev() {
            let fill = if ring % 2 == 0 { ground } else { three };
            self.disc((x, 330), ring * 74, fill);
        }
        self.shape(&format!("M{x} 330L{} 190L{x} 60L{} 190z", x + 150, x - 150), one);
        self.shape(&format!("M{x} 290L{} 190L{x} 104L{} 190z", x + 104, x - 104), ground);
        self.disc((x, 200), 17, two);
        for (base_x, base_y) in [(x, 66), (x - 142, 190), (x + 142, 190), (x, 306)] {
            self.shape(&format!("M{base_x} {}l16 16l-16 16l-16 -16z", base_y - 16), two);
        }
        let ball = (self.dice.between(50, 430), self.dice.between(40, 80));
        self.disc((ball.0 + 7, ball.1 + 8), 30, dark);
        self.disc(ball, 30, two);
        let (left, up) = (ball.0 - 20, ball.1 - 22);
        self.line(&format!("M{left} {up}q18 22 0 44m40 -44q-18 22 0 44"), 3, one);
    }

    /// Rays behind a disc.
    fn burst(&mut self, [_, one, two, three, dark]: Palette) {
        let (x, y) = (self.dice.between(150, 330), self.dice.between(110, 220));
        let reach = |(to_x, to_y): (i64, i64)| (x + to_x * 7 / 10, y + to_y * 7 / 10);
        for ray in (0..16).step_by(2) {
            let (from, to) = (DIRECTIONS.get(ray), DIRECTIONS.get((ray + 1) % 16));
            let (Some(from), Some(to)) = (from, to) else { continue };
            let ((a, b), (c, d)) = (reach(*from), reach(*to));
            self.shape(&format!("M{x} {y}L{a} {b}L{c} {d}z"), three);
        }
        for _ in 0..self.dice.between(9, 14) {
            let at = (self.dice.between(10, 470), self.dice.between(10, 310));
            let size = self.dice.between(4, 9);
            self.disc(at, size, two);
        }
        let size = self.dice.between(74, 104);
        self.disc((x, y), size + 18, dark);
        self.disc((x, y), size, one);
        let mouth = size * 6 / 10;
        self.shape(
            &format!("M{} {y}h{}a{mouth} {mouth} 0 0 1 -{} 0z", x - mouth, mouth * 2, mouth * 2),
            dark,
        );
        for eye in [x - size * 4 / 10, x + size * 4 / 10] {
            self.disc((eye, y - size / 3), size / 9, dark);
        }
    }

    /// Hills under a sun.
    fn hills(&mut self, [_, one, two, three, dark]: Palette) {
        let sun = (self.dice.between(110, 370), self.dice.between(90, 150));
        self.disc(sun, 84, two);
        self.disc(sun, 62, one);
        for (hill, fill) in (0_i64..).zip([three, one, three, dark]) {
            let y = 150 + hill * 46;
            let (up, down) = (y - self.dice.between(20, 110), y + self.dice.between(0, 90));
            let (first, second) = if self.dice.below(2) == 0 { (up, down) } else { (down, up) };
            self.shape(&format!("M0 {y}C140 {first} 300 {second} 480 {y}V320H0z"), fill);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_of_a_show_has_the_same_poster_and_other_shows_have_others() {
        let hamlet = Poster::of("Hamlet", "Plays");
        assert_eq!(hamlet, Poster::of("Hamlet", "Plays"));
        assert_ne!(hamlet.svg(), Poster::of("Macbeth", "Plays").svg());
        assert_ne!(hamlet.svg(), Poster::of("Hamlet", "Opera").svg());
    }

    #[test]
    fn a_kind_of_event_has_its_motif() {
        for (category, motif) in [
            ("MLB", Motif::Diamond),
            ("NHL", Motif::Pitch),
            ("Musicals", Motif::Curtain),
            ("Classical", Motif::Strings),
            ("Jazz", Motif::Tiles),
            ("Pop", Motif::Waves),
            ("Stand-up comedy", Motif::Burst),
            ("Folk festival", Motif::Hills),
        ] {
            assert_eq!(Motif::of(category), motif, "{category}");
        }
        assert_eq!(Motif::of("Lecture"), Motif::of("lecture"), "any other kind has one as well");
    }

    #[test]
    fn only_addresses_that_pages_give_lead_to_a_poster() {
        for (motif, _) in Motif::ALL {
            let poster = Poster { motif, seed: 0xdead_beef };
            let name = poster.href();
            assert_eq!(Poster::parse(name.trim_start_matches("/posters/")), Some(poster));
        }
        for wrong in [
            "",
            "waves",
            "waves-1-1.svg",
            "waves-DEADBEEF-1.svg",
            "waves-deadbeef-2.svg",
            "x-deadbeef-1.svg",
        ] {
            assert_eq!(Poster::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn posters_are_small_and_carry_no_style() {
        for (motif, name) in Motif::ALL {
            for seed in 0..40 {
                let svg = Poster { motif, seed }.svg();
                assert!(svg.len() < 6 * 1024, "{name} {seed}: {} bytes", svg.len());
                assert!(!svg.contains("style"), "the policy of pages allows none inline");
            }
        }
    }
}
