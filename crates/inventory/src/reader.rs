//! What the lines of a file are read with.

use stubmart_contract::Currency;

use crate::{
    amounts::Decimal,
    columns::{Field, Mapping, Places},
    dates::DateOrder,
};

/// How a file is to be read, where it does not say so itself.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// Which column has what.
    pub columns: Mapping,
    /// The currency of amounts that name none; else it is `usd`.
    pub currency: Option<Currency>,
    /// In which order dates have day, month and year.
    pub dates: Option<DateOrder>,
}

/// What lines are read with.
pub(crate) struct Reader<'a> {
    pub(crate) how: &'a How,
    pub(crate) headings: &'a [String],
    pub(crate) places: Places,
    /// The decimal sign of the column of prices.
    pub(crate) decimal: Option<Decimal>,
    /// The order of the column of dates.
    pub(crate) order: Option<DateOrder>,
}

impl Reader<'_> {
    /// What a line has for a field; nothing where it is empty.
    pub(crate) fn field<'f>(&self, fields: &'f [String], field: Field) -> Option<&'f str> {
        let at = self.places.get(&field)?;
        fields.get(*at).map(String::as_str).filter(|it| !it.is_empty())
    }

    /// The heading of a field's column, or what the field is called where it has none.
    pub(crate) fn heading(&self, field: Field) -> &str {
        let heading = self.places.get(&field).and_then(|at| self.headings.get(*at));
        heading.map_or(field.name(), String::as_str)
    }
}
