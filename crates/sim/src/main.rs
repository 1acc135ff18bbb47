//! The command line of the simulation.
fn main() {
    let seed: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let n: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(1);
    for s in seed..seed + n {
        let t = std::time::Instant::now();
        let o = stubmart_sim::run::run(&stubmart_sim::scenario::Scenario::draw(s, &Default::default()));
        println!("{s} {:?} {:?} {:x} {:?}", t.elapsed(), o.stats, o.trace, o.violation);
    }
}
