//! Forms, with Stripe's brackets: `metadata[order_id]=…`, `expand[]=…`.

use std::collections::BTreeMap;

use super::answer::Error;

/// The fields of a form or a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form and checks that every field is one of `known`; one that ends with `[` stands for all
    /// that begin with it.
    ///
    /// # Errors
    /// A field that is not known.
    pub(super) fn read(text: &str, known: &[&str]) -> Result<Self, Error> {
        let fields: Vec<(String, String)> = serde_urlencoded::from_str(text)
            .map_err(|error| Error::invalid("parameter_invalid", None, &error.to_string()))?;
        for (name, _) in &fields {
            let is_known = known
                .iter()
                .any(|known| name == known || (known.ends_with('[') && name.starts_with(known)));
            if !is_known && !name.starts_with("expand[") {
                let message = format!("Received unknown parameter: {name}");
                return Err(Error::invalid("parameter_unknown", Some(name), &message));
            }
        }
        Ok(Self(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn all<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(key, _)| key.starts_with(prefix));
        found.map(|(_, value)| value.as_str())
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let message = format!("Invalid integer: {text}");
        let wrong = || Error::invalid("parameter_invalid_integer", Some(name), &message);
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// # Errors
    /// It is missing.
    pub(super) fn required(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| Error::missing(name))
    }

    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let fields = self.0.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix("metadata[")?.strip_suffix(']')?;
            (!value.is_empty()).then(|| (name.to_owned(), value.clone()))
        });
        fields.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_read_and_what_is_not_known_is_refused() {
        let known = ["amount", "metadata["];
        let form =
            Form::read("amount=5&metadata[a]=1&metadata%5Bb%5D=2&expand[]=x", &known).unwrap();
        assert_eq!(form.number("amount"), Ok(Some(5)));
        assert_eq!(form.metadata().into_values().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(form.all("expand[").collect::<Vec<_>>(), ["x"]);
        let refused = Form::read("amount=5&colour=red", &known).unwrap_err();
        assert_eq!(refused.answer.body["error"]["code"], "parameter_unknown");
        assert!(Form::read("amount=5.5", &known).unwrap().number("amount").is_err());
    }
}
