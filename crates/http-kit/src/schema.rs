//! The published schema of a request, in a form that is quick to check.
//!
//! The schema of a request is the one that the API's document shows. It lists the fields, the required ones
//! among them, their JSON types, lengths and bounds. The rest (a currency is in use, a text is an email
//! address) is in the types of the fields and their `Deserialize`.

use std::{
    any::TypeId,
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stubmart_contract::{api::FieldError, text};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Required,
        path::{Parameter, ParameterIn},
    },
};

/// How many fields whose names a client has made up an answer names, so that it never grows with the
/// request.
const NAMES_SHOWN: usize = 20;

/// How many characters of such a name it shows.
const NAME_SHOWN: usize = 60;

/// The fields of an object, by name.
#[derive(Debug, Default)]
pub(crate) struct Fields(BTreeMap<String, Field>);

#[derive(Debug)]
struct Field {
    is_required: bool,
    is_nullable: bool,
    shape: Shape,
}

/// The form of a value.
#[derive(Debug)]
enum Shape {
    /// Any value: its type's `Deserialize` decides.
    Any,
    /// A text of `min` to `max` characters. People write prose, which is read in one form
    /// ([`text::clean`]).
    Text { min: usize, max: Option<usize>, is_prose: bool },
    /// A whole number.
    Whole { min: Option<i64>, max: Option<i64> },
    /// True or false.
    Flag,
    /// One of these words.
    Words(Vec<String>),
    /// A list of `min` to `max` values; in a set no two are alike.
    List { item: Box<Self>, min: usize, max: Option<usize>, is_set: bool },
    /// An object.
    Object(Fields),
}

/// All that is wrong with a value, field by field.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// Notes that the field at `path` is wrong.
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { field: path.into(), message: message.into() });
    }

    /// Notes the same of fields whose names the client has made up.
    pub(crate) fn add_names(
        &mut self,
        prefix: &str,
        names: impl IntoIterator<Item = String>,
        message: &str,
    ) {
        for name in names.into_iter().take(NAMES_SHOWN) {
            let shown: String = name.chars().take(NAME_SHOWN).collect();
            self.add(format!("{prefix}{shown}"), message);
        }
    }

    /// Whether a fault is noted for something within the object at `path`.
    pub(crate) fn is_within(&self, path: &str) -> bool {
        let is_inner = |field: &str| {
            path.is_empty() || field.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
        };
        self.0.iter().any(|fault| is_inner(&fault.field))
    }

    /// The request that was read, if nothing is wrong with it.
    pub(crate) fn into_result<T>(self, read: Option<T>) -> Result<T, Vec<FieldError>> {
        read.filter(|_| self.0.is_empty()).ok_or(self.0)
    }
}

impl Fields {
    /// Checks an object. Wrong entries and unknown ones are noted and taken out; the others are brought into
    /// the one spelling that is read further on.
    pub(crate) fn check(&self, object: &mut Map<String, Value>, path: &str, faults: &mut Faults) {
        for (name, field) in &self.0 {
            let field_path = || format!("{path}{name}");
            let fault = match object.get_mut(name) {
                None | Some(Value::Null) if field.is_required => Some("is required".to_owned()),
                None => None,
                Some(Value::Null) if field.is_nullable => None,
                Some(Value::Null) => Some("cannot be null".to_owned()),
                Some(Value::Object(inner)) if let Shape::Object(fields) = &field.shape => {
                    fields.check(inner, &format!("{path}{name}."), faults);
                    None
                }
                Some(value) => field.shape.check(value).err(),
            };
            if let Some(message) = fault {
                object.remove(name);
                faults.add(field_path(), message);
            }
        }
        let unknown = object.keys().filter(|name| !self.0.contains_key(*name));
        let unknown: Vec<_> = unknown.cloned().collect();
        object.retain(|name, _| self.0.contains_key(name));
        faults.add_names(path, unknown, "is not known here");
    }

    /// Whether there is such a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value that the text of a query parameter stands for.
    pub(crate) fn value_of(&self, name: &str, text: String) -> Value {
        match self.0.get(name) {
            Some(field) => field.shape.value_of(text),
            None => Value::String(text),
        }
    }
}

