//! What a page loses, and passwords.

use lopdf::{
    Dictionary, Document, EncryptionState, EncryptionVersion, Object, Permissions, Stream,
    dictionary,
};
use stubmart_ports::reader::{ReadError, Symbology};

use crate::{
    all, bytes,
    draw::code,
    paper::{Paper, Thing, document, placed},
    payloads,
};

fn ticket(payload: &str) -> Document {
    let things = vec![placed(Thing::Vector(code(Symbology::Qr, payload)), 120.0, 600.0)];
    Document::load_mem(&document(&[Paper { things, ..Paper::default() }])).unwrap()
}

fn saved(mut document: Document) -> Vec<u8> {
    let mut file = Vec::new();
    document.save_to(&mut file).unwrap();
    file
}

/// A document that runs a script when it is opened, and has links, a form, an attachment and metadata.
fn loaded(payload: &str) -> Vec<u8> {
    let mut document = ticket(payload);
    let script =
        |word: &str| dictionary! { "S" => "JavaScript", "JS" => Object::string_literal(word) };
    let attachment = Stream::new(dictionary! { "Type" => "EmbeddedFile" }, b"MZ-PROGRAM".to_vec());
    let attachment = document.add_object(attachment);
    let specification = document.add_object(dictionary! {
        "Type" => "Filespec", "F" => Object::string_literal("run.exe"), "EF" => dictionary! { "F" => attachment },
    });
    let annotations = vec![
        Object::Dictionary(dictionary! {
            "Type" => "Annot", "Subtype" => "Link", "Rect" => vec![0.into(), 0.into(), 9.into(), 9.into()],
            "A" => dictionary! { "S" => "Launch", "F" => specification },
        }),
        Object::Dictionary(
            dictionary! { "Type" => "Annot", "Subtype" => "FileAttachment", "FS" => specification },
        ),
    ];
    let page = document.page_iter().next().unwrap();
    let page = document.get_dictionary_mut(page).unwrap();
    page.set("Annots", annotations);
    page.set("AA", dictionary! { "O" => script("PAGE-SCRIPT") });
    page.set("PieceInfo", dictionary! { "X" => specification });
    let catalog = document.catalog_mut().unwrap();
    catalog.set("OpenAction", script("OPEN-SCRIPT"));
    let files: Dictionary =
        dictionary! { "Names" => vec![Object::string_literal("run.exe"), specification.into()] };
    catalog.set("Names", dictionary! { "EmbeddedFiles" => files });
    catalog.set("AcroForm", dictionary! { "XFA" => Object::string_literal("FORM-SCRIPT") });
    saved(document)
}

#[test]
fn a_page_has_no_scripts_links_attachments_or_forms() {
    let file = loaded("STRIPPED-1");
    let read = all(&file).unwrap();
    assert_eq!(payloads(&read), [Some(bytes("STRIPPED-1"))]);
    let content = &read.pages[0].content;
    let has = |file: &[u8], word: &str| file.windows(word.len()).any(|it| it == word.as_bytes());
    for word in [
        "JavaScript",
        "PAGE-SCRIPT",
        "OPEN-SCRIPT",
        "FORM-SCRIPT",
        "Launch",
        "Annot",
        "Filespec",
        "EmbeddedFile",
        "run.exe",
        "MZ-PROGRAM",
        "PieceInfo",
        "AcroForm",
    ] {
        assert!(has(&file, word), "the test has no {word}");
        assert!(!has(content, word), "{word} is left");
    }
}

fn encrypted(payload: &str, user_password: &str) -> Vec<u8> {
    let mut document = ticket(payload);
    let id = Object::string_literal("0123456789abcdef");
    document.trailer.set("ID", vec![id.clone(), id]);
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password,
        key_length: 128,
        permissions: Permissions::PRINTABLE,
    };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    saved(document)
}

/// A document that may only be printed opens by itself; one that asks for a password is told apart.
#[test]
fn a_password_is_asked_for_where_there_is_one() {
    assert!(matches!(all(&encrypted("LOCKED-1", "user")), Err(ReadError::Encrypted)));
    let read = all(&encrypted("PRINT-ONLY-1", "")).unwrap();
    assert_eq!(payloads(&read), [Some(bytes("PRINT-ONLY-1"))]);
    assert_eq!(payloads(&all(&read.pages[0].content).unwrap()), [Some(bytes("PRINT-ONLY-1"))]);
}
