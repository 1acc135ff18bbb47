//! What every letter in every language keeps to.

use super::*;

const LINK: &str = "https://tickets.example/reset-password?token=a&b";

const STOP: &str = "https://tickets.example/alerts/stop/1.x";

fn messages() -> Vec<Message> {
    let at = "2026-03-01T09:05:00Z".parse().unwrap();
    vec![
        Message::VerifyEmail { link: LINK.to_owned() },
        Message::ResetPassword { link: LINK.to_owned() },
        Message::EmailChanged { at },
        Message::PasswordChanged { at },
        Message::TokenCreated { at },
        Message::AccountDeleted { at },
        Message::NewDevice { at },
        Message::SecondFactorOn { at },
        Message::SecondFactorOff { at },
        Message::OrderCompleted { ticket: ticket(), paid: usd(125_050), link: LINK.to_owned() },
        Message::TicketSold {
            ticket: ticket(),
            price: usd(9),
            net: usd(8),
            how: DeliveryKind::Transfer,
            by: at,
            link: LINK.to_owned(),
        },
        Message::DeliverSoon {
            ticket: ticket(),
            how: DeliveryKind::Link,
            by: at,
            link: LINK.to_owned(),
        },
        Message::DeliverLate { ticket: ticket(), link: LINK.to_owned() },
        Message::DeliveryLate { ticket: ticket(), link: LINK.to_owned() },
        Message::TicketSent { ticket: ticket(), link: LINK.to_owned() },
        Message::SaleCancelled { ticket: ticket() },
        Message::ClaimOpened { by: at, order: "3F7K-9QWM-2XTB".to_owned(), link: LINK.to_owned() },
        Message::ClaimRefunded { order: "3F7K-9QWM-2XTB".to_owned() },
        Message::ClaimRejected { order: "3F7K-9QWM-2XTB".to_owned() },
        Message::PaymentFailed { amount: usd(1) },
        Message::PaymentRefunded { amount: usd(1) },
        Message::WebhookDisabled { url: "https://example.com".to_owned(), link: LINK.to_owned() },
        Message::YourTurn { ticket: ticket(), until: at, link: LINK.to_owned() },
        Message::AlertMatched {
            event: "Hamlet".to_owned(),
            ticket: ticket(),
            quantity: 2,
            each: usd(1050),
            link: LINK.to_owned(),
            stop: STOP.to_owned(),
        },
    ]
}

fn ticket() -> Ticket {
    let seats = vec!["7".to_owned(), "8".to_owned()];
    let (section, row) = (Some("112".to_owned()), None);
    Ticket { title: "Zoë & Band".to_owned(), section, row, seats }
}

const fn usd(minor: u32) -> Sum {
    Sum { minor, currency: Currency::USD }
}

fn written(language: Language, name: &str, message: Message) -> Written {
    Letter { language, name, market: "https://tickets.example", message }.write()
}

/// The words in braces of a text, in order of the alphabet.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<_> =
        text.split('{').skip(1).map(|it| it.split_once('}').unwrap().0).collect();
    words.sort_unstable();
    words
}

/// Every text of every language fills in what its English fills in, has as many paragraphs, and is no
/// copy of it.
#[test]
fn every_text_is_translated() {
    let english = texts(Language::English);
    for language in Language::ALL.into_iter().filter(|it| *it != Language::English) {
        let texts = texts(language);
        for (ours, theirs) in [
            (english.hello, texts.hello),
            (english.footer, texts.footer),
            (english.moment, texts.moment),
            (english.or_open, texts.or_open),
            (english.one_ticket, texts.one_ticket),
            (english.tickets, texts.tickets),
            (english.stop, texts.stop),
        ] {
            assert_eq!(words(ours), words(theirs), "{language:?}: {theirs}");
            assert_ne!(ours, theirs, "{language:?}");
        }
        for message in messages() {
            let (ours, theirs) = (message.text(english), message.text(texts));
            assert_ne!(ours.subject, theirs.subject, "{language:?}");
            assert_eq!(ours.says.len(), theirs.says.len(), "{language:?}: {}", theirs.subject);
            assert_eq!(ours.button.is_some(), theirs.button.is_some(), "{}", theirs.subject);
            for (ours, theirs) in ours.says.iter().zip(theirs.says) {
                assert_eq!(words(ours), words(theirs), "{language:?}: {theirs}");
                assert_ne!(ours, theirs, "{language:?}");
            }
        }
    }
}

