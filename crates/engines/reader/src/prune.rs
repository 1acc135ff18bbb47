//! What a page does not show does not go with it.
//!
//! A document of several tickets may give all pages one list of resources, with the code of every page
//! in it. A page that is handed to one buyer must not carry the codes of the others. So what the commands of a page do
//! not name is left out, and the same holds for whatever has commands of its own.

use std::collections::BTreeSet;

use lopdf::{Dictionary, Document, Object};
use stubmart_ports::reader::ReadError;

/// The resources that show something by themselves.
const SHOWN: [&[u8]; 2] = [b"XObject", b"Pattern"];

/// How many bytes of commands a page or a form may have.
const COMMANDS_MAX: usize = 16 * 1024 * 1024;

/// How many times what is named may name more.
const ROUNDS_MAX: usize = 16;

/// A page without the resources that it does not name.
pub(crate) fn page(document: &Document, page: &Dictionary) -> Result<Dictionary, ReadError> {
    let mut commands = Vec::new();
    for stream in streams(document, page.get(b"Contents").ok()) {
        commands.extend(plain(stream)?);
        commands.push(b'\n');
    }
    pruned(document, page.clone(), &commands)
}

/// An object without the resources that it does not name, if it has any.
pub(crate) fn object(document: &Document, object: Object) -> Result<Object, ReadError> {
    match object {
        Object::Stream(mut stream) if stream.dict.has(b"Resources") => {
            let commands = plain(&stream)?;
            stream.dict = pruned(document, stream.dict, &commands)?;
            Ok(Object::Stream(stream))
        }
        other => Ok(other),
    }
}

fn pruned(
    document: &Document,
    mut owner: Dictionary,
    commands: &[u8],
) -> Result<Dictionary, ReadError> {
    let Ok(resources) = owner.get_deref(b"Resources", document).and_then(Object::as_dict) else {
        return Ok(owner);
    };
    let named = named(document, resources, commands)?;
    let mut kept = resources.clone();
    for kind in SHOWN {
        if let Ok(entries) = resources.get_deref(kind, document).and_then(Object::as_dict) {
            let mut shown = Dictionary::new();
            for (name, entry) in entries.iter().filter(|(name, _)| named.contains(*name)) {
                shown.set(name.clone(), entry.clone());
            }
            kept.set(kind, shown);
        }
    }
    owner.set("Resources", kept);
    Ok(owner)
}

/// The names in the commands, and in those of the forms that they name and that have no resources of their own.
fn named(
    document: &Document,
    resources: &Dictionary,
    commands: &[u8],
) -> Result<BTreeSet<Vec<u8>>, ReadError> {
    let forms = resources.get_deref(b"XObject", document).and_then(Object::as_dict).ok();
    let mut all = names(commands);
    let mut looked_at = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let new: Vec<_> = all.difference(&looked_at).cloned().collect();
        if new.is_empty() {
            break;
        }
        for name in new {
            let form = forms.and_then(|it| it.get_deref(&name, document).ok()?.as_stream().ok());
            let is_form = |it: &&lopdf::Stream| {
                it.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|it| it == b"Form")
            };
            if let Some(form) = form.filter(is_form).filter(|it| !it.dict.has(b"Resources")) {
                all.extend(names(&plain(form)?));
            }
            looked_at.insert(name);
        }
    }
    Ok(all)
}

/// The streams that a page's contents are.
fn streams<'a>(document: &'a Document, contents: Option<&'a Object>) -> Vec<&'a lopdf::Stream> {
    let deref = |object: &'a Object| document.dereference(object).ok().map(|(_, object)| object);
    match contents.and_then(deref) {
        Some(Object::Stream(stream)) => vec![stream],
        Some(Object::Array(parts)) => {
            parts.iter().filter_map(deref).filter_map(|it| it.as_stream().ok()).collect()
        }
        _ => Vec::new(),
    }
}

fn plain(stream: &lopdf::Stream) -> Result<Vec<u8>, ReadError> {
    stream.get_plain_content_with_limit(COMMANDS_MAX).map_err(|_| ReadError::Unreadable)
}

/// Every name in a run of commands. Those in the middle of data are taken too: one too many keeps something, one too few
/// would lose it.
fn names(commands: &[u8]) -> BTreeSet<Vec<u8>> {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\0()<>[]{}/%".contains(byte);
    let parts = commands.split(|byte| *byte == b'/').skip(1);
    parts.map(|part| unescaped(part.split(ends).next().unwrap_or_default())).collect()
}

/// A name whose `#41` are the bytes that they stand for.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind.split_first_chunk::<2>().filter(|_| *first == b'#');
        let byte = escaped.and_then(|(digits, behind)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, behind))
        });
        let (byte, behind) = byte.unwrap_or((*first, behind));
        plain.push(byte);
        rest = behind;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_commands() {
        let found =
            names(b"q 1 0 0 1 0 0 cm /Im1 Do Q/F#31 12 Tf[(a)]TJ /P1 scn BI/W 2 ID x/y\0 EI");
        let expected = ["F1", "Im1", "P1", "W", "y"];
        assert_eq!(found, expected.iter().map(|it| it.as_bytes().to_vec()).collect());
    }
}
