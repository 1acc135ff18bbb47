//! What is wrong with a file as a whole.

/// Why a file cannot be read. Nothing of it is an inventory then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// It is a workbook.
    #[error("is a workbook: save the sheet as CSV (UTF-8)")]
    Workbook,
    /// It is no text.
    #[error("is no text: save it as CSV (UTF-8)")]
    NotText,
    /// There is no line in it.
    #[error("is empty: its first line has to name the columns")]
    Empty,
    /// A quote stays open.
    #[error(
        "line {line}: a quote that opens here is never closed: close it, or write \"\" for a quote in a text"
    )]
    OpenQuote {
        /// Where the record begins.
        line: u64,
    },
    /// A quoted field has what looks like other lines in it.
    #[error(
        "line {line}: a quote that opens here closes in another line, and what stands between looks like lines of \
         their own: close it where the text ends"
    )]
    Swallowed {
        /// Where the record begins.
        line: u64,
    },
    /// A column is missing.
    #[error(
        "no column has {what}: name it with columns, as {example}=HEADING; the headings are {headings}"
    )]
    Missing {
        /// What is missing, for people.
        what: &'static str,
        /// The field that may be named.
        example: &'static str,
        /// The headings of the file.
        headings: String,
    },
    /// Two columns could be the same.
    #[error(
        "the columns {first:?} and {second:?} could both be {field}: say which with columns, as {field}={first}"
    )]
    Twice {
        /// The field.
        field: &'static str,
        /// A heading.
        first: String,
        /// Another one.
        second: String,
    },
    /// A price that may be of a lot or of one ticket.
    #[error(
        "the column {heading:?} may have the price of the lot or of one ticket: say columns price={heading} for the \
         lot, or pricePerTicket={heading} for one ticket"
    )]
    WhichPrice {
        /// Its heading.
        heading: String,
    },
    /// A heading that was named is not there.
    #[error("has no column {heading:?}, which columns names: the headings are {headings}")]
    NoSuchHeading {
        /// The heading.
        heading: String,
        /// The headings of the file.
        headings: String,
    },
}
