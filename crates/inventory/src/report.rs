//! What became of a file, as CSV.

use stubmart_contract::api::{ImportLine, ImportResult};

use crate::export::{csv, guarded};

const HEADINGS: [&str; 5] = ["line", "external_id", "outcome", "listing", "reason"];

/// A line for each line of the file and each listing that was withdrawn: what was or would be done, and why not.
#[must_use]
pub fn report(result: &ImportResult) -> String {
    csv(
        &HEADINGS,
        result.lines.iter().map(|line| {
            [
                line.line.map(|it| it.to_string()).unwrap_or_default(),
                guarded(line.external_id.as_deref().unwrap_or_default()),
                line.outcome.word().to_owned(),
                line.id.map(|it| it.to_string()).unwrap_or_default(),
                guarded(&reason(line)),
            ]
        }),
    )
}

/// Why nothing was done about a line, in one sentence; empty where something was.
fn reason(line: &ImportLine) -> String {
    line.reason().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use stubmart_contract::api::{BulkOutcome, FieldError, ImportCounts};

    use super::*;

    #[test]
    fn a_report_has_a_line_for_each_and_no_formula() {
        let line = |line, name: &str, outcome, errors: &[(&str, &str)]| ImportLine {
            line,
            external_id: Some(name.to_owned()),
            outcome,
            id: None,
            code: None,
            detail: None,
            errors: errors
                .iter()
                .map(|(field, message)| FieldError {
                    field: (*field).to_owned(),
                    message: (*message).to_owned(),
                })
                .collect(),
        };
        let result = ImportResult {
            dry_run: false,
            counts: ImportCounts::default(),
            columns: Vec::new(),
            lines: vec![
                line(Some(2), "A,1", BulkOutcome::Created, &[]),
                line(
                    Some(3),
                    "=1+1",
                    BulkOutcome::Refused,
                    &[("Qty", "is empty"), ("Row", "is long")],
                ),
                line(None, "B", BulkOutcome::Withdrawn, &[]),
            ],
        };
        assert_eq!(
            report(&result),
            "line,external_id,outcome,listing,reason\r\n2,\"A,1\",created,,\r\n\
             3,'=1+1,refused,,Qty is empty; Row is long\r\n,B,withdrawn,,\r\n"
        );
    }
}