/// Both forms say the same, nothing is left to be filled in, and a letter with a button has its address in
/// both.
#[test]
fn text_and_html_say_the_same() {
    for language in Language::ALL {
        for message in messages() {
            let has_link = message.link().is_some();
            let Written { subject, text, html } = written(language, "Zoë", message);
            assert!(!subject.is_empty() && !subject.contains(['{', '\n']), "{subject}");
            assert!(!text.contains(['{', '}']) && !html.contains(['{', '}']), "{text}\n{html}");
            assert!(html.contains(&format!("lang=\"{}\"", language.tag())), "{html}");
            for paragraph in text.split("\n\n").filter(|it| !it.contains("https://")) {
                assert!(html.contains(&paragraph.replace('&', "&amp;")), "{paragraph}\n{html}");
            }
            assert_eq!(text.contains(LINK), has_link);
            assert_eq!(html.contains("reset-password?token=a&amp;b\""), has_link);
            assert!(text.contains("Zoë") && text.contains("https://tickets.example"), "{text}");
        }
    }
}

#[test]
fn a_moment_is_written_as_people_of_the_language_do() {
    let at = "2026-03-01T09:05:00Z".parse().unwrap();
    assert_eq!(moment(texts(Language::English), at), "1 March 2026, 09:05 UTC");
    assert_eq!(moment(texts(Language::German), at), "1. März 2026, 09:05 Uhr (UTC)");
}

/// A mail that its reader asked for says in both forms how to stop asking, and no other mail does.
#[test]
fn what_was_asked_for_can_be_stopped() {
    for language in Language::ALL {
        for message in messages() {
            let is_alert = matches!(message, Message::AlertMatched { .. });
            let Written { text, html, .. } = written(language, "", message);
            assert_eq!(text.contains(STOP), is_alert, "{text}");
            assert_eq!(html.contains(&format!("href=\"{STOP}\"")), is_alert, "{html}");
        }
    }
}

/// Money and tickets are written as people of the language do, in each currency with its own decimals.
#[test]
fn money_and_tickets_are_written_as_people_of_the_language_do() {
    let (english, german) = (texts(Language::English), texts(Language::German));
    let of = |minor, code: &str| Sum { minor, currency: code.parse().unwrap() };
    assert_eq!(sum(english, usd(125_050)), "1250.50 USD");
    assert_eq!(sum(german, of(9, "eur")), "0,09 EUR");
    assert_eq!(sum(english, of(5000, "jpy")), "5000 JPY");
    assert_eq!(sum(english, of(1005, "kwd")), "1.005 KWD");
    let [_, (_, whole)] = ticket_words(english, &ticket());
    assert_eq!(whole, "Zoë & Band, section 112, seats 7, 8");
    let plain = Ticket { section: None, seats: Vec::new(), ..ticket() };
    assert_eq!(ticket_words(german, &plain)[1].1, "Zoë & Band");
}

/// A name is text: it is neither HTML nor a word to fill in.
#[test]
fn a_name_is_nothing_but_text() {
    let at = Timestamp::EPOCH;
    let name = "<b>{at}</b> \"&'";
    let Written { text, html, .. } =
        written(Language::English, name, Message::PasswordChanged { at });
    assert!(text.starts_with(&format!("Hello {name},\n\n")), "{text}");
    assert!(html.contains("Hello &lt;b&gt;{at}&lt;/b&gt; &quot;&amp;&#39;,"), "{html}");
    let nobody = written(Language::English, "", Message::PasswordChanged { at });
    assert!(nobody.text.starts_with("Hello,\n\n"), "{}", nobody.text);
}
