//! The results: as tables for a reader, and as JSON for a program.

use std::fmt;

use serde_json::{Value, json};

use crate::{
    limits::Limits,
    load::Rate,
    machine::Machine,
    operation::{Bound, Operation},
    plan::Plan,
};

/// A number that is no operation's rate, for each binary in the order of the plan.
#[derive(Debug)]
pub(crate) struct Figure {
    name: &'static str,
    unit: &'static str,
    /// The measurements, by binary.
    values: Vec<Vec<f64>>,
}

impl Figure {
    pub(crate) const fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, values: Vec::new() }
    }

    /// Adds a measurement of the binary `at`.
    pub(crate) fn add(&mut self, at: usize, value: f64) {
        self.values.resize_with(self.values.len().max(at + 1), Vec::new);
        if let Some(values) = self.values.get_mut(at) {
            values.push(value);
        }
    }

    /// The median of the binary `at`, if it was measured.
    fn of(&self, at: usize) -> Option<f64> {
        self.values.get(at).filter(|values| !values.is_empty()).map(|values| median(values))
    }
}

/// An operation in one market: the rates of all rounds, by binary.
#[derive(Debug)]
pub(crate) struct OperationReport {
    pub(crate) operation: Operation,
    pub(crate) rates: Vec<Vec<Rate>>,
}

/// All that was measured in one market.
#[derive(Debug)]
pub(crate) struct MarketReport {
    pub(crate) tickets: usize,
    pub(crate) limits: Limits,
    pub(crate) operations: Vec<OperationReport>,
    pub(crate) figures: Vec<Figure>,
    /// What the market did that it must not.
    pub(crate) faults: Vec<String>,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) plan: Plan,
    pub(crate) machine: Machine,
    pub(crate) markets: Vec<MarketReport>,
}

/// The first binary's value divided by another's: the median, the least and the most of all rounds.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    median: f64,
    least: f64,
    most: f64,
}

impl Ratio {
    fn of(first: &[Rate], other: &[Rate], value: impl Fn(&Rate) -> f64) -> Self {
        let rounds = first.iter().zip(other);
        let ratios: Vec<_> = rounds.map(|(first, other)| value(first) / value(other)).collect();
        Self {
            median: median(&ratios),
            least: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            most: ratios.iter().copied().fold(0.0, f64::max),
        }
    }