impl Shape {
    fn check(&self, value: &mut Value) -> Result<(), String> {
        match self {
            Self::Any => Ok(()),
            Self::Text { min, max, is_prose } => {
                let Value::String(text) = value else { return Err("must be a text".to_owned()) };
                let clean =
                    if *is_prose { text::clean(text) } else { Cow::Borrowed(text.as_str()) };
                check_length(text, &clean, *min, *max)?;
                if *clean != **text {
                    *text = clean.into_owned();
                }
                Ok(())
            }
            Self::Whole { min, max } => {
                let is_within = |number: &i64| {
                    min.is_none_or(|min| min <= *number) && max.is_none_or(|max| *number <= max)
                };
                let number = whole(value).filter(is_within).ok_or_else(|| match (min, max) {
                    (Some(min), Some(max)) => format!("must be a whole number from {min} to {max}"),
                    (Some(min), None) => format!("must be a whole number, at least {min}"),
                    (None, _) => "must be a whole number".to_owned(),
                })?;
                *value = number.into();
                Ok(())
            }
            Self::Flag if value.is_boolean() => Ok(()),
            Self::Flag => Err("must be true or false".to_owned()),
            Self::Words(words) => {
                let is_known = value.as_str().is_some_and(|text| words.iter().any(|it| it == text));
                if is_known { Ok(()) } else { Err(format!("must be one of: {}", words.join(", "))) }
            }
            Self::List { item, min, max, is_set } => {
                let Value::Array(values) = value else { return Err("must be a list".to_owned()) };
                if values.len() < *min {
                    return Err(match *min {
                        1 => "must not be empty".to_owned(),
                        min => format!("must have at least {min} entries"),
                    });
                }
                if let Some(max) = max.filter(|max| values.len() > *max) {
                    return Err(format!("must have at most {max} entries"));
                }
                for (position, value) in (1_usize..).zip(values.iter_mut()) {
                    item.check(value).map_err(|message| format!("entry {position}: {message}"))?;
                }
                let is_double = |(rest, value): (usize, &Value)| {
                    values.iter().skip(rest.saturating_add(1)).any(|other| other == value)
                };
                if *is_set && values.iter().enumerate().any(is_double) {
                    return Err("must not name anything twice".to_owned());
                }
                Ok(())
            }
            Self::Object(_) => Err("must be an object".to_owned()),
        }
    }

    /// A parameter's text as the value that it stands for; a text that stands for none stays as it is.
    fn value_of(&self, text: String) -> Value {
        match self {
            Self::Whole { .. } if is_digits(&text) => {
                text.parse::<i64>().map_or(Value::String(text), Value::from)
            }
            Self::Flag => text.parse::<bool>().map_or(Value::String(text), Value::Bool),
            Self::List { item, .. } => {
                text.split(',').map(|part| item.value_of(part.to_owned())).collect()
            }
            _ => Value::String(text),
        }
    }
}

/// Checks the length of a text. The most is judged as it came, so that the published schema can say the same.
fn check_length(given: &str, clean: &str, min: usize, max: Option<usize>) -> Result<(), String> {
    let is_short = clean.chars().count() < min;
    if is_short || max.is_some_and(|max| given.chars().count() > max) {
        return Err(match (min, max) {
            (0, Some(max)) => format!("must be at most {max} characters"),
            (min, Some(max)) => format!("must be {min} to {max} characters"),
            (min, None) => format!("must be at least {min} characters"),
        });
    }
    Ok(())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A whole number, however JSON spells it: `250.0` is one too (JSON Schema, 6.1.1).
fn whole(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    number.as_i64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok())
}

/// A JSON schema, as far as schemas of requests go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Schema {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    #[serde(rename = "type")]
    types: Option<Types>,
    one_of: Vec<Self>,
    format: Option<String>,
    pattern: Option<String>,
    min_length: usize,
    max_length: Option<usize>,
    minimum: Option<i64>,
    maximum: Option<i64>,
    #[serde(rename = "enum")]
    words: Option<Vec<String>>,
    properties: BTreeMap<String, Self>,
    required: Vec<String>,
    items: Option<Box<Self>>,
    min_items: usize,
    max_items: Option<usize>,
    unique_items: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Types {
    One(String),
    Several(Vec<String>),
}

