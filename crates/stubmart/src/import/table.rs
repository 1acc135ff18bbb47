//! CSV: a line that names the columns, and lines of as many fields.
//!
//! A record is one line. None of our fields may hold a line break, so a quote that is not closed on its
//! line is a fault of that line and swallows no other.

use stubmart_ports::Cause;

use super::file::Line;

/// The columns of a kind of file.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Those that must be there.
    pub(crate) required: &'static [&'static str],
    /// Those that may.
    pub(crate) optional: &'static [&'static str],
}

/// The fields of a line by column. What is empty counts as left out.
#[derive(Debug)]
pub(crate) struct Row(Vec<(&'static str, String)>);

impl Row {
    /// The field in `column`.
    pub(crate) fn get(&self, column: &str) -> Option<&str> {
        let field = self.0.iter().find(|(name, _)| *name == column);
        field.map(|(_, text)| text.as_str()).filter(|text| !text.is_empty())
    }
}

/// The column of an API field: `eventId` is in `event_id`, `venue.city` in `city`.
pub(crate) fn column(field: &str) -> &str {
    match field {
        "startsAt" => "starts_at",
        "localStart" => "local_start",
        "endsAt" => "ends_at",
        "venue.timeZone" => "time_zone",
        "venue.name" => "venue",
        field => field.strip_prefix("venue.").unwrap_or(field),
    }
}

/// Reads CSV lines, the first of which names the columns; `make` makes something of a row.
///
/// # Errors
/// The cause: the columns are not what they must be.
pub(crate) fn read<T>(
    lines: Vec<Line<String>>,
    columns: &Columns,
    make: impl Fn(&Row) -> Result<T, String>,
) -> Result<Vec<Line<T>>, Cause> {
    let mut lines = lines.into_iter();
    let first = lines.next().map(|line| line.content.and_then(|first| fields(&first)));
    let header = header(&first.unwrap_or_else(|| Ok(Vec::new())), columns)?;
    let row = |line: String| make(&row(&header, fields(&line)?)?);
    Ok(lines
        .map(|line| Line { number: line.number, content: line.content.and_then(row) })
        .collect())
}

fn header(
    first: &Result<Vec<String>, String>,
    columns: &Columns,
) -> Result<Vec<&'static str>, String> {
    let wrong = |what: &str| {
        let all: Vec<_> = columns.required.iter().chain(columns.optional).copied().collect();
        format!("the first line {what}: the columns are {}", all.join(", "))
    };
    let first = first.as_ref().map_err(|reason| wrong(reason))?;
    let is_named = |column: &&str| first.iter().any(|name| column.eq_ignore_ascii_case(name));
    if let Some(missing) = columns.required.iter().find(|column| !is_named(column)) {
        return Err(wrong(&format!("names no column {missing}")));
    }
    let mut header: Vec<&'static str> = Vec::new();
    for name in first {
        let mut known = columns.required.iter().chain(columns.optional);
        let known = known
            .find(|column| column.eq_ignore_ascii_case(name))
            .ok_or_else(|| wrong(&format!("names a column {name:?}, which is not known")))?;
        if header.contains(known) {
            return Err(wrong(&format!("names the column {known} twice")));
        }
        header.push(known);
    }
    Ok(header)
}

fn row(header: &[&'static str], fields: Vec<String>) -> Result<Row, String> {
    if fields.len() != header.len() {
        return Err(format!("has {} fields instead of {}", fields.len(), header.len()));
    }
    Ok(Row(header.iter().copied().zip(fields).collect()))
}

/// The fields of one line, without the white space around them.
fn fields(line: &str) -> Result<Vec<String>, String> {
    // With a quote that is open at its end the line would go on with what is added here.
    let text = format!("{line}\n.");
    let records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .buffer_capacity(text.len())
        .from_reader(text.as_bytes())
        .into_records()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    match records.as_slice() {
        [first, _] => Ok(first.iter().map(ToOwned::to_owned).collect()),
        [] | [_] => Err("has a quote that is not closed".to_owned()),
        _ => Err("has a line break in it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    const COLUMNS: Columns = Columns { required: &["name"], optional: &["event_id", "row"] };

    fn names(text: &[u8]) -> Result<Vec<Line<String>>, String> {
        let name = |row: &Row| Ok(row.get("name").unwrap_or("none").to_owned());
        read(file::lines(text).unwrap(), &COLUMNS, name).map_err(|error| error.to_string())
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_its_line_only() {
        let read = names(b"name,row\r\n\r\n\"A,1\r\n\"B, b\",2\r\nC\"c,3\r\nD,\"4\r\n\"E\"\"e\",5")
            .unwrap();
        let good: Vec<_> = read
            .iter()
            .filter_map(|line| Some((line.number, line.content.as_deref().ok()?)))
            .collect();
        assert_eq!(good, [(4, "B, b"), (5, "C\"c"), (7, "E\"e")]);
        assert_eq!(read.len(), 5, "{read:?}");
    }

    #[test]
    fn the_first_line_must_name_the_columns_that_there_are_in_any_case_and_order() {
        let read = names(b"Event_ID,NAME\n,A\n").unwrap();
        assert_eq!(read[0].content.as_deref(), Ok("A"));
        for (text, reason) in [
            (&b""[..], "no column name"),
            (b"row\n1\n", "no column name"),
            (b"name,rwo\nA,1\n", "\"rwo\""),
            (b"name,row,Name\nA,1,B\n", "name twice"),
            (b"name,\"row\nA,1\n", "not closed"),
        ] {
            let error = names(text).unwrap_err();
            assert!(error.contains(reason) && error.contains("name, event_id, row"), "{error}");
        }
    }

    #[test]
    fn a_line_has_as_many_fields_as_there_are_columns() {
        let read = names(b"name,row\nA\nB,1,2\nC,\n").unwrap();
        let good: Vec<_> = read.iter().map(|line| line.content.is_ok()).collect();
        assert_eq!(good, [false, false, true], "{read:?}");
    }
}