    fn json(self) -> Value {
        json!({"median": self.median, "least": self.least, "most": self.most})
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "**{:.2}** ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

impl Report {
    /// What the markets did that they must not.
    pub(crate) fn faults(&self) -> Vec<&str> {
        self.markets.iter().flat_map(|it| &it.faults).map(String::as_str).collect()
    }

    /// How many cores everything else on the machine kept busy while rates were measured, on average.
    fn others_cores(&self) -> f64 {
        let operations = self.markets.iter().flat_map(|market| &market.operations);
        let rates: Vec<_> = operations.flat_map(|it| &it.rates).flatten().collect();
        rates.iter().map(|rate| rate.others_cores()).sum::<f64>() / rates.len().max(1) as f64
    }

    fn labels(&self) -> impl Iterator<Item = &str> {
        self.plan.binaries.iter().map(|it| it.label.as_str())
    }

    fn first_label(&self) -> &str {
        self.labels().next().unwrap_or_default()
    }

    fn operations(&self, market: &MarketReport) -> Table {
        let mut table = Table::new(
            "operation",
            ["binary", "rate", "server CPU each", "p50, p99", "of the bare limit"],
        );
        for it in &market.operations {
            let (limit, name) = match it.operation.bound() {
                Bound::Saves => (&market.limits.saves, "saves"),
                Bound::Http => (&market.limits.http, "axum"),
            };
            for (at, (label, rates)) in self.labels().zip(&it.rates).enumerate() {
                let (per_second, all) = (median_of(rates, Rate::per_second), Rate::total(rates));
                let of_limit = per_second / limit.per_second();
                table.row([
                    if at == 0 { it.operation.title() } else { "" }.to_owned(),
                    label.to_owned(),
                    format!("{}/s", thousands(per_second)),
                    format!("{} µs", short(median_of(rates, Rate::cpu_us))),
                    format!("{}, {} ms", short(all.quantile_ms(0.5)), short(all.quantile_ms(0.99))),
                    format!("{of_limit:.3} of {name}"),
                ]);
            }
            let Some((first, others)) = it.rates.split_first() else { continue };
            for (label, other) in self.labels().skip(1).zip(others) {
                table.row([
                    String::new(),
                    format!("{} / {label}", self.first_label()),
                    Ratio::of(first, other, Rate::per_second).to_string(),
                    Ratio::of(first, other, Rate::cpu_us).to_string(),
                    String::new(),
                    String::new(),
                ]);
            }
        }
        table
    }

    fn figures(&self, market: &MarketReport) -> Table {
        let labels = || self.labels().map(ToOwned::to_owned);
        let ratios = labels().skip(1).map(|label| format!("{} / {label}", self.first_label()));
        let mut table = Table::new("figure", labels().chain(ratios));
        for figure in &market.figures {
            let of = |at| figure.of(at);
            let values = (0..self.plan.binaries.len()).map(|at| match of(at) {
                Some(value) => format!("{} {}", short(value), figure.unit).trim_end().to_owned(),
                None => "kept".to_owned(),
            });
            let ratios = (1..self.plan.binaries.len()).map(|at| match (of(0), of(at)) {
                (Some(first), Some(other)) => format!("{:.2}", first / other),
                _ => String::new(),
            });
            table.row([figure.name.to_owned()].into_iter().chain(values).chain(ratios));
        }
        table
    }

    /// How much of its rate each operation keeps from the first market to the last.
    fn growth(&self) -> Option<Table> {
        let [first, .., last] = self.markets.as_slice() else { return None };
        let keeps = self.labels().map(|label| format!("{label} keeps"));
        let mut table = Table::new("operation", keeps);
        for (few, many) in first.operations.iter().zip(&last.operations) {
            let kept = few.rates.iter().zip(&many.rates).map(|(few, many)| {
                let rate = |rates| median_of(rates, Rate::per_second);
                format!("{:.2}", rate(many) / rate(few))
            });
            table.row([few.operation.title().to_owned()].into_iter().chain(kept));
        }
        Some(table)
    }

    /// Everything, rounds included.
    pub(crate) fn json(&self) -> Value {
        let binaries = self.plan.binaries.iter();
        json!({
            "machine": self.machine.json(),
            "seconds": self.plan.span.as_secs_f64(),
            "rounds": self.plan.rounds,
            "connections": self.plan.connections,
            "othersCores": self.others_cores(),
            "binaries": binaries.map(|it| json!({"label": it.label, "path": it.path})).collect::<Vec<_>>(),
            "markets": self.markets.iter().map(|it| self.market_json(it)).collect::<Vec<_>>(),
        })
    }

    fn market_json(&self, market: &MarketReport) -> Value {
        let operation = |it: &OperationReport| {
            let binaries = self.labels().zip(&it.rates).map(|(label, rates)| {
                let rounds: Vec<_> = rates.iter().map(rate_json).collect();
                json!({"label": label, "total": rate_json(&Rate::total(rates)), "rounds": rounds})
            });
            let first = it.rates.first().map(Vec::as_slice).unwrap_or_default();
            let ratios = self.labels().zip(&it.rates).skip(1).map(|(label, other)| {
                json!({
                    "to": label,
                    "rate": Ratio::of(first, other, Rate::per_second).json(),
                    "cpu": Ratio::of(first, other, Rate::cpu_us).json(),
                })
            });
            json!({
                "operation": it.operation.title(),
                "binaries": binaries.collect::<Vec<_>>(),
                "ratios": ratios.collect::<Vec<_>>(),
            })
        };
        json!({
            "tickets": market.tickets,
            "limits": {
                "saves": rate_json(&market.limits.saves),
                "axum": rate_json(&market.limits.http),
            },
            "operations": market.operations.iter().map(operation).collect::<Vec<_>>(),
            "figures": market.figures.iter().map(|it| json!({
                "figure": it.name, "unit": it.unit, "values": it.values,
            })).collect::<Vec<_>>(),
            "faults": market.faults,
        })
    }
}

fn rate_json(rate: &Rate) -> Value {
    json!({
        "perSecond": rate.per_second(),
        "count": rate.count(),
        "cpuUs": rate.cpu_us(),
        "generatorCpuUs": rate.generator_us(),
        "p50Ms": rate.quantile_ms(0.5),
        "p99Ms": rate.quantile_ms(0.99),
        "tailMs": rate.tail.as_secs_f64() * 1e3,
        "othersCores": rate.others_cores(),
        "errors": rate.errors,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { connections, rounds, span, .. } = &self.plan;
        writeln!(f, "{}; server and load on the same machine.", self.machine)?;
        let seconds = span.as_secs_f64();
        writeln!(
            f,
            "{connections} connections, {rounds} rounds of {seconds} s each (rates and CPU are medians of \
             them); every save is durable. Other work kept {:.2} cores busy meanwhile.",
            self.others_cores(),
        )?;
        for market in &self.markets {
            writeln!(f, "\n### {} tickets\n", thousands(market.tickets as f64))?;
            let (saves, http) = (&market.limits.saves, &market.limits.http);
            writeln!(
                f,
                "Bare limits of this run: {} durable saves/s ({} µs of CPU each), {} answers of 8 kB/s by axum.\n",
                thousands(saves.per_second()),
                short(saves.cpu_us()),
                thousands(http.per_second()),
            )?;
            write!(f, "{}", self.operations(market))?;
            if !market.figures.is_empty() {
                write!(f, "\n{}", self.figures(market))?;
            }
        }
        if let (Some(growth), [first, .., last]) = (self.growth(), self.markets.as_slice()) {
            let (few, many) = (thousands(first.tickets as f64), thousands(last.tickets as f64));
            write!(f, "\n### From {few} to {many} tickets\n\n{growth}")?;
        }
        Ok(())
    }
}

/// A Markdown table with aligned columns.
#[derive(Debug)]
struct Table(Vec<Vec<String>>);

impl Table {
    fn new(first: &str, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let columns = columns.into_iter().map(Into::into);
        Self(vec![[first.to_owned()].into_iter().chain(columns).collect()])
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.first().map_or(0, Vec::len);
        let width = |at: usize| {
            let cells = self.0.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        for (number, row) in self.0.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "| {cell:<width$} ")?;
            }
            writeln!(f, "|")?;
            if number == 0 {
                widths.iter().try_for_each(|width| write!(f, "|{:-<1$}", "", width + 2))?;
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

fn median_of(rates: &[Rate], value: impl Fn(&Rate) -> f64) -> f64 {
    median(&rates.iter().map(value).collect::<Vec<_>>())
}

/// The median; 0 of nothing.
fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let nth = |at: usize| values.get(at).copied().unwrap_or_default();
    f64::midpoint(nth(values.len().saturating_sub(1) / 2), nth(values.len() / 2))
}

/// A number to three digits or so.
fn short(value: f64) -> String {
    match value {
        _ if value >= 1_000.0 => thousands(value),
        _ if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with a comma between thousands.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let first = digits.len() % 3;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let read = [7.0, 12.34, 123.4, 1_234.0, 12_345.6, 1_000_000.0].map(short);
        assert_eq!(read, ["7", "12.3", "123", "1,234", "12,346", "1,000,000"]);
    }

    #[test]
    fn a_figure_is_the_median_of_what_was_measured() {
        let mut figure = Figure::new("ready", "ms");
        [3.0, 90.0, 5.0].into_iter().for_each(|it| figure.add(1, it));
        assert_eq!((figure.of(0), figure.of(1), figure.of(2)), (None, Some(5.0), None));
        figure.add(1, 7.0);
        assert_eq!((figure.of(1), median(&[])), (Some(6.0), 0.0));
    }

    #[test]
    fn columns_of_a_table_line_up() {
        let mut table = Table::new("a", ["µs"]);
        table.row(["long".to_owned(), "1".to_owned()]);
        assert_eq!(table.to_string(), "| a    | µs |\n|------|----|\n| long | 1  |\n");
    }
}