impl Schema {
    /// Reads a schema as it is published. One that cannot be read says nothing.
    fn of(published: &impl Serialize) -> Self {
        let json = serde_json::to_value(published).unwrap_or_default();
        Self::deserialize(json).unwrap_or_default()
    }

    fn is(&self, wanted: &str) -> bool {
        match &self.types {
            Some(Types::One(only)) => only == wanted,
            Some(Types::Several(types)) => types.iter().any(|it| it == wanted),
            None => false,
        }
    }

    /// This schema or the one that it refers to, and whether null is one of its values.
    fn resolved<'a>(&'a self, named: &'a HashMap<String, Self>) -> (&'a Self, bool) {
        let inner = self.one_of.iter().find(|it| !it.is("null"));
        let is_nullable = self.is("null") || self.one_of.iter().any(|it| it.is("null"));
        let schema = inner.unwrap_or(self);
        let name = schema.reference.as_deref().and_then(|it| it.rsplit('/').next());
        (name.and_then(|name| named.get(name)).unwrap_or(schema), is_nullable)
    }

    fn shape(&self, named: &HashMap<String, Self>) -> Shape {
        if let Some(words) = &self.words {
            return Shape::Words(words.clone());
        }
        if self.is("string") {
            let has_own_rule = self.format.is_some() || self.pattern.is_some();
            let is_prose = self.max_length.is_some() && !has_own_rule;
            return Shape::Text { min: self.min_length, max: self.max_length, is_prose };
        }
        if self.is("integer") {
            return Shape::Whole { min: self.minimum, max: self.maximum };
        }
        if self.is("boolean") {
            return Shape::Flag;
        }
        if self.is("array") {
            let item = self.items.as_ref().map(|item| item.resolved(named).0.shape(named));
            // An object of a list is read by itself, so that what is wrong with one is no fault of the others.
            let item = item.filter(|it| !matches!(it, Shape::Object(_)));
            let item = Box::new(item.unwrap_or(Shape::Any));
            let (min, max) = (self.min_items, self.max_items);
            return Shape::List { item, min, max, is_set: self.unique_items };
        }
        if self.is("object") {
            return Shape::Object(self.fields(named));
        }
        Shape::Any
    }

    fn fields(&self, named: &HashMap<String, Self>) -> Fields {
        let field = |(name, schema): (&String, &Self)| {
            let (schema, is_nullable) = schema.resolved(named);
            let is_required = self.required.contains(name);
            (name.clone(), Field { is_required, is_nullable, shape: schema.shape(named) })
        };
        Fields(self.properties.iter().map(field).collect())
    }
}

/// The fields of each type of request, which are read off its schema once.
static KNOWN: LazyLock<RwLock<HashMap<TypeId, Arc<Fields>>>> = LazyLock::new(RwLock::default);

fn known<T: 'static>(make: impl FnOnce() -> Fields) -> Arc<Fields> {
    let id = TypeId::of::<T>();
    let found = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
    found.unwrap_or_else(|| {
        let fields = Arc::new(make());
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(id).or_insert(fields))
    })
}

/// The fields of a body.
pub(crate) fn of_body<T: ToSchema + 'static>() -> Arc<Fields> {
    known::<T>(|| {
        let mut named = Vec::new();
        T::schemas(&mut named);
        let named = named.iter().map(|(name, schema)| (name.clone(), Schema::of(schema)));
        Schema::of(&T::schema()).fields(&named.collect())
    })
}

/// The parameters of a query.
pub(crate) fn of_query<T: IntoParams + 'static>() -> Arc<Fields> {
    known::<T>(|| {
        let field = |parameter: Parameter| {
            let schema = Schema::of(&parameter.schema);
            let named = HashMap::new();
            let (resolved, is_nullable) = schema.resolved(&named);
            let shape = resolved.shape(&named);
            let is_required = parameter.required == Required::True;
            (parameter.name, Field { is_required, is_nullable, shape })
        };
        Fields(T::into_params(|| Some(ParameterIn::Query)).into_iter().map(field).collect())
    })
}
