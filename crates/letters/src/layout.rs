//! The two forms of a letter: text for every reader, HTML for those that show it.

use std::borrow::Cow;

use stubmart_contract::Language;

/// A letter whose words are all filled in.
pub(crate) struct Sheet<'a> {
    pub(crate) language: Language,
    pub(crate) subject: Cow<'a, str>,
    pub(crate) paragraphs: Vec<Cow<'a, str>>,
    /// What stands on the button, and the address it opens.
    pub(crate) button: Option<(&'a str, &'a str)>,
    pub(crate) or_open: &'a str,
    pub(crate) footer: Cow<'a, str>,
    /// What ends mails of this kind, and the address where.
    pub(crate) stop: Option<(&'a str, &'a str)>,
}

/// The letter as plain text.
pub(crate) fn text(sheet: &Sheet<'_>) -> String {
    let mut parts: Vec<Cow<'_, str>> = sheet.paragraphs.clone();
    if let Some((label, address)) = sheet.button {
        parts.push(format!("{label}:\n{address}").into());
    }
    let stop = sheet.stop.map(|(label, address)| format!("\n{label}: {address}"));
    parts.push(format!("-- \n{}{}", sheet.footer, stop.unwrap_or_default()).into());
    let mut text = parts.join("\n\n");
    text.push('\n');
    text
}

/// The letter as an HTML page. Mail programs drop style sheets and scripts and fetch nothing, so it has
/// styles on its elements and no picture.
pub(crate) fn html(sheet: &Sheet<'_>) -> String {
    let mut body = String::new();
    for paragraph in &sheet.paragraphs {
        body.push_str(&format!("<p style=\"margin:0 0 16px\">{}</p>", escaped(paragraph)));
    }
    if let Some((label, address)) = sheet.button {
        let (label, address) = (escaped(label), escaped(address));
        body.push_str(&format!(
            "<p style=\"margin:24px 0\"><a href=\"{address}\" style=\"background:#1c4ed8;color:#ffffff;\
             padding:12px 20px;border-radius:8px;text-decoration:none;font-weight:600;\
             display:inline-block\">{label}</a></p>\
             <p style=\"margin:0 0 16px;color:#57606a;font-size:14px\">{}<br>\
             <a href=\"{address}\" style=\"color:#57606a;word-break:break-all\">{address}</a></p>",
            escaped(sheet.or_open),
        ));
    }
    let stop = sheet.stop.map(|(label, address)| {
        let (label, address) = (escaped(label), escaped(address));
        format!("<br><a href=\"{address}\" style=\"color:#57606a\">{label}</a>")
    });
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title></head>\
         <body style=\"margin:0;padding:24px;background:#f4f5f7;color:#1b1f24;\
         font:16px/1.5 system-ui,sans-serif\">\
         <div style=\"max-width:560px;margin:0 auto;background:#ffffff;padding:32px;border-radius:12px\">\
         <p style=\"margin:0 0 24px;font-weight:700;font-size:20px\">Stubmart</p>{body}</div>\
         <p style=\"max-width:560px;margin:16px auto;color:#57606a;font-size:13px\">{}{}</p>\
         </body></html>\n",
        sheet.language.tag(),
        escaped(&sheet.subject),
        escaped(&sheet.footer),
        stop.unwrap_or_default(),
    )
}

/// Text that means itself in HTML, also within quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push_str("<br>"),
            other => escaped.push(other),
        }
    }
    escaped
}
